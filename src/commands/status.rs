//! Implements `resweep status`.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::Duration;

use indicatif::DecimalBytes;
use serde::Serialize;

use super::attempts;
use super::named_run;
use super::prepare::to_read;
use super::results::database;
use super::show;
use super::source::{Source, recorded_text};
use super::table::{self, percent};
use crate::cli::StatusArgs;
use crate::format::ago;
use crate::format::{duration, first_line};
use crate::output;
use resweep_core::analysis::chance::{hint, is_chance};
use resweep_core::domain::RunId;
use resweep_core::sweep_file::DataFolders;
use resweep_store::{
    AttemptStatus, FailedTask, Member, RunStatus, Store, SubmittedRun, SweepSummary, Usage,
};

/// Larger sweeps are cut to so many runs, unless all are asked for.
const LISTED_MAX: usize = 100;

/// Prints all sweeps, or the runs of one, or all attempts at them.
pub fn execute(args: &StatusArgs) -> anyhow::Result<()> {
    let results = &args.results.results;
    let store = Store::open_read_only(&database(results))?;
    let sweeps = store.sweeps()?;
    let Some(name) = &args.name else {
        all(&sweeps, args.json)?;
        if !args.json && !sweeps.is_empty() {
            show_usage(results);
        }
        return Ok(());
    };
    let known = |name: &str| sweeps.iter().any(|sweep| sweep.name == name);
    let of_file = match known(name) {
        true => None,
        false => name_in_file(name, results),
    };
    let name = of_file.as_ref().unwrap_or(name);
    if !known(name) {
        let run = named_run::find(name, &store, results)?;
        return match args.json {
            true => show::json(&run, &store, results),
            false => show::show(&run, &store, results),
        };
    }
    let members = store.members(name)?;
    if args.attempts {
        attempts::show(&store, &members, args.json)
    } else {
        one(&store, &members, args)?;
        if !args.json
            && let Some(note) = seeds_note(name, &store, results)
        {
            outln!("{note}");
        }
        Ok(())
    }
}

/// The name of the sweep in a file; `None` if the file does not exist.
fn name_in_file(path: &str, results: &Path) -> Option<String> {
    let path = Path::new(path);
    let source = Source::of(path, &[], results)
        .ok()
        .filter(|_| path.is_file())?;
    Some(source.sweep(DataFolders::NeedNotExist, results).ok()?.name)
}

/// How many seeds the sweep uses and why; `None` without adaptive repeats, or if the recorded sweep
/// cannot be read.
fn seeds_note(name: &str, store: &Store, results: &Path) -> Option<String> {
    let source = recorded_text(name, store, &database(results)).ok()??;
    let sweep = source.sweep(DataFolders::NeedNotExist, results).ok()?;
    sweep.adaptive?;
    to_read(source, results, true).ok()?.sweep.seeds_note
}

/// Prints the size of the results.
fn show_usage(results: &Path) {
    let usage = Usage::of(&database(results));
    outln!();
    outln!(
        "{}: {} database, {} checkpoints, {} logs",
        results.display(),
        DecimalBytes(usage.database_bytes),
        DecimalBytes(usage.checkpoints_bytes),
        DecimalBytes(usage.logs_bytes)
    );
}

#[derive(Serialize)]
struct SweepRow<'a> {
    name: &'a str,
    title: Option<&'a str>,
    last_started_unix_ms: i64,
    runs: usize,
    finished: usize,
    running: usize,
    diverged: usize,
    failed: usize,
    /// Started, and interrupted by a crash or a stop.
    unfinished: usize,
    /// Never started.
    new: usize,
}

