//! A report that is written anew while its sweep runs.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crossbeam::channel::{Receiver, RecvTimeoutError, bounded};

use super::super::ending::Ending;
use super::super::prepare::Prepared;
use super::super::stopping::Stopping;
use super::write;

/// How often `run --report` writes.
const EVERY: Duration = Duration::from_secs(10);

/// Writes the report every so often until every run has ended, or until a signal stops it. The last
/// report does not load itself again.
///
/// # Errors
/// The first thing that keeps a report from being written.
pub(super) fn watch(
    prepared: &Prepared,
    results: &Path,
    every: Duration,
) -> anyhow::Result<Ending> {
    let stopping = Stopping::listen();
    let mut unfinished = true;
    while unfinished && goes_on(&stopping.asked, every) {
        unfinished = write(prepared, results, Some(every))?.unfinished;
    }
    write(prepared, results, None)?;
    Ok(match stopping.reason() {
        Some(_) => Ending::Stopped,
        None => Ending::Done,
    })
}

/// Does some work, and keeps the report up to date meanwhile where that is wanted. Returns where
/// the last report is. What keeps it from being written stops no sweep: it is told as a warning.
pub fn during<T>(
    wanted: bool,
    prepared: &Prepared,
    results: &Path,
    work: impl FnOnce() -> T,
) -> (T, Option<PathBuf>) {
    if !wanted {
        return (work(), None);
    }
    let (done, is_done) = bounded::<()>(1);
    let (result, written) = thread::scope(|scope| {
        let writer = scope.spawn(move || keep_up(prepared, results, &is_done));
        let result = work();
        drop(done);
        (result, writer.join())
    });
    let written = written.unwrap_or_else(|_| Err(anyhow::anyhow!("its writer panicked")));
    let path = written.inspect_err(|error| {
        errln!("warning: no report: {error:#}");
    });
    (result, path.ok())
}

fn keep_up(prepared: &Prepared, results: &Path, is_done: &Receiver<()>) -> anyhow::Result<PathBuf> {
    loop {
        // What is in the way may pass; whether it has, the last report shows.
        let _ = write(prepared, results, Some(EVERY));
        if !goes_on(is_done, EVERY) {
            return Ok(write(prepared, results, None)?.path);
        }
    }
}

/// Waits; false when there is no more to wait for.
fn goes_on<T>(stop: &Receiver<T>, every: Duration) -> bool {
    matches!(stop.recv_timeout(every), Err(RecvTimeoutError::Timeout))
}
