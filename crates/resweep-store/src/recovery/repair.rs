//! Repairs a recovered database: removes rows whose references are missing, and restores what the
//! recorder needs to resume.

use std::collections::HashSet;

use rusqlite::{Connection, params};

use super::logs;
use super::tables::{Reference, Table};
use crate::points::{collect, unsigned};
use resweep_core::domain::TrainingId;

/// The repairs after copying.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Repairs {
    /// Rows that were skipped because a row that they refer to is lost, by table.
    pub left_out: Vec<(&'static str, u64)>,
    /// Runs that are known only from their logs, without costs and data.
    pub runs_from_logs: u64,
    /// Trainings without attempts, which count as interrupted.
    pub reopened: u64,
    /// Labels of finished runs with missing points.
    pub incomplete: Vec<String>,
    /// Runs with points that were not recorded, as `resweep rm` takes them.
    pub changed: Vec<String>,
}

/// Changes nothing if everything was recovered.
pub(super) fn repair(connection: &Connection, schema: &[Table]) -> rusqlite::Result<Repairs> {
    let mut repairs = Repairs::default();
    for table in schema {
        let rows = drop_orphans(connection, table)?;
        if rows > 0 {
            repairs.left_out.push((table.name, rows as u64));
        }
    }
    repairs.runs_from_logs = logs::keep_needed(connection)?;
    repairs.reopened = reopen(connection)?;
    number_attempts(connection)?;
    let incomplete = incomplete(connection)?.into_iter();
    repairs.incomplete = incomplete.map(|(_, label)| label).collect();
    Ok(repairs)
}

/// The trainings of finished runs that lack points.
pub(super) fn incomplete_trainings(
    connection: &Connection,
) -> rusqlite::Result<HashSet<TrainingId>> {
    let incomplete = incomplete(connection)?.into_iter();
    Ok(incomplete.map(|(training, _)| training).collect())
}

/// Removes the rows of a table that refer to missing rows; optional references become NULL.
fn drop_orphans(connection: &Connection, table: &Table) -> rusqlite::Result<usize> {
    let name = table.name;
    let mut rows = 0;
    for Reference {
        column,
        parent,
        parent_column,
        is_optional,
    } in &table.references
    {
        let orphans = format!("{column} NOT IN (SELECT {parent_column} FROM {parent})");
        if *is_optional {
            connection.execute(
                &format!("UPDATE {name} SET {column} = NULL WHERE {orphans}"),
                [],
            )?;
        } else {
            rows += connection.execute(&format!("DELETE FROM {name} WHERE {orphans}"), [])?;
        }
    }
    if name == "attempts" {
        let of_another_run = "DELETE FROM attempts WHERE NOT EXISTS (SELECT 1 FROM trainings AS t
             WHERE t.id = training_id AND t.run_id = attempts.run_id)";
        rows += connection.execute(of_another_run, [])?;
    }
    Ok(rows)
}

/// A training is found only through its attempts.
fn reopen(connection: &Connection) -> rusqlite::Result<u64> {
    let reopened = connection.execute(
        "INSERT INTO attempts (run_id, number, training_id, from_iteration, status, error, transient,
             started_unix_ms, program_version, device, cpu, threads, workers)
         SELECT run_id, -id, id, 0, 'interrupted', ?1, 0,
             coalesce((SELECT max(last_started_unix_ms) FROM sweeps), 0),
             'unknown', 'unknown', 'unknown', 0, 0
         FROM trainings WHERE id NOT IN (SELECT training_id FROM attempts)",
        params!["the record of this attempt was lost with a damaged database"],
    )?;
    Ok(reopened as u64)
}

/// The next attempt's number is the number of attempts plus one.
fn number_attempts(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(
        "UPDATE attempts SET number = -1000000000 - place
         FROM (SELECT id AS attempt, row_number() OVER (
                   PARTITION BY run_id ORDER BY training_id, number) AS place
               FROM attempts)
         WHERE attempt = id;
         UPDATE attempts SET number = -1000000000 - number;",
    )
}

/// Finished runs with fewer points than their configuration requires.
fn incomplete(connection: &Connection) -> rusqlite::Result<Vec<(TrainingId, String)>> {
    let rows = collect(
        connection,
        "SELECT name || ' seed ' || seed,
             config_json ->> '$.train.iterations',
             config_json ->> '$.train.log_every',
             config_json ->> '$.train.eval_every',
             (SELECT count(*) FROM train_metrics AS m WHERE m.training_id = a.training_id),
             (SELECT coalesce(min(points), 0) FROM (
                  SELECT count(*) AS points FROM eval_metrics AS m
                  WHERE m.training_id = a.training_id GROUP BY evaluated_on)),
             a.training_id
         FROM current_attempts AS a JOIN runs ON runs.id = a.run_id
         WHERE status = 'finished' ORDER BY depth, shortcut, seed",
        [],
        |row| {
            let (label, iterations): (String, u64) = (row.get(0)?, unsigned(row, 1)?);
            let wanted = |every: u64| iterations.div_ceil(every.max(1));
            let (log_every, eval_every) = (unsigned(row, 2)?, unsigned(row, 3)?);
            let lacks =
                unsigned(row, 4)? < wanted(log_every) || unsigned(row, 5)? < wanted(eval_every);
            Ok(lacks.then_some((TrainingId(row.get(6)?), label)))
        },
    )?;
    Ok(rows.into_iter().flatten().collect())
}
