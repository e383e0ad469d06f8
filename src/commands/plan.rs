//! `resweep plan`: what a sweep would do, against what is stored.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::images::{self, Images};
use super::outlook::{Outlook, again, devices};
use super::prepare::{Prepared, to_plan};
use super::results::database;
use super::table::{self, binary, grouped, with_unit};
use crate::cli::{PlanArgs, WorkerArgs};
use crate::output;
use crate::progress::{counted, duration, workforce};
use resweep_core::domain::{DeviceKind, Run, RunId, Shortcut};
use resweep_core::plan::{Standing, Stored, StoredStatus};
use resweep_store::{Nearest, Start, Store};

/// Shows the plan of a sweep.
pub fn execute(args: &PlanArgs) -> anyhow::Result<()> {
    let results = &args.results.results;
    let prepared = to_plan(&args.sweep, results)?;
    prepared.print_notes();
    let devices = devices(&args.workers)?;
    show(&prepared, results, &args.workers, &devices, args.json)
}

/// One run of the plan, as `--json` prints it.
#[derive(Serialize)]
struct Row<'a> {
    id: &'a RunId,
    label: &'a str,
    depth: usize,
    shortcut: Shortcut,
    seed: u64,
    iterations: u64,
    parameters: u64,
    forward_flops: u64,
    training_flops: u64,
    state: &'static str,
    /// The iteration of the checkpoint from which it would resume.
    resumes_at: Option<u64>,
    /// The run whose checkpoint that is, where it is another.
    resumes_from: Option<&'a RunId>,
    /// The run whose recorded result is all that this one asks for.
    same_as: Option<&'a RunId>,
    /// Why nothing of the most similar recorded run can be used.
    why_new: Option<String>,
    /// The run that it grows from, which is trained first.
    needs: Option<&'a RunId>,
    /// Other sweeps that have the run.
    shared_with: &'a [String],
    /// Only for runs that would train.
    estimated_s: Option<f64>,
    /// Estimated peak memory of the training; not on GPUs.
    memory_bytes: Option<u64>,
}

/// The whole plan, as `--json` prints it.
#[derive(Serialize)]
struct Plan<'a> {
    sweep: &'a str,
    runs: Vec<Row<'a>>,
    /// Runs that the store lists under the sweep's name and the sweep no longer has.
    stale: &'a [RunId],
    /// Whether all images are there; if not, runs that were trained on others count as new.
    images_seen: bool,
    pending: usize,
    workers: usize,
    threads_per_run: usize,
    estimated_s: f64,
    /// Whether the estimates come from runs of the same shape that finished on this machine.
    speed_observed: bool,
    /// How many seeds are used and why, where the results decide that.
    seeds: Option<String>,
    /// Of the run that takes the most memory among those that would train.
    memory_bytes_max: Option<u64>,
    /// The images of the sweep's data sets.
    data: Vec<Images>,
}

/// Prints the plan, as a table or as JSON.
pub fn show(
    prepared: &Prepared,
    results: &Path,
    workers: &WorkerArgs,
    devices: &[DeviceKind],
    json: bool,
) -> anyhow::Result<()> {
    let store = Store::open_read_only(&database(results))?;
    let outlook = Outlook::new(prepared, &store, workers, devices)?;
    let rows = prepared.runs.iter().zip(&outlook.diff.standings);
    let plan = Plan {
        sweep: &prepared.sweep.name,
        runs: rows
            .map(|(run, standing)| {
                let trains = standing.trains(again(workers));
                row(run, *standing, trains, &outlook)
            })
            .collect(),
        stale: &outlook.diff.stale,
        images_seen: prepared.images.iter().all(|images| images.seen.is_some()),
        pending: outlook.pending.len(),
        workers: outlook.workforce.slots.len(),
        threads_per_run: outlook.workforce.slots[0].threads,
        estimated_s: outlook.estimate().as_secs_f64(),
        speed_observed: outlook.speed_observed(),
        seeds: prepared.sweep.seeds_note.clone(),
        memory_bytes_max: outlook.largest().map(|(_, bytes)| bytes),
        data: images::of(prepared),
    };
    images::warn(&plan.data);
    if json {
        output::json(&plan)?;
    } else {
        print(&plan, &outlook, prepared);
    }
    Ok(())
}

fn row<'a>(run: &'a Run, standing: Standing, trains: bool, outlook: &'a Outlook) -> Row<'a> {
    let configuration = &run.config.configuration;
    let stored = outlook.stored.get(&run.id);
    let (resumes_at, resumes_from) = match outlook.starts.get(&run.id) {
        Some(Start::At {
            iteration, run: of, ..
        }) if trains => (Some(*iteration), Some(of).filter(|of| **of != run.id)),
        _ => (None, None),
    };
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
        state: word(standing, stored),
        resumes_at,
        resumes_from,
        same_as: stored.and_then(|stored| stored.same_as.as_ref()),
        why_new: trains.then(|| why_new(run, outlook)).flatten(),
        needs: run.needs(),
        shared_with: stored.map_or(&[], |stored| &stored.shared_with),
        estimated_s: trains.then(|| outlook.time(run).as_secs_f64()),
        memory_bytes: outlook.memory_bytes(run),
    }
}

fn word(standing: Standing, stored: Option<&Stored>) -> &'static str {
    match (standing, stored.map(|stored| stored.status)) {
        (Standing::Done, Some(StoredStatus::Diverged)) => "diverged",
        (Standing::Done, _) => "finished",
        (Standing::New, _) => "new",
        (Standing::Failed, _) => "failed",
        (Standing::Unfinished, _) => "unfinished",
        (Standing::Revived, _) => "finished, trains again",
        (Standing::Blocked, _) => "blocked",
    }
}

