//! Rows of checkpoints, and their files.
//!
//! A file counts only while it has a row. Rows are changed first and files removed after the
//! commit, so that a crash never leaves a row without its file.

use std::io;
use std::path::Path;

use rusqlite::{Connection, params};

use super::points::{collect, unsigned};
use super::shared_results;
use super::values::{Problem, integer};
use resweep_core::domain::{
    Checkpoint, ParentRun, Run, RunId, Saved, Sha256, TrainingId, TrajectoryId, hex,
};
use resweep_core::files::{Entry, Place};

/// Checkpoints that a training keeps: the newest, and the one before in case it is damaged.
pub(super) const KEPT: i64 = 2;
/// Checkpoints that a run may try to resume from.
const CANDIDATES_MAX: usize = 8;

/// The folder for the checkpoints of a training.
pub(super) fn folder(database: &Path, run_id: &str, training_number: u64) -> Place {
    super::beside(database)
        .join("checkpoints")
        .join(run_id)
        .join(training_number.to_string())
}

/// A checkpoint from which a run can resume.
pub(super) struct Candidate {
    pub checkpoint: Checkpoint,
    /// The run whose training wrote it.
    pub run: RunId,
    has_curve: bool,
}

/// The checkpoints from which a training of `run` can resume, latest first, its own before others'.
/// `training` is `None` for a run that was never started.
pub(super) fn candidates(
    connection: &Connection,
    database: &Path,
    run: &Run,
    training: Option<TrainingId>,
    shares: bool,
) -> Result<Vec<Candidate>, Problem> {
    let mut found = Vec::new();
    let train = &run.config.configuration.train;
    for candidate in of_trajectories(connection, database, run, training, shares)? {
        let (from, iteration) = (
            candidate.checkpoint.training,
            candidate.checkpoint.iteration,
        );
        let has_curve = candidate.has_curve;
        let usable = Some(from) == training
            || shared_results::is_dense_enough(connection, from, iteration, has_curve, train)?;
        if usable {
            found.push(candidate);
        }
        if found.len() == CANDIDATES_MAX {
            break;
        }
    }
    Ok(found)
}

/// The checkpoints on the run's trajectories, latest first, independent of earlier measurements.
fn of_trajectories(
    connection: &Connection,
    database: &Path,
    run: &Run,
    training: Option<TrainingId>,
    shares: bool,
) -> Result<Vec<Candidate>, Problem> {
    let mut found = Vec::new();
    let own = training.map(|training| training.0);
    for (trajectory, iterations) in run.stretches() {
        let (first, last) = iterations.into_inner();
        found.extend(collect(
            connection,
            "SELECT training_id, iteration, sha256, run_id, number,
                 coalesce(file_trajectory, trajectory), has_curve
             FROM checkpoints JOIN trainings ON trainings.id = training_id
             WHERE trajectory = ?1 AND iteration BETWEEN ?2 AND ?3 AND (?4 OR training_id = ?5)
             ORDER BY iteration DESC, training_id IS ?5 DESC LIMIT 64",
            params![
                trajectory.0,
                integer("an iteration", first)?,
                integer("an iteration", last)?,
                shares,
                own
            ],
            |row| {
                let (iteration, digits): (u64, String) = (unsigned(row, 1)?, row.get(2)?);
                let run_id: String = row.get(3)?;
                let path = folder(database, &run_id, unsigned(row, 4)?);
                Ok(Candidate {
                    checkpoint: Checkpoint {
                        training: TrainingId(row.get(0)?),
                        iteration,
                        path: path.join(file_name(iteration)),
                        sha256: parse(&digits),
                        trajectory: TrajectoryId(row.get(5)?),
                    },
                    run: RunId(run_id),
                    has_curve: row.get(6)?,
                })
            },
        )?);
    }
    found.sort_by_key(|candidate| {
        let own = Some(candidate.checkpoint.training) == training;
        std::cmp::Reverse((candidate.checkpoint.iteration, own))
    });
    Ok(found)
}

/// Every copy of the parent's final checkpoint, the parent's own newest one first.
pub(super) fn of_parent(
    connection: &Connection,
    database: &Path,
    parent: &ParentRun,
) -> Result<Vec<Checkpoint>, Problem> {
    let copies = collect(
        connection,
        "SELECT training_id, sha256, run_id, number, coalesce(file_trajectory, trajectory)
         FROM checkpoints JOIN trainings ON trainings.id = training_id
         WHERE trajectory = ?1 AND iteration = ?2
         ORDER BY run_id = ?3 DESC, number DESC LIMIT 8",
        params![
            parent.trajectory.0,
            integer("an iteration", parent.iteration)?,
            parent.run.0
        ],
        |row| {
            let (digits, run_id): (String, String) = (row.get(1)?, row.get(2)?);
            let folder = folder(database, &run_id, unsigned(row, 3)?);
            Ok(Checkpoint {
                training: TrainingId(row.get(0)?),
                iteration: parent.iteration,
                path: folder.join(file_name(parent.iteration)),
                sha256: parse(&digits),
                trajectory: TrajectoryId(row.get(4)?),
            })
        },
    )?;
    Ok(copies)
}

/// Whether a copy of the run's final checkpoint exists.
pub(super) fn has_final_state(
    connection: &Connection,
    trajectory: &TrajectoryId,
    iteration: u64,
) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM checkpoints WHERE trajectory = ?1 AND iteration = ?2)",
        )?
        .query_row(params![trajectory.0, iteration as i64], |row| row.get(0))
}

