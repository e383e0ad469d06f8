//! Keeps a report up to date while its sweep runs.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crossbeam::channel::{Receiver, RecvTimeoutError, bounded};

use super::super::exit_code::ExitCode;
use super::super::prepare::Prepared;
use super::super::stopping::Stopping;
use super::write;
use resweep_core::domain::with_causes;

/// The interval of `run --report`.
const EVERY: Duration = Duration::from_secs(10);

/// Writes the report repeatedly until every run has ended or a signal arrives. The last report does
/// not reload itself.
///
/// # Errors
/// The first error in writing a report.
pub(super) fn watch(
    prepared: &Prepared,
    results: &Path,
    every: Duration,
) -> anyhow::Result<ExitCode> {
    let stopping = Stopping::listen();
    let mut unfinished = true;
    while unfinished && may_continue(&stopping.asked, every) {
        unfinished = write(prepared, results, Some(every))?.unfinished;
    }
    write(prepared, results, None)?;
    Ok(match stopping.reason() {
        Some(_) => ExitCode::Stopped,
        None => ExitCode::Success,
    })
}

/// Runs `work`, and keeps the report up to date meanwhile if requested. Returns the path of the
/// last report. An error in writing it is printed as a warning and does not stop the sweep.
pub fn during<T>(
    wanted: bool,
    prepared: &Prepared,
    results: &Path,
    work: impl FnOnce() -> T,
) -> (T, Option<PathBuf>) {
    if !wanted {
        return (work(), None);
    }
    errln!("report: {}", super::path(prepared, results).display());
    let (done, is_done) = bounded::<()>(1);
    let (result, written) = thread::scope(|scope| {
        let writer = scope.spawn(move || keep_up(prepared, results, &is_done));
        let result = work();
        drop(done);
        (result, writer.join())
    });
    let written = written.unwrap_or_else(|_| Err(anyhow::anyhow!("its writer panicked")));
    let path = written.inspect_err(|error| {
        errln!("warning: no report: {}", with_causes(error.as_ref()));
    });
    (result, path.ok())
}

fn keep_up(prepared: &Prepared, results: &Path, is_done: &Receiver<()>) -> anyhow::Result<PathBuf> {
    loop {
        // The error may be transient; the last report decides.
        let _ = write(prepared, results, Some(EVERY));
        if !may_continue(is_done, EVERY) {
            return Ok(write(prepared, results, None)?.path);
        }
    }
}

/// Waits; returns false when the channel is closed or has a message.
fn may_continue<T>(stop: &Receiver<T>, every: Duration) -> bool {
    matches!(stop.recv_timeout(every), Err(RecvTimeoutError::Timeout))
}