fn all(sweeps: &[SweepSummary], json: bool) -> anyhow::Result<()> {
    let count = |sweep: &SweepSummary, status| sweep.by_status.get(&status).copied().unwrap_or(0);
    let rows: Vec<SweepRow> = sweeps
        .iter()
        .map(|sweep| SweepRow {
            name: &sweep.name,
            title: sweep.title.as_deref(),
            last_started_unix_ms: sweep.last_started_unix_ms,
            runs: sweep.runs,
            finished: count(sweep, AttemptStatus::Finished),
            running: count(sweep, AttemptStatus::Running),
            diverged: count(sweep, AttemptStatus::Diverged),
            failed: count(sweep, AttemptStatus::Failed),
            unfinished: count(sweep, AttemptStatus::Interrupted)
                + count(sweep, AttemptStatus::Stopped),
            new: sweep.runs - sweep.by_status.values().sum::<usize>(),
        })
        .collect();
    if json {
        output::json(&rows)?;
        return Ok(());
    }
    if rows.is_empty() {
        outln!("nothing has been run yet");
        return Ok(());
    }
    let numbers = [
        "runs",
        "finished",
        "diverged",
        "failed",
        "running",
        "unfinished",
        "new",
    ];
    let header = [&["sweep"], numbers.as_slice(), &["started"]].concat();
    let rows = rows.iter().map(|row| {
        vec![
            row.name.to_owned(),
            row.runs.to_string(),
            row.finished.to_string(),
            row.diverged.to_string(),
            row.failed.to_string(),
            row.running.to_string(),
            row.unfinished.to_string(),
            row.new.to_string(),
            ago(row.last_started_unix_ms),
        ]
    });
    table::print(&header, &numbers, rows.collect());
    Ok(())
}

#[derive(Serialize)]
struct RunRow<'a> {
    id: &'a RunId,
    label: &'a str,
    status: &'static str,
    /// Started, and interrupted by a crash or a stop.
    #[serde(skip)]
    unfinished: bool,
    attempts: u64,
    iteration: u64,
    train_error_percent: Option<f64>,
    test_error_percent: Option<f64>,
    validation_error_percent: Option<f64>,
    wall_s: Option<f64>,
    error: Option<&'a str>,
    diverged_iteration: Option<u64>,
    /// Whether its final error is no better than guessing.
    no_better_than_chance: bool,
    /// A remedy in that case.
    #[serde(skip)]
    hint: Option<String>,
    /// The iteration of the newest checkpoint of the current training.
    checkpoint_iteration: Option<u64>,
    /// The parent run.
    needs: Option<RunId>,
    /// The state of the parent.
    #[serde(skip)]
    needed: Option<String>,
    /// Its state on a cluster, if it is submitted.
    cluster: Option<ClusterState<'a>>,
    /// The task that it was released from, if that failed before it began the run.
    #[serde(skip)]
    failed_task: Option<&'a FailedTask>,
}

/// The state of a run on a cluster.
#[derive(Serialize)]
struct ClusterState<'a> {
    site: &'a str,
    /// The engine's name for the task: `81234_3`.
    job: Option<String>,
    task: usize,
    /// As the queue had it; `None` where it was not asked or did not have it.
    state: Option<&'a str>,
    node: Option<&'a str>,
    /// Why it waits.
    reason: Option<&'a str>,
    /// How often the task has started.
    starts: u64,
    asked_unix_ms: Option<i64>,
}

impl<'a> ClusterState<'a> {
    fn of(out: &'a SubmittedRun) -> Self {
        let queue = &out.queue;
        Self {
            site: &out.site,
            job: out.job.as_ref().map(|job| format!("{job}_{}", out.task)),
            task: out.task,
            state: queue.state.as_deref(),
            node: queue.node.as_deref().or(out.host.as_deref()),
            reason: queue.reason.as_deref(),
            starts: out.start,
            asked_unix_ms: out.asked_unix_ms,
        }
    }

    /// `on n1 (81234_3), start 2`, `waits at mycluster: Priority (81234_3)`.
    fn words(&self, is_running: bool) -> String {
        let job = match &self.job {
            Some(job) => format!(" ({job})"),
            None => format!(" (task {})", self.task),
        };
        let waits = matches!(self.state, Some("PENDING" | "REQUEUED" | "REQUEUE_HOLD"));
        match (self.node, self.reason) {
            (_, Some(reason)) if waits => format!("waits at {}: {reason}{job}", self.site),
            (Some(node), _) if self.starts > 0 && !is_running => {
                format!("waits in its task on {node}{job}")
            }
            (Some(node), _) if self.starts > 1 => {
                format!("on {node}{job}, start {}", self.starts)
            }
            (Some(node), _) if self.starts == 1 => format!("on {node}{job}"),
            _ => format!("queued at {}{job}", self.site),
        }
    }
}

