//! Reads and writes whole files; errors contain the path.

use std::fs;
use std::io;
use std::path::Path;

use super::error::DataError;
use resweep_core::files::Place;

pub fn read(path: &Path) -> Result<Vec<u8>, DataError> {
    fs::read(path).map_err(|source| read_error(path, source))
}

/// Writes a file atomically; creates its folder.
pub fn write_whole(file: &Place, parts: &[&[u8]]) -> Result<(), DataError> {
    file.write(parts).map_err(|source| DataError::Write {
        path: file.to_path_buf(),
        source,
    })
}

pub fn read_error(path: &Path, source: io::Error) -> DataError {
    DataError::Read {
        path: path.to_owned(),
        source,
    }
}
