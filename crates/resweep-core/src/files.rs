//! Files that appear whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Temporary files begin so; one that is left over belongs to a process that died.
pub const TEMPORARY_PREFIX: &str = ".tmp-";

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
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY_PREFIX);
    // A temporary file is private by default; this is to be an ordinary one under the umask.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let file = builder.tempfile_in(folder)?;
    let mut buffer = BufWriter::new(file);
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
