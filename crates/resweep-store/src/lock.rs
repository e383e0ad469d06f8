//! The setup lock: an operating-system lock on `resweep.lock` beside the database, held while the
//! file is created and its schema migrated.
//!
//! The lock ends with the process that holds it, so a leftover file has no meaning.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::StoreError;
use resweep_core::files::Place;

const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(10);

/// Released when dropped.
#[derive(Debug)]
pub(super) struct SetupLock {
    _file: File,
}

impl SetupLock {
    /// Waits for the lock of the database at `database`; names the owner if that takes long.
    pub(super) fn take(database: &Path) -> Result<SetupLock, StoreError> {
        SetupLock::take_within(database, PATIENCE)
    }

    /// As [`SetupLock::take`], with a time limit.
    pub(super) fn take_within(
        database: &Path,
        patience: Duration,
    ) -> Result<SetupLock, StoreError> {
        let path = database.with_extension("lock");
        let failed = |source| StoreError::Lock {
            path: path.clone(),
            source,
        };
        let opened = Place::of_file(&path).open_lock();
        let mut file = opened.map_err(|source| match source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                StoreError::NotWritable {
                    path: database.to_owned(),
                    source: None,
                }
            }
            _ => failed(source),
        })?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(source)) => return Err(failed(source)),
                Err(TryLockError::WouldBlock) if start.elapsed() > patience => {
                    return Err(StoreError::Busy {
                        path: database.to_owned(),
                        process: read_process(&mut file),
                    });
                }
                Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
            }
        }
        write_process(&mut file).map_err(failed)?;
        Ok(SetupLock { _file: file })
    }
}

/// Writes the owner's process id, for the error message of others.
fn write_process(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn read_process(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_is_held_for_too_long_is_an_error_that_names_its_process() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("resweep.db");
        let patience = Duration::from_millis(50);
        let held = SetupLock::take_within(&database, patience).unwrap();
        let error = SetupLock::take_within(&database, patience).unwrap_err();
        let StoreError::Busy { process, .. } = error else {
            panic!("{error}");
        };
        assert_eq!(process, Some(std::process::id()));
        drop(held);
        SetupLock::take_within(&database, Duration::ZERO).unwrap();
    }
}
