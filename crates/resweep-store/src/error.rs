//! The errors of the store: each names the path and the remedy.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use super::file_identity::{Change, Kept};
use super::place;
use resweep_core::domain::{SinkError, with_causes};

/// An error of the store. Its cause is in `source()`, not in the text.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("cannot create the folder {}; choose another one with --results", path.display())]
    Folder { path: PathBuf, source: io::Error },

    #[error("cannot write {}; the command can be repeated", path.display())]
    File { path: PathBuf, source: io::Error },

    #[error("the results folder {} does not exist; check --results", path.display())]
    NoFolder { path: PathBuf },

    #[error("{} is a file, not a results folder; choose a folder with --results", path.display())]
    NotAFolder { path: PathBuf },

    #[error("{} is a link to {}, which does not exist; remove the link, or choose another folder \
        with --results", path.display(), target.display())]
    BrokenLink { path: PathBuf, target: PathBuf },

    #[error("{} is {kind}, not a database; move it away, or choose another folder with --results",
        path.display())]
    NotAFile { path: PathBuf, kind: &'static str },

    #[error("cannot read {}: {cause}", path.display())]
    Unreadable { path: PathBuf, cause: io::Error },

    #[error("the path of {} is {bytes} bytes long and SQLite opens paths of up to {bytes_max}; \
        choose a folder with a shorter path with --results", path.display())]
    PathTooLong {
        path: PathBuf,
        bytes: usize,
        bytes_max: usize,
    },

    #[error("cannot read {0}: its newest rows are in {0}-wal, which SQLite can only read in a \
        folder that you may write; make the folder writable, or copy both files to another folder \
        and name that with --results", path.display())]
    LogNotReadable { path: PathBuf },

    #[error("the database {} {change} while the sweep ran; {kept}", path.display())]
    Gone {
        path: PathBuf,
        change: Change,
        kept: Kept,
    },

    #[error("cannot copy {}; make room in its folder", path.display())]
    Copy { path: PathBuf, source: io::Error },

    #[error("{} is in use on the machine `{machine}`; a database on a network drive can be used by one \
        machine at a time. Run the command there, or wait until the commands there have ended. If none \
        runs there any more, remove {}", database.display(), path.display())]
    OtherMachine {
        database: PathBuf,
        path: PathBuf,
        machine: String,
    },

    #[error("another process{} has been holding {} for a minute; end it, or choose another folder \
        with --results", process.map_or(String::new(), |id| format!(" ({id})")), path.display())]
    Busy { path: PathBuf, process: Option<u32> },

    #[error("{what} is in training now, so {} is left as it is; stop the training first (Ctrl-C), or \
        wait for its end", path.display())]
    InTraining { path: PathBuf, what: String },

    #[error("runs of sweep `{sweep}` are on the cluster `{site}`, so {} is left as it is; cancel them \
        first: resweep cancel {sweep}", path.display())]
    OnCluster {
        path: PathBuf,
        sweep: String,
        site: String,
    },

    #[error("{} has no {what}", path.display())]
    NotRecorded { path: PathBuf, what: String },

    #[error("the name `{name}` is taken beside {}; choose another one", path.display())]
    NameTaken { path: PathBuf, name: String },

    #[error("cannot lock {}; choose a folder on a local disk with --results", path.display())]
    Lock { path: PathBuf, source: io::Error },

    #[error("{} is not a SQLite database; move it away, or choose another folder with \
        --results", path.display())]
    NotADatabase { path: PathBuf },

    #[error("{} belongs to another program; choose another folder with --results",
        path.display())]
    OfAnotherProgram { path: PathBuf },

    #[error("{} was written by a newer resweep (schema {found}, this program knows {known}); \
        update resweep, or choose another folder with --results", path.display())]
    Newer {
        path: PathBuf,
        found: i64,
        known: i64,
    },

    #[error("{} was written by an older resweep (schema {found}, this program needs {known}); \
        the next `resweep run` brings it up to date", path.display())]
    Older {
        path: PathBuf,
        found: i64,
        known: i64,
    },

    #[error("cannot write {}; make the file and its folder writable, or choose another folder \
        with --results", path.display())]
    NotWritable {
        path: PathBuf,
        source: Option<rusqlite::Error>,
    },

    #[error("cannot open {}; is it a readable file?", path.display())]
    NotReadable {
        path: PathBuf,
        source: rusqlite::Error,
    },

    #[error("{}: the schema could not be brought up to date", path.display())]
    Migration {
        path: PathBuf,
        source: rusqlite_migration::Error,
    },

    #[error("{} cannot store {what}: {value} is larger than 2^63 - 1", path.display())]
    TooLarge {
        path: PathBuf,
        what: &'static str,
        value: u64,
    },

    #[error("{} cannot store the configuration of a run", path.display())]
    Configuration {
        path: PathBuf,
        source: serde_json::Error,
    },

    #[error("{}: run {run} was not registered by `begin_sweep`", path.display())]
    Unregistered { path: PathBuf, run: String },

    #[error("process {process} on {host} is training the sweep `{sweep}` with {left_out} {} that this sweep \
        does not have; wait until it has ended, or give this sweep a name of its own with \
        `--set sweep.name=...` ({})", if *left_out == 1 { "run" } else { "runs" }, path.display())]
    OtherSweep {
        path: PathBuf,
        sweep: String,
        left_out: usize,
        process: u32,
        host: String,
    },

    #[error("cannot start a thread")]
    Thread { source: io::Error },

    #[error("the disk is full or fails: {} cannot be written; make room and run again, nothing that \
        was recorded is lost", path.display())]
    Disk {
        path: PathBuf,
        source: rusqlite::Error,
    },

    #[error("another program has kept {} locked for a minute; end it and run again, nothing that \
        was recorded is lost", path.display())]
    Locked {
        path: PathBuf,
        source: rusqlite::Error,
    },

    #[error("the database {} is damaged; `resweep doctor` says what can be saved, and how",
        path.display())]
    Damaged {
        path: PathBuf,
        source: rusqlite::Error,
    },

    #[error("the database {} could not be used", path.display())]
    Sqlite {
        path: PathBuf,
        source: rusqlite::Error,
    },
}

