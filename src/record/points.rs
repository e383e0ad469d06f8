//! Measurements as rows: written and read here only.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::values::{Problem, integer};
use crate::domain::{Curves, EvalPoint, EvalSet, TrainPoint};

/// A second point at the same iteration replaces the first.
pub(super) fn insert_train(
    tx: &Transaction<'_>,
    attempt: i64,
    point: &TrainPoint,
) -> Result<(), Problem> {
    tx.prepare_cached(
        "INSERT OR REPLACE INTO train_metrics (attempt_id, iteration, error_percent, loss, lr)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        attempt,
        integer("an iteration", point.iteration)?,
        point.error_percent,
        point.loss,
        point.lr,
    ])?;
    Ok(())
}

/// A second point at the same iteration replaces the first.
pub(super) fn insert_eval(
    tx: &Transaction<'_>,
    attempt: i64,
    point: &EvalPoint,
) -> Result<(), Problem> {
    tx.prepare_cached(
        "INSERT OR REPLACE INTO eval_metrics
             (attempt_id, evaluated_on, iteration, error_percent, loss)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        attempt,
        set_word(point.set),
        integer("an iteration", point.iteration)?,
        point.error_percent,
        point.loss,
    ])?;
    Ok(())
}

/// All points of an attempt.
pub(super) fn curves_of(tx: &Transaction<'_>, attempt: i64) -> rusqlite::Result<Curves> {
    let train = collect(
        tx,
        "SELECT iteration, error_percent, loss, lr FROM train_metrics
         WHERE attempt_id = ?1 ORDER BY iteration",
        [attempt],
        train_point,
    )?;
    let mut eval = Vec::new();
    for set in [EvalSet::Test, EvalSet::Validation] {
        eval.extend(collect(
            tx,
            "SELECT iteration, error_percent, loss FROM eval_metrics
             WHERE attempt_id = ?1 AND evaluated_on = ?2 ORDER BY iteration",
            params![attempt, set_word(set)],
            |row| eval_point(row, set),
        )?);
    }
    // Stable: at one iteration, the test set comes first.
    eval.sort_by_key(|point| point.iteration);
    Ok(Curves { train, eval })
}

pub(super) fn last_train(
    tx: &Transaction<'_>,
    attempt: i64,
) -> rusqlite::Result<Option<TrainPoint>> {
    tx.prepare_cached(
        "SELECT iteration, error_percent, loss, lr FROM train_metrics
         WHERE attempt_id = ?1 ORDER BY iteration DESC LIMIT 1",
    )?
    .query_row([attempt], train_point)
    .optional()
}

pub(super) fn last_eval(
    tx: &Transaction<'_>,
    attempt: i64,
    set: EvalSet,
) -> rusqlite::Result<Option<EvalPoint>> {
    tx.prepare_cached(
        "SELECT iteration, error_percent, loss FROM eval_metrics
         WHERE attempt_id = ?1 AND evaluated_on = ?2 ORDER BY iteration DESC LIMIT 1",
    )?
    .query_row(params![attempt, set_word(set)], |row| eval_point(row, set))
    .optional()
}

/// All rows of a query.
pub(super) fn collect<T>(
    connection: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_map(parameters, read)?.collect()
}

fn train_point(row: &Row<'_>) -> rusqlite::Result<TrainPoint> {
    Ok(TrainPoint {
        iteration: unsigned(row, 0)?,
        error_percent: row.get(1)?,
        loss: number_or_nan(row, 2)?,
        lr: row.get(3)?,
    })
}

fn eval_point(row: &Row<'_>, set: EvalSet) -> rusqlite::Result<EvalPoint> {
    Ok(EvalPoint {
        iteration: unsigned(row, 0)?,
        set,
        error_percent: row.get(1)?,
        loss: number_or_nan(row, 2)?,
    })
}

/// SQLite stores NaN as NULL.
fn number_or_nan(row: &Row<'_>, column: usize) -> rusqlite::Result<f64> {
    let value: Option<f64> = row.get(column)?;
    Ok(value.unwrap_or(f64::NAN))
}

/// The recorder writes no negative numbers.
pub(super) fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let value: i64 = row.get(column)?;
    Ok(value as u64)
}

/// The word that is stored for a set of images.
fn set_word(set: EvalSet) -> &'static str {
    match set {
        EvalSet::Test => "test",
        EvalSet::Validation => "validation",
    }
}
