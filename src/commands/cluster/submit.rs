//! Implements `resweep submit`: packs pending runs into tasks and submits them as one job.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};

use super::super::exit_code::ExitCode;
use super::super::forecast::Forecast;
use super::super::images;
use super::super::prepare::{Prepared, to_plan, to_train};
use super::super::results::database;
use super::super::run::open_recorder;
use super::{program, site, sync, tasks};
use crate::cli::SubmitArgs;
use crate::format::{counted, duration};
use crate::progress::Mode;
use resweep_cluster::slurm::{self, Script, Submitted};
use resweep_cluster::{Order, SubmissionFolder};
use resweep_core::domain::{DeviceKind, Run, TaskRun};
use resweep_core::files::Place;
use resweep_core::sweep_file::{Site, SiteEngine};
use resweep_store::{Engine, NewSubmission, Participation, SubmissionState, Submissions};

/// Fetches new results, then submits the pending runs.
pub fn execute(args: &SubmitArgs) -> anyhow::Result<ExitCode> {
    let site = site::find(&args.on)?;
    let results = &args.results.results;
    if args.dry_run {
        return dry_run(args, &site);
    }
    sync::fetch(results, sync::Ask::Queue)?.print_notes();
    let prepared = to_train(&args.sweep, results, Mode::Auto, args.workers.fresh)?;
    prepared.print_notes();
    images::warn(&images::of(&prepared));
    submit_runs(args, &site, &prepared)
}

/// The engine's answer to a submission.
enum Answer {
    Accepted(Option<String>),
    Refused(String),
    Unknown(String),
}

/// Submits the pending runs of a sweep; the exit code says whether the job was accepted.
///
/// # Errors
/// The folder or the database cannot be written, or the engine's program is missing.
pub fn submit_runs(
    args: &SubmitArgs,
    site: &Site,
    prepared: &Prepared,
) -> anyhow::Result<ExitCode> {
    let results = &args.results.results;
    let devices = [DeviceKind::Cpu];
    let participation = Participation {
        fresh: args.workers.fresh,
        ..Participation::default()
    };
    let mut recorder = open_recorder(participation, &devices, prepared, results)?;
    let store = super::super::results::store(results, args.workers.fresh)?;
    let forecast = Forecast::new(prepared, &store, &args.workers, &devices)?;
    if let Some(note) = forecast.cluster_note() {
        errln!("note: {note}");
    }
    if forecast.pending.is_empty() {
        outln!("nothing to submit");
        return Ok(ExitCode::Success);
    }
    tasks::warn_of_limit(site);
    program::warn_if_missing(site);
    let packed = tasks::packed(&forecast, site, &args.workers, tasks_max(site)?);
    let root = site::folder(site, results)?;
    let program = program::on_nodes(site, &root)?;
    let (name, folder) = name(prepared, &root);
    let fingerprints = |run: &Run| prepared.images[run.configuration].fingerprint.as_str();
    let with_images: Vec<Vec<(&Run, &str)>> = packed
        .iter()
        .map(|task| task.iter().map(|run| (*run, fingerprints(run))).collect())
        .collect();
    let submission = NewSubmission {
        sweep: &prepared.sweep.name,
        name: &name,
        site: &site.name,
        engine: match site.engine {
            SiteEngine::Slurm { .. } => Engine::Slurm,
            SiteEngine::Command { .. } => Engine::Command,
        },
        folder: folder.path(),
    };
    let mut submitted = recorder.submit_runs(&submission, &with_images)?;
    drop(recorder);
    if submitted.is_empty() {
        outln!("nothing to submit: other processes train the pending runs");
        return Ok(ExitCode::Success);
    }
    absolute_data(&mut submitted);
    let order = order(args, site, prepared, &name, submitted.len(), &root);
    let answer = start(site, &folder, &order, &submitted, &program);
    settle(answer, &name, results, &folder, &submitted)
}

