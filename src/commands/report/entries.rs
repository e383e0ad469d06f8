//! Collects a report's entry for each run from the database and the logs.

use std::collections::HashMap;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::super::prepare::Prepared;
use crate::report::{Attempt, Entry, Tail};
use resweep_core::analysis::chance;
use resweep_core::domain::{Curves, Run, RunId};
use resweep_core::files::Place;
use resweep_store::{AttemptStatus, RunStatus, Store};

/// The most lines and bytes shown from the end of a log.
const TAIL_LINES: usize = 12;
const TAIL_BYTES: u64 = 4096;

/// One entry per run, in the order of the sweep.
pub(super) fn entries<'a>(
    prepared: &'a Prepared,
    results: &Path,
    store: &Store,
    curves: &'a HashMap<RunId, Curves>,
) -> anyhow::Result<Vec<Entry<'a>>> {
    let ids: Vec<RunId> = prepared.runs.iter().map(|run| run.id.clone()).collect();
    let statuses = store.statuses(&ids)?;
    let runs = prepared.runs.iter();
    runs.map(|run| {
        let attempts = store.attempts(&run.id)?;
        let status = statuses.get(&run.id);
        Ok(Entry {
            run,
            state: status.map(|status| status.status),
            data_fingerprint: &prepared.images[run.configuration].fingerprint,
            iteration: status.map_or(0, |status| status.iteration),
            wall: status.and_then(|status: &RunStatus| status.wall),
            log: attempts
                .last()
                .and_then(|last| log(results, run, last.number)),
            attempts: attempts.into_iter().map(attempt).collect(),
            no_better_than_chance: status
                .is_some_and(|status| is_chance(run, status, curves.get(&run.id))),
            curves: curves.get(&run.id),
        })
    })
    .collect()
}

/// Whether a run finished no better than chance.
fn is_chance(run: &Run, status: &RunStatus, curves: Option<&Curves>) -> bool {
    let guess = curves.and_then(|curves| curves.guess_error_percent);
    let point = status.test.or(status.validation);
    let error = point.filter(|_| status.status == AttemptStatus::Finished);
    error.is_some_and(|point| {
        chance::is_chance(
            point.error_percent,
            guess,
            &run.config.configuration,
            &run.cost,
        )
    })
}

fn attempt(recorded: resweep_store::Attempt) -> Attempt {
    let commit = recorded.git_commit.map(|commit| format!(" ({commit})"));
    Attempt {
        number: recorded.number,
        state: recorded.status,
        from_iteration: recorded.from_iteration,
        diverged_iteration: recorded.diverged_iteration,
        error: recorded.error,
        started_unix_ms: recorded.started_unix_ms,
        wall: recorded.wall,
        program: recorded.program_version + &commit.unwrap_or_default(),
        device: recorded.device,
        cpu: recorded.cpu,
        host: recorded.host,
        threads: recorded.threads,
        workers: recorded.workers,
    }
}

/// The end of an attempt's log; `None` if it is missing or unreadable, which does not prevent a
/// report.
fn log(results: &Path, run: &Run, attempt: u64) -> Option<Tail> {
    let name = format!("logs/{}/{attempt}.log", run.id.short());
    let lines = tail(&Place::root(results).join(&name)).ok()?;
    Some(Tail { path: name, lines })
}

fn tail(log: &Place) -> io::Result<Vec<String>> {
    let mut file = log.open()?;
    let skipped = file.metadata()?.len().saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(skipped))?;
    let mut bytes = Vec::new();
    // the log may grow meanwhile
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    // the first line may be cut
    let lines: Vec<&str> = text.lines().skip(usize::from(skipped > 0)).collect();
    let first = lines.len().saturating_sub(TAIL_LINES);
    Ok(lines[first..].iter().map(|&line| line.to_owned()).collect())
}
