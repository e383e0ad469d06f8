//! Opens the database: identifies the file, migrates its schema, and sets how it is written.

use std::fs::{self, File};
use std::io;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use rusqlite_migration::{M, Migrations};

use super::file_identity::{Change, Kept};
use super::lock::SetupLock;
use super::machine::MachineLock;
use super::trajectory_migration::retrace;
use super::{StoreError, place, soundness, sums};
use resweep_core::domain::SinkError;
use resweep_core::files::{self, FileId};

/// Append-only: change a released schema with a new file.
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
        M::up(include_str!("migrations/0008-process-beats.sql")).foreign_key_check(),
        M::up(include_str!("migrations/0009-point-sums.sql")).foreign_key_check(),
        M::up(include_str!("migrations/0010-submissions.sql")).foreign_key_check(),
    ])
});
/// The version of the schema: how many migrations there are.
const VERSION: i64 = 10;

/// Set by `0001-initial.sql`.
const APPLICATION_ID: i64 = 0x5253_5750;

const READ_WRITE: OpenFlags =
    OpenFlags::SQLITE_OPEN_READ_WRITE.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

/// How long a closing connection waits for the setup lock before it skips checking the log.
const TURN_PATIENCE: Duration = Duration::from_millis(200);

/// How long a connection waits for another one's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(60);

/// How long it waits before it checks whether the file system supports locks.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// The kind of file at a path, before anything is written.
#[derive(Debug, Clone, Copy)]
enum Found {
    /// No tables yet.
    Empty,
    /// A resweep database with this version of the schema.
    Schema(i64),
}

/// An open connection. The last process to close it leaves a single file: the log is copied into
/// the database and removed.
#[derive(Debug)]
pub(super) struct Database {
    // Closed before the log is checked.
    connection: Connection,
    _log: Option<Log>,
    // Given up last.
    _machine: Option<MachineLock>,
    /// The file's schema version; the connection shows the current version.
    pub schema: i64,
}

impl Deref for Database {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for Database {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

impl Database {
    fn new(connection: Connection, path: &Path, machine: Option<MachineLock>) -> Database {
        Database {
            connection,
            _log: Log::of(path),
            _machine: machine,
            schema: VERSION,
        }
    }
}

/// The write-ahead log of the database at a path.
#[derive(Debug)]
struct Log {
    path: PathBuf,
    /// The file that was opened.
    id: FileId,
}

impl Log {
    fn of(path: &Path) -> Option<Log> {
        let id = FileId::of(&fs::metadata(path).ok()?);
        let path = path.to_owned();
        Some(Log { path, id })
    }
}

/// SQLite removes the log with the last connection, unless two close at the same time and each sees
/// the other. A connection that still finds a log therefore opens the database once more under the
/// setup lock.
impl Drop for Log {
    fn drop(&mut self) {
        let path = &self.path;
        // Another file that now has the name must not get this log.
        let same = fs::metadata(path).is_ok_and(|found| FileId::of(&found) == self.id);
        if !same || !place::has_log_files(path) {
            return;
        }
        // A process that holds the lock for longer has the database open, and will check the log.
        let Ok(_turn) = SetupLock::take_within(path, TURN_PATIENCE) else {
            return;
        };
        if let Ok(connection) = Connection::open_with_flags(path, READ_WRITE) {
            // SQLite opens the log at the first query.
            let _ = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()));
        }
    }
}

/// Opens or creates the database and migrates its schema, after copying an older database. Every
/// commit waits for the disk. The caller holds the setup lock.
pub(super) fn open_for_writing(path: &Path) -> Result<(Database, Option<Migrated>), StoreError> {
    let created = create_file(path)?;
    let opened = patiently(path, |timeout| open_to_write(path, timeout));
    if opened.is_err() && created {
        let _ = fs::remove_file(path);
    }
    let (mut database, found) = opened?;
    let failed = |source| StoreError::of_sqlite(path, source);
    soundness::check(&database).map_err(failed)?;
    let migrated = migrate(&mut database, path, found)?;
    prepare(&database)
        .and_then(|()| sums::fill(&database))
        .map_err(failed)?;
    Ok((database, migrated))
}

