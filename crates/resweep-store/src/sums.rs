//! Checksums of measurements, which find damage that SQLite cannot: a changed number on a page that
//! is otherwise in order.
//!
//! `trainings.points_sum` is the sum, modulo 2^64, of a hash of each row that belongs to the
//! training. It is updated in the transaction that writes the rows, and compared whenever they are
//! read. The sum does not depend on the order of the rows, so a new row only adds its hash.

use std::collections::HashMap;

use rusqlite::{Connection, Row, ffi, params};
use sha2::{Digest, Sha256};

use super::points::{collect, unsigned};
use resweep_core::domain::{EvalPoint, EvalSet, TrainPoint, TrainingId};

/// Hashes to add to the sums of trainings.
#[derive(Debug, Default)]
pub(super) struct NewRows(HashMap<TrainingId, NewRowsOf>);

#[derive(Debug, Default)]
struct NewRowsOf {
    sum: u64,
    /// The highest iteration of each series so far: training, test, validation.
    last: [Option<u64>; 3],
    /// Whether a row may have replaced another with an unknown hash.
    replaced: bool,
}

impl NewRows {
    pub fn train(
        &mut self,
        connection: &Connection,
        training: TrainingId,
        point: &TrainPoint,
    ) -> rusqlite::Result<()> {
        let hash = hash_train(point);
        self.add(connection, training, 0, point.iteration, hash)
    }

    pub fn eval(
        &mut self,
        connection: &Connection,
        training: TrainingId,
        point: &EvalPoint,
    ) -> rusqlite::Result<()> {
        let series = series(point.set);
        self.add(
            connection,
            training,
            series,
            point.iteration,
            hash_eval(point),
        )
    }

    /// Must be called before the row is written.
    fn add(
        &mut self,
        connection: &Connection,
        training: TrainingId,
        series: usize,
        iteration: u64,
        hash: u64,
    ) -> rusqlite::Result<()> {
        let rows = self.0.entry(training).or_default();
        let last = match rows.last[series] {
            Some(last) => Some(last),
            None => last_iteration(connection, training, series)?,
        };
        rows.replaced |= last.is_some_and(|last| iteration <= last);
        rows.last[series] = last.max(Some(iteration));
        rows.sum = rows.sum.wrapping_add(hash);
        Ok(())
    }

    /// Updates the sums, after the rows are written.
    pub fn write(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        for (training, rows) in self.0.drain() {
            match recorded(connection, training)? {
                Some(sum) if !rows.replaced => {
                    set(connection, training, sum.wrapping_add(rows.sum))?;
                }
                _ => update(connection, training)?,
            }
        }
        Ok(())
    }
}

/// Recomputes the sum of a training from its rows, after some were removed or replaced.
pub(super) fn update(connection: &Connection, training: TrainingId) -> rusqlite::Result<()> {
    set(connection, training, actual(connection, training)?)
}

/// Computes missing sums, except those of trainings that a process may be working on. Sums are
/// missing in databases of older versions, and for rows that a process of an older version wrote.
pub(super) fn fill(connection: &Connection) -> rusqlite::Result<()> {
    let unknown: Vec<i64> = collect(
        connection,
        "SELECT id FROM trainings WHERE points_sum IS NULL AND NOT EXISTS
             (SELECT 1 FROM attempts WHERE training_id = trainings.id AND status = 'running')",
        [],
        |row| row.get(0),
    )?;
    if unknown.is_empty() {
        return Ok(());
    }
    connection.execute_batch("SAVEPOINT sums")?;
    for training in unknown {
        update(connection, TrainingId(training))?;
    }
    connection.execute_batch("RELEASE sums")
}

/// Compares the rows of a training with its sum.
///
/// # Errors
/// SQLite's error of a damaged database if they differ.
pub(super) fn check(connection: &Connection, training: TrainingId) -> rusqlite::Result<()> {
    match recorded(connection, training)? {
        Some(sum) if sum != actual(connection, training)? => Err(damage(format!(
            "the measurements of {} are not those that were recorded",
            label(connection, training)?
        ))),
        _ => Ok(()),
    }
}

/// The run of a training as `resweep rm` takes it: `SWEEP/LABEL`, or its id if no sweep has it.
fn label(connection: &Connection, training: TrainingId) -> rusqlite::Result<String> {
    let sql = format!("SELECT {LABEL} FROM trainings WHERE id = ?1");
    connection.query_row(&sql, [training.0], |row| row.get(0))
}

/// For a row of `trainings`.
const LABEL: &str = "coalesce(
    (SELECT name || '/' || label FROM sweep_runs JOIN sweeps ON sweeps.id = sweep_id
     WHERE sweep_runs.run_id = trainings.run_id ORDER BY last_started_unix_ms DESC LIMIT 1),
    run_id)";

/// A training whose rows differ from their sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedMeasurements {
    pub training: TrainingId,
    /// Its run as `resweep rm` takes it: `SWEEP/LABEL`, or its id if no sweep has it.
    pub run: String,
    /// Whether it is the training that counts; otherwise its run was trained again.
    pub is_current: bool,
}