/// Why a run starts from nothing although a run of the same network and seed is recorded.
fn why_new(run: &Run, outlook: &Outlook) -> Option<String> {
    let Nearest {
        run: other,
        train: recorded,
        keys,
    } = outlook.nearest.get(&run.id)?;
    let train = &run.config.configuration.train;
    let other = other.short();
    let reason = match keys.as_slice() {
        [] if train.eval_every < recorded.eval_every => format!(
            "eval_every = {} is denser than that of run {other}, {}",
            train.eval_every, recorded.eval_every
        ),
        [] if train.log_every < recorded.log_every => format!(
            "log_every = {} is denser than that of run {other}, {}",
            train.log_every, recorded.log_every
        ),
        [] => format!("no checkpoint of run {other} fits"),
        [key] => format!("{} from run {other}", differs(key)),
        [first, second] => format!("{first} and {second} differ from run {other}"),
        [first, second, rest @ ..] => {
            let more = rest.len();
            format!("{first}, {second} and {more} more differ from run {other}")
        }
    };
    Some(reason)
}

/// `lr_drops differ`, `lr differs`.
fn differs(key: &str) -> String {
    match key {
        "images" | "lr_drops" => format!("{key} differ"),
        _ => format!("{key} differs"),
    }
}

/// Where a run that trains starts, and why; empty where there is nothing to say.
fn beginning(row: &Row, outlook: &Outlook) -> String {
    let on_grid = match outlook.starts.get(row.id) {
        Some(Start::At { on_grid, .. }) => *on_grid,
        _ => true,
    };
    let finer = match row.resumes_from {
        Some(of) if !on_grid => format!(" (evaluated as run {} was until then)", of.short()),
        _ => String::new(),
    };
    match (row.resumes_at, &row.why_new) {
        (Some(at), _) if at == row.iterations => format!("measures only{finer}"),
        (Some(at), _) => format!("resumes at {at} of {}{finer}", row.iterations),
        (None, Some(why)) if row.state == "new" => format!("new: {why}"),
        (None, _) => String::new(),
    }
}

/// The state of a run, with what it waits for and who else has it.
fn state(row: &Row, names: &HashMap<&RunId, &Row>, outlook: &Outlook) -> String {
    let beginning = beginning(row, outlook);
    let mut state = match (row.state, row.same_as) {
        (_, Some(other)) => format!("same as run {}", other.short()),
        ("new", None) if !beginning.is_empty() => beginning,
        ("unfinished", None) if !beginning.is_empty() => format!("unfinished, {beginning}"),
        (state, None) => state.to_owned(),
    };
    if let Some(needed) = row.needs.and_then(|id| names.get(id)) {
        state += &match row.state {
            "blocked" => format!(": grows from {}, which {}", needed.label, needed.state),
            "new" => format!(", grows from {}", needed.label),
            _ => String::new(),
        };
    }
    match row.shared_with {
        [] => state,
        sweeps => format!("{state} (also in {})", sweeps.join(", ")),
    }
}

fn print(plan: &Plan, outlook: &Outlook, prepared: &Prepared) {
    let diff = &outlook.diff;
    let resuming = |row: &&Row| row.state == "new" && row.resumes_at.is_some();
    let resuming = plan.runs.iter().filter(resuming).count();
    let names: HashMap<&RunId, &Row> = plan.runs.iter().map(|row| (row.id, row)).collect();
    let rows = plan.runs.iter().map(|row| {
        let time = row
            .estimated_s
            .map(|s| duration(Duration::from_secs_f64(s)));
        vec![
            row.label.to_owned(),
            grouped(row.parameters),
            with_unit(row.forward_flops),
            grouped(row.iterations),
            time.unwrap_or_else(|| "-".to_owned()),
            state(row, &names, outlook),
        ]
    });
    table::print(
        &["run", "parameters", "FLOPs", "iterations", "time", "state"],
        &["parameters", "FLOPs", "iterations", "time"],
        rows.collect(),
    );
    outln!();
    outln!(
        "{}: {}, {} new, {}{} unfinished, {} finished, {} failed",
        plan.sweep,
        counted(plan.runs.len(), "run"),
        diff.count(Standing::New) - resuming,
        match resuming {
            0 => String::new(),
            resuming => format!("{resuming} from other runs' checkpoints, "),
        },
        diff.count(Standing::Unfinished),
        diff.done(),
        diff.failed(),
    );
    for line in images::lines(&plan.data) {
        outln!("{line}");
    }
    if let Some(seeds) = &plan.seeds {
        outln!("{seeds}");
    }
    match (diff.count(Standing::Blocked), diff.count(Standing::Revived)) {
        (0, 0) => {}
        (blocked, revived) => outln!(
            "{blocked} blocked by runs that they grow from, {revived} to train again for others \
             (the final checkpoint is gone)"
        ),
    }
    if !plan.stale.is_empty() {
        outln!(
            "{} stale: stored under this name, but no longer in the sweep (their results are kept)",
            plan.stale.len()
        );
    }
    if plan.pending == 0 {
        outln!("nothing to train");
        return;
    }
    let basis = if plan.speed_observed {
        "by the times of finished runs"
    } else {
        "a guess: no run of the same width and image size has finished on this machine yet"
    };
    outln!(
        "{} to train by {}: about {} ({basis})",
        plan.pending,
        workforce(&outlook.workforce.slots),
        duration(Duration::from_secs_f64(plan.estimated_s)),
    );
    if let Some((run, bytes)) = outlook.largest() {
        outln!(
            "memory: up to {} for one run, program and images included ({}, batch {})",
            binary(bytes),
            prepared.sweep.labels[run.configuration],
            run.config.configuration.train.batch_size,
        );
    }
    if let Some(warning) = outlook.memory_warning() {
        errln!("warning: {warning}");
    }
}
