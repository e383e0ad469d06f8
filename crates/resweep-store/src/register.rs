//! Registers a sweep and its runs before the first run starts.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, params};

use super::points::collect;
use super::values::{Problem, integer, now_unix_ms, word};
use resweep_core::domain::{DeviceKind, Run, Sweep};

/// A sweep that is about to start.
#[derive(Debug, Clone, Copy)]
pub struct SweepRecord<'a> {
    pub sweep: &'a Sweep,
    /// The sweep file as written.
    pub spec_toml: &'a str,
    /// The values of `--set`, as written.
    pub overrides: &'a [String],
    /// Every run of the sweep, including finished ones, in order.
    pub runs: &'a [RunRecord<'a>],
    /// Runs that later rounds may add, for adaptive repeats.
    pub later: &'a [Run],
}

/// A run of the sweep, with the images it trains on.
#[derive(Debug, Clone, Copy)]
pub struct RunRecord<'a> {
    pub run: &'a Run,
    /// The fingerprint of the data, part of the run's id.
    pub data_fingerprint: &'a str,
}

/// The program and machine, stored with each attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    pub version: String,
    /// The commit of the build, if known.
    pub git_commit: Option<String>,
    pub cpu: String,
    /// The available devices, and the stored description of each.
    pub devices: Vec<(DeviceKind, String)>,
    /// The host name.
    pub host: String,
}

impl Provenance {
    /// The stored description of a device.
    pub(super) fn device(&self, device: DeviceKind) -> String {
        let known = self.devices.iter().find(|(known, _)| *known == device);
        known.map_or_else(
            || device.to_string(),
            |(_, description)| description.clone(),
        )
    }
}

/// The number of runs of the recorded sweep of this name that `record` lacks, and its id; `None` if
/// there is no such sweep.
pub(super) fn left_out(
    connection: &Connection,
    record: &SweepRecord<'_>,
) -> rusqlite::Result<Option<(i64, usize)>> {
    let sweep = connection
        .query_row(
            "SELECT id FROM sweeps WHERE name = ?1",
            [&record.sweep.name],
            |row| row.get(0),
        )
        .optional()?;
    let Some(sweep) = sweep else {
        return Ok(None);
    };
    let runs = record.runs.iter().map(|entry| &entry.run.id);
    let known: HashSet<&str> = runs
        .chain(record.later.iter().map(|run| &run.id))
        .map(|id| id.0.as_str())
        .collect();
    let listed = collect(
        connection,
        "SELECT run_id FROM sweep_runs WHERE sweep_id = ?1",
        [sweep],
        |row| row.get::<_, String>(0),
    )?;
    let left = listed.iter().filter(|id| !known.contains(id.as_str()));
    Ok(Some((sweep, left.count())))
}

/// Stores the sweep as it is now, trained by `process`; its former runs stay in the store.
pub(super) fn register(
    connection: &Connection,
    record: &SweepRecord<'_>,
    process: i64,
) -> Result<(), Problem> {
    let sweep_id = upsert_sweep(connection, record)?;
    connection.execute(
        "UPDATE processes SET sweep_id = ?1 WHERE id = ?2",
        [sweep_id, process],
    )?;
    connection.execute("DELETE FROM sweep_runs WHERE sweep_id = ?1", [sweep_id])?;
    let mut join = connection.prepare(
        "INSERT INTO sweep_runs (sweep_id, position, run_id, label) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for (position, entry) in record.runs.iter().enumerate() {
        upsert_run(connection, entry)?;
        let position = integer("a position", position as u64)?;
        join.execute(params![sweep_id, position, entry.run.id.0, entry.run.label])?;
    }
    // A run that differs only in measurements has the same final state.
    let mut need = connection.prepare(
        "INSERT INTO run_needs (run_id, needs) VALUES (?1, ?2)
         ON CONFLICT (run_id) DO UPDATE SET needs = excluded.needs",
    )?;
    for entry in record.runs {
        if let Some(needed) = entry.run.needs() {
            need.execute(params![entry.run.id.0, needed.0])?;
        }
    }
    Ok(())
}

fn upsert_sweep(connection: &Connection, record: &SweepRecord<'_>) -> Result<i64, Problem> {
    let sweep = record.sweep;
    let id = connection.query_row(
        "INSERT INTO sweeps (name, title, description, spec_toml, overrides_json,
             first_started_unix_ms, last_started_unix_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)
         ON CONFLICT (name) DO UPDATE SET
             title = excluded.title,
             description = excluded.description,
             spec_toml = excluded.spec_toml,
             overrides_json = excluded.overrides_json,
             last_started_unix_ms = excluded.last_started_unix_ms
         RETURNING id",
        params![
            sweep.name,
            sweep.title,
            sweep.description,
            record.spec_toml,
            serde_json::to_string(record.overrides)?,
            now_unix_ms(),
        ],
        |row| row.get(0),
    )?;
    Ok(id)
}

/// A run's id determines its result, but its cost may be counted better later, and a recovered
/// database may lack the data.
pub(super) fn upsert_run(connection: &Connection, entry: &RunRecord<'_>) -> Result<(), Problem> {
    let run = entry.run;
    let configuration = &run.config.configuration;
    let model = &configuration.model;
    connection
        .prepare_cached(
            "INSERT INTO runs (id, name, depth, shortcut, width, dataset, data_fingerprint, seed,
             config_json, parameters, forward_flops, training_flops, trajectory)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
         ON CONFLICT (id) DO UPDATE SET
             data_fingerprint = excluded.data_fingerprint,
             parameters = excluded.parameters,
             forward_flops = excluded.forward_flops,
             training_flops = excluded.training_flops,
             trajectory = excluded.trajectory",
        )?
        .execute(params![
            run.id.0,
            model.name(),
            integer("a depth", model.depth as u64)?,
            word(&model.shortcut)?,
            integer("a width", model.width as u64)?,
            word(&configuration.data.dataset)?,
            entry.data_fingerprint,
            integer("a seed", run.config.seed)?,
            serde_json::to_string(&run.config)?,
            integer("a number of parameters", run.cost.parameters)?,
            integer("a number of operations", run.cost.forward_flops)?,
            integer("a number of operations", run.cost.training_flops)?,
            run.trajectories.last().map(|trajectory| &trajectory.0),
        ])?;
    Ok(())
}