/// Stores the engine's answer and prints it.
fn settle(
    answer: anyhow::Result<Answer>,
    name: &str,
    results: &Path,
    folder: &SubmissionFolder,
    tasks: &[Vec<TaskRun>],
) -> anyhow::Result<ExitCode> {
    let runs = counted(tasks.iter().map(Vec::len).sum(), "run");
    let in_tasks = counted(tasks.len(), "task");
    let Some(mut submissions) = Submissions::open(&database(results))? else {
        return Ok(ExitCode::Failure);
    };
    match answer {
        Ok(Answer::Accepted(job)) => {
            submissions.set_state(name, SubmissionState::Submitted, job.as_deref())?;
            let job = job.map_or(String::new(), |job| format!(" as job {job}"));
            outln!("submitted {runs} in {in_tasks}{job} ({name})");
            outln!("`resweep sync` fetches the results");
            Ok(ExitCode::Success)
        }
        Ok(Answer::Unknown(said)) => {
            errln!(
                "warning: sbatch did not say whether Slurm accepted the job {name} ({said}); \
                 `resweep sync` finds out"
            );
            Ok(ExitCode::Failure)
        }
        refused => {
            release(&mut submissions, name, folder)?;
            Err(match refused {
                Err(error) => error,
                Ok(Answer::Refused(said)) => anyhow::anyhow!("the job was refused: {said}"),
                Ok(_) => anyhow::anyhow!("the job was not submitted"),
            })
        }
    }
}

/// Releases the runs of a submission that was not accepted.
fn release(
    submissions: &mut Submissions,
    name: &str,
    folder: &SubmissionFolder,
) -> anyhow::Result<()> {
    if folder.order().is_ok() {
        // If a job was created all the same, it does nothing.
        let _ = folder.close();
    }
    let open = submissions.not_closed()?;
    for submission in open.iter().filter(|open| open.name == name) {
        submissions.give_up(submission.id, "not submitted")?;
        submissions.close_if_done(submission.id)?;
    }
    Ok(())
}

fn start(
    site: &Site,
    folder: &SubmissionFolder,
    order: &Order,
    tasks: &[Vec<TaskRun>],
    program: &Path,
) -> anyhow::Result<Answer> {
    let text = script(site, folder, &order.name, tasks.len(), program);
    folder.write(order, tasks, text.as_deref())?;
    match &site.engine {
        SiteEngine::Slurm { .. } => Ok(match slurm::submit(folder)? {
            Submitted::Accepted(job) => Answer::Accepted(Some(job)),
            Submitted::Refused(said) => Answer::Refused(format!(
                "{said}; the options of sbatch are in [{}.sbatch] of clusters.toml",
                site.name
            )),
            Submitted::Unreachable(said) => {
                Answer::Refused(format!("Slurm cannot be reached from this machine: {said}"))
            }
            Submitted::Unknown(said) => Answer::Unknown(said),
        }),
        SiteEngine::Command { command } => {
            let line = command_line(command, folder, tasks.len(), program);
            let status = std::process::Command::new("sh")
                .args(["-c", &line])
                .status()?;
            let started = |task| folder.starts(task).is_ok_and(|starts| !starts.is_empty());
            if status.success() {
                return Ok(Answer::Accepted(None));
            }
            let failure = format!("`{line}` failed: {status}");
            if (0..tasks.len()).any(started) {
                errln!(
                    "warning: {failure}; `resweep cancel` releases the runs of tasks that did not start"
                );
                return Ok(Answer::Accepted(None));
            }
            Ok(Answer::Refused(failure))
        }
    }
}

/// The site's command with its placeholders replaced.
fn command_line(command: &str, folder: &SubmissionFolder, tasks: usize, program: &Path) -> String {
    let work = slurm::work(&program.to_string_lossy(), folder);
    command
        .replace("{work}", &work)
        .replace("{folder}", &folder.path().to_string_lossy())
        .replace("{tasks}", &tasks.to_string())
        .replace("{last}", &tasks.saturating_sub(1).to_string())
}

/// The job script; `None` if a command starts the tasks.
fn script(
    site: &Site,
    folder: &SubmissionFolder,
    name: &str,
    tasks: usize,
    program: &Path,
) -> Option<String> {
    let SiteEngine::Slurm { options } = &site.engine else {
        return None;
    };
    let script = Script {
        name,
        tasks,
        at_once: site.at_once,
        grace: site.grace,
        options,
        setup: &site.setup,
        program: &program.to_string_lossy(),
        folder,
    };
    Some(script.text())
}

