//! Lets one machine at a time use a database on a network drive: SQLite's log needs memory that its
//! processes share, and locks that each of them sees.
//!
//! While connections are open, `resweep.machine` beside the database has the name of the machine. Each
//! connection holds a shared lock on the file; the one that can take an exclusive lock at its end is
//! the last, and removes it. Nothing is written for a database on a local drive.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::{StoreError, place};
use resweep_core::files::{self, FileId};

/// The presence of a connection, which ends with the value.
#[derive(Debug)]
pub(super) struct MachineLock {
    file: File,
    path: PathBuf,
}

impl MachineLock {
    /// Claims the database at `path` for this machine if it is on a network drive.
    ///
    /// # Errors
    /// Another machine uses it.
    pub(super) fn take(path: &Path) -> Result<Option<MachineLock>, StoreError> {
        let folder = place::folder(path);
        if path.as_os_str().is_empty() || !place::is_on_network(folder) {
            return Ok(None);
        }
        take(path, &machine())
    }
}

fn machine() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

fn take(database: &Path, machine: &str) -> Result<Option<MachineLock>, StoreError> {
    let path = database.with_extension("machine");
    loop {
        match create(&path, machine) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            // A folder that cannot be written has no log. It may be read while nobody writes.
            Err(_) if !path.exists() => return Ok(None),
            Err(_) => {}
        }
        let (file, owner) = match read(&path) {
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(source) => return Err(StoreError::File { path, source }),
        };
        if owner != machine {
            return Err(StoreError::OtherMachine {
                database: database.to_owned(),
                path,
                machine: owner,
            });
        }
        // Without locks, the file stays and names the right machine.
        let _ = file.lock_shared();
        if is_same(&file, &path) {
            return Ok(Some(MachineLock { file, path }));
        }
    }
}

/// Creates the file with its content.
fn create(path: &Path, machine: &str) -> io::Result<()> {
    let temporary = files::new_temporary(place::folder(path))?;
    fs::write(temporary.path(), machine)?;
    fs::hard_link(temporary.path(), path)
}

fn read(path: &Path) -> io::Result<(File, String)> {
    let file = File::open(path)?;
    let text = io::read_to_string(&file)?;
    Ok((file, text.trim().to_owned()))
}

/// Whether the file still has the name: the last connection may have removed it.
fn is_same(file: &File, path: &Path) -> bool {
    let id = |metadata: io::Result<fs::Metadata>| Some(FileId::of(&metadata.ok()?));
    id(file.metadata()) == id(fs::metadata(path))
}

impl Drop for MachineLock {
    fn drop(&mut self) {
        let is_last = match self.file.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => false,
        };
        if is_last && is_same(&self.file, &self.path) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_of_one_machine_share_the_file_and_the_last_one_removes_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("resweep.db");
        let first = take(&database, "n1").expect("no other machine");
        let second = take(&database, "n1").expect("the same machine");
        let refused = take(&database, "n2").expect_err("another machine");
        assert!(refused.to_string().contains("`n1`"), "{refused}");
        drop(first);
        take(&database, "n2").expect_err("another machine");
        drop(second);
        assert!(!database.with_extension("machine").exists());
        let other = take(&database, "n2").expect("nobody is there");
        take(&database, "n1").expect_err("another machine");
        drop(other);
    }

    #[test]
    fn a_file_that_a_crash_left_keeps_other_machines_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("resweep.db");
        fs::write(database.with_extension("machine"), "n1").expect("a file");
        take(&database, "n2").expect_err("n1 may be at work");
        let own = take(&database, "n1").expect("the same machine");
        drop(own);
        take(&database, "n2").expect("nobody is there");
    }

    #[test]
    fn many_connections_at_once_leave_no_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("resweep.db");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let taken = take(&database, "n1").expect("the same machine");
                        assert!(taken.is_some());
                    }
                });
            }
        });
        assert!(!database.with_extension("machine").exists());
    }
}