impl StoreError {
    /// The error of a failed migration of `path`; a full disk has its own error here too.
    pub(super) fn of_migration(path: &Path, source: rusqlite_migration::Error) -> StoreError {
        match source {
            rusqlite_migration::Error::RusqliteError { err, .. }
                if err.sqlite_error_code().is_some_and(|code| {
                    matches!(code, ErrorCode::DiskFull | ErrorCode::SystemIoFailure)
                }) =>
            {
                StoreError::of_sqlite(path, err)
            }
            source => StoreError::Migration {
                path: path.to_owned(),
                source,
            },
        }
    }

    /// The error for an error of SQLite on `path`.
    pub(super) fn of_sqlite(path: &Path, source: rusqlite::Error) -> StoreError {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => StoreError::NotADatabase { path },
            Some(ErrorCode::ReadOnly) => StoreError::NotWritable {
                path,
                source: Some(source),
            },
            // The log beside the database cannot be created.
            Some(ErrorCode::CannotOpen) if place::is_full(&path) => {
                StoreError::Disk { path, source }
            }
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                place::denied(&path).unwrap_or(StoreError::NotReadable { path, source })
            }
            Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => {
                StoreError::Disk { path, source }
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                StoreError::Locked { path, source }
            }
            Some(ErrorCode::DatabaseCorrupt) => StoreError::Damaged { path, source },
            _ => StoreError::Sqlite { path, source },
        }
    }
}

/// The whole chain of causes in one line.
impl From<StoreError> for SinkError {
    fn from(error: StoreError) -> SinkError {
        SinkError(with_causes(&error))
    }
}
