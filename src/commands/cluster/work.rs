//! Implements `resweep work`, which runs on the nodes: trains the runs of one task with the usual
//! scheduler and writes a journal instead of the database.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;

use super::super::exit_code::{ExitCode, UsageError};
use super::super::isolate::{self, ChildTrainer};
use super::super::prepare::load_data;
use super::super::provenance::provenance;
use super::super::stopping::Stopping;
use super::{program, site};
use crate::cli::WorkArgs;
use crate::output::Stream;
use crate::progress::{self, Mode};
use resweep_cluster::{ClusterError, History, Order, SubmissionFolder, TaskLedger, slurm};
use resweep_core::domain::{
    Configuration, DeviceKind, Left, Run, StartFacts, SweepTally, TaskRun, Trainer, with_causes,
};
use resweep_core::files::Place;
use resweep_core::schedule::{self, Limits, Resources, RunBatch, ScheduleError, WorkerPool};
use resweep_train::NetworkTrainer;

/// Variables in which engines pass the number of a task.
const TASK_VARIABLES: [&str; 8] = [
    "SLURM_ARRAY_TASK_ID",
    "HQ_TASK_ID",
    "PBS_ARRAY_INDEX",
    "PBS_ARRAYID",
    "LSB_JOBINDEX",
    "SGE_TASK_ID",
    "JOB_COMPLETION_INDEX",
    "RESWEEP_TASK",
];

/// The signal that Slurm sends before the time limit.
const TIME_IS_UP: &str = "SIGUSR1";
/// Time reserved for the end of the task, of the time between that signal and the limit.
const RESERVE: Duration = Duration::from_secs(30);

/// Trains the unfinished runs of a task.
pub fn execute(args: &WorkArgs) -> anyhow::Result<ExitCode> {
    // Before anything else: a signal must not end the process without a record.
    let stopping = Stopping::listen_patiently();
    log_to_stderr();
    let folder = folder(args)?;
    let order = folder.order().map_err(not_seen)?;
    let job = slurm::this_task();
    let task = task(args)?;
    if task >= order.tasks {
        let last = order.tasks.saturating_sub(1);
        let message = format!("there is no task {task}: the submission has tasks 0 to {last}");
        return Err(UsageError(message).into());
    }
    if let Some((number, _)) = &job
        && !folder.own(number)?
    {
        errln!("the submission belongs to another job; nothing to do");
        return Ok(ExitCode::Success);
    }
    let runs = folder.runs(task)?;
    let start = folder.begin(task)?;
    let history = History::read(&folder, task, start)?;
    let found = order.device.parse().map_err(anyhow::Error::from);
    let found = found.and_then(|request| Ok(resweep_train::find_devices(&request)?));
    let devices = found.as_ref().map_or(&[][..], |found| &found.devices);
    let worker_pool = worker_pool(&order, devices, runs.len());
    let facts = facts(devices, worker_pool.slots.len(), &job);
    let mut ledger = TaskLedger::begin(&folder, task, start, runs.clone(), history, facts)?;
    errln!("start {start} of task {task} of {}", order.name);
    let ready = found.and_then(|_| prepare(&order, &runs, &ledger.pending()));
    let trainer = match ready {
        Ok(trainer) => trainer,
        Err(error) => {
            ledger.leave(Left::Failed(with_causes(error.as_ref())))?;
            return Err(error);
        }
    };
    let batch = batch(&order, ledger.pending(), runs.len(), worker_pool);
    let tally = schedule::run(
        &batch,
        &trainer,
        &mut ledger,
        &mut [progress::sink(Mode::Plain)],
        &stopping.asked,
    );
    leave(&mut ledger, tally, &stopping, job)
}

/// The folder of the submission.
fn folder(args: &WorkArgs) -> io::Result<SubmissionFolder> {
    match &args.results {
        Some(results) => site::submission(results, &args.folder),
        None => Ok(SubmissionFolder::new(Place::of_file(&std::path::absolute(
            &args.folder,
        )?))),
    }
}

/// Says what it means that the order is missing.
fn not_seen(error: ClusterError) -> anyhow::Error {
    let is_missing = matches!(
        &error,
        ClusterError::Read { source, .. } if source.kind() == io::ErrorKind::NotFound
    );
    let error = anyhow::Error::from(error);
    if !is_missing {
        return error;
    }
    error.context(
        "this machine does not see the folder of the submission; set `folder` in clusters.toml to a \
         folder that every node sees under the same path",
    )
}

