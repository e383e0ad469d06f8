//! Implements `resweep cancel`: cancels the jobs of a sweep and releases its runs.

use std::thread;
use std::time::{Duration, Instant};

use super::super::exit_code::{ExitCode, UsageError};
use super::super::results::database;
use super::sync::{self, Ask};
use crate::cli::CancelArgs;
use crate::format::counted;
use resweep_cluster::slurm;
use resweep_store::{Engine, Submission, Submissions};

/// How long cancelled tasks may take to save their runs. By default Slurm kills them after half a
/// minute.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Cancels the jobs, waits for their checkpoints, and releases the runs.
pub fn execute(args: &CancelArgs) -> anyhow::Result<ExitCode> {
    let results = &args.results.results;
    let open = || -> anyhow::Result<Vec<Submission>> {
        let Some(submissions) = Submissions::open(&database(results))? else {
            return Ok(Vec::new());
        };
        let open = submissions.not_closed()?.into_iter();
        Ok(open.filter(|one| one.sweep == args.name).collect())
    };
    let mine = open()?;
    if mine.is_empty() {
        let message = format!("no run of sweep `{}` is submitted to a cluster", args.name);
        return Err(UsageError(message).into());
    }
    for submission in mine.iter().filter(|one| one.engine == Engine::Slurm) {
        slurm::cancel(&submission.name, submission.job.as_deref())?;
    }
    let start = Instant::now();
    let mut at_work = mine;
    while !at_work.is_empty() && start.elapsed() < PATIENCE {
        sync::fetch(results, Ask::FilesOnly)?.print_notes();
        at_work = open()?;
        if !at_work.iter().any(is_at_work) {
            break;
        }
        thread::sleep(LOOK_EVERY);
    }
    let runs: usize = at_work
        .iter()
        .flat_map(|one| &one.tasks)
        .map(|task| task.open.len())
        .sum();
    sync::free_all(results, &at_work, "cancelled")?;
    outln!("released {}", counted(runs, "run"));
    Ok(ExitCode::Success)
}

/// Whether a task of Slurm has started and has not recorded its end. The tasks of other engines see
/// at their next checkpoint that their runs are released.
fn is_at_work(submission: &Submission) -> bool {
    let started = |task: &resweep_store::OpenTask| !task.offsets.is_empty() && task.left.is_none();
    submission.engine == Engine::Slurm && submission.tasks.iter().any(started)
}
