//! One writer at a time: an operating-system lock on `resweep.lock` beside the database.
//!
//! The lock goes away with the process that holds it, however that ends, so a file left behind
//! means nothing. It also tells readers whether an attempt marked `running` can be running.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::StoreError;

/// A reader holds the lock for microseconds to see whether it is free; a writer tries again.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(20);

/// Held as long as the value lives.
#[derive(Debug)]
pub(super) struct WriterLock {
    _file: File,
}

impl WriterLock {
    /// Takes the lock of the database at `database`, or says who has it.
    pub(super) fn take(database: &Path) -> Result<WriterLock, StoreError> {
        let path = lock_path(database);
        let failed = |source| StoreError::Lock {
            path: path.clone(),
            source,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|source| match source.kind() {
                std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
                    StoreError::NotWritable {
                        path: database.to_owned(),
                        source: None,
                    }
                }
                _ => failed(source),
            })?;
        match try_exclusive(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Busy {
                    path: database.to_owned(),
                    process: read_process(&mut file),
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        write_process(&mut file).map_err(failed)?;
        Ok(WriterLock { _file: file })
    }
}

/// Whether some process holds the writer's lock of the database at `database`. Where that cannot
/// be told, it is taken to be held.
pub(super) fn writer_is_alive(database: &Path) -> bool {
    match File::open(lock_path(database)) {
        Ok(file) => file.try_lock_shared().is_err(),
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
    }
}

fn lock_path(database: &Path) -> PathBuf {
    database.with_extension("lock")
}

fn try_exclusive(file: &File) -> Result<(), TryLockError> {
    for _ in 1..TRIES {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
            decided => return decided,
        }
    }
    file.try_lock()
}

/// The holder leaves its process id for the message that others get.
fn write_process(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn read_process(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
