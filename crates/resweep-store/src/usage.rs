//! What is in the results folder, and how much room it takes. Symbolic links are never followed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Serialize;

use super::place;

/// How much room the results folder's parts take, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Usage {
    /// The database and the files of its write-ahead log.
    pub database_bytes: u64,
    pub checkpoints_bytes: u64,
    pub logs_bytes: u64,
}

impl Usage {
    /// Of the folder that holds `database`. What cannot be looked at counts as nothing.
    pub fn of(database: &Path) -> Usage {
        let bytes = |suffix: &str| {
            let file = place::beside(database, suffix);
            fs::metadata(file).map_or(0, |metadata| metadata.len())
        };
        Usage {
            database_bytes: ["", "-wal", "-shm"].map(bytes).iter().sum(),
            checkpoints_bytes: bytes_below(&database.with_file_name("checkpoints")),
            logs_bytes: bytes_below(&database.with_file_name("logs")),
        }
    }
}

/// What is free on the disk that a folder is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    pub bytes: u64,
    /// Files that can still be created; `None` where the file system has no fixed number of them.
    pub files: Option<u64>,
}

impl Room {
    /// On the disk of `folder`, or of the nearest folder above it that exists; `None` where the
    /// system does not tell.
    pub fn at(folder: &Path) -> Option<Room> {
        let folder = std::path::absolute(folder).ok()?;
        folder.ancestors().find_map(Room::of)
    }

    #[cfg(unix)]
    fn of(folder: &Path) -> Option<Room> {
        let disk = rustix::fs::statvfs(folder).ok()?;
        Some(Room {
            bytes: disk.f_bavail * disk.f_frsize,
            files: (disk.f_files > 0).then_some(disk.f_favail),
        })
    }

    #[cfg(not(unix))]
    fn of(_: &Path) -> Option<Room> {
        None
    }
}

fn bytes_below(folder: &Path) -> u64 {
    let files = entries(folder).into_iter().flat_map(files_at);
    files.map(|file| file.bytes).sum()
}

/// Something in a folder.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub path: PathBuf,
    pub bytes: u64,
    /// When it was last written, where the system tells.
    pub modified: Option<SystemTime>,
    pub is_file: bool,
    pub is_link: bool,
}

/// What is in a folder; nothing where it is missing, is a link or cannot be read.
pub(super) fn entries(folder: &Path) -> Vec<Entry> {
    let is_folder = fs::symlink_metadata(folder).is_ok_and(|metadata| metadata.is_dir());
    if !is_folder {
        return Vec::new();
    }
    let found = fs::read_dir(folder).into_iter().flatten().flatten();
    found
        .filter_map(|entry| {
            let metadata = entry.metadata().ok()?;
            Some(Entry {
                path: entry.path(),
                bytes: metadata.len(),
                modified: metadata.modified().ok(),
                is_file: metadata.is_file(),
                is_link: metadata.is_symlink(),
            })
        })
        .collect()
}

/// The entry itself where it is a file or a link; all files and links below it where it is a
/// folder.
pub(super) fn files_at(entry: Entry) -> Vec<Entry> {
    let (mut files, mut open) = (Vec::new(), vec![entry]);
    while let Some(entry) = open.pop() {
        if entry.is_file || entry.is_link {
            files.push(entry);
        } else {
            open.extend(entries(&entry.path));
        }
    }
    files
}

/// Removes the folders below `folder` that hold nothing, the innermost first; not `folder`
/// itself, and none that `spare` names.
pub(super) fn remove_empty_folders(folder: &Path, spare: &dyn Fn(&Path) -> bool) {
    for entry in entries(folder) {
        if !entry.is_file && !entry.is_link && !spare(&entry.path) {
            remove_empty_folders(&entry.path, spare);
            // Stays where it is not empty.
            let _ = fs::remove_dir(&entry.path);
        }
    }
}
