//! Inserts and reads measurements.

use rusqlite::{Connection, OptionalExtension, Row, Statement, ToSql, params};
use strum::VariantArray;

use super::values::{Problem, integer};
use resweep_core::domain::{
    Curves, ErrorPoint, EvalPoint, EvalSet, Measurements, TrainPoint, TrainingId,
};

/// The number of values per row of measurements.
const VALUES: usize = 5;

/// Inserts points in one statement. A second point at the same iteration replaces the first.
pub(super) fn insert_train(
    connection: &Connection,
    points: &[(TrainingId, TrainPoint)],
) -> Result<(), Problem> {
    let mut statement = connection.prepare_cached(&insertion(
        "train_metrics (training_id, iteration, error_percent, loss, lr)",
        points.len(),
    ))?;
    for (row, (training, point)) in points.iter().enumerate() {
        let values: [&dyn ToSql; VALUES] = [
            &training.0,
            &integer("an iteration", point.iteration)?,
            &point.error_percent,
            &point.loss,
            &point.lr,
        ];
        bind(&mut statement, row, values)?;
    }
    statement.raw_execute()?;
    Ok(())
}

/// Inserts points in one statement. A second point at the same iteration replaces the first.
pub(super) fn insert_eval(
    connection: &Connection,
    points: &[(TrainingId, EvalPoint)],
) -> Result<(), Problem> {
    let mut statement = connection.prepare_cached(&insertion(
        "eval_metrics (training_id, evaluated_on, iteration, error_percent, loss)",
        points.len(),
    ))?;
    for (row, (training, point)) in points.iter().enumerate() {
        let values: [&dyn ToSql; VALUES] = [
            &training.0,
            &point.set.into_str(),
            &integer("an iteration", point.iteration)?,
            &point.error_percent,
            &point.loss,
        ];
        bind(&mut statement, row, values)?;
    }
    statement.raw_execute()?;
    Ok(())
}

/// The statement for a number of rows of [`VALUES`] values.
fn insertion(table_and_columns: &str, rows: usize) -> String {
    let row = "(?, ?, ?, ?, ?)";
    let rows = vec![row; rows].join(", ");
    format!("INSERT OR REPLACE INTO {table_and_columns} VALUES {rows}")
}

/// Binds the values of one row of a statement.
fn bind(
    statement: &mut Statement<'_>,
    row: usize,
    values: [&dyn ToSql; VALUES],
) -> rusqlite::Result<()> {
    for (column, value) in values.into_iter().enumerate() {
        statement.raw_bind_parameter(row * VALUES + column + 1, value)?;
    }
    Ok(())
}

/// Deletes the points from `iteration` on, which will be measured again.
pub(super) fn delete_from(
    connection: &Connection,
    training: TrainingId,
    iteration: u64,
) -> Result<(), Problem> {
    let iteration = integer("an iteration", iteration)?;
    for sql in [
        "DELETE FROM train_metrics WHERE training_id = ?1 AND iteration >= ?2",
        "DELETE FROM eval_metrics WHERE training_id = ?1 AND iteration >= ?2",
    ] {
        connection.execute(sql, params![training.0, iteration])?;
    }
    Ok(())
}

/// Replaces the training curve of a training.
pub(super) fn replace_train(
    connection: &Connection,
    training: TrainingId,
    points: &[TrainPoint],
) -> Result<(), Problem> {
    connection.execute(
        "DELETE FROM train_metrics WHERE training_id = ?1",
        [training.0],
    )?;
    for point in points {
        insert_train(connection, &[(training, *point)])?;
    }
    Ok(())
}

/// All points of a training.
pub(super) fn measurements_of(
    connection: &Connection,
    training: TrainingId,
) -> rusqlite::Result<Measurements> {
    let train = collect(
        connection,
        "SELECT iteration, error_percent, loss, lr FROM train_metrics
         WHERE training_id = ?1 ORDER BY iteration",
        [training.0],
        train_point,
    )?;
    Ok(Measurements {
        train,
        eval: evaluations(connection, training)?,
    })
}

