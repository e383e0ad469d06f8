//! Implements `resweep plan`: what `run` would do.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::changes;
use super::forecast::{Forecast, devices, retry_policy};
use super::images::{self, Images};
use super::prepare::{Prepared, to_plan};
use super::results;
use super::resuming;
use super::table::{self, binary, grouped, with_unit};
use crate::cli::{PlanArgs, WorkerArgs};
use crate::format::{counted, duration};
use crate::output;
use crate::progress::worker_pool;
use resweep_core::domain::{DeviceKind, ResultStatus, Run, RunId, Shortcut};
use resweep_core::plan::{RunState, Stored};
use resweep_store::{Nearest, Start};

/// Prints the plan of a sweep.
pub fn execute(args: &PlanArgs) -> anyhow::Result<()> {
    let results = &args.results.results;
    let prepared = to_plan(&args.sweep, results, args.workers.fresh)?;
    prepared.print_notes();
    let devices = devices(&args.workers)?;
    show(&prepared, results, &args.workers, &devices, args.json)
}

/// One run in the output of `--json`.
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
    /// The run that wrote that checkpoint, if it is another one.
    resumes_from: Option<&'a RunId>,
    /// The run whose result can be copied.
    same_as: Option<&'a RunId>,
    /// Why no checkpoint of the most similar recorded run can be used.
    why_new: Option<String>,
    /// The parent, which is trained first.
    needs: Option<&'a RunId>,
    /// Other sweeps with the same run.
    shared_with: &'a [String],
    /// Only for runs that would train.
    estimated_s: Option<f64>,
    /// Estimated peak memory of the training; not on GPUs.
    memory_bytes: Option<u64>,
}

/// The plan in the output of `--json`.
#[derive(Serialize)]
struct Plan<'a> {
    sweep: &'a str,
    runs: Vec<Row<'a>>,
    /// Runs that the store lists under the sweep's name but the sweep no longer contains.
    stale: &'a [RunId],
    /// Whether all images exist; if not, runs that were trained on others count as new.
    images_seen: bool,
    pending: usize,
    workers: usize,
    threads_per_run: usize,
    estimated_s: f64,
    /// Whether the estimates are based on finished runs of the same shape on this machine.
    speed_observed: bool,
    /// How many seeds are used and why, for adaptive repeats.
    seeds: Option<String>,
    /// The memory of the largest run to train.
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
    let store = results::store(results, workers.fresh)?;
    let forecast = Forecast::new(prepared, &store, workers, devices)?;
    let rows = prepared.runs.iter().zip(&forecast.diff.states);
    let plan = Plan {
        sweep: &prepared.sweep.name,
        runs: rows
            .map(|(run, run_state)| {
                let trains = run_state.trains(retry_policy(workers));
                row(run, *run_state, trains, &forecast)
            })
            .collect(),
        stale: &forecast.diff.stale,
        images_seen: prepared.images.iter().all(|images| images.seen.is_some()),
        pending: forecast.pending.len(),
        workers: forecast.worker_pool.slots.len(),
        threads_per_run: forecast.worker_pool.slots[0].threads,
        estimated_s: forecast.estimate().as_secs_f64(),
        speed_observed: forecast.speed_observed(),
        seeds: prepared.sweep.seeds_note.clone(),
        memory_bytes_max: forecast.largest().map(|(_, bytes)| bytes),
        data: images::of(prepared),
    };
    images::warn(&plan.data);
    if let Some(note) = forecast.cluster_note() {
        errln!("note: {note}");
    }
    if json {
        output::json(&plan)?;
    } else {
        let resuming = resuming::reasons(&prepared.runs, &forecast, &store)?;
        print(&plan, &forecast, prepared, &resuming);
    }
    Ok(())
}

fn row<'a>(run: &'a Run, run_state: RunState, trains: bool, forecast: &'a Forecast) -> Row<'a> {
    let configuration = &run.config.configuration;
    let stored = forecast.stored.get(&run.id);
    let (resumes_at, resumes_from) = match forecast.starts.get(&run.id) {
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
        state: state_name(run_state, stored),
        resumes_at,
        resumes_from,
        same_as: stored.and_then(|stored| stored.same_as.as_ref()),
        why_new: trains.then(|| why_new(run, forecast)).flatten(),
        needs: run.needs(),
        shared_with: stored.map_or(&[], |stored| &stored.shared_with),
        estimated_s: trains.then(|| forecast.time(run).as_secs_f64()),
        memory_bytes: forecast.memory_bytes(run),
    }
}

fn state_name(run_state: RunState, stored: Option<&Stored>) -> &'static str {
    match (run_state, stored.map(|stored| stored.status)) {
        (RunState::Done, Some(ResultStatus::Diverged)) => "diverged",
        (RunState::Done, _) => "finished",
        (RunState::New, _) => "new",
        (RunState::Failed, _) => "failed",
        (RunState::Unfinished, _) => "unfinished",
        (RunState::Retrain, _) => "finished, will be retrained",
        (RunState::Blocked, _) => "blocked",
    }
}

