//! Checkpoints as the database knows them, and their files.
//!
//! A file counts only while it has a row. Rows are changed first and files removed after the
//! commit, so that a row never lacks its file because of a crash.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};

use super::points::{collect, unsigned};
use super::values::{Problem, integer};
use resweep_core::domain::{Checkpoint, Origin, Run, Saved, Sha256, TrainingId, TrajectoryId, hex};

/// Checkpoints that a training keeps: the newest, and the one before in case it is damaged.
const KEPT: i64 = 2;

/// The folder for the checkpoints of a training.
pub(super) fn folder(database: &Path, run_id: &str, training_number: u64) -> PathBuf {
    database
        .with_file_name("checkpoints")
        .join(run_id)
        .join(training_number.to_string())
}

/// What a training of `run` can go on from, the furthest first, its own before others'.
pub(super) fn candidates(
    connection: &Connection,
    database: &Path,
    run: &Run,
    training: TrainingId,
    shares: bool,
) -> Result<Vec<Checkpoint>, Problem> {
    let mut found = Vec::new();
    for (trajectory, iterations) in run.stretches() {
        let (first, last) = iterations.into_inner();
        found.extend(collect(
            connection,
            "SELECT training_id, iteration, sha256, run_id, number
             FROM checkpoints JOIN trainings ON trainings.id = training_id
             WHERE trajectory = ?1 AND iteration BETWEEN ?2 AND ?3 AND (?4 OR training_id = ?5)
             ORDER BY iteration DESC, training_id = ?5 DESC LIMIT 8",
            params![
                trajectory.0,
                integer("an iteration", first)?,
                integer("an iteration", last)?,
                shares,
                training.0
            ],
            |row| {
                let (iteration, digits): (u64, String) = (unsigned(row, 1)?, row.get(2)?);
                let run_id: String = row.get(3)?;
                let path = folder(database, &run_id, unsigned(row, 4)?);
                Ok(Checkpoint {
                    training: TrainingId(row.get(0)?),
                    iteration,
                    path: path.join(file_name(iteration)),
                    sha256: parse(&digits),
                })
            },
        )?);
    }
    found.sort_by_key(|checkpoint| {
        let own = checkpoint.training == training;
        std::cmp::Reverse((checkpoint.iteration, own))
    });
    Ok(found)
}

/// Every copy of the final state of the run that another grows from, its own newest one first.
pub(super) fn of_origin(
    connection: &Connection,
    database: &Path,
    origin: &Origin,
) -> Result<Vec<Checkpoint>, Problem> {
    let copies = collect(
        connection,
        "SELECT training_id, sha256, run_id, number
         FROM checkpoints JOIN trainings ON trainings.id = training_id
         WHERE trajectory = ?1 AND iteration = ?2
         ORDER BY run_id = ?3 DESC, number DESC LIMIT 8",
        params![
            origin.trajectory.0,
            integer("an iteration", origin.iteration)?,
            origin.run.0
        ],
        |row| {
            let (digits, run_id): (String, String) = (row.get(1)?, row.get(2)?);
            let folder = folder(database, &run_id, unsigned(row, 3)?);
            Ok(Checkpoint {
                training: TrainingId(row.get(0)?),
                iteration: origin.iteration,
                path: folder.join(file_name(origin.iteration)),
                sha256: parse(&digits),
            })
        },
    )?;
    Ok(copies)
}

/// Whether a copy of the state of a run after its last iteration is left.
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

/// Takes note of a checkpoint that is on the disk, and forgets those that are no longer needed:
/// returns their iterations, for their files to be removed.
pub(super) fn insert(
    connection: &Connection,
    run: &Run,
    training: TrainingId,
    saved: &Saved,
) -> Result<Vec<u64>, Problem> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO checkpoints (training_id, iteration, trajectory, sha256, bytes)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            training.0,
            integer("an iteration", saved.iteration)?,
            run.trajectory(saved.iteration).0,
            hex(&saved.sha256),
            integer("a size", saved.bytes)?,
        ])?;
    let forgotten = collect(
        connection,
        "DELETE FROM checkpoints WHERE training_id = ?1 AND iteration NOT IN
             (SELECT iteration FROM checkpoints WHERE training_id = ?1
              ORDER BY iteration DESC LIMIT ?2)
         RETURNING iteration",
        params![training.0, KEPT],
        |row| unsigned(row, 0),
    )?;
    Ok(forgotten)
}

/// Keeps the checkpoint of one iteration only, or none.
pub(super) fn keep_only(
    connection: &Connection,
    training: TrainingId,
    iteration: Option<u64>,
) -> Result<(), Problem> {
    let kept = iteration.map(|kept| integer("an iteration", kept));
    connection.execute(
        "DELETE FROM checkpoints WHERE training_id = ?1 AND iteration IS NOT ?2",
        params![training.0, kept.transpose()?],
    )?;
    Ok(())
}

/// Forgets the checkpoints after `iteration`, which have turned out to be damaged.
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

/// The file of a checkpoint in its training's folder.
pub(super) fn file_name(iteration: u64) -> String {
    format!("{iteration}.safetensors")
}

/// Removes what is in a training's folder and has no row: old checkpoints, and what a process
/// left behind when it died. What cannot be removed is tried again the next time. Nobody may be
/// writing there.
pub(super) fn remove_unlisted(
    connection: &Connection,
    training: TrainingId,
    folder: &Path,
) -> rusqlite::Result<()> {
    let listed: Vec<u64> = collect(
        connection,
        "SELECT iteration FROM checkpoints WHERE training_id = ?1",
        [training.0],
        |row| unsigned(row, 0),
    )?;
    let names: Vec<String> = listed.iter().copied().map(file_name).collect();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if !names.iter().any(|name| entry.file_name() == name.as_str()) {
            let _ = fs::remove_file(entry.path());
        }
    }
    if listed.is_empty() {
        // Goes only where they are empty.
        let _ = fs::remove_dir(folder);
        let _ = folder.parent().map(fs::remove_dir);
    }
    Ok(())
}

/// Digits that are not a SHA-256 fit no file.
pub(super) fn parse(digits: &str) -> Sha256 {
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks(2)) {
        let pair = std::str::from_utf8(pair).unwrap_or_default();
        *byte = u8::from_str_radix(pair, 16).unwrap_or_default();
    }
    bytes
}
