//! Detects that the file of the open database was removed, moved or replaced.
//!
//! SQLite keeps writing to the open file, even if no path refers to it any more.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{StoreError, place};
use resweep_core::files::FileId;

/// The file at a path when the database was opened.
#[derive(Debug)]
pub(super) struct Presence {
    path: PathBuf,
    id: FileId,
}

/// What happened to the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Removed,
    /// Another file has its name.
    Replaced,
    Moved(PathBuf),
}

/// Where the data recorded so far are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// In the file that was moved.
    There(PathBuf),
    /// In a new file.
    Saved(PathBuf),
    /// Nowhere, and why.
    Lost(String),
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Removed => f.write_str("was removed"),
            Change::Replaced => f.write_str("was replaced by another file"),
            Change::Moved(to) => write!(f, "was moved to {}", to.display()),
        }
    }
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kept::There(path) => write!(
                f,
                "everything recorded so far is there; move it back, or run again with --results {}",
                place::folder(path).display()
            ),
            Kept::Saved(path) => write!(
                f,
                "everything recorded so far was saved in {}; rename that to resweep.db to use it",
                path.display()
            ),
            Kept::Lost(why) => write!(f, "what was recorded could not be saved ({why})"),
        }
    }
}

impl Presence {
    /// The identity of the database at `path`, which was just opened.
    pub fn of(path: &Path) -> Result<Presence, StoreError> {
        match fs::metadata(path) {
            Ok(metadata) => Ok(Presence {
                path: path.to_owned(),
                id: FileId::of(&metadata),
            }),
            Err(cause) => Err(StoreError::Unreadable {
                path: path.to_owned(),
                cause,
            }),
        }
    }

    /// What happened to the file, if anything. A path that cannot be read for another reason counts
    /// as unchanged.
    pub fn change(&self) -> Option<Change> {
        let replaced = match fs::metadata(&self.path) {
            Ok(metadata) if FileId::of(&metadata) == self.id => return None,
            Ok(_) => true,
            Err(error) if is_missing(&error) => false,
            Err(_) => return None,
        };
        Some(match (open_file(self.id), replaced) {
            (Some(path), _) => Change::Moved(path),
            (None, true) => Change::Replaced,
            (None, false) => Change::Removed,
        })
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// The current path of a file that this process has open, if the system reports it.
fn open_file(id: FileId) -> Option<PathBuf> {
    let open = fs::read_dir("/proc/self/fd").ok()?.flatten();
    let path = open.map(|entry| entry.path()).find(|link| {
        let metadata = fs::metadata(link);
        metadata.is_ok_and(|metadata| FileId::of(&metadata) == id)
    })?;
    let path = fs::read_link(path).ok()?;
    let metadata = fs::metadata(&path).ok()?;
    (FileId::of(&metadata) == id).then_some(path)
}