/// Why a run starts from scratch although a run of the same network and seed is recorded.
fn why_new(run: &Run, forecast: &Forecast) -> Option<String> {
    let Nearest {
        run: other,
        train: recorded,
        keys,
        rounds_differently,
    } = forecast.nearest.get(&run.id)?;
    let train = &run.config.configuration.train;
    let other = other.short();
    if *rounds_differently {
        return Some(format!(
            "the version that trained run {other} rounds differently"
        ));
    }
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

/// Where a run starts, and why; empty if there is nothing to say.
fn start_point(row: &Row, forecast: &Forecast) -> String {
    let on_grid = match forecast.starts.get(row.id) {
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

/// The state of a run, with its parent and the other sweeps that share it.
fn state(row: &Row, names: &HashMap<&RunId, &Row>, forecast: &Forecast) -> String {
    let start_point = start_point(row, forecast);
    let mut state = match (row.state, row.same_as) {
        (_, Some(other)) => format!("same as run {}", other.short()),
        ("new", None) if !start_point.is_empty() => start_point,
        ("unfinished", None) if !start_point.is_empty() => format!("unfinished, {start_point}"),
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

/// The keys with several values, and the length of the runs in epochs.
fn values(prepared: &Prepared) -> Vec<String> {
    let several = changes::settings(&prepared.sweep)
        .into_iter()
        .filter(|(name, values)| values.len() > 1 && !changes::FOLLOWS.contains(&name.as_str()))
        .map(|(name, values)| format!("{name}: {}", values.join(", ")));
    several.chain(epochs(prepared)).collect()
}

/// `782 iterations are 10.01 epochs (batches of 128 of 10000 training images)`, for the longest runs.
fn epochs(prepared: &Prepared) -> Option<String> {
    let configurations = prepared.sweep.configurations.iter().zip(&prepared.images);
    let longest = configurations.max_by_key(|(one, _)| one.train.iterations)?;
    let (configuration, images) = longest;
    let counts = images
        .seen
        .as_ref()?
        .counts(configuration.data.validation)?;
    let (train, images) = (&configuration.train, counts.train.images);
    let epochs = train.iterations as f64 * train.batch_size as f64 / images as f64;
    Some(format!(
        "{} iterations are {epochs:.2} epochs (batches of {}, {images} training images)",
        train.iterations, train.batch_size
    ))
}

fn print(plan: &Plan, forecast: &Forecast, prepared: &Prepared, resuming: &[String]) {
    print_runs(plan, forecast);
    outln!();
    print_summary(plan, forecast, prepared);
    for line in resuming {
        outln!("{line}");
    }
    if plan.pending == 0 {
        outln!("nothing to train");
    } else {
        print_estimate(plan, forecast, prepared);
    }
}

/// Prints the table of runs.
fn print_runs(plan: &Plan, forecast: &Forecast) {
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
            state(row, &names, forecast),
        ]
    });
    table::print(
        &["run", "parameters", "FLOPs", "iterations", "time", "state"],
        &["parameters", "FLOPs", "iterations", "time"],
        rows.collect(),
    );
}

/// Prints the number of runs per state, the data sets, and notes.
fn print_summary(plan: &Plan, forecast: &Forecast, prepared: &Prepared) {
    let diff = &forecast.diff;
    let resuming = |row: &&Row| row.state == "new" && row.resumes_at.is_some();
    let resuming = plan.runs.iter().filter(resuming).count();
    outln!(
        "{}: {}, {} new, {}{} unfinished, {} finished, {} failed",
        plan.sweep,
        counted(plan.runs.len(), "run"),
        diff.count(RunState::New) - resuming,
        match resuming {
            0 => String::new(),
            resuming => format!("{resuming} from other runs' checkpoints, "),
        },
        diff.count(RunState::Unfinished),
        diff.done(),
        diff.failed(),
    );
    for line in images::lines(&plan.data) {
        outln!("{line}");
    }
    for line in values(prepared) {
        outln!("{line}");
    }
    if let Some(seeds) = &plan.seeds {
        outln!("{seeds}");
    }
    match (diff.count(RunState::Blocked), diff.count(RunState::Retrain)) {
        (0, 0) => {}
        (blocked, retrained) => outln!(
            "{blocked} blocked by their parent run, {retrained} to retrain for child runs \
             (the final checkpoint is missing)"
        ),
    }
    if !plan.stale.is_empty() {
        outln!(
            "{} stale: stored under this name, but no longer in the sweep (their results are kept)",
            plan.stale.len()
        );
    }
}

/// The share of evaluations above which `plan` suggests a larger `eval_every`.
const LARGE_SHARE: f64 = 0.15;

/// Prints how much of the time evaluations take, and what lowers it to a tenth.
fn print_evaluation_share(forecast: &Forecast) {
    let share = forecast.evaluation_share();
    if share < 0.01 {
        return;
    }
    let advice = match forecast.sparser_evaluations() {
        Some(every) if share > LARGE_SHARE => format!("`eval_every = {every}` lowers it to 10 %"),
        _ => "a larger `eval_every` lowers it".to_owned(),
    };
    outln!(
        "evaluations take about {:.0} % of that; {advice}",
        share * 100.0
    );
}

/// Prints the estimated time and memory of the pending runs.
fn print_estimate(plan: &Plan, forecast: &Forecast, prepared: &Prepared) {
    let basis = if plan.speed_observed {
        "based on finished runs"
    } else {
        "a guess: no run of the same width and image size has finished on this machine yet"
    };
    outln!(
        "{} to train with {}: about {} ({basis})",
        plan.pending,
        worker_pool(&forecast.worker_pool.slots),
        duration(Duration::from_secs_f64(plan.estimated_s)),
    );
    print_evaluation_share(forecast);
    if let Some((run, bytes)) = forecast.largest() {
        let decodes = forecast.decoding_needs_most(run);
        let images = if decodes {
            "decoding of images"
        } else {
            "images"
        };
        outln!(
            "memory: up to {} for one run, program and {images} included ({}, batch {})",
            binary(bytes),
            prepared.sweep.labels[run.configuration],
            run.config.configuration.train.batch_size,
        );
    }
    if let Some(warning) = forecast.memory_warning() {
        errln!("warning: {warning}");
    }
}
