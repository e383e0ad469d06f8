//! Arbitrates runs between processes: which process trains which run.

use std::collections::HashSet;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::checkpoints;
use super::points::{collect, unsigned};
use super::process::{Others, Pulse};
use super::rows::{AttemptStatus, named_if_any};
use super::values::{Problem, integer};
use resweep_core::domain::{Outcome, Run, RunId, TrainingId};
use resweep_core::files::Place;

/// A run that this process trains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HeldRun {
    pub attempt: i64,
    pub training: TrainingId,
    /// The folder of its checkpoints.
    pub folder: Place,
}

/// Options for claiming runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClaimOptions {
    /// Repeats runs that ended before the process began.
    pub fresh: bool,
    /// The newest attempt of any run when the process began.
    pub last_attempt_before: i64,
}

/// A training to work on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Training {
    pub id: TrainingId,
    pub number: u64,
    pub shares_checkpoints: bool,
}

/// The availability of a run to the process that wants to lease it.
pub(super) enum Availability {
    EndedElsewhere(Outcome),
    LeasedElsewhere,
    Free(Training),
}

/// The newest training of a run and the newest attempt at it.
struct LastAttempt {
    training: Training,
    /// 0 if it was submitted and never begun.
    attempt: i64,
    status: Option<AttemptStatus>,
    error: Option<String>,
    transient: bool,
    diverged_iteration: Option<i64>,
    /// The process at work.
    process: Option<Pulse>,
}

/// Whether process `me` can train `run`, and the training to work on. The runs of dead processes are
/// free. `Recorder::try_claim` inserts the attempt in the same transaction.
pub(super) fn availability(
    connection: &Connection,
    run: &Run,
    me: i64,
    options: &ClaimOptions,
    others: &mut Others,
) -> Result<Availability, Problem> {
    if is_submitted(connection, &run.id)? {
        return Ok(Availability::LeasedElsewhere);
    }
    let Some(last) = last_attempt_of(connection, run)? else {
        let shares = !options.fresh;
        return Ok(Availability::Free(insert_training(
            connection, run, 1, shares,
        )?));
    };
    let Some(status) = last.status else {
        return Ok(Availability::Free(last.training));
    };
    let mine = last.process.is_some_and(|pulse| pulse.process == me);
    let ended_before = last.attempt <= options.last_attempt_before;
    let again = options.fresh && ended_before;
    let availability = match status {
        AttemptStatus::Running => match last.process {
            Some(pulse) if !mine && !others.is_dead(pulse) => Availability::LeasedElsewhere,
            _ => {
                connection.execute(
                    "UPDATE attempts SET status = 'interrupted' WHERE id = ?1",
                    [last.attempt],
                )?;
                training_to_work_on(connection, run, last.training, again)?
            }
        },
        AttemptStatus::Finished if !again && is_wanted_again(connection, run)? => {
            let number = last.training.number + 1;
            Availability::Free(insert_training(connection, run, number, true)?)
        }
        AttemptStatus::Finished if !again => Availability::EndedElsewhere(Outcome::Finished),
        AttemptStatus::Diverged if !again => Availability::EndedElsewhere(Outcome::Diverged {
            iteration: last.diverged_iteration.unwrap_or(0) as u64,
        }),
        // Another process has just recorded a permanent failure, which would only repeat.
        AttemptStatus::Failed if !ended_before && !mine && !last.transient => {
            Availability::EndedElsewhere(Outcome::Failed {
                error: last.error.unwrap_or_default(),
                transient: false,
                out_of_memory: false,
                disk_full: false,
                device_lost: false,
            })
        }
        _ => training_to_work_on(connection, run, last.training, again)?,
    };
    Ok(availability)
}

/// Whether a task on a cluster has the run.
pub(super) fn is_submitted(connection: &Connection, run: &RunId) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM submission_runs WHERE run_id = ?1 AND state = 'open')",
        )?
        .query_row([&run.0], |row| row.get(0))
}

/// Whether any process has started the run.
pub(super) fn was_started(connection: &Connection, run: &Run) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM trainings WHERE run_id = ?1)")?
        .query_row([&run.id.0], |row| row.get(0))
}

/// Whether the run is finished, other runs need it as parent, and no copy of its final checkpoint
/// exists.
fn is_wanted_again(connection: &Connection, run: &Run) -> Result<bool, Problem> {
    let needed: bool = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM run_needs WHERE needs = ?1)")?
        .query_row([&run.id.0], |row| row.get(0))?;
    if !needed {
        return Ok(false);
    }
    let iterations = run.config.configuration.train.iterations;
    let trajectory = run.trajectory(iterations);
    Ok(!checkpoints::has_final_state(
        connection, trajectory, iterations,
    )?)
}

/// The last training, or a new one with `again`.
fn training_to_work_on(
    connection: &Connection,
    run: &Run,
    last: Training,
    again: bool,
) -> Result<Availability, Problem> {
    Ok(Availability::Free(if again {
        insert_training(connection, run, last.number + 1, false)?
    } else {
        last
    }))
}

/// The running attempts of a process.
pub(super) fn running(connection: &Connection, process: i64) -> rusqlite::Result<HashSet<i64>> {
    let rows = collect(
        connection,
        "SELECT id FROM attempts WHERE process_id = ?1 AND status = 'running'",
        [process],
        |row| row.get(0),
    )?;
    Ok(rows.into_iter().collect())
}

/// The newest attempt at any run, 0 if there is none.
pub(super) fn last_attempt(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("SELECT coalesce(max(id), 0) FROM attempts", [], |row| {
        row.get(0)
    })
}

fn last_attempt_of(connection: &Connection, run: &Run) -> Result<Option<LastAttempt>, Problem> {
    let last = connection
        .prepare_cached(
            "SELECT trainings.id, trainings.number, shares_checkpoints, coalesce(attempts.id, 0),
                 status, error, coalesce(transient, 0), diverged_iteration, process_id,
                 coalesce(beats, 0), coalesce(beat_ms, 0)
             FROM trainings
             LEFT JOIN attempts ON attempts.training_id = trainings.id
             LEFT JOIN processes ON processes.id = process_id
             WHERE trainings.run_id = ?1
             ORDER BY trainings.number DESC, attempts.number DESC LIMIT 1",
        )?
        .query_row([&run.id.0], |row| {
            let process: Option<i64> = row.get(8)?;
            let beats: i64 = row.get(9)?;
            let every = Duration::from_millis(unsigned(row, 10)?);
            Ok(LastAttempt {
                training: Training {
                    id: TrainingId(row.get(0)?),
                    number: row.get::<_, i64>(1)? as u64,
                    shares_checkpoints: row.get(2)?,
                },
                attempt: row.get(3)?,
                status: named_if_any(row, 4)?,
                error: row.get(5)?,
                transient: row.get(6)?,
                diverged_iteration: row.get(7)?,
                process: process.map(|process| Pulse {
                    process,
                    beats,
                    every,
                }),
            })
        })
        .optional()?;
    Ok(last)
}

fn insert_training(
    connection: &Connection,
    run: &Run,
    number: u64,
    shares_checkpoints: bool,
) -> Result<Training, Problem> {
    let id = connection
        .prepare_cached(
            "INSERT INTO trainings (run_id, number, shares_checkpoints) VALUES (?1, ?2, ?3)
             RETURNING id",
        )?
        .query_row(
            params![
                run.id.0,
                integer("a number of trainings", number)?,
                shares_checkpoints
            ],
            |row| row.get(0),
        )?;
    Ok(Training {
        id: TrainingId(id),
        number,
        shares_checkpoints,
    })
}
