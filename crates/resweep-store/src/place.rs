//! Checks the path of the database, and explains why it cannot be used.
//!
//! Missing and unreadable files are different errors: an error of the system is never treated as an
//! empty folder. This module must not create, open or change a database.

use std::fs::{self, File, FileType};
use std::io;
use std::path::{Path, PathBuf};

use super::StoreError;
use resweep_core::files::Place;

/// SQLite's `MAX_PATHNAME` on Unix, minus 8 bytes for `-journal`.
const PATH_BYTES_MAX: usize = 512 - 8;

/// Whether there is a database at `path`; false if it or its folder is missing.
///
/// # Errors
/// When that cannot be determined, or the path is not a file.
pub(super) fn has_database(path: &Path) -> Result<bool, StoreError> {
    check_length(path)?;
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(true),
        Ok(metadata) => Err(StoreError::NotAFile {
            path: path.to_owned(),
            kind: kind(metadata.file_type()),
        }),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            check_link(path)?;
            check_link(folder(path))?;
            Ok(false)
        }
        Err(cause) => Err(unreadable(path, cause)),
    }
}

/// Checks that a results folder exists.
///
/// # Errors
/// When it does not exist, is not a folder, or cannot be read.
pub fn check_folder(results: &Path) -> Result<(), StoreError> {
    let path = || results.to_owned();
    match fs::metadata(results) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(StoreError::NotAFolder { path: path() }),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            check_link(results)?;
            Err(StoreError::NoFolder { path: path() })
        }
        Err(cause) if cause.kind() == io::ErrorKind::NotADirectory => {
            Err(StoreError::NoFolder { path: path() })
        }
        Err(cause) => Err(StoreError::Unreadable {
            path: path(),
            cause,
        }),
    }
}

/// Rejects a path that is too long for SQLite.
pub(super) fn check_length(path: &Path) -> Result<(), StoreError> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let bytes = absolute.as_os_str().len();
    if bytes > PATH_BYTES_MAX {
        return Err(StoreError::PathTooLong {
            path: path.to_owned(),
            bytes,
            bytes_max: PATH_BYTES_MAX,
        });
    }
    Ok(())
}

/// Rejects a dangling symbolic link.
fn check_link(path: &Path) -> Result<(), StoreError> {
    match (fs::metadata(path), fs::read_link(path)) {
        (Err(_), Ok(target)) => Err(StoreError::BrokenLink {
            path: path.to_owned(),
            target,
        }),
        _ => Ok(()),
    }
}

/// The error for an unreadable path; names the folder if that is the unreadable part.
fn unreadable(path: &Path, cause: io::Error) -> StoreError {
    let folder = folder(path).to_owned();
    match cause.kind() {
        io::ErrorKind::NotADirectory => StoreError::NotAFolder { path: folder },
        io::ErrorKind::PermissionDenied => StoreError::Unreadable {
            path: folder,
            cause,
        },
        _ => StoreError::Unreadable {
            path: path.to_owned(),
            cause,
        },
    }
}

/// The results folder of the database at `path`.
pub(super) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

fn kind(kind: FileType) -> &'static str {
    if kind.is_dir() {
        "a folder"
    } else {
        "neither a file nor a folder"
    }
}