/// Why a run has no result, or what it would do next, in one line.
fn note(row: &RunRow) -> String {
    if let Some(place) = &row.cluster {
        return place.words(row.status == AttemptStatus::Running.into_str());
    }
    match (row.diverged_iteration, row.error) {
        (Some(iteration), _) => format!("at iteration {iteration}"),
        (None, Some(error)) if row.status != AttemptStatus::Stopped.into_str() => {
            first_line(error).to_owned()
        }
        _ if let Some(task) = row.failed_task => why_not_begun(task),
        _ if row.unfinished => match row.checkpoint_iteration {
            Some(iteration) => format!("resumes from {iteration}"),
            None => "no checkpoint yet".to_owned(),
        },
        _ if row.no_better_than_chance => {
            let hint = row.hint.as_deref().unwrap_or_default();
            format!("no better than chance; {hint}")
        }
        _ => match &row.needed {
            Some(needed) if row.attempts == 0 => format!("grows from {needed}"),
            _ => String::new(),
        },
    }
}

/// `its task ended as FAILED (JobLaunchFailure) on n1 and wrote nothing (81234_3)`.
fn why_not_begun(task: &FailedTask) -> String {
    if let Some(error) = &task.error {
        return first_line(error).to_owned();
    }
    let queue = &task.queue;
    let reason = queue.reason.as_ref();
    let reason = reason.map_or(String::new(), |reason| format!(" ({reason})"));
    let node = queue.node.as_ref();
    let node = node.map_or(String::new(), |node| format!(" on {node}"));
    let job = task.job.as_ref();
    let job = job.map_or(String::new(), |job| format!(" ({job}_{})", task.task));
    match queue.state.as_deref() {
        Some("CANCELLED") => format!("its task was cancelled{job}"),
        Some(state) => format!("its task ended as {state}{reason}{node} and wrote nothing{job}"),
        None => format!("its task left the queue and wrote nothing{job}"),
    }
}

fn one(store: &Store, members: &[Member], args: &StatusArgs) -> anyhow::Result<()> {
    let ids: Vec<RunId> = members.iter().map(|member| member.id.clone()).collect();
    let statuses = store.statuses(&ids)?;
    let checkpoints = store.checkpoint_iterations(&ids)?;
    let needs = store.needs(&ids)?;
    let guessing = guessing(store, &statuses)?;
    let (submitted, failed_tasks) = (store.submitted()?, store.failed_tasks()?);
    let names: HashMap<&RunId, &Member> = members.iter().map(|one| (&one.id, one)).collect();
    let rows: Vec<RunRow> = members
        .iter()
        .map(|member| {
            let checkpoint_iteration = checkpoints.get(&member.id).copied();
            let chance = guessing.get(&member.id);
            RunRow {
                checkpoint_iteration,
                no_better_than_chance: chance.is_some(),
                hint: chance.cloned(),
                needs: needs.get(&member.id).cloned(),
                needed: needs
                    .get(&member.id)
                    .map(|id| parent_state(id, names.get(id))),
                cluster: submitted.get(&member.id).map(ClusterState::of),
                failed_task: failed_tasks.get(&member.id),
                ..run_row(member, statuses.get(&member.id))
            }
        })
        .collect();
    if args.json {
        output::json(&rows)?;
    } else {
        print_runs(&rows, if args.all { usize::MAX } else { LISTED_MAX });
        let asked = rows
            .iter()
            .filter_map(|row| row.cluster.as_ref()?.asked_unix_ms);
        if let Some(asked) = asked.max() {
            outln!(
                "as of {}; `resweep sync` asks the cluster again",
                ago(asked)
            );
        }
    }
    Ok(())
}

/// Lists at most `most` runs, and counts the others.
fn print_runs(rows: &[RunRow], most: usize) {
    let header = [
        "run",
        "status",
        "iteration",
        "train %",
        "eval %",
        "time",
        "attempts",
        "note",
    ];
    let numbers = ["iteration", "train %", "eval %", "time", "attempts"];
    let listed = excerpt(rows, most);
    let cells = listed.iter().map(|row| {
        vec![
            row.label.to_owned(),
            status_word(row).to_owned(),
            row.iteration.to_string(),
            percent(row.train_error_percent),
            percent(row.test_error_percent.or(row.validation_error_percent)),
            row.wall_s.map_or_else(
                || "-".to_owned(),
                |wall| duration(Duration::from_secs_f64(wall)),
            ),
            row.attempts.to_string(),
            note(row),
        ]
    });
    table::print(&header, &numbers, cells.collect());
    if listed.len() < rows.len() {
        let (shown, all) = (listed.len(), rows.len());
        outln!();
        outln!(
            "{shown} of {all} runs listed ({}); `--all` lists every run",
            counts(rows)
        );
    }
}

