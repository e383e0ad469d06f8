//! Opens the damaged database, or a copy of it if SQLite would read beyond its end.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tempfile::TempDir;

use super::RecoveryError;
use crate::{database, place};

/// A damaged database that is open for reading.
pub(super) struct Source {
    pub connection: Connection,
    /// Removed on drop.
    _copy: Option<TempDir>,
}

impl Source {
    /// A snapshot of the database at `path`, in case a process is writing.
    pub fn open(path: &Path) -> Result<Source, RecoveryError> {
        let copy = copy_of_cut_file(path).map_err(|source| RecoveryError::Copy {
            path: path.to_owned(),
            source,
        })?;
        let connection = match &copy {
            Some(folder) => database::open_damaged(&copied(folder.path()))?,
            None => database::open_damaged(path)?,
        };
        let _ = connection.execute_batch("BEGIN");
        Ok(Source {
            connection,
            _copy: copy,
        })
    }
}

/// SQLite reads the missing part of a last page as zeros, which would become numbers. If a file
/// ends within a page, a copy without that page is read instead.
fn copy_of_cut_file(path: &Path) -> io::Result<Option<TempDir>> {
    let Some(page_bytes) = page_bytes(path) else {
        return Ok(None);
    };
    let whole = fs::metadata(path)?.len() / page_bytes * page_bytes;
    if whole == fs::metadata(path)?.len() {
        return Ok(None);
    }
    let folder = tempfile::tempdir()?;
    let copy = copied(folder.path());
    let mut file = File::create(&copy)?;
    io::copy(&mut File::open(path)?.take(whole), &mut file)?;
    if place::has_log(path) {
        fs::copy(place::beside(path, "-wal"), place::beside(&copy, "-wal"))?;
    }
    Ok(Some(folder))
}

fn copied(folder: &Path) -> PathBuf {
    folder.join("resweep.db")
}

/// The page size in the file's header; `None` if it is invalid.
fn page_bytes(path: &Path) -> Option<u64> {
    let mut header = [0; 18];
    File::open(path).ok()?.read_exact(&mut header).ok()?;
    match u64::from(u16::from_be_bytes([header[16], header[17]])) {
        1 => Some(65_536),
        bytes if bytes >= 512 && bytes.is_power_of_two() => Some(bytes),
        _ => None,
    }
}
