//! Finds results of other recorded runs that a run can reuse: checkpoints and points, or the whole
//! result.

use rusqlite::{Connection, OptionalExtension, params};

use super::points::{collect, unsigned};
use super::rows::{AttemptStatus, named};
use super::sums;
use super::values::{Problem, integer};
use resweep_core::domain::{Outcome, Run, RunId, TrainConfig, TrainingId};

/// A recorded training whose result equals the run's.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Twin {
    pub run: RunId,
    pub training: TrainingId,
    pub outcome: Outcome,
}

/// The properties by which equal trainings are compared.
struct Candidate {
    twin: Twin,
    train: TrainConfig,
    /// The last iteration with a measurement.
    end: u64,
}

/// Whether a run with the measurement intervals of `train` can resume from a training's checkpoint
/// at `iteration`: the training must have measured at least as often up to there, because missing
/// measurements cannot be repeated, and an evaluation may end a run as diverged.
pub(super) fn is_dense_enough(
    connection: &Connection,
    training: TrainingId,
    iteration: u64,
    has_curve: bool,
    train: &TrainConfig,
) -> Result<bool, Problem> {
    let evaluations = gap(connection, "eval_metrics", training, iteration)?;
    let points = match has_curve {
        true => 0,
        false => gap(connection, "train_metrics", training, iteration)?,
    };
    Ok(evaluations <= train.eval_every && points <= train.log_every)
}

/// The longest interval between two measurements up to `iteration`.
fn gap(
    connection: &Connection,
    table: &str,
    training: TrainingId,
    iteration: u64,
) -> Result<u64, Problem> {
    let sql = format!(
        "SELECT max(gap) FROM (
             SELECT iteration - lag(iteration, 1, 0) OVER (ORDER BY iteration) AS gap FROM (
                 SELECT iteration FROM {table}
                 WHERE training_id = ?1 AND iteration > 0 AND iteration < ?2
                 UNION SELECT ?2))"
    );
    let iteration = integer("an iteration", iteration)?;
    let mut statement = connection.prepare_cached(&sql)?;
    Ok(statement.query_row(params![training.0, iteration], |row| unsigned(row, 0))?)
}

/// Copies the points before `iteration` from a training that was identical until then. If that one
/// evaluated at every iteration at which `train` asks for it, copies only those evaluations;
/// otherwise all of them.
pub(super) fn copy_before(
    connection: &Connection,
    from: TrainingId,
    to: TrainingId,
    iteration: u64,
    train: &TrainConfig,
) -> Result<(), Problem> {
    let every = match has_every_evaluation(connection, from, iteration, train.eval_every)? {
        true => train.eval_every,
        false => 1,
    };
    copy_points(connection, from, to, iteration, every)
}

fn copy_points(
    connection: &Connection,
    from: TrainingId,
    to: TrainingId,
    before: u64,
    eval_every: u64,
) -> Result<(), Problem> {
    let before = integer("an iteration", before)?;
    connection.execute(
        "INSERT INTO train_metrics (training_id, iteration, error_percent, loss, lr)
         SELECT ?2, iteration, error_percent, loss, lr FROM train_metrics
         WHERE training_id = ?1 AND iteration < ?3",
        params![from.0, to.0, before],
    )?;
    connection.execute(
        "INSERT INTO eval_metrics (training_id, evaluated_on, iteration, error_percent, loss)
         SELECT ?2, evaluated_on, iteration, error_percent, loss FROM eval_metrics
         WHERE training_id = ?1 AND iteration < ?3 AND iteration % ?4 = 0",
        params![from.0, to.0, before, integer("an interval", eval_every)?],
    )?;
    Ok(())
}

/// Whether a training evaluated at each multiple of `every` before `iteration`.
pub(super) fn has_every_evaluation(
    connection: &Connection,
    training: TrainingId,
    iteration: u64,
    every: u64,
) -> Result<bool, Problem> {
    has_every(connection, "eval_metrics", training, iteration, every)
}

/// Whether a training has a row at each multiple of `every` before `iteration`.
fn has_every(
    connection: &Connection,
    table: &str,
    training: TrainingId,
    iteration: u64,
    every: u64,
) -> Result<bool, Problem> {
    let sql = format!(
        "SELECT count(DISTINCT iteration) FROM {table}
         WHERE training_id = ?1 AND iteration > 0 AND iteration < ?2 AND iteration % ?3 = 0"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let found = statement.query_row(
        params![
            training.0,
            integer("an iteration", iteration)?,
            integer("an interval", every)?
        ],
        |row| unsigned(row, 0),
    )?;
    Ok(found == iteration.saturating_sub(1) / every)
}

/// Another run with the same outcome as `run` that recorded everything `run` would record.
pub(super) fn twin(connection: &Connection, run: &Run) -> Result<Option<Twin>, Problem> {
    let Some(trajectory) = run.trajectories.last() else {
        return Ok(None);
    };
    let candidates = collect(
        connection,
        "SELECT runs.id, trainings.id, status, diverged_iteration, config_json ->> '$.train'
         FROM runs
         JOIN trainings ON trainings.id =
             (SELECT id FROM trainings WHERE run_id = runs.id ORDER BY number DESC LIMIT 1)
         JOIN attempts ON attempts.id = (SELECT id FROM attempts
             WHERE training_id = trainings.id ORDER BY number DESC LIMIT 1)
         WHERE runs.trajectory = ?1 AND runs.id <> ?2 AND status IN ('finished', 'diverged')",
        [&trajectory.0, &run.id.0],
        |row| {
            let status: AttemptStatus = named(row, 2)?;
            let diverged: Option<i64> = row.get(3)?;
            let outcome = match status {
                AttemptStatus::Diverged => Outcome::Diverged {
                    iteration: diverged.unwrap_or(0) as u64,
                },
                _ => Outcome::Finished,
            };
            let twin = Twin {
                run: RunId(row.get(0)?),
                training: TrainingId(row.get(1)?),
                outcome,
            };
            let json: String = row.get(4)?;
            Ok((twin, json))
        },
    )?;
    for (twin, json) in candidates {
        let train: TrainConfig = serde_json::from_str(&json)?;
        let end = match twin.outcome {
            Outcome::Diverged { iteration } => iteration,
            _ => train.iterations,
        };
        let candidate = Candidate { twin, train, end };
        if recorded_all(connection, run, &candidate)? {
            return Ok(Some(candidate.twin));
        }
    }
    Ok(None)
}

