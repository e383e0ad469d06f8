//! Computes the trajectories of the runs and checkpoints of an older database: the Rust part of
//! migration 7.

use std::collections::HashMap;

use rusqlite::{Transaction, params};
use rusqlite_migration::HookResult;

use super::points::{collect, unsigned};
use resweep_core::domain::{
    DataIdentity, RunConfig, RunId, TrajectoryId, run_id, trajectories, trajectories_of_old_builds,
};

/// The database does not have the number of classes of a data set; numbers up to this are tried.
const CLASSES_MAX: usize = 1000;

/// Fills in `runs.trajectory`, and replaces the values of older versions in
/// `checkpoints.trajectory`. A run with another id in this version keeps its results, but nothing
/// resumes from it.
pub(super) fn retrace(tx: &Transaction<'_>) -> HookResult {
    let rows = collect(
        tx,
        "SELECT id, config_json, data_fingerprint FROM runs",
        [],
        |row| {
            let (id, config, data): (String, String, String) =
                (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok((RunId(id), config, data))
        },
    )?;
    let mut classes = HashMap::new();
    for (id, json, fingerprint) in rows {
        let Ok(config) = serde_json::from_str::<RunConfig>(&json) else {
            continue;
        };
        let known = classes.get(&fingerprint).copied();
        let Some(found) = find_classes(&id, &config, &fingerprint, known) else {
            continue;
        };
        let data = DataIdentity {
            fingerprint: &fingerprint,
            classes: found,
        };
        retrace_run(tx, &id, &config, data)?;
        classes.insert(fingerprint, found);
    }
    Ok(())
}

/// The number of classes with which the configuration has this id; tries the most likely ones
/// first.
fn find_classes(
    id: &RunId,
    config: &RunConfig,
    fingerprint: &str,
    known: Option<usize>,
) -> Option<usize> {
    let likely = known.into_iter().chain([10, 100]);
    let has_id = |classes: &usize| {
        let classes = *classes;
        let data = DataIdentity {
            fingerprint,
            classes,
        };
        run_id(config, data) == *id
    };
    likely.chain(1..=CLASSES_MAX).find(has_id)
}

fn retrace_run(
    tx: &Transaction<'_>,
    id: &RunId,
    config: &RunConfig,
    data: DataIdentity<'_>,
) -> rusqlite::Result<()> {
    let new = trajectories(config, data);
    let old = trajectories_of_old_builds(config, data);
    let last = new.last().map(|trajectory| &trajectory.0);
    tx.prepare_cached("UPDATE runs SET trajectory = ?2 WHERE id = ?1")?
        .execute(params![id.0, last])?;
    let checkpoints = collect(
        tx,
        "SELECT training_id, iteration, trajectory
         FROM checkpoints JOIN trainings ON trainings.id = training_id WHERE run_id = ?1",
        [&id.0],
        |row| {
            let (training, written): (i64, String) = (row.get(0)?, row.get(2)?);
            Ok((training, unsigned(row, 1)?, TrajectoryId(written)))
        },
    )?;
    for (training, iteration, written) in checkpoints {
        let Some(place) = old.iter().position(|trajectory| *trajectory == written) else {
            continue;
        };
        tx.prepare_cached(
            "UPDATE checkpoints SET trajectory = ?3, file_trajectory = ?4
             WHERE training_id = ?1 AND iteration = ?2",
        )?
        .execute(params![training, iteration as i64, new[place].0, written.0])?;
    }
    Ok(())
}
