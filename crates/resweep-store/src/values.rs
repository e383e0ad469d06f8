//! Converts values for SQLite, and reports values that do not fit.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::Error::FromSqlConversionFailure;
use rusqlite::types::Type;
use serde::Serialize;

use super::StoreError;

/// Why a value could not be written, without the path.
pub(super) enum Problem {
    Sqlite(rusqlite::Error),
    Json(serde_json::Error),
    /// A value that does not fit: its name and size.
    TooLarge {
        what: &'static str,
        value: u64,
    },
    /// A file that cannot be written.
    File(PathBuf, io::Error),
}

impl Problem {
    /// Adds the path, for the user.
    pub(super) fn at(self, path: &Path) -> StoreError {
        match self {
            Problem::Sqlite(source) => StoreError::of_sqlite(path, source),
            Problem::Json(source) => StoreError::Configuration {
                path: path.to_owned(),
                source,
            },
            Problem::TooLarge { what, value } => StoreError::TooLarge {
                path: path.to_owned(),
                what,
                value,
            },
            Problem::File(path, source) => StoreError::File { path, source },
        }
    }
}

impl Problem {
    /// Converts to an error of SQLite, for callers that expect no other.
    pub(super) fn into_sqlite(self) -> rusqlite::Error {
        match self {
            Problem::Sqlite(source) => source,
            Problem::Json(source) => FromSqlConversionFailure(0, Type::Text, Box::new(source)),
            Problem::TooLarge { value, .. } => {
                rusqlite::Error::ToSqlConversionFailure(value.to_string().into())
            }
            Problem::File(_, source) => rusqlite::Error::ToSqlConversionFailure(source.into()),
        }
    }
}

impl From<rusqlite::Error> for Problem {
    fn from(error: rusqlite::Error) -> Problem {
        Problem::Sqlite(error)
    }
}

impl From<serde_json::Error> for Problem {
    fn from(error: serde_json::Error) -> Problem {
        Problem::Json(error)
    }
}

/// SQLite's integers are signed.
pub(super) fn integer(what: &'static str, value: u64) -> Result<i64, Problem> {
    i64::try_from(value).map_err(|_| Problem::TooLarge { what, value })
}

/// The serialised name of a unit variant: `synthetic`, `A`.
pub(super) fn word<T: Serialize>(value: &T) -> Result<String, serde_json::Error> {
    let json = serde_json::to_value(value)?;
    Ok(json.as_str().unwrap_or_default().to_owned())
}

/// Milliseconds since 1970-01-01 UTC by the system's clock.
pub(super) fn now_unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |duration| duration.as_millis() as i64)
}
