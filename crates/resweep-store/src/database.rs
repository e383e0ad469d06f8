//! Opens the database: what kind of file it is, its schema's version, and how it is written.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use rusqlite_migration::{M, Migrations};

use super::StoreError;
use super::retrace::retrace;

/// Append-only: a schema that has been released is changed by another file.
static MIGRATIONS: LazyLock<Migrations<'static>> = LazyLock::new(|| {
    Migrations::new(vec![
        M::up(include_str!("migrations/0001-initial.sql")).foreign_key_check(),
        M::up(include_str!("migrations/0002-trainings.sql")).foreign_key_check(),
        M::up(include_str!("migrations/0003-layer-stats.sql")).foreign_key_check(),
        M::up(include_str!("migrations/0004-run-needs.sql")).foreign_key_check(),
        M::up(include_str!("migrations/0005-run-images.sql")).foreign_key_check(),
        M::up(include_str!("migrations/0006-process-sweeps.sql")).foreign_key_check(),
        M::up_with_hook(include_str!("migrations/0007-trajectories.sql"), retrace)
            .foreign_key_check(),
    ])
});
/// The version of the schema: how many migrations there are.
const VERSION: i64 = 7;

/// What `0001-initial.sql` sets.
const APPLICATION_ID: i64 = 0x5253_5750;

/// How long a connection waits for another one's lock before it gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(60);

/// What the file at a path is, before anything is written to it.
enum Found {
    /// No tables yet.
    Empty,
    /// Ours, in this version of the schema.
    Schema(i64),
}

/// Opens or creates the database and brings its schema up to date. Every commit waits until the
/// disk has it. The caller holds the lock.
pub(super) fn open_for_writing(path: &Path) -> Result<Connection, StoreError> {
    let failed = |source| StoreError::of_sqlite(path, source);
    refuse_folder(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    identify(&connection, path)?;
    // SQLite opens a file that it may not write without a word.
    if connection.is_readonly(rusqlite::MAIN_DB).map_err(failed)? {
        return Err(StoreError::NotWritable {
            path: path.to_owned(),
            source: None,
        });
    }
    connection
        .pragma_update(None, "journal_mode", "WAL")
        .map_err(failed)?;
    // A step may rebuild tables that others refer to; each checks the references at its end.
    connection
        .pragma_update(None, "foreign_keys", false)
        .map_err(failed)?;
    MIGRATIONS
        .to_latest(&mut connection)
        .map_err(|source| StoreError::of_migration(path, source))?;
    prepare(&connection).map_err(failed)?;
    Ok(connection)
}

/// Another connection to a database that is up to date.
pub(super) fn connect(path: &Path) -> Result<Connection, StoreError> {
    let failed = |source| StoreError::of_sqlite(path, source);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    prepare(&connection).map_err(failed)?;
    Ok(connection)
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "synchronous", "FULL")
}

/// Opens the database to read it; `None` where it does not exist or has no tables yet.
pub(super) fn open_for_reading(path: &Path) -> Result<Option<Connection>, StoreError> {
    if !path.exists() {
        return Ok(None);
    }
    refuse_folder(path)?;
    let (connection, found) = match open_and_identify(path, path, OpenFlags::empty()) {
        // A reader needs the files of the write-ahead log. In a folder that cannot be written
        // and without a log there, nobody writes: the database can be read as it stands.
        Err(StoreError::NotReadable { .. } | StoreError::NotWritable { .. })
            if !log_path(path).exists() =>
        {
            open_and_identify(path, &immutable_uri(path), OpenFlags::SQLITE_OPEN_URI)?
        }
        opened => opened?,
    };
    let known = VERSION;
    match found {
        Found::Empty => Ok(None),
        Found::Schema(version) if version < known => Err(StoreError::Older {
            path: path.to_owned(),
            found: version,
            known,
        }),
        Found::Schema(_) => Ok(Some(connection)),
    }
}

fn open_and_identify(
    path: &Path,
    name: &Path,
    extra: OpenFlags,
) -> Result<(Connection, Found), StoreError> {
    let failed = |source| StoreError::of_sqlite(path, source);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | extra;
    let connection = Connection::open_with_flags(name, flags).map_err(failed)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    let found = identify(&connection, path)?;
    Ok((connection, found))
}