/// The trainings whose rows differ from their sums.
pub(super) fn changed(connection: &Connection) -> rusqlite::Result<Vec<ChangedMeasurements>> {
    let sql = format!(
        "SELECT id, {LABEL}, id IN (SELECT id FROM current_trainings)
         FROM trainings WHERE points_sum IS NOT NULL ORDER BY id"
    );
    let mut trainings = collect(connection, &sql, [], |row| {
        Ok(ChangedMeasurements {
            training: TrainingId(row.get(0)?),
            run: row.get(1)?,
            is_current: row.get(2)?,
        })
    })?;
    let mut failed = None;
    trainings.retain(|found| match check(connection, found.training) {
        Ok(()) => false,
        Err(error) if is_damage(&error) => true,
        Err(error) => {
            failed = Some(error);
            false
        }
    });
    failed.map_or(Ok(trainings), Err)
}

/// SQLite's error of a damaged database.
pub(super) fn damage(what: String) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CORRUPT), Some(what))
}

pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseCorrupt)
}

pub(super) fn recorded(
    connection: &Connection,
    training: TrainingId,
) -> rusqlite::Result<Option<u64>> {
    let sum: Option<i64> = connection
        .prepare_cached("SELECT points_sum FROM trainings WHERE id = ?1")?
        .query_row([training.0], |row| row.get(0))?;
    Ok(sum.map(i64::cast_unsigned))
}

pub(super) fn set(connection: &Connection, training: TrainingId, sum: u64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE trainings SET points_sum = ?2 WHERE id = ?1")?
        .execute(params![training.0, sum.cast_signed()])?;
    Ok(())
}

fn last_iteration(
    connection: &Connection,
    training: TrainingId,
    series: usize,
) -> rusqlite::Result<Option<u64>> {
    // The first query uses ?2 too, because both take the same parameters.
    let sql = match series {
        0 => "SELECT max(iteration) FROM train_metrics WHERE training_id = ?1 AND ?2 >= 0",
        _ => {
            "SELECT max(iteration) FROM eval_metrics
             WHERE training_id = ?1 AND evaluated_on = iif(?2 = 1, 'test', 'validation')"
        }
    };
    let last: Option<i64> = connection
        .prepare_cached(sql)?
        .query_row(params![training.0, series as i64], |row| row.get(0))?;
    Ok(last.map(i64::cast_unsigned))
}

/// The sum of the current rows.
fn actual(connection: &Connection, training: TrainingId) -> rusqlite::Result<u64> {
    let mut sum = 0_u64;
    for (sql, hash) in SERIES {
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query([training.0])?;
        while let Some(row) = rows.next()? {
            sum = sum.wrapping_add(hash(row)?);
        }
    }
    Ok(sum)
}

type HashRow = fn(&Row<'_>) -> rusqlite::Result<u64>;

const SERIES: [(&str, HashRow); 4] = [
    (
        "SELECT iteration, error_percent, loss, lr FROM train_metrics WHERE training_id = ?1",
        |row| Ok(hash_numbers(0, unsigned(row, 0)?, &numbers(row)?)),
    ),
    (
        "SELECT iteration, error_percent, loss FROM eval_metrics
         WHERE training_id = ?1 AND evaluated_on = 'test'",
        |row| Ok(hash_numbers(1, unsigned(row, 0)?, &numbers(row)?)),
    ),
    (
        "SELECT iteration, error_percent, loss FROM eval_metrics
         WHERE training_id = ?1 AND evaluated_on = 'validation'",
        |row| Ok(hash_numbers(2, unsigned(row, 0)?, &numbers(row)?)),
    ),
    (
        "SELECT layer, std, name FROM layer_stats WHERE training_id = ?1",
        |row| {
            let name: String = row.get(2)?;
            let number = hash_numbers(3, unsigned(row, 0)?, &[row.get(1)?]);
            Ok(hash(&[&number.to_le_bytes(), name.as_bytes()].concat()))
        },
    ),
];

fn hash_train(point: &TrainPoint) -> u64 {
    let numbers = [point.error_percent, point.loss, point.lr];
    hash_numbers(0, point.iteration, &numbers)
}

fn hash_eval(point: &EvalPoint) -> u64 {
    let series = series(point.set) as u8;
    hash_numbers(series, point.iteration, &[point.error_percent, point.loss])
}

fn series(set: EvalSet) -> usize {
    match set {
        EvalSet::Test => 1,
        EvalSet::Validation => 2,
    }
}

/// The columns after the first one; SQLite stores a NaN as NULL.
fn numbers(row: &Row<'_>) -> rusqlite::Result<Vec<f64>> {
    let columns = 1..row.as_ref().column_count();
    let number = |column| Ok(row.get::<_, Option<f64>>(column)?.unwrap_or(f64::NAN));
    columns.map(number).collect()
}

fn hash_numbers(series: u8, iteration: u64, numbers: &[f64]) -> u64 {
    let mut bytes = vec![series];
    bytes.extend(iteration.to_le_bytes());
    for number in numbers {
        // SQLite keeps neither the payload of a NaN nor the sign of a zero.
        let bits = match number.is_nan() {
            true => u64::MAX,
            false => (number + 0.0).to_bits(),
        };
        bytes.extend(bits.to_le_bytes());
    }
    hash(&bytes)
}

fn hash(bytes: &[u8]) -> u64 {
    let digest = Sha256::digest(bytes);
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_le_bytes(first)
}
