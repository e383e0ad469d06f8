//! Checks the database and its checkpoints, without changing anything.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OptionalExtension, params};
use sha2::Sha256;

use super::garbage::{self, GarbageFile, Reason};
use super::points::{collect, unsigned};
use super::sums::{self, ChangedMeasurements};
use super::{StoreError, checkpoints, database, process};
use resweep_core::files::{self, Place};

/// The most messages of SQLite that are kept; a damaged database has hundreds.
const MESSAGES_MAX: usize = 100;

/// The result of checking a database.
#[derive(Debug, Default)]
pub struct Examination {
    /// The schema version; `None` if it cannot be read.
    pub version: Option<i64>,
    /// The damage that SQLite reports, at most 100 messages; empty if the file is intact.
    pub damage: Vec<String>,
    /// The trainings whose measurements were changed, at most 100.
    pub changed: Vec<ChangedMeasurements>,
    /// Tables with rows that refer to missing rows, and the number of such rows.
    pub broken_references: Vec<(String, u64)>,
    /// The number of rows of the main tables, by name.
    pub rows: Vec<(&'static str, u64)>,
    /// Processes that hold their lock.
    pub alive: Vec<LivingProcess>,
    /// Attempts marked as running whose process is dead.
    pub left_running: u64,
    /// Checkpoints with a row.
    pub checkpoints: u64,
    /// Those of them from which a run cannot resume.
    pub bad_checkpoints: Vec<BadCheckpoint>,
    /// The files that [`collect_garbage`](super::collect_garbage) would remove.
    pub garbage: Vec<GarbageFile>,
}

/// A training process, as it has registered itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LivingProcess {
    pub host: String,
    pub pid: u32,
}

/// A checkpoint with a row but without an intact file.
#[derive(Debug)]
pub struct BadCheckpoint {
    pub path: PathBuf,
    pub iteration: u64,
    /// The run's label in a sweep; the run id if no sweep contains it any more.
    pub label: String,
    pub fault: Fault,
}

/// The damage of a checkpoint's file.
#[derive(Debug)]
pub enum Fault {
    Missing,
    /// The length differs from the recorded one.
    Size {
        found: u64,
        expected: u64,
    },
    /// The SHA-256 differs from the recorded one.
    Content,
    Unreadable(io::Error),
}

