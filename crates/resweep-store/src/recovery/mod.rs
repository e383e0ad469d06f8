//! Recovers the readable rows of a damaged database into a new one.
//!
//! The damaged file is only read. The bundled SQLite lacks SQLite's recovery extension, and
//! the `sqlite3` shell of some systems does too (in Debian 12, `.recover` fails on every database), so this
//! module uses the schema instead, and searches rows by their keys beyond the damage.

mod key;
mod logs;
mod reader;
mod repair;
mod source;
mod tables;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode, params_from_iter};

use super::points::collect;
use super::{StoreError, database, examine, place, sums};
use reader::Reader;
use resweep_core::domain::TrainingId;
use resweep_core::files::{new_temporary, sync_folder};
use source::Source;
use tables::Table;

pub use repair::Repairs;

/// What could be read of a damaged database.
#[derive(Debug)]
pub struct Recovered {
    pub tables: Vec<RecoveredTable>,
    pub repairs: Repairs,
}

/// What could be read of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveredTable {
    pub name: &'static str,
    /// Rows in the new database.
    pub rows: u64,
    /// Whether the table was read completely without an error, and all of it kept.
    pub whole: bool,
}

/// Why a database could not be recovered.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    #[error("{} exists; name a file that does not", path.display())]
    Exists { path: PathBuf },

    #[error("cannot write {}; name another file", path.display())]
    Write { path: PathBuf, source: io::Error },

    #[error("what was read of {} does not make a sound database: {message}", path.display())]
    Unsound { path: PathBuf, message: String },

    #[error("cannot make a temporary copy of {}; make room in the system's folder for such files", 
        path.display())]
    Copy { path: PathBuf, source: io::Error },

    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reports what [`recover`] would recover of the database at `path`; leaves no files.
///
/// # Errors
/// When the database cannot be opened at all, not even as a damaged one, such as one of another
/// program or version.
pub fn recoverable(path: &Path) -> Result<Recovered, RecoveryError> {
    // SQLite removes a database without a name itself.
    let (mut target, _) = database::open_for_writing(Path::new(""))?;
    copy(path, &mut target, Path::new("(temporary)"))
}

/// Writes everything that is readable in the database at `path` to a new one at `to`.
///
/// # Errors
/// As [`recoverable`]; also when `to` exists or cannot be written. Then no file remains.
pub fn recover(path: &Path, to: &Path) -> Result<Recovered, RecoveryError> {
    if fs::symlink_metadata(to).is_ok() {
        return Err(RecoveryError::Exists {
            path: to.to_owned(),
        });
    }
    let cannot_write = |source| RecoveryError::Write {
        path: to.to_owned(),
        source,
    };
    let folder = place::folder(to);
    let file = new_temporary(folder).map_err(cannot_write)?;
    let (mut target, _) = database::open_for_writing(file.path())?;
    let recovered = copy(path, &mut target, to)?;
    // A single file, which can be moved.
    let one_file = target.pragma_update(None, "journal_mode", "DELETE");
    one_file.map_err(|source| StoreError::of_sqlite(to, source))?;
    drop(target);
    file.as_file().sync_all().map_err(cannot_write)?;
    file.persist_noclobber(to).map_err(|failed| {
        if failed.error.kind() == io::ErrorKind::AlreadyExists {
            return RecoveryError::Exists {
                path: to.to_owned(),
            };
        }
        cannot_write(failed.error)
    })?;
    sync_folder(folder).map_err(cannot_write)?;
    Ok(recovered)
}

/// Copies row by row, repairs references, and checks the result.
fn copy(path: &Path, target: &mut Connection, to: &Path) -> Result<Recovered, RecoveryError> {
    let failed = |source| StoreError::of_sqlite(to, source);
    let source = Source::open(path)?;
    let source = &source.connection;
    target
        .pragma_update(None, "foreign_keys", false)
        .map_err(failed)?;
    let schema = tables::tables(target).map_err(failed)?;
    let tx = target.transaction().map_err(failed)?;
    let mut whole = Vec::new();
    let mut recorded = HashMap::new();
    for table in &schema {
        let all = copy_table(source, path, table, &tx, to)?;
        whole.push(all);
        if table.name == "runs" && !all {
            logs::add_runs(&tx, path).map_err(|problem| problem.at(to))?;
        }
        if table.name == "trainings" {
            copy_trainings_from_index(source, &tx).map_err(failed)?;
            recorded = take_sums(&tx).map_err(failed)?;
        }
    }
    let mut repairs = repair::repair(&tx, &schema).map_err(failed)?;
    repairs.changed = restore_sums(&tx, &recorded).map_err(failed)?;
    sums::fill(&tx).map_err(failed)?;
    tx.commit().map_err(failed)?;
    let mut tables = Vec::new();
    for (table, whole) in schema.iter().zip(whole) {
        let name = table.name;
        let count = format!("SELECT count(*) FROM {name}");
        let rows: i64 = target
            .query_row(&count, [], |row| row.get(0))
            .map_err(failed)?;
        tables.push(RecoveredTable {
            name,
            rows: rows as u64,
            whole: whole && !repairs.left_out.iter().any(|(table, _)| *table == name),
        });
    }
    let mut faults = examine::integrity(target).map_err(failed)?;
    let references = examine::broken_references(target).map_err(failed)?;
    faults.extend(references.into_iter().map(|(table, _)| table));
    match faults.into_iter().next() {
        Some(message) => Err(RecoveryError::Unsound {
            path: path.to_owned(),
            message,
        }),
        None => Ok(Recovered { tables, repairs }),
    }
}

