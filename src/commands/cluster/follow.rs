//! Implements `resweep sync` and `resweep run --on`.

use std::cell::RefCell;
use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use crossbeam::channel::RecvTimeoutError;

use super::super::exit_code::ExitCode;
use super::super::prepare::{Prepared, to_train};
use super::super::results::database;
use super::super::run::{add_required_runs, announce};
use super::super::stopping::Stopping;
use super::super::{images, plot};
use super::draw::draw;
use super::sync::{self, Ask, Fetched};
use super::{site, submit};
use crate::cli::{RunArgs, SubmitArgs, SyncArgs};
use crate::format::counted;
use crate::progress::Mode;
use resweep_core::sweep_file::Site;
use resweep_store::{AttemptStatus, Store};

/// How often `run --on` reads the folders.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How often it queries the queue: one controller serves thousands of users.
const ASK_EVERY: Duration = Duration::from_secs(60);

/// Fetches new results and draws the figures.
pub fn sync(args: &SyncArgs) -> anyhow::Result<ExitCode> {
    let results = &args.results.results;
    let Some(every) = args.watch else {
        fetch_and_show(results)?;
        return Ok(ExitCode::Success);
    };
    let stopping = Stopping::listen();
    loop {
        if fetch_and_show(results)? == 0 {
            return Ok(ExitCode::Success);
        }
        match stopping.asked.recv_timeout(Duration::from_secs_f64(every)) {
            Err(RecvTimeoutError::Timeout) => {}
            _ => {
                errln!("stopped watching; the jobs keep running");
                return Ok(ExitCode::Stopped);
            }
        }
    }
}

/// Fetches new results, prints a summary and draws the sweeps that have changed; returns how
/// many submissions are open. A submission is closed after its sweep is drawn: if the process is
/// killed in between, the next one draws.
fn fetch_and_show(results: &Path) -> anyhow::Result<usize> {
    let drawn = RefCell::new(HashSet::new());
    let draw_once = |sweep: &str| {
        if drawn.borrow_mut().insert(sweep.to_owned()) {
            draw(sweep, results)?;
        }
        Ok(())
    };
    let fetched = sync::fetch_then(results, Ask::Queue, &draw_once)?;
    show(&fetched);
    for sweep in sync::changed(&fetched) {
        draw_once(&sweep)?;
    }
    Ok(fetched.open)
}

/// Prints a line for each sweep.
fn show(fetched: &Fetched) {
    fetched.print_notes();
    if fetched.sweeps.is_empty() {
        outln!("nothing is submitted");
    }
    for (sweep, news) in &fetched.sweeps {
        let open = match news.open {
            0 => "none left on the cluster".to_owned(),
            open => format!("{} on the cluster", counted(open, "run")),
        };
        let released = match news.released {
            0 => String::new(),
            released => format!("{released} released, "),
        };
        outln!(
            "{sweep}: {} fetched, {released}{open}",
            counted(news.ended, "run")
        );
    }
}

/// Implements `resweep run --on`: submits, then fetches results until every run has one.
pub fn execute(args: &RunArgs, on: &str) -> anyhow::Result<ExitCode> {
    let site = site::find(on)?;
    let results = &args.results.results;
    let mut submit_args = submit_args(args, on);
    if args.dry_run {
        return submit::execute(&submit_args);
    }
    sync::fetch(results, Ask::Queue)?.print_notes();
    let mut prepared = to_train(&args.sweep, results, Mode::Auto, args.workers.fresh)?;
    prepared.print_notes();
    images::warn(&images::of(&prepared));
    let stopping = Stopping::listen();
    let mut left = usize::MAX;
    loop {
        let ending = submit::submit_runs(&submit_args, &site, &prepared)?;
        if ending != ExitCode::Success {
            return Ok(ending);
        }
        submit_args.workers.fresh = false;
        submit_args.workers.retry_failed = false;
        if !follow(&prepared, results, &stopping)? {
            errln!(
                "stopped following; the jobs keep running, and the same command follows them again"
            );
            return Ok(ExitCode::Stopped);
        }
        let more = add_required_runs(&mut prepared, results, args.workers.fresh)?;
        let now = unfinished(&prepared, results)?;
        // Another round of the same runs would end as this one.
        if now == 0 || !more && now >= left {
            break;
        }
        left = now;
    }
    let drawn = plot::draw(&prepared, results);
    announce(args.progress, results, drawn, None)?;
    ending(&prepared, &site, results)
}

fn submit_args(args: &RunArgs, on: &str) -> SubmitArgs {
    SubmitArgs {
        sweep: args.sweep.clone(),
        results: args.results.clone(),
        workers: args.workers.clone(),
        on: on.to_owned(),
        checkpoint_every: args.checkpoint_every,
        isolate: args.isolate,
        dry_run: args.dry_run,
    }
}

/// Fetches results until no run of the sweep is on a cluster; `false` after a signal.
fn follow(prepared: &Prepared, results: &Path, stopping: &Stopping) -> anyhow::Result<bool> {
    let name = &prepared.sweep.name;
    let mut asked = Instant::now();
    let mut shown = usize::MAX;
    let mut known = HashSet::new();
    loop {
        let ask = if asked.elapsed() >= ASK_EVERY {
            asked = Instant::now();
            Ask::Queue
        } else {
            Ask::FilesOnly
        };
        let fetched = sync::fetch(results, ask)?;
        for note in fetched.notes() {
            if known.insert(note.clone()) {
                errln!("note: {note}");
            }
        }
        let open = fetched.sweeps.get(name).map_or(0, |news| news.open);
        if open != shown {
            errln!("{name}: {} on the cluster", counted(open, "run"));
            shown = open;
        }
        if open == 0 {
            return Ok(true);
        }
        match stopping.asked.recv_timeout(LOOK_EVERY) {
            Err(RecvTimeoutError::Timeout) => {}
            _ => return Ok(false),
        }
    }
}

/// Runs without a result, which another round may finish.
fn unfinished(prepared: &Prepared, results: &Path) -> anyhow::Result<usize> {
    let statuses = statuses(prepared, results)?;
    let ended = |status: &AttemptStatus| {
        use AttemptStatus::{Diverged, Failed, Finished};
        matches!(status, Finished | Diverged | Failed)
    };
    Ok(prepared.runs.len() - statuses.iter().filter(|status| ended(status)).count())
}

fn statuses(prepared: &Prepared, results: &Path) -> anyhow::Result<Vec<AttemptStatus>> {
    let store = Store::open_read_only(&database(results))?;
    let ids: HashSet<_> = prepared.runs.iter().map(|run| run.id.clone()).collect();
    let ids: Vec<_> = ids.into_iter().collect();
    let statuses = store.statuses(&ids)?;
    Ok(statuses.into_values().map(|status| status.status).collect())
}

fn ending(prepared: &Prepared, site: &Site, results: &Path) -> anyhow::Result<ExitCode> {
    use AttemptStatus::{Diverged, Finished};
    let statuses = statuses(prepared, results)?;
    let done = statuses
        .iter()
        .filter(|status| matches!(status, Finished | Diverged));
    let left = prepared.runs.len() - done.count();
    if left == 0 {
        return Ok(ExitCode::Success);
    }
    errln!(
        "{} without a result; `resweep status {}` says why, `resweep submit` submits them to {} again",
        counted(left, "run"),
        prepared.sweep.name,
        site.name
    );
    Ok(ExitCode::RunsFailed)
}
