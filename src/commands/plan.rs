//! `resweep plan`: what a sweep would do, against what is stored.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use indicatif::HumanDuration;
use serde::Serialize;

use super::estimates::speeds;
use super::prepare::{Prepared, database, prepare};
use super::table::{self, grouped, with_unit};
use super::workforce::workforce;
use crate::cli::{PlanArgs, WorkerArgs};
use crate::domain::{Run, RunId};
use crate::plan::{Diff, Speeds, Standing, Stored, StoredStatus, makespan};
use crate::record::{AttemptStatus, Store};
use crate::schedule::longest_first;

/// Shows the plan of a sweep.
pub fn execute(args: &PlanArgs) -> anyhow::Result<()> {
    let results = &args.results.results;
    let prepared = prepare(&args.sweep, results)?;
    show(&prepared, results, &args.workers, args.json)
}

/// How the sweep stands against the store.
pub fn compare(prepared: &Prepared, store: &Store) -> anyhow::Result<Diff> {
    let listed: Vec<RunId> = store
        .members(&prepared.sweep.name)?
        .into_iter()
        .map(|member| member.id)
        .collect();
    Ok(Diff::new(
        &prepared.runs,
        &stored(prepared, store)?,
        &listed,
    ))
}

fn stored(prepared: &Prepared, store: &Store) -> anyhow::Result<HashMap<RunId, Stored>> {
    let ids: Vec<RunId> = prepared.runs.iter().map(|run| run.id.clone()).collect();
    let statuses = store.statuses(&ids)?;
    let stored = statuses.into_iter().map(|(id, status)| {
        let mut shared_with = status.sweeps;
        shared_with.retain(|name| *name != prepared.sweep.name);
        let status = match status.status {
            AttemptStatus::Finished => StoredStatus::Finished,
            AttemptStatus::Diverged => StoredStatus::Diverged,
            AttemptStatus::Failed => StoredStatus::Failed,
            AttemptStatus::Running | AttemptStatus::Stopped | AttemptStatus::Interrupted => {
                StoredStatus::Unfinished
            }
        };
        (
            id,
            Stored {
                status,
                shared_with,
            },
        )
    });
    Ok(stored.collect())
}

/// One run of the plan, as `--json` prints it.
#[derive(Serialize)]
struct Row<'a> {
    id: &'a RunId,
    label: &'a str,
    depth: usize,
    shortcut: crate::domain::Shortcut,
    seed: u64,
    iterations: u64,
    parameters: u64,
    forward_flops: u64,
    training_flops: u64,
    state: &'static str,
    /// Other sweeps that have the run.
    shared_with: Vec<String>,
    /// Only for runs that would train, and when finished runs tell the machine's speed.
    estimated_s: Option<f64>,
}

/// The whole plan, as `--json` prints it.
#[derive(Serialize)]
struct Plan<'a> {
    sweep: &'a str,
    runs: Vec<Row<'a>>,
    /// Runs that the store lists under the sweep's name and the sweep no longer has.
    stale: &'a [RunId],
    pending: usize,
    workers: usize,
    threads_per_run: usize,
    estimated_s: Option<f64>,
}

/// Prints the plan, as a table or as JSON.
pub fn show(
    prepared: &Prepared,
    results: &Path,
    workers: &WorkerArgs,
    json: bool,
) -> anyhow::Result<()> {
    let store = Store::open_read_only(&database(results))?;
    let diff = compare(prepared, &store)?;
    let mut pending: Vec<Run> = diff
        .pending(&prepared.runs, workers.retry_failed)
        .into_iter()
        .cloned()
        .collect();
    let workforce = workforce(workers, pending.len());
    let speeds = speeds(&store, workers.device, workforce.threads_per_run)?;
    longest_first(&mut pending, |run| speeds.estimate(run));
    let estimates: Option<Vec<Duration>> = pending.iter().map(|run| speeds.estimate(run)).collect();
    let plan = Plan {
        sweep: &prepared.sweep.name,
        runs: rows(prepared, &store, &diff, &pending, &speeds)?,
        stale: &diff.stale,
        pending: pending.len(),
        workers: workforce.workers,
        threads_per_run: workforce.threads_per_run,
        estimated_s: estimates.map(|all| makespan(all, workforce.workers).as_secs_f64()),
    };
    if json {
        anstream::println!("{}", serde_json::to_string_pretty(&plan)?);
    } else {
        print(&plan, &diff);
    }
    Ok(())
}