/// The data that figures need of a training.
pub(super) fn curves_of(connection: &Connection, training: TrainingId) -> rusqlite::Result<Curves> {
    let train = collect(
        connection,
        "SELECT iteration, error_percent, loss FROM train_metrics
         WHERE training_id = ?1 ORDER BY iteration",
        [training.0],
        |row| {
            Ok(ErrorPoint {
                iteration: unsigned(row, 0)?,
                error_percent: row.get(1)?,
                loss: number_or_nan(row, 2)?,
            })
        },
    )?;
    let images = images(connection, training)?;
    Ok(Curves {
        train,
        eval: evaluations(connection, training)?,
        measured: measured(connection, training)?,
        diverged: diverged(connection, training)?,
        guess_error_percent: images.map(|(guess, _)| guess),
        train_images: images.map(|(_, count)| count),
    })
}

fn evaluations(connection: &Connection, training: TrainingId) -> rusqlite::Result<Vec<EvalPoint>> {
    let mut points = Vec::new();
    for set in EvalSet::VARIANTS.iter().copied() {
        points.extend(collect(
            connection,
            "SELECT iteration, error_percent, loss FROM eval_metrics
             WHERE training_id = ?1 AND evaluated_on = ?2 ORDER BY iteration",
            params![training.0, set.into_str()],
            |row| eval_point(row, set),
        )?);
    }
    // A stable sort: at equal iterations, the test set comes first.
    points.sort_by_key(|point| point.iteration);
    Ok(points)
}

/// The evaluation error of guessing among a training's images, and how many it trains on, where
/// they are recorded.
fn images(connection: &Connection, training: TrainingId) -> rusqlite::Result<Option<(f64, u64)>> {
    connection
        .prepare_cached(
            "SELECT guess_error_percent, train_images FROM run_images
             WHERE run_id = (SELECT run_id FROM trainings WHERE id = ?1)",
        )?
        .query_row([training.0], |row| Ok((row.get(0)?, unsigned(row, 1)?)))
        .optional()
}

/// The iteration at which the newest attempt at a training diverged, if it did.
fn diverged(connection: &Connection, training: TrainingId) -> rusqlite::Result<Option<u64>> {
    let newest = connection
        .prepare_cached(
            "SELECT iif(status = 'diverged', coalesce(diverged_iteration, 0), NULL)
             FROM attempts WHERE training_id = ?1 ORDER BY number DESC LIMIT 1",
        )?
        .query_row([training.0], |row| row.get::<_, Option<i64>>(0))
        .optional()?;
    Ok(newest.flatten().map(|iteration| iteration as u64))
}

/// The date of the last change of a training.
fn measured(connection: &Connection, training: TrainingId) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached(
            "SELECT date(max(coalesce(ended_unix_ms, started_unix_ms)) / 1000, 'unixepoch')
             FROM attempts WHERE training_id = ?1",
        )?
        .query_row([training.0], |row| row.get(0))
}

pub(super) fn last_train(
    connection: &Connection,
    training: TrainingId,
) -> rusqlite::Result<Option<TrainPoint>> {
    connection
        .prepare_cached(
            "SELECT iteration, error_percent, loss, lr FROM train_metrics
         WHERE training_id = ?1 ORDER BY iteration DESC LIMIT 1",
        )?
        .query_row([training.0], train_point)
        .optional()
}

pub(super) fn last_eval(
    connection: &Connection,
    training: TrainingId,
    set: EvalSet,
) -> rusqlite::Result<Option<EvalPoint>> {
    connection
        .prepare_cached(
            "SELECT iteration, error_percent, loss FROM eval_metrics
         WHERE training_id = ?1 AND evaluated_on = ?2 ORDER BY iteration DESC LIMIT 1",
        )?
        .query_row(params![training.0, set.into_str()], |row| {
            eval_point(row, set)
        })
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

/// The recorder never writes negative numbers.
pub(super) fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let value: i64 = row.get(column)?;
    Ok(value as u64)
}