impl Examination {
    /// Checks the database at `path`; `None` if there is none.
    ///
    /// # Errors
    /// When the check is not possible: the database cannot be opened, is locked, or belongs to
    /// another program or another version of this one. Damage is not an error.
    pub fn of(path: &Path) -> Result<Option<Examination>, StoreError> {
        let mut examination = Examination::default();
        match examination.fill(path) {
            Ok(true) => Ok(Some(examination)),
            Ok(false) => Ok(None),
            Err(StoreError::Damaged { source, .. }) => {
                if examination.damage.is_empty() {
                    examination.damage.push(source.to_string());
                }
                Ok(Some(examination))
            }
            Err(StoreError::NotADatabase { .. }) if path.is_file() => {
                let message = "its first bytes are not those of a SQLite database";
                examination.damage.push(message.to_owned());
                Ok(Some(examination))
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the whole database can be read.
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty() && self.broken_references.is_empty()
    }

    /// Checks as much as the file allows; returns `false` if there is nothing to check.
    fn fill(&mut self, path: &Path) -> Result<bool, StoreError> {
        let failed = |source| StoreError::of_sqlite(path, source);
        let Some(connection) = database::open_as_it_is(path)? else {
            return Ok(false);
        };
        self.version = Some(connection.schema);
        self.damage = integrity(&connection).map_err(failed)?;
        self.broken_references = broken_references(&connection).map_err(failed)?;
        drop(connection);
        let Some(connection) = database::open_for_reading(path)? else {
            return Ok(false);
        };
        if self.damage.is_empty() {
            self.changed = sums::changed(&connection).map_err(failed)?;
            self.changed.truncate(MESSAGES_MAX);
        }
        self.count_rows(&connection).map_err(failed)?;
        self.examine_processes(&connection, path).map_err(failed)?;
        self.examine_checkpoints(&connection, path)
            .map_err(failed)?;
        self.garbage = garbage::find(&connection, path, &[]).map_err(failed)?;
        // Files that a living process is about to remove come and go.
        self.garbage.retain(|found| found.reason != Reason::Lock);
        Ok(true)
    }

    fn count_rows(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        for table in ["sweeps", "runs", "trainings", "attempts"] {
            let count = format!("SELECT count(*) FROM {table}");
            let rows = connection.query_row(&count, [], |row| unsigned(row, 0))?;
            self.rows.push((table, rows));
        }
        Ok(())
    }

    fn examine_processes(&mut self, connection: &Connection, path: &Path) -> rusqlite::Result<()> {
        let lives = |id: i64| process::may_live(path, id);
        let processes = collect(
            connection,
            "SELECT id, host, pid FROM processes WHERE id > 0 OR id IN
                 (SELECT process_id FROM attempts WHERE status = 'running')",
            [],
            |row| {
                let (host, pid) = (row.get(1)?, row.get(2)?);
                Ok((row.get::<_, i64>(0)?, LivingProcess { host, pid }))
            },
        )?;
        let alive = processes.into_iter().filter(|(id, _)| lives(*id));
        self.alive = alive.map(|(_, process)| process).collect();
        let running: Vec<Option<i64>> = collect(
            connection,
            "SELECT process_id FROM attempts WHERE status = 'running'",
            [],
            |row| row.get(0),
        )?;
        let dead = running.iter().filter(|process| !process.is_some_and(lives));
        self.left_running = dead.count() as u64;
        Ok(())
    }

    fn examine_checkpoints(
        &mut self,
        connection: &Connection,
        path: &Path,
    ) -> rusqlite::Result<()> {
        let rows = collect(
            connection,
            "SELECT training_id, iteration, sha256, bytes, run_id, number, coalesce(
                 (SELECT label FROM sweep_runs WHERE run_id = runs.id LIMIT 1), runs.name)
             FROM checkpoints
             JOIN trainings ON trainings.id = training_id
             JOIN runs ON runs.id = run_id
             ORDER BY run_id, number, iteration",
            [],
            Row::read,
        )?;
        self.checkpoints = rows.len() as u64;
        for row in rows {
            let folder = checkpoints::folder(path, &row.run_id, row.number);
            let file = folder.join(checkpoints::file_name(row.iteration));
            let Some(fault) = fault(&file, &row) else {
                continue;
            };
            // A living process may have replaced it meanwhile.
            if row.is_current(connection)? {
                self.bad_checkpoints.push(BadCheckpoint {
                    path: file.to_path_buf(),
                    iteration: row.iteration,
                    label: row.label,
                    fault,
                });
            }
        }
        Ok(())
    }
}

/// A checkpoint's row.
struct Row {
    training: i64,
    iteration: u64,
    sha256: String,
    bytes: u64,
    run_id: String,
    number: u64,
    label: String,
}

impl Row {
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
        Ok(Row {
            training: row.get(0)?,
            iteration: unsigned(row, 1)?,
            sha256: row.get(2)?,
            bytes: unsigned(row, 3)?,
            run_id: row.get(4)?,
            number: unsigned(row, 5)?,
            label: row.get(6)?,
        })
    }

    fn is_current(&self, connection: &Connection) -> rusqlite::Result<bool> {
        let found = connection
            .query_row(
                "SELECT 1 FROM checkpoints
                 WHERE training_id = ?1 AND iteration = ?2 AND sha256 = ?3",
                params![self.training, self.iteration as i64, self.sha256],
                |_| Ok(()),
            )
            .optional()?;
        Ok(found.is_some())
    }
}

fn fault(path: &Place, row: &Row) -> Option<Fault> {
    match read(path, row.bytes) {
        Ok(Ok(sha256)) if sha256 == row.sha256 => None,
        Ok(Ok(_)) => Some(Fault::Content),
        Ok(Err(found)) => Some(Fault::Size {
            found,
            expected: row.bytes,
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some(Fault::Missing),
        Err(error) => Some(Fault::Unreadable(error)),
    }
}

/// The SHA-256 of a file of `expected` bytes, or its size if that differs.
fn read(path: &Place, expected: u64) -> io::Result<Result<String, u64>> {
    let file = path.open()?;
    let found = file.metadata()?.len();
    if found != expected {
        return Ok(Err(found));
    }
    Ok(Ok(files::hash::<Sha256>(file)?))
}

/// The damage that SQLite reports.
pub(super) fn integrity(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let check = format!("PRAGMA integrity_check({MESSAGES_MAX})");
    let found: rusqlite::Result<Vec<String>> = collect(connection, &check, [], |row| row.get(0));
    match found {
        Ok(mut messages) => {
            messages.retain(|message| message != "ok");
            Ok(messages)
        }
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) => {
            Ok(vec![error.to_string()])
        }
        Err(error) => Err(error),
    }
}

/// Tables with rows that refer to missing rows, and the number of such rows.
pub(super) fn broken_references(connection: &Connection) -> rusqlite::Result<Vec<(String, u64)>> {
    collect(
        connection,
        "SELECT \"table\", count(*) FROM pragma_foreign_key_check GROUP BY 1 ORDER BY 1",
        [],
        |row| Ok((row.get(0)?, unsigned(row, 1)?)),
    )
}
