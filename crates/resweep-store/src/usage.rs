//! Lists the results folder, and computes its size. Never follows symbolic links.

use std::fs;
use std::path::Path;

use serde::Serialize;

use super::place;
use resweep_core::files::{Entry, Place};

/// The size of the results folder's parts, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Usage {
    /// The database and the files of its write-ahead log.
    pub database_bytes: u64,
    pub checkpoints_bytes: u64,
    pub logs_bytes: u64,
}

impl Usage {
    /// The usage of the folder that contains `database`. Unreadable files count as empty.
    pub fn of(database: &Path) -> Usage {
        let bytes = |suffix: &str| {
            let file = place::beside(database, suffix);
            fs::metadata(file).map_or(0, |metadata| metadata.len())
        };
        Usage {
            database_bytes: ["", "-wal", "-shm"].map(bytes).iter().sum(),
            checkpoints_bytes: bytes_below(&super::beside(database).join("checkpoints")),
            logs_bytes: bytes_below(&super::beside(database).join("logs")),
        }
    }
}

/// The free space of the disk of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    pub bytes: u64,
    /// The number of files that can still be created; `None` if the file system has no limit.
    pub files: Option<u64>,
}

impl Room {
    /// The free space on the disk of `folder`, or of its nearest existing parent; `None` if
    /// unknown.
    pub fn at(folder: &Path) -> Option<Room> {
        let folder = std::path::absolute(folder).ok()?;
        folder.ancestors().find_map(Room::of)
    }

    fn of(folder: &Path) -> Option<Room> {
        let disk = rustix::fs::statvfs(folder).ok()?;
        Some(Room {
            bytes: disk.f_bavail * disk.f_frsize,
            files: (disk.f_files > 0).then_some(disk.f_favail),
        })
    }
}

fn bytes_below(folder: &Place) -> u64 {
    let files = folder.entries().into_iter().flat_map(files_at);
    files.map(|file| file.bytes).sum()
}

/// The entry itself if it is a file or a link; all files and links below it if it is a folder.
pub(super) fn files_at(entry: Entry) -> Vec<Entry> {
    let (mut files, mut open) = (Vec::new(), vec![entry]);
    while let Some(entry) = open.pop() {
        if entry.is_file || entry.is_link {
            files.push(entry);
        } else {
            open.extend(entry.place.entries());
        }
    }
    files
}

/// Removes the empty folders below `folder`, the innermost first; not `folder` itself, and none
/// that `spare` names.
pub(super) fn remove_empty_folders(folder: &Place, spare: &dyn Fn(&Place) -> bool) {
    for entry in folder.entries() {
        if entry.is_folder && !spare(&entry.place) {
            remove_empty_folders(&entry.place, spare);
            // Only succeeds for an empty folder.
            let _ = entry.place.remove_folder();
        }
    }
}