/// Records a checkpoint on disk and deletes the rows of those that are no longer needed. Returns
/// the iterations of the latter, whose files must be removed.
pub(super) fn insert(
    connection: &Connection,
    run: &Run,
    training: TrainingId,
    saved: &Saved,
) -> Result<Vec<u64>, Problem> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO checkpoints
                 (training_id, iteration, trajectory, sha256, bytes, has_curve)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            training.0,
            integer("an iteration", saved.iteration)?,
            run.trajectory(saved.iteration).0,
            hex(&saved.sha256),
            integer("a size", saved.bytes)?,
            saved.has_curve,
        ])?;
    let drops = serde_json::to_string(&run.config.configuration.train.lr_drops)?;
    let forgotten = collect(
        connection,
        "DELETE FROM checkpoints WHERE training_id = ?1
             AND iteration NOT IN (SELECT value FROM json_each(?3))
             AND iteration NOT IN
                 (SELECT iteration FROM checkpoints WHERE training_id = ?1
                  ORDER BY iteration DESC LIMIT ?2)
         RETURNING iteration",
        params![training.0, KEPT, drops],
        |row| unsigned(row, 0),
    )?;
    Ok(forgotten)
}

/// Keeps the checkpoints from which a longer run can resume once `run` has finished: the last one,
/// and those at the drops of the learning rate, which move in a longer run if they are fractions.
pub(super) fn keep_results(
    connection: &Connection,
    run: &Run,
    training: TrainingId,
) -> Result<(), Problem> {
    let train = &run.config.configuration.train;
    let mut kept = train.lr_drops.clone();
    kept.push(train.iterations);
    connection.execute(
        "DELETE FROM checkpoints WHERE training_id = ?1
             AND iteration NOT IN (SELECT value FROM json_each(?2))",
        params![training.0, serde_json::to_string(&kept)?],
    )?;
    Ok(())
}

/// Deletes the rows of all checkpoints of a training.
pub(super) fn forget(connection: &Connection, training: TrainingId) -> rusqlite::Result<()> {
    let sql = "DELETE FROM checkpoints WHERE training_id = ?1";
    connection.execute(sql, [training.0])?;
    Ok(())
}

/// Copies the last checkpoint of the source training for an adopted training. The copy is optional,
/// so a missing file is not an error.
pub(super) fn adopt(
    connection: &Connection,
    database: &Path,
    run: &Run,
    from: TrainingId,
    to: TrainingId,
) -> Result<(), Problem> {
    let iterations = run.config.configuration.train.iterations;
    let source = connection
        .prepare_cached("SELECT run_id, number FROM trainings WHERE id = ?1")?
        .query_row([from.0], |row| {
            let run_id: String = row.get(0)?;
            Ok(folder(database, &run_id, unsigned(row, 1)?))
        })?;
    let target = folder(database, &run.id.0, 1);
    let name = file_name(iterations);
    if copy_file(&source.join(&name), &target.join(&name)).is_err() {
        return Ok(());
    }
    connection.execute(
        "INSERT INTO checkpoints
             (training_id, iteration, trajectory, sha256, bytes, file_trajectory, has_curve)
         SELECT ?2, iteration, trajectory, sha256, bytes, file_trajectory, has_curve
         FROM checkpoints WHERE training_id = ?1 AND iteration = ?3",
        params![from.0, to.0, integer("an iteration", iterations)?],
    )?;
    Ok(())
}

fn copy_file(source: &Place, target: &Place) -> io::Result<()> {
    target.write(&[&source.read()?])
}

/// Deletes the rows of checkpoints after `iteration`, which turned out to be damaged.
pub(super) fn forget_after(
    connection: &Connection,
    training: TrainingId,
    iteration: u64,
) -> Result<(), Problem> {
    connection.execute(
        "DELETE FROM checkpoints WHERE training_id = ?1 AND iteration > ?2",
        params![training.0, integer("an iteration", iteration)?],
    )?;
    Ok(())
}

/// The file name of a checkpoint in its training's folder.
pub(super) fn file_name(iteration: u64) -> String {
    format!("{iteration}.safetensors")
}

/// Whether a file has the name of a checkpoint, finished or not. Nothing else in the folder of a
/// training is ever removed.
pub(super) fn is_ours(entry: &Entry) -> bool {
    let digits = entry
        .name()
        .and_then(|name| name.strip_suffix(".safetensors"));
    let named = digits.is_some_and(|digits| digits.parse::<u64>().is_ok());
    named && (entry.is_file || entry.is_link) || entry.is_temporary()
}

/// Removes checkpoints without a row from a training's folder: old ones, and those that a process
/// left unfinished when it died. Failures are ignored: the next call tries again. Nobody may be
/// writing there.
pub(super) fn remove_unlisted(
    connection: &Connection,
    training: TrainingId,
    folder: &Place,
) -> rusqlite::Result<()> {
    let listed: Vec<u64> = collect(
        connection,
        "SELECT iteration FROM checkpoints WHERE training_id = ?1",
        [training.0],
        |row| unsigned(row, 0),
    )?;
    let names: Vec<String> = listed.iter().copied().map(file_name).collect();
    for entry in folder.entries() {
        let is_listed = names.iter().any(|name| entry.name() == Some(name));
        if is_ours(&entry) && !is_listed {
            let _ = entry.place.remove_file();
        }
    }
    if listed.is_empty() {
        // Only succeeds for empty folders.
        let _ = folder.remove_folder();
        let _ = folder.folder().remove_folder();
    }
    Ok(())
}

/// Malformed digits match no file.
pub(super) fn parse(digits: &str) -> Sha256 {
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks(2)) {
        let pair = std::str::from_utf8(pair).unwrap_or_default();
        *byte = u8::from_str_radix(pair, 16).unwrap_or_default();
    }
    bytes
}
