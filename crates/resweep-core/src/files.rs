//! Files that appear whole or not at all.

use std::fs::{self, File, Metadata};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// Temporary files begin so; one that is left over belongs to a process that died.
pub const TEMPORARY_PREFIX: &str = ".tmp-";

/// Tells files apart, whatever they are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// Of the file that has this metadata. Where the system has no such number, all are alike.
    pub fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            Self {
                device: metadata.dev(),
                inode: metadata.ino(),
            }
        }
        #[cfg(not(unix))]
        {
            let _ = metadata;
            Self {
                device: 0,
                inode: 0,
            }
        }
    }
}

/// Writes `parts` to `path` through a temporary file beside it, and returns when the disk has
/// them: after that not even a loss of power takes them back. The folder is made where it does
/// not exist, an old file is replaced.
///
/// # Errors
/// Whatever the system says; then `path` is as it was.
pub fn write_atomically(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    write_atomically_with(path, |file| {
        parts.iter().try_for_each(|part| file.write_all(part))
    })
}

/// As [`write_atomically`], with whatever `fill` writes, in pieces of any size.
///
/// # Errors
/// Whatever the system or `fill` says; then `path` is as it was.
pub fn write_atomically_with(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let folder = put(path, fill, true)?;
    sync_folder(folder)
}

/// As [`write_atomically_with`], but does not wait for the disk: for files that can be written
/// again, thousands of them.
///
/// # Errors
/// Whatever the system or `fill` says; then `path` is as it was.
pub fn write_whole_with(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    put(path, fill, false)?;
    Ok(())
}

/// Writes the file, and returns its folder.
fn put(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    sync: bool,
) -> io::Result<&Path> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder)?;
    let mut buffer = BufWriter::new(new_temporary(folder)?);
    fill(&mut buffer)?;
    let file = buffer
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?;
    if sync {
        file.as_file().sync_all()?;
    }
    file.persist(path)?;
    Ok(folder)
}

/// An empty file in `folder` that is removed with the value, unless it is kept under another name.
/// The umask decides who may use it, as with every other file.
///
/// # Errors
/// Whatever the system says.
pub fn new_temporary(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY_PREFIX);
    // By itself, `tempfile` lets nobody else use it.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// Gives a temporary file the first of the names that `name` has for 1, 2, 3 and so on that is
/// free, and returns it.
///
/// # Errors
/// Whatever the system says.
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

/// Makes the names in a folder durable, where the system lets folders be opened.
///
/// # Errors
/// Whatever the system says.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
