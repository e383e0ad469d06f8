//! Reading and writing whole files, with their paths in the errors.

use std::fs;
use std::io;
use std::path::Path;

use super::error::DataError;
use resweep_core::files::write_atomically;

pub fn read(path: &Path) -> Result<Vec<u8>, DataError> {
    fs::read(path).map_err(|source| read_error(path, source))
}

/// Writes a file so that it appears whole or not at all, its folder included.
pub fn write_whole(path: &Path, parts: &[&[u8]]) -> Result<(), DataError> {
    write_atomically(path, parts).map_err(|source| DataError::Write {
        path: path.to_owned(),
        source,
    })
}

pub fn read_error(path: &Path, source: io::Error) -> DataError {
    DataError::Read {
        path: path.to_owned(),
        source,
    }
}