fn recorded_all(
    connection: &Connection,
    run: &Run,
    candidate: &Candidate,
) -> Result<bool, Problem> {
    let Candidate { twin, train, end } = candidate;
    let wanted = &run.config.configuration.train;
    let same_training =
        train.iterations == wanted.iterations && train.log_every == wanted.log_every;
    if !same_training || !ends_alike(candidate, wanted) {
        return Ok(false);
    }
    let evaluated = has_every_evaluation(connection, twin.training, *end, wanted.eval_every)?;
    let finished = twin.outcome == Outcome::Finished;
    let layers = !wanted.layer_stats || !finished || has_layers(connection, twin.training)?;
    Ok(evaluated && layers && is_on_grid(connection, twin.training, *end, wanted.log_every)?)
}

/// Whether a candidate's outcome is valid for a run with the same training: a diverged run may have
/// diverged in an evaluation that the other does not make.
fn ends_alike(candidate: &Candidate, wanted: &TrainConfig) -> bool {
    let Candidate { twin, train, end } = candidate;
    if twin.outcome == Outcome::Finished {
        return true;
    }
    let is_last = *end == train.iterations;
    if is_last && train.layer_stats && !wanted.layer_stats {
        return false;
    }
    let evaluated_then = is_last || end.is_multiple_of(train.eval_every);
    let evaluates_then = is_last || end.is_multiple_of(wanted.eval_every);
    evaluates_then || !evaluated_then
}

/// Whether the training curve before `end` has points only at multiples of `every`.
fn is_on_grid(
    connection: &Connection,
    training: TrainingId,
    end: u64,
    every: u64,
) -> Result<bool, Problem> {
    let points: u64 = connection
        .prepare_cached(
            "SELECT count(*) FROM train_metrics WHERE training_id = ?1 AND iteration < ?2",
        )?
        .query_row(params![training.0, integer("an iteration", end)?], |row| {
            unsigned(row, 0)
        })?;
    let all = has_every(connection, "train_metrics", training, end, every)?;
    Ok(all && points == end.saturating_sub(1) / every)
}

fn has_layers(connection: &Connection, training: TrainingId) -> Result<bool, Problem> {
    let found = connection
        .prepare_cached("SELECT 1 FROM layer_stats WHERE training_id = ?1 LIMIT 1")?
        .query_row([training.0], |_| Ok(()))
        .optional()?;
    Ok(found.is_some())
}

/// Copies a twin's result to a run that was never started: the points that the run asks for, with
/// the twin's times, machine and program.
pub(super) fn adopt(
    connection: &Connection,
    run: &Run,
    twin: &Twin,
) -> Result<TrainingId, Problem> {
    let id = connection.query_row(
        "INSERT INTO trainings (run_id, number, shares_checkpoints) VALUES (?1, 1, 1) RETURNING id",
        [&run.id.0],
        |row| row.get(0),
    )?;
    let (from, to) = (twin.training, TrainingId(id));
    connection.execute(
        "INSERT INTO attempts (run_id, number, training_id, process_id, from_iteration, status,
             transient, diverged_iteration, started_unix_ms, ended_unix_ms, wall_ms,
             program_version, git_commit, device, cpu, threads, workers)
         SELECT ?1, 1, ?2, NULL, coalesce(diverged_iteration, ?4), status, 0, diverged_iteration,
             started_unix_ms, ended_unix_ms, 0, program_version, git_commit, device, cpu, threads,
             workers
         FROM attempts WHERE training_id = ?3 ORDER BY number DESC LIMIT 1",
        params![
            run.id.0,
            to.0,
            from.0,
            integer("an iteration", run.config.configuration.train.iterations)?
        ],
    )?;
    copy_result(connection, run, twin, to)?;
    Ok(to)
}

fn copy_result(
    connection: &Connection,
    run: &Run,
    twin: &Twin,
    to: TrainingId,
) -> Result<(), Problem> {
    let from = twin.training;
    sums::check(connection, from)?;
    let train = &run.config.configuration.train;
    let end = match twin.outcome {
        Outcome::Diverged { iteration } => iteration,
        _ => train.iterations,
    };
    copy_points(connection, from, to, end, train.eval_every)?;
    // The final points may be off the grid.
    let at = integer("an iteration", end)?;
    connection.execute(
        "INSERT INTO train_metrics SELECT ?2, iteration, error_percent, loss, lr
         FROM train_metrics WHERE training_id = ?1 AND iteration = ?3",
        params![from.0, to.0, at],
    )?;
    connection.execute(
        "INSERT INTO eval_metrics SELECT ?2, evaluated_on, iteration, error_percent, loss
         FROM eval_metrics WHERE training_id = ?1 AND iteration = ?3",
        params![from.0, to.0, at],
    )?;
    if train.layer_stats {
        connection.execute(
            "INSERT INTO layer_stats SELECT ?2, layer, name, std
             FROM layer_stats WHERE training_id = ?1",
            params![from.0, to.0],
        )?;
    }
    sums::update(connection, to)?;
    Ok(())
}