/// Creates an empty file if there is none: SQLite would ignore the umask.
fn create_file(path: &Path) -> Result<bool, StoreError> {
    if path.as_os_str().is_empty() || place::has_database(path)? {
        return Ok(false);
    }
    match File::create_new(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(_) => Err(StoreError::NotWritable {
            path: path.to_owned(),
            source: None,
        }),
    }
}

fn open_to_write(path: &Path, timeout: Duration) -> Result<(Database, Found), StoreError> {
    let failed = |source| StoreError::of_sqlite(path, source);
    let flags = READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let machine = MachineLock::take(path)?;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    let database = Database::new(connection, path, machine);
    database.busy_timeout(timeout).map_err(failed)?;
    let found = identify(&database, path)?;
    // SQLite silently opens an unwritable file read-only.
    if database.is_readonly(rusqlite::MAIN_DB).map_err(failed)? {
        return Err(StoreError::NotWritable {
            path: path.to_owned(),
            source: None,
        });
    }
    database
        .pragma_update(None, "journal_mode", "WAL")
        .map_err(failed)?;
    database.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    Ok((database, found))
}

/// Tries with a short timeout first. If that fails, `open` may be waiting for another process, or
/// the file system may not support locks.
fn patiently<T>(
    path: &Path,
    open: impl Fn(Duration) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    match open(PROBE_TIMEOUT) {
        Err(StoreError::Locked { .. }) => {
            place::check_locks(path)?;
            open(BUSY_TIMEOUT)
        }
        opened => opened,
    }
}

/// An older database that was migrated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    pub from: i64,
    pub to: i64,
    /// The copy of the database before the migration.
    pub copy: PathBuf,
}

fn migrate(
    database: &mut Database,
    path: &Path,
    found: Found,
) -> Result<Option<Migrated>, StoreError> {
    let known = VERSION;
    let migrated = match found {
        Found::Schema(from) if from < known => Some(Migrated {
            from,
            to: known,
            copy: back_up(database, path, from)?,
        }),
        _ => None,
    };
    bring_up_to_date(database, path)?;
    Ok(migrated)
}

fn bring_up_to_date(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    // A step may rebuild tables that others refer to; each checks the references at its end.
    connection
        .pragma_update(None, "foreign_keys", false)
        .map_err(|source| StoreError::of_sqlite(path, source))?;
    MIGRATIONS
        .to_latest(connection)
        .map_err(|source| StoreError::of_migration(path, source))
}

/// Copies the database to a new file `resweep.db.schema-3.bak` beside it.
fn back_up(database: &Database, path: &Path, schema: i64) -> Result<PathBuf, StoreError> {
    copy_beside(database, path, &format!(".schema-{schema}"), ".bak")
}

/// Saves the open database, whose file may have been removed. Returns where.
pub(super) fn keep(database: &Database, path: &Path, change: &Change) -> Kept {
    // SQLite keeps the log if the file was renamed; a process that opens another file with that
    // name would apply the log to it.
    let _ = database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    if let Change::Moved(to) = change {
        return Kept::There(to.clone());
    }
    let saved = create_folder(path).and_then(|()| copy_beside(database, path, ".saved", ""));
    match saved {
        Ok(copy) => Kept::Saved(copy),
        Err(error) => Kept::Lost(SinkError::from(error).to_string()),
    }
}

/// Copies the database to the first free name of `resweep.db<stem><extension>`,
/// `resweep.db<stem>-2<extension>` and so on, and returns once it is on disk.
fn copy_beside(
    database: &Database,
    path: &Path,
    stem: &str,
    extension: &str,
) -> Result<PathBuf, StoreError> {
    let failed = |source| StoreError::Copy {
        path: path.to_owned(),
        source,
    };
    let folder = place::folder(path);
    let copy = files::new_temporary(folder).map_err(failed)?;
    copy_pages(database, &mut open_copy(copy.path(), path)?, path)?;
    copy.as_file().sync_all().map_err(failed)?;
    let name = |number| place::beside(path, &numbered(stem, number, extension));
    let name = files::keep_under_new_name(copy, name).map_err(failed)?;
    files::sync_folder(folder).map_err(failed)?;
    Ok(name)
}

/// `stem.bak`, `stem-2.bak` and so on.
fn numbered(stem: &str, number: usize, extension: &str) -> String {
    match number {
        1 => format!("{stem}{extension}"),
        number => format!("{stem}-{number}{extension}"),
    }
}

