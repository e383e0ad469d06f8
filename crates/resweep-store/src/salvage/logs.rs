//! Runs whose rows are lost, from their logs: each says which run it is of, and its configuration.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use rusqlite::Connection;

use crate::beside;
use crate::register::{RunRecord, upsert_run};
use crate::values::Problem;
use resweep_core::domain::{Cost, Run, RunConfig, RunId};
use resweep_core::files::Place;

/// The configuration is in a log's first lines.
const HEAD_BYTES: u64 = 1 << 16;

/// Adds the runs that have a log and no row. What a log does not tell, the cost and the images,
/// is filled in when a sweep that has the run is started.
pub(super) fn add_runs(target: &Connection, database: &Path) -> Result<(), Problem> {
    let mut is_known = target.prepare("SELECT EXISTS (SELECT 1 FROM runs WHERE id = ?1)")?;
    for folder in beside(database).join("logs").entries() {
        let logs = folder.place.entries().into_iter();
        let found = logs
            .filter(|log| log.is_file)
            .find_map(|log| read(&log.place));
        let Some((id, config)) = found else {
            continue;
        };
        if folder.name() != Some(id.short()) || is_known.query_row([&id.0], |row| row.get(0))? {
            continue;
        }
        let run = Run {
            id,
            config,
            label: String::new(),
            configuration: 0,
            trajectories: Vec::new(),
            parent: None,
            cost: Cost {
                parameters: 0,
                forward_flops: 0,
                training_flops: 0,
            },
        };
        let record = RunRecord {
            run: &run,
            data_fingerprint: "unknown",
        };
        upsert_run(target, &record)?;
    }
    Ok(())
}

/// Removes those that nothing else that was saved refers to; how many are left.
pub(super) fn keep_needed(target: &Connection) -> rusqlite::Result<u64> {
    target.execute(
        "DELETE FROM runs WHERE data_fingerprint = 'unknown'
             AND id NOT IN (SELECT run_id FROM sweep_runs)
             AND id NOT IN (SELECT run_id FROM trainings)
             AND id NOT IN (SELECT run_id FROM run_needs)
             AND id NOT IN (SELECT needs FROM run_needs)",
        [],
    )?;
    let left = "SELECT count(*) FROM runs WHERE data_fingerprint = 'unknown'";
    target.query_row(left, [], |row| row.get::<_, i64>(0).map(|rows| rows as u64))
}

/// `... run <id> · <configuration as JSON>`.
fn read(log: &Place) -> Option<(RunId, RunConfig)> {
    let head = BufReader::new(log.open().ok()?.take(HEAD_BYTES));
    head.lines().map_while(Result::ok).find_map(|line| {
        let (id, json) = line.split_once(" run ")?.1.split_once(" · ")?;
        let config = serde_json::from_str(json).ok()?;
        Some((RunId(id.to_owned()), config))
    })
}