fn rows<'a>(
    prepared: &'a Prepared,
    store: &Store,
    diff: &Diff,
    pending: &[Run],
    speeds: &Speeds,
) -> anyhow::Result<Vec<Row<'a>>> {
    let mut stored = stored(prepared, store)?;
    let rows = prepared
        .runs
        .iter()
        .zip(&diff.standings)
        .map(|(run, standing)| {
            let configuration = &run.config.configuration;
            let known = stored.remove(&run.id);
            let trains = pending.iter().any(|other| other.id == run.id);
            Row {
                id: &run.id,
                label: &run.label,
                depth: configuration.model.depth,
                shortcut: configuration.model.shortcut,
                seed: run.config.seed,
                iterations: configuration.train.iterations,
                parameters: run.cost.parameters,
                forward_flops: run.cost.forward_flops,
                training_flops: run.cost.training_flops,
                state: word(*standing, known.as_ref()),
                shared_with: known.map(|known| known.shared_with).unwrap_or_default(),
                estimated_s: speeds
                    .estimate(run)
                    .filter(|_| trains)
                    .map(|time| time.as_secs_f64()),
            }
        });
    Ok(rows.collect())
}

fn word(standing: Standing, stored: Option<&Stored>) -> &'static str {
    match (standing, stored.map(|stored| stored.status)) {
        (Standing::Done, Some(StoredStatus::Diverged)) => "diverged",
        (Standing::Done, _) => "finished",
        (Standing::New, _) => "new",
        (Standing::Failed, _) => "failed",
        (Standing::Unfinished, _) => "unfinished",
    }
}

fn print(plan: &Plan, diff: &Diff) {
    let rows = plan.runs.iter().map(|row| {
        let state = match row.shared_with.as_slice() {
            [] => row.state.to_owned(),
            sweeps => format!("{} (also in {})", row.state, sweeps.join(", ")),
        };
        vec![
            row.label.to_owned(),
            grouped(row.parameters),
            with_unit(row.forward_flops),
            grouped(row.iterations),
            duration(row.estimated_s),
            state,
        ]
    });
    table::print(
        &["run", "parameters", "FLOPs", "iterations", "time", "state"],
        &["parameters", "FLOPs", "iterations", "time"],
        rows.collect(),
    );
    anstream::println!();
    anstream::println!(
        "{}: {} runs: {} new, {} unfinished, {} finished, {} failed",
        plan.sweep,
        plan.runs.len(),
        diff.count(Standing::New),
        diff.count(Standing::Unfinished),
        diff.done(),
        diff.failed(),
    );
    if !plan.stale.is_empty() {
        anstream::println!(
            "{} stale: stored under this name, but no longer in the sweep (their results are kept)",
            plan.stale.len()
        );
    }
    if plan.pending == 0 {
        anstream::println!("nothing to train");
    } else {
        anstream::println!(
            "{} to train on {} worker(s) of {} thread(s), about {}",
            plan.pending,
            plan.workers,
            plan.threads_per_run,
            plan.estimated_s.map_or_else(
                || "an unknown time: no finished run tells this machine's speed yet".to_owned(),
                |_| duration(plan.estimated_s)
            )
        );
    }
}

fn duration(seconds: Option<f64>) -> String {
    seconds.map_or_else(
        || "-".to_owned(),
        |seconds| HumanDuration(Duration::from_secs_f64(seconds)).to_string(),
    )
}