/// Records why the start ends; requeues the task if its time was up.
fn leave(
    ledger: &mut TaskLedger,
    tally: Result<SweepTally, ScheduleError>,
    stopping: &Stopping,
    job: Option<(String, usize)>,
) -> anyhow::Result<ExitCode> {
    let tally = match tally {
        Ok(tally) => tally,
        Err(error) => {
            let error = anyhow::Error::from(error);
            // If the journal cannot be written, neither can this.
            let _ = ledger.leave(Left::Failed(with_causes(error.as_ref())));
            return Err(error);
        }
    };
    if ledger.is_superseded() {
        ledger.leave(Left::Superseded)?;
        errln!("a later start works on the task");
        return Ok(ExitCode::Success);
    }
    let unfinished = tally.stopped + tally.skipped > 0;
    match stopping.reason() {
        Some(TIME_IS_UP) if unfinished => {
            ledger.leave(Left::Time)?;
            if let Some((job, task)) = job {
                // Slurm answers with SIGTERM, so this is the last step.
                slurm::requeue(&job, task)?;
            }
            Ok(ExitCode::Success)
        }
        Some(reason) if unfinished => {
            ledger.leave(Left::Stopped(reason.to_owned()))?;
            Ok(ExitCode::Stopped)
        }
        _ => {
            ledger.leave(Left::Done)?;
            Ok(if ledger.failed() + tally.blocked > 0 {
                ExitCode::RunsFailed
            } else {
                ExitCode::Success
            })
        }
    }
}

/// The task that this process is for.
fn task(args: &WorkArgs) -> anyhow::Result<usize> {
    if let Some(task) = args.task {
        return Ok(task);
    }
    let named = TASK_VARIABLES
        .iter()
        .find_map(|name| std::env::var(name).ok());
    let task = named.and_then(|text| text.parse().ok());
    task.ok_or_else(|| {
        let names = TASK_VARIABLES.join(", ");
        UsageError(format!(
            "the number of the task is missing: give --task N or set one of {names}"
        ))
        .into()
    })
}

/// Refuses another program and other images, which may give different bits, and loads the images.
fn prepare(order: &Order, runs: &[TaskRun], pending: &[Run]) -> anyhow::Result<Arc<dyn Trainer>> {
    let this = program::this();
    anyhow::ensure!(
        this == order.program,
        "this program is {this}, but the runs were submitted by {}; name the same program with \
         `program` in clusters.toml, or leave that out",
        order.program
    );
    let cache = order.site_folder.join("cache");
    let mut seen = HashSet::new();
    let ids: HashSet<_> = pending.iter().map(|run| &run.id).collect();
    for one in runs.iter().filter(|one| ids.contains(&one.run.id)) {
        let configuration = &one.run.config.configuration;
        let (data, size) = (&configuration.data, configuration.model.image_size);
        if !seen.insert((&data.path, data.dataset, size, &one.fingerprint)) {
            continue;
        }
        let found = resweep_data::describe(data, size, &cache)
            .with_context(|| format!("the images of {} cannot be read here", one.run))?;
        anyhow::ensure!(
            found.fingerprint == one.fingerprint,
            "the images of {} have changed since it was submitted{}",
            one.run,
            data.path
                .as_ref()
                .map_or(String::new(), |path| format!(": {}", path.display()))
        );
    }
    let every = Duration::try_from_secs_f64(order.checkpoint_every_s)?;
    if order.isolate {
        let setting = isolate::Setting {
            results: order.site_folder.clone(),
            checkpoint_every: every,
        };
        return Ok(Arc::new(ChildTrainer::new(setting)));
    }
    let configurations = pending.iter().map(configuration);
    let datasets = load_data(configurations, &order.site_folder)?;
    Ok(Arc::new(NetworkTrainer::new(datasets, every)))
}

fn configuration(run: &Run) -> &Configuration {
    &run.config.configuration
}

fn batch(order: &Order, pending: Vec<Run>, all: usize, worker_pool: WorkerPool) -> RunBatch {
    let grace = Duration::from_secs(order.grace_s).saturating_sub(RESERVE);
    RunBatch {
        finished_before: all - pending.len(),
        runs: pending.into(),
        worker_pool,
        limits: Limits {
            max_fails: None,
            max_attempts: order.max_attempts,
        },
        grace: grace.max(RunBatch::GRACE),
    }
}

fn worker_pool(order: &Order, devices: &[DeviceKind], pending: usize) -> WorkerPool {
    let resources = Resources {
        devices,
        runs_per_gpu: order.runs_per_gpu,
        cores: cores(),
        threads: order.threads,
    };
    WorkerPool::new(resources, pending, order.workers)
}

/// The cores that this process may use: at most those that Slurm allocated.
fn cores() -> usize {
    let seen = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let number = |name: &str| std::env::var(name).ok()?.parse::<usize>().ok();
    let given = number("SLURM_CPUS_PER_TASK").or_else(|| number("SLURM_CPUS_ON_NODE"));
    given.map_or(seen, |given| given.clamp(1, seen))
}

fn facts(devices: &[DeviceKind], workers: usize, job: &Option<(String, usize)>) -> StartFacts {
    let here = provenance(devices);
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    StartFacts {
        // Several nodes of a test can be one machine.
        host: std::env::var("SLURMD_NODENAME").unwrap_or(here.host),
        pid: std::process::id(),
        job: job.as_ref().map(|(job, task)| format!("{job}_{task}")),
        version: here.version,
        git_commit: here.git_commit,
        cpu: here.cpu,
        devices: here.devices,
        workers,
        unix_ms: since.map_or(0, |since| since.as_millis() as i64),
    }
}

/// The engine stores what the process prints.
fn log_to_stderr() {
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_target(false)
        .with_writer(|| Stream::Err)
        .log_internal_errors(false)
        .init();
}
