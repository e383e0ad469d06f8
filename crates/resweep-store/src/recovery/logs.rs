//! Recovers runs with lost rows from their logs, which contain the run id and configuration.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use rusqlite::Connection;

use crate::beside;
use crate::register::{RunRecord, upsert_run};
use crate::values::Problem;
use resweep_core::domain::{Cost, Run, RunConfig, RunId};
use resweep_core::files::Place;

/// The configuration is in the first lines of a log.
const HEAD_BYTES: u64 = 1 << 16;

/// Adds the runs that have a log but no row. The cost and the images, which a log lacks, are filled
/// in when a sweep with the run is started.
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

/// Removes runs that no recovered row refers to. Returns the number of the others.
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
