//! Files that appear whole or not at all, and paths that no symbolic link can divert.
//!
//! Everything the program writes or removes below a results folder goes through a [`Place`].

mod place;

use std::fs::{self, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::Digest;
use tempfile::NamedTempFile;

use crate::domain::hex;

pub use place::{Entry, Place};

/// Names of temporary files start with this; one left behind belongs to a process that died.
pub const TEMPORARY_PREFIX: &str = ".tmp-";

/// Identifies a file independently of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// Of the file that has this metadata.
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}

/// The hash of all that `reader` gives, in hexadecimal; `D` is SHA-256 or MD5.
///
/// # Errors
/// Any error of the reader.
pub fn hash<D: Digest>(mut reader: impl Read) -> io::Result<String> {
    let mut hash = D::new();
    io::copy(&mut reader, &mut HashWriter(&mut hash))?;
    Ok(hex(&hash.finalize()))
}

struct HashWriter<'a, D>(&'a mut D);

impl<D: Digest> Write for HashWriter<'_, D> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes `parts` to `path` through a temporary file beside it, and returns once they are on the
/// disk: a power cut no longer loses them. Creates the folder if it is missing; replaces an old
/// file.
///
/// # Errors
/// Any error of the system; `path` is then unchanged.
pub fn write_atomically(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    Place::of_file(path).write(parts)
}

/// An empty file in `folder` that is removed with the value, unless it is kept under another name.
/// The umask decides who may use it, as with every other file.
///
/// # Errors
/// Any error of the system.
pub fn new_temporary(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    // The default of `tempfile` is access for the owner only.
    builder
        .prefix(TEMPORARY_PREFIX)
        .permissions(fs::Permissions::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// Gives a temporary file the first of the names that `name` has for 1, 2, 3 and so on that is
/// free, and returns it.
///
/// # Errors
/// Any error of the system.
pub fn keep_under_new_name(
    mut file: NamedTempFile,
    name: impl Fn(usize) -> PathBuf,
) -> io::Result<PathBuf> {
    for number in 1.. {
        let path = name(number);
        match file.persist_noclobber(&path) {
            Ok(_) => return Ok(path),
            Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => {
                file = failed.file;
            }
            Err(failed) => return Err(failed.error),
        }
    }
    unreachable!("there are more numbers than files")
}

/// Creates a folder and its parents where they are missing, and returns once the disk has them.
///
/// # Errors
/// Any error of the system.
pub fn create_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = parent(path);
    create_folder(parent)?;
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
        created => created?,
    }
    match sync_folder(parent) {
        // A folder that may be written but not read cannot be opened to sync it.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        synced => synced,
    }
}

/// Opens a file again if its handle is stale: on a network file system it has just been replaced.
///
/// # Errors
/// Those of `open`; a stale handle only after three attempts.
pub fn retry_stale<T>(mut open: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 0..2 {
        match open() {
            Err(error) if error.kind() == io::ErrorKind::StaleNetworkFileHandle => {}
            opened => return opened,
        }
    }
    open()
}

/// Makes the names in a folder durable.
///
/// # Errors
/// Any error of the system.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

/// The folder that holds `path`.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// Writes all parts one after another.
fn write_parts(file: &mut dyn Write, parts: &[&[u8]]) -> io::Result<()> {
    parts.iter().try_for_each(|part| file.write_all(part))
}