/// At most `most` rows in their order; those that need a look come before the others.
fn excerpt<'r, 'a>(rows: &'r [RunRow<'a>], most: usize) -> Vec<&'r RunRow<'a>> {
    let rank = |row: &RunRow| match row.status {
        "finished" if row.no_better_than_chance => 1,
        "finished" | "new" => 2,
        _ => 0,
    };
    let mut chosen: Vec<(usize, &RunRow)> = rows.iter().enumerate().collect();
    chosen.sort_by_key(|(_, row)| rank(row));
    chosen.truncate(most);
    chosen.sort_by_key(|(at, _)| *at);
    chosen.into_iter().map(|(_, row)| row).collect()
}

/// `9990 finished, 10 failed`.
fn counts(rows: &[RunRow]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for row in rows {
        *counts.entry(row.status).or_default() += 1;
    }
    let counts = counts
        .iter()
        .map(|(status, count)| format!("{count} {status}"));
    counts.collect::<Vec<String>>().join(", ")
}

/// The state in the table: a run that waits for its turn on a cluster is queued.
fn status_word<'a>(row: &RunRow<'a>) -> &'a str {
    match row.cluster {
        Some(_) if row.status != AttemptStatus::Running.into_str() => "queued",
        _ => row.status,
    }
}

/// The finished runs no better than chance, each with a remedy.
fn guessing(
    store: &Store,
    statuses: &HashMap<RunId, RunStatus>,
) -> anyhow::Result<HashMap<RunId, String>> {
    let error = |status: &RunStatus| status.test.or(status.validation).map(|p| p.error_percent);
    let finished = statuses.iter().filter_map(|(id, status)| {
        let error = error(status).filter(|_| status.status == AttemptStatus::Finished)?;
        Some((id, error))
    });
    let finished: HashMap<&RunId, f64> = finished.collect();
    let ids: Vec<RunId> = finished.keys().map(|id| (*id).clone()).collect();
    let (recorded, images) = (store.recorded_runs(&ids)?, store.images(&ids)?);
    let guessing = recorded.into_iter().filter_map(|(id, run)| {
        let configuration = &run.config.configuration;
        let guess = images
            .get(&id)
            .map(|images| images.counts.guess_error_percent());
        let is_chance = is_chance(*finished.get(&id)?, guess, configuration, &run.cost);
        is_chance.then(|| (id, hint(configuration)))
    });
    Ok(guessing.collect())
}

fn run_row<'a>(member: &'a Member, status: Option<&'a RunStatus>) -> RunRow<'a> {
    RunRow {
        id: &member.id,
        label: &member.label,
        status: status.map_or("new", |status| status.status.into_str()),
        unfinished: status.is_some_and(|status| {
            matches!(
                status.status,
                AttemptStatus::Interrupted | AttemptStatus::Stopped
            )
        }),
        attempts: status.map_or(0, |status| status.attempts),
        iteration: status.map_or(0, |status| status.iteration),
        train_error_percent: status
            .and_then(|status| status.train)
            .map(|point| point.error_percent),
        test_error_percent: status
            .and_then(|status| status.test)
            .map(|point| point.error_percent),
        validation_error_percent: status
            .and_then(|status| status.validation)
            .map(|point| point.error_percent),
        wall_s: status
            .and_then(|status| status.wall)
            .map(|wall| wall.as_secs_f64()),
        error: status.and_then(|status| status.error.as_deref()),
        diverged_iteration: status.and_then(|status| status.diverged_iteration),
        no_better_than_chance: false,
        hint: None,
        checkpoint_iteration: None,
        needs: None,
        needed: None,
        cluster: None,
        failed_task: None,
    }
}

/// A parent run and its state: `plain-20 (diverged)`.
fn parent_state(id: &RunId, member: Option<&&Member>) -> String {
    match member {
        Some(member) => {
            let status = member.status.map_or("new", |status| status.into_str());
            format!("{} ({status})", member.label)
        }
        None => id.short().to_owned(),
    }
}