fn open_copy(copy: &Path, path: &Path) -> Result<Connection, StoreError> {
    Connection::open_with_flags(copy, READ_WRITE)
        .map_err(|source| StoreError::of_sqlite(path, source))
}

/// Copies all pages in one step, which is a consistent snapshot.
fn copy_pages(from: &Connection, to: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let copied = Backup::new(from, to).and_then(|backup| backup.step(-1));
    match copied {
        Ok(StepResult::Done) => Ok(()),
        Ok(_) => Err(StoreError::of_sqlite(path, busy())),
        Err(source) => Err(StoreError::of_sqlite(path, source)),
    }
}

fn busy() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY), None)
}

/// Opens another connection to a current database.
pub(super) fn connect(path: &Path) -> Result<Database, StoreError> {
    let failed = |source| StoreError::of_sqlite(path, source);
    let machine = MachineLock::take(path)?;
    let connection = Connection::open_with_flags(path, READ_WRITE).map_err(failed)?;
    let database = Database::new(connection, path, machine);
    database.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    prepare(&database).map_err(failed)?;
    Ok(database)
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "synchronous", "FULL")
}

/// Opens the database read-only; `None` if it does not exist or has no tables yet. For an older
/// database this is a migrated temporary copy.
pub(super) fn open_for_reading(path: &Path) -> Result<Option<Database>, StoreError> {
    match open_as_it_is(path)? {
        Some(database) => brought_up_to_date(database, path).map(Some),
        None => Ok(None),
    }
}

/// As [`open_for_reading`]; a database that is damaged is an error.
pub(super) fn open_sound(path: &Path) -> Result<Option<Database>, StoreError> {
    let Some(database) = open_as_it_is(path)? else {
        return Ok(None);
    };
    soundness::check(&database).map_err(|source| StoreError::of_sqlite(path, source))?;
    brought_up_to_date(database, path).map(Some)
}

fn brought_up_to_date(database: Database, path: &Path) -> Result<Database, StoreError> {
    match database.schema < VERSION {
        true => migrated_copy(&database, path),
        false => Ok(database),
    }
}

/// As [`open_for_reading`], without migrating an older schema.
pub(super) fn open_as_it_is(path: &Path) -> Result<Option<Database>, StoreError> {
    if !place::has_database(path)? {
        return Ok(None);
    }
    let (mut database, found) = patiently(path, |timeout| open_to_read(path, timeout))?;
    Ok(match found {
        Found::Empty => None,
        Found::Schema(schema) => {
            database.schema = schema;
            Some(database)
        }
    })
}

/// An error for an older database that must not be migrated.
pub(super) fn refuse_older(database: &Database, path: &Path) -> Result<(), StoreError> {
    let (found, known) = (database.schema, VERSION);
    if found < known {
        let path = path.to_owned();
        return Err(StoreError::Older { path, found, known });
    }
    Ok(())
}

/// SQLite removes a database without a name itself.
fn migrated_copy(older: &Database, path: &Path) -> Result<Database, StoreError> {
    let mut copy = Database::new(open_copy(Path::new(""), path)?, Path::new(""), None);
    copy_pages(older, &mut copy, path)?;
    bring_up_to_date(&mut copy, path)?;
    copy.schema = older.schema;
    Ok(copy)
}

fn open_to_read(path: &Path, timeout: Duration) -> Result<(Database, Found), StoreError> {
    // Only a connection that could write can remove the log when it closes.
    match open_and_identify(path, path, READ_WRITE, timeout) {
        Err(full @ StoreError::Disk { .. }) if place::has_log(path) => Err(full),
        // The log needs a second file, which cannot be created in a read-only folder or on a full
        // disk. Without a log no process is writing, and the database can be read as immutable.
        Err(
            StoreError::NotReadable { .. }
            | StoreError::NotWritable { .. }
            | StoreError::Disk { .. },
        ) => {
            if place::has_log(path) {
                return Err(StoreError::LogNotReadable {
                    path: path.to_owned(),
                });
            }
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
                | OpenFlags::SQLITE_OPEN_NO_MUTEX
                | OpenFlags::SQLITE_OPEN_URI;
            open_and_identify(path, &immutable_uri(path), flags, timeout)
        }
        opened => opened,
    }
}