/// The recorded checksums; copying the attempts forgets them.
fn take_sums(target: &Connection) -> rusqlite::Result<HashMap<TrainingId, u64>> {
    let trainings = collect(target, "SELECT id FROM trainings", [], |row| {
        Ok(TrainingId(row.get(0)?))
    })?;
    let sums = trainings.into_iter().filter_map(|training| {
        let sum = sums::recorded(target, training).transpose()?;
        Some(sum.map(|sum| (training, sum)))
    });
    sums.collect()
}

/// Keeps the recorded checksum of each training that has all of its points, so that changed ones are
/// not taken for recorded ones. Returns the runs with changed points.
///
/// A training that lacks points gets a checksum of what is left of it: its run is listed as incomplete.
fn restore_sums(
    target: &Connection,
    recorded: &HashMap<TrainingId, u64>,
) -> rusqlite::Result<Vec<String>> {
    let incomplete = repair::incomplete_trainings(target)?;
    for (training, sum) in recorded {
        if !incomplete.contains(training) {
            sums::set(target, *training, *sum)?;
        }
    }
    let changed = sums::changed(target)?.into_iter();
    Ok(changed.map(|found| found.run).collect())
}

/// Whether all of it could be read.
fn copy_table(
    source: &Connection,
    path: &Path,
    table: &Table,
    target: &Connection,
    to: &Path,
) -> Result<bool, StoreError> {
    let failed = |source| StoreError::of_sqlite(to, source);
    let places = vec!["?"; table.columns.len()].join(", ");
    let columns = table.columns.join(", ");
    let insert = format!(
        "INSERT OR IGNORE INTO {} ({columns}) VALUES ({places})",
        table.name
    );
    let mut insert = target.prepare(&insert).map_err(failed)?;
    let mut refused = 0;
    let mut sink = |values: &[Value]| match insert.execute(params_from_iter(values)) {
        Ok(1) => Ok(()),
        Ok(_) => {
            refused += 1;
            Ok(())
        }
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
            refused += 1;
            Ok(())
        }
        Err(error) => Err(failed(error)),
    };
    let mut whole = true;
    for group in groups(target, table).map_err(failed)? {
        let Ok(mut reader) = Reader::new(source, table, &group, path, &mut sink) else {
            // The page that locates the table's pages is damaged.
            return Ok(false);
        };
        whole &= reader.read()? && reader.broken_rows == 0;
    }
    Ok(whole && refused == 0)
}

fn groups(target: &Connection, table: &Table) -> rusqlite::Result<Vec<Vec<Value>>> {
    let Some(sql) = table.groups else {
        return Ok(vec![Vec::new()]);
    };
    let mut statement = target.prepare(sql)?;
    let width = statement.column_count();
    let rows = statement.query_map([], |row| (0..width).map(|column| row.get(column)).collect())?;
    rows.collect()
}

/// The index of the trainings has all of their columns but one, which only the first training of a
/// run uses; measurements depend on them.
fn copy_trainings_from_index(source: &Connection, target: &Connection) -> rusqlite::Result<()> {
    let mut insert = target.prepare(
        "INSERT OR IGNORE INTO trainings (id, run_id, number, shares_checkpoints)
         VALUES (?1, ?2, ?3, ?3 = 1)",
    )?;
    let runs = "SELECT id FROM runs";
    let mut runs = target.prepare(runs)?;
    let runs: Vec<String> = runs
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let Ok(mut select) = source.prepare(
        "SELECT id, run_id, number FROM trainings INDEXED BY sqlite_autoindex_trainings_1
         WHERE run_id = ?1",
    ) else {
        return Ok(());
    };
    for run in runs {
        let Ok(rows) = select.query_map([run], |row| {
            Ok((
                row.get::<_, i64>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, i64>(2)?,
            ))
        }) else {
            continue;
        };
        for row in rows.map_while(Result::ok) {
            insert.execute(row)?;
        }
    }
    Ok(())
}
