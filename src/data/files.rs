//! Reading and writing whole files, with their paths in the errors.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use super::error::DataError;

pub fn read(path: &Path) -> Result<Vec<u8>, DataError> {
    fs::read(path).map_err(|source| read_error(path, source))
}

/// Writes a file so that it appears whole or not at all, its folder included.
pub fn write_whole(path: &Path, parts: &[&[u8]]) -> Result<(), DataError> {
    write_parts(path, parts).map_err(|source| DataError::Write {
        path: path.to_owned(),
        source,
    })
}

fn write_parts(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    for part in parts {
        file.write_all(part)?;
    }
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

pub fn read_error(path: &Path, source: io::Error) -> DataError {
    DataError::Read {
        path: path.to_owned(),
        source,
    }
}