fn open_and_identify(
    path: &Path,
    name: &Path,
    flags: OpenFlags,
    timeout: Duration,
) -> Result<(Database, Found), StoreError> {
    let failed = |source| StoreError::of_sqlite(path, source);
    let machine = MachineLock::take(path)?;
    let connection = Connection::open_with_flags(name, flags).map_err(failed)?;
    let database = Database::new(connection, path, machine);
    database.busy_timeout(timeout).map_err(failed)?;
    database
        .pragma_update(None, "query_only", true)
        .map_err(failed)?;
    let found = identify(&database, path)?;
    database.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    Ok((database, found))
}

/// Opens a database that may be damaged, to read what is left; its schema is the current one.
pub(super) fn open_damaged(path: &Path) -> Result<Connection, StoreError> {
    let failed = |source| StoreError::of_sqlite(path, source);
    if !place::has_database(path)? {
        return Err(StoreError::NotADatabase {
            path: path.to_owned(),
        });
    }
    let open = |name: &Path, extra: OpenFlags| -> Result<Connection, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | extra;
        let connection = Connection::open_with_flags(name, flags).map_err(failed)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
        // After a first attempt, lets SQLite read a truncated file and as much of the schema as
        // exists. The connection cannot write.
        connection
            .pragma_update(None, "writable_schema", true)
            .map_err(failed)?;
        let _ = connection.prepare("SELECT count(*) FROM sqlite_schema");
        identify_by_header(&connection, path)?;
        Ok(connection)
    };
    match open(path, OpenFlags::empty()) {
        Err(StoreError::NotReadable { .. } | StoreError::NotWritable { .. })
            if !place::has_log(path) =>
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

/// Distinguishes resweep databases from other files; an error for newer versions.
fn identify(connection: &Connection, path: &Path) -> Result<Found, StoreError> {
    let number = |sql: &str| -> Result<i64, StoreError> {
        connection
            .query_row(sql, [], |row| row.get(0))
            .map_err(|source| StoreError::of_sqlite(path, source))
    };
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    let application = number("SELECT application_id FROM pragma_application_id")?;
    if tables == 0 && application == APPLICATION_ID {
        let what = "its header is that of a database of resweep, and it has no tables";
        return Err(StoreError::of_sqlite(path, sums::damage(what.to_owned())));
    }
    if tables == 0 {
        return Ok(Found::Empty);
    }
    if application != APPLICATION_ID {
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

/// A `file:` URI with special characters escaped.
fn immutable_uri(path: &Path) -> PathBuf {
    let escaped = path
        .to_string_lossy()
        .replace('%', "%25")
        .replace('?', "%3f")
        .replace('#', "%23");
    format!("file:{escaped}?immutable=1").into()
}

/// Creates the folder that contains `path`.
pub(super) fn create_folder(path: &Path) -> Result<(), StoreError> {
    place::check_length(path)?;
    let folder = place::folder(path);
    // Reports what prevents it.
    place::has_database(path)?;
    files::create_folder(folder).map_err(|source| StoreError::Folder {
        path: folder.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use rusqlite::config::DbConfig;

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

    /// Connections that close at the same time see each other, and none removes the log. Here the
    /// other one is the last and leaves the log by its setting.
    #[test]
    fn a_log_that_no_closing_connection_removed_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("resweep.db");
        for round in 1..=3 {
            let (database, _) = open_for_writing(&path).unwrap();
            let kept = format!("CREATE TABLE round_{round} (x)");
            database.execute_batch(&kept).unwrap();
            let other = Connection::open(&path).unwrap();
            let keeps_log = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
            other.set_db_config(keeps_log, true).unwrap();
            let tables = "SELECT count(*) FROM sqlite_schema";
            other.query_row(tables, [], |_| Ok(())).unwrap();
            let Database {
                connection,
                _log: log,
                ..
            } = database;
            drop(connection);
            drop(other);
            assert!(place::has_log(&path), "round {round}");
            drop(log);
            assert!(!place::has_log_files(&path), "round {round}");
            let alone = Connection::open(immutable_uri(&path)).unwrap();
            let found = format!("SELECT count(*) FROM round_{round}");
            alone.query_row(&found, [], |_| Ok(())).unwrap();
        }
    }

    #[test]
    fn a_path_with_marks_of_a_uri_is_escaped() {
        assert_eq!(
            immutable_uri(Path::new("/a b/50%?#.db")),
            Path::new("file:/a b/50%25%3f%23.db?immutable=1")
        );
    }
}