/// A unique name for the job, and its folder.
fn name(prepared: &Prepared, root: &Place) -> (String, SubmissionFolder) {
    // Random, as the keys of hash maps are.
    let nonce = RandomState::new().hash_one(std::process::id());
    let unique = format!("{}-{:06x}", prepared.sweep.name, nonce & 0xff_ffff);
    let folder = SubmissionFolder::new(root.join(&unique));
    (format!("resweep-{unique}"), folder)
}

fn order(
    args: &SubmitArgs,
    site: &Site,
    prepared: &Prepared,
    name: &str,
    tasks: usize,
    root: &Path,
) -> Order {
    let device = site.device.as_ref().unwrap_or(&args.workers.device);
    Order {
        format: Order::FORMAT,
        name: name.to_owned(),
        program: program::this(),
        device: device.to_string(),
        threads: usize::from(args.workers.threads),
        runs_per_gpu: usize::from(args.workers.runs_per_gpu),
        workers: args.workers.workers.0,
        checkpoint_every_s: args.checkpoint_every,
        isolate: args.isolate,
        max_attempts: prepared.sweep.max_attempts,
        grace_s: site.grace.as_secs(),
        tasks,
        site_folder: root.to_owned(),
    }
}

/// Makes data folders absolute: tasks have another working directory.
fn absolute_data(tasks: &mut [Vec<TaskRun>]) {
    let mut known: HashMap<PathBuf, PathBuf> = HashMap::new();
    for one in tasks.iter_mut().flatten() {
        if let Some(path) = &mut one.run.config.configuration.data.path {
            let absolute = known
                .entry(path.clone())
                .or_insert_with(|| std::path::absolute(&*path).unwrap_or_else(|_| path.clone()));
            path.clone_from(absolute);
        }
    }
}

/// How many tasks Slurm lets a job have.
fn tasks_max(site: &Site) -> anyhow::Result<Option<usize>> {
    match site.engine {
        SiteEngine::Slurm { .. } => Ok(slurm::max_array_size()?),
        SiteEngine::Command { .. } => Ok(None),
    }
}

/// Shows the tasks and the job script; changes nothing.
fn dry_run(args: &SubmitArgs, site: &Site) -> anyhow::Result<ExitCode> {
    let results = &args.results.results;
    let prepared = to_plan(&args.sweep, results, args.workers.fresh)?;
    prepared.print_notes();
    let store = super::super::results::store(results, args.workers.fresh)?;
    let forecast = Forecast::new(&prepared, &store, &args.workers, &[DeviceKind::Cpu])?;
    if let Some(note) = forecast.cluster_note() {
        errln!("note: {note}");
    }
    tasks::warn_of_limit(site);
    program::warn_if_missing(site);
    // The plan can be shown even if Slurm does not answer.
    let max = tasks_max(site).ok().flatten();
    let packed = tasks::packed(&forecast, site, &args.workers, max);
    if packed.is_empty() {
        outln!("nothing to submit");
        return Ok(ExitCode::Success);
    }
    let root = site::folder(site, results)?;
    let (name, folder) = name(&prepared, &root);
    let rows = packed.iter().enumerate().map(|(task, runs)| {
        vec![
            task.to_string(),
            runs.len().to_string(),
            duration(tasks::time(&forecast, runs, site, &args.workers)),
            labels(runs),
        ]
    });
    super::super::table::print(
        &["task", "runs", "estimated", "first runs"],
        &["task", "runs", "estimated"],
        rows.collect(),
    );
    let program = match &site.program {
        Some(program) => program.clone(),
        None => root.join("bin/.../resweep").to_path_buf(),
    };
    outln!();
    match script(site, &folder, &name, packed.len(), &program) {
        Some(script) => outln!("{}", script.trim_end()),
        None => {
            if let SiteEngine::Command { command } = &site.engine {
                outln!("{}", command_line(command, &folder, packed.len(), &program));
            }
        }
    }
    Ok(ExitCode::Success)
}

fn labels(runs: &[&Run]) -> String {
    let shown: Vec<&str> = runs.iter().take(3).map(|run| run.label.as_str()).collect();
    let more = if runs.len() > shown.len() {
        ", ..."
    } else {
        ""
    };
    format!("{}{more}", shown.join(", "))
}