/// `path` with `suffix` appended to its name, as SQLite names the files beside a database.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Whether the write-ahead log of the database at `path` has content. An unreadable one may have.
pub(super) fn has_log(path: &Path) -> bool {
    match fs::metadata(beside(path, "-wal")) {
        Ok(metadata) => metadata.len() > 0,
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

/// Whether the files of the write-ahead log of the database at `path` exist, empty or not.
pub(super) fn has_log_files(path: &Path) -> bool {
    let exists = |suffix| fs::symlink_metadata(beside(path, suffix)).is_ok();
    exists("-wal") || exists("-shm")
}

/// Why SQLite could not open the existing database at `path`; `None` if access is not the reason.
pub(super) fn denied(path: &Path) -> Option<StoreError> {
    let cause = read_access(path).err()?;
    Some(StoreError::Unreadable {
        path: path.to_owned(),
        cause,
    })
}

/// Whether the file system of the database at `path` has no room for another file.
pub(super) fn is_full(path: &Path) -> bool {
    rustix::fs::statvfs(folder(path)).is_ok_and(|found| {
        // File systems without a limit have no inodes.
        found.f_bavail == 0 || found.f_files > 0 && found.f_favail == 0
    })
}

/// Does not open the file: closing it would release SQLite's locks on it.
fn read_access(path: &Path) -> io::Result<()> {
    use rustix::fs::{Access, AtFlags, CWD, accessat};
    Ok(accessat(CWD, path, Access::READ_OK, AtFlags::EACCESS)?)
}

/// Checks that the file system of the database at `path` supports locks, without opening the
/// database.
///
/// # Errors
/// When it does not.
pub(super) fn check_locks(path: &Path) -> Result<(), StoreError> {
    let lock = path.with_extension("lock");
    let (probe, file) = match Place::of_file(&lock).open() {
        Ok(file) => (lock, file),
        Err(_) => match File::open(folder(path)) {
            Ok(file) => (folder(path).to_owned(), file),
            // The file system is unknown then.
            Err(_) => return Ok(()),
        },
    };
    match probe_lock(&file) {
        Ok(()) => Ok(()),
        Err(source) => Err(StoreError::Lock {
            path: probe,
            source,
        }),
    }
}

/// Takes the kind of lock that SQLite takes. A lock held by another process shows that locks work.
fn probe_lock(file: &File) -> io::Result<()> {
    use rustix::fs::{FlockOperation, fcntl_lock};
    use rustix::io::Errno;
    match fcntl_lock(file, FlockOperation::NonBlockingLockShared) {
        Ok(()) | Err(Errno::AGAIN | Errno::ACCESS) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Whether a folder is on a file system that other machines see too, as far as the system tells, or
/// as `RESWEEP_NETWORK_DRIVE` says.
pub fn is_on_network(folder: &Path) -> bool {
    std::env::var_os("RESWEEP_NETWORK_DRIVE").is_some() || network_file_system(folder).is_some()
}

/// The name of the network file system that a folder, or the nearest one above it, is on.
#[cfg(target_os = "linux")]
pub fn network_file_system(folder: &Path) -> Option<&'static str> {
    let folder = std::path::absolute(folder).ok()?;
    let found = folder
        .ancestors()
        .find_map(|folder| rustix::fs::statfs(folder).ok())?;
    name_of_network(found.f_type as u32)
}

#[cfg(not(target_os = "linux"))]
pub fn network_file_system(_: &Path) -> Option<&'static str> {
    None
}

/// By the magic numbers of Linux.
#[cfg(target_os = "linux")]
fn name_of_network(magic: u32) -> Option<&'static str> {
    Some(match magic {
        0x6969 => "NFS",
        0x0bd0_0bd0 => "Lustre",
        0x4750_4653 => "GPFS",
        0x1983_0326 => "BeeGFS",
        0x00c3_6400 => "Ceph",
        0xff53_4d42 | 0xfe53_4d42 => "SMB",
        0x6573_5546 => "FUSE",
        0x0102_1997 => "9P",
        0x7461_636f => "OCFS2",
        0x0116_1970 => "GFS2",
        0x5346_414f => "AFS",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_locks_passes_the_probe() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("resweep.db");
        assert!(check_locks(&path).is_ok());
        fs::write(path.with_extension("lock"), "").expect("a file");
        assert!(check_locks(&path).is_ok());
    }

    #[test]
    fn sqlite_takes_paths_up_to_the_limit() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut deep = folder.path().to_owned();
        let room = PATH_BYTES_MAX - deep.as_os_str().len() - "/resweep.db".len();
        for part in ["d".repeat(150), "d".repeat(150)] {
            deep.push(part);
        }
        deep.push("d".repeat(room - 303));
        fs::create_dir_all(&deep).expect("a folder");
        let path = deep.join("resweep.db");
        assert!(check_length(&path).is_ok());
        rusqlite::Connection::open(&path).expect("a database");
        let longer = deep
            .with_file_name("d".repeat(room - 302))
            .join("resweep.db");
        assert!(check_length(&longer).is_err());
    }
}