/// Opens a database that may be damaged, to read what is left of it; its schema is this version's.
pub(super) fn open_damaged(path: &Path) -> Result<Connection, StoreError> {
    let failed = |source| StoreError::of_sqlite(path, source);
    refuse_folder(path)?;
    let open = |name: &Path, extra: OpenFlags| -> Result<Connection, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | extra;
        let connection = Connection::open_with_flags(name, flags).map_err(failed)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
        // Lets SQLite read a file that is shorter than it says, and as much of the schema as
        // there is, after a first attempt. Nothing can be written through this connection.
        connection
            .pragma_update(None, "writable_schema", true)
            .map_err(failed)?;
        let _ = connection.prepare("SELECT count(*) FROM sqlite_schema");
        identify_by_header(&connection, path)?;
        Ok(connection)
    };
    match open(path, OpenFlags::empty()) {
        Err(StoreError::NotReadable { .. } | StoreError::NotWritable { .. })
            if !log_path(path).exists() =>
        {
            open(&immutable_uri(path), OpenFlags::SQLITE_OPEN_URI)
        }
        opened => opened,
    }
}

/// As [`identify`], without the schema, which may be damaged.
fn identify_by_header(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let number = |name| -> Result<i64, StoreError> {
        connection
            .pragma_query_value(None, name, |row| row.get(0))
            .map_err(|source| StoreError::of_sqlite(path, source))
    };
    if number("application_id")? != APPLICATION_ID {
        return Err(StoreError::OfAnotherProgram {
            path: path.to_owned(),
        });
    }
    let (path, known) = (path.to_owned(), VERSION);
    match number("user_version")? {
        found if found > known => Err(StoreError::Newer { path, found, known }),
        found if found < known => Err(StoreError::Older { path, found, known }),
        _ => Ok(()),
    }
}

/// Tells our databases from other files; an error for those of newer versions.
fn identify(connection: &Connection, path: &Path) -> Result<Found, StoreError> {
    let number = |sql: &str| -> Result<i64, StoreError> {
        connection
            .query_row(sql, [], |row| row.get(0))
            .map_err(|source| StoreError::of_sqlite(path, source))
    };
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    if tables == 0 {
        return Ok(Found::Empty);
    }
    if number("SELECT application_id FROM pragma_application_id")? != APPLICATION_ID {
        return Err(StoreError::OfAnotherProgram {
            path: path.to_owned(),
        });
    }
    let found = number("SELECT user_version FROM pragma_user_version")?;
    let known = VERSION;
    if found > known {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            found,
            known,
        });
    }
    Ok(Found::Schema(found))
}

/// What SQLite says about a folder differs between systems.
fn refuse_folder(path: &Path) -> Result<(), StoreError> {
    if path.is_dir() {
        return Err(StoreError::NotADatabase {
            path: path.to_owned(),
        });
    }
    Ok(())
}

fn log_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// `file:` with the characters that mean something in a URI escaped.
fn immutable_uri(path: &Path) -> PathBuf {
    let escaped = path
        .to_string_lossy()
        .replace('%', "%25")
        .replace('?', "%3f")
        .replace('#', "%23");
    format!("file:{escaped}?immutable=1").into()
}

/// Creates the folder that holds `path`.
pub(super) fn create_folder(path: &Path) -> Result<(), StoreError> {
    match path.parent() {
        Some(folder) => fs::create_dir_all(folder).map_err(|source| StoreError::Folder {
            path: folder.to_owned(),
            source,
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_migrations_apply_one_after_the_other() {
        MIGRATIONS.validate().unwrap();
        let mut connection = Connection::open_in_memory().unwrap();
        MIGRATIONS.to_latest(&mut connection).unwrap();
        let sql = "SELECT user_version FROM pragma_user_version";
        let version: i64 = connection.query_row(sql, [], |row| row.get(0)).unwrap();
        assert_eq!(version, VERSION);
    }

    #[test]
    fn a_path_with_marks_of_a_uri_is_escaped() {
        assert_eq!(
            immutable_uri(Path::new("/a b/50%?#.db")),
            Path::new("file:/a b/50%25%3f%23.db?immutable=1")
        );
    }
}
