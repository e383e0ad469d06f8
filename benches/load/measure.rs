//! The measurements that are made within this program: what the trainer reports goes through the
//! real scheduler and recorder into a database on the disk.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, ensure};
use crossbeam::channel::{bounded, never};
use resweep_core::domain::{Run, Trainer};
use resweep_core::schedule::{self, Limits, RunBatch, WorkerPool};
use resweep_store::{Recorder, Store};
use serde_json::{Value, json};

use super::fake::Fake;
use super::machine::memory_mb;
use super::sweep;

/// What can be measured alone.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum Measurement {
    /// From a sweep file to its first run.
    Start,
    /// Runs that end at once.
    Runs,
    /// Rows of metrics.
    Rows,
    /// As many runs as of a large sweep, each with a short curve; the folder is then looked at.
    Curves,
}

impl Measurement {
    /// The word for `--measure`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Runs => "runs",
            Self::Rows => "rows",
            Self::Curves => "curves",
        }
    }
}

/// Rows of each run of [`Measurement::Curves`].
const ROWS_OF_A_CURVE: u64 = 40;

/// How much of everything.
pub struct Load {
    pub workers: usize,
    /// Runs of a large sweep.
    pub runs: usize,
    /// Runs that report, and rows of each.
    pub reporting: usize,
    pub rows_per_run: u64,
}

impl Load {
    /// 10,000 runs; 5,000,000 rows.
    pub const FULL: Self = Self {
        workers: 64,
        runs: 10_000,
        reporting: 1000,
        rows_per_run: 5000,
    };
    /// To see that it works.
    pub const QUICK: Self = Self {
        workers: 64,
        runs: 1000,
        reporting: 200,
        rows_per_run: 500,
    };

    /// All rows.
    pub fn rows(&self) -> u64 {
        self.reporting as u64 * self.rows_per_run
    }
}

/// Makes one measurement in `folder`; times in seconds, memory in MB.
///
/// # Errors
/// When a row is missing afterwards, and what keeps the sweep from its end.
pub fn measure(what: Measurement, load: &Load, folder: &Path) -> anyhow::Result<Value> {
    match what {
        Measurement::Start => start(load, folder),
        Measurement::Runs => train(load, folder, load.runs, 0),
        Measurement::Rows => train(load, folder, load.reporting, load.rows_per_run),
        Measurement::Curves => train(load, folder, load.runs, ROWS_OF_A_CURVE),
    }
}

fn start(load: &Load, folder: &Path) -> anyhow::Result<Value> {
    let file = sweep::write(folder, load.runs)?;
    let begin = Instant::now();
    let (sweep, runs) = sweep::expand(&file)?;
    let expanded = begin.elapsed();
    ensure!(runs.len() == load.runs, "{} runs", runs.len());
    let mut recorder = sweep::begin(folder, &file, &sweep, &runs)?;
    let (stop, asked) = bounded(1);
    let trainer = Arc::new(Fake {
        stop: Some(stop),
        ..Fake::new(0)
    });
    let as_trainer: Arc<dyn Trainer> = trainer.clone();
    let batch = batch(load, runs);
    schedule::run(&batch, &as_trainer, &mut recorder, &mut [], &asked)?;
    let first = trainer.first.get().context("no run began")?;
    Ok(json!({
        "expand_s": expanded.as_secs_f64(),
        "first_run_s": first.duration_since(begin).as_secs_f64(),
    }))
}

/// Trains `runs` runs that leave `rows` rows each, and counts what is in the database then.
fn train(load: &Load, folder: &Path, runs: usize, rows: u64) -> anyhow::Result<Value> {
    let file = sweep::write(folder, runs)?;
    let (sweep, runs) = sweep::expand(&file)?;
    let mut recorder: Recorder = sweep::begin(folder, &file, &sweep, &runs)?;
    let trainer: Arc<dyn Trainer> = Arc::new(Fake::new(rows));
    let batch = batch(load, runs);
    let begin = Instant::now();
    let tally = schedule::run(&batch, &trainer, &mut recorder, &mut [], &never())?;
    let seconds = begin.elapsed().as_secs_f64();
    let peak_mb = memory_mb("VmHWM");
    drop(recorder);
    let total = batch.runs.len();
    ensure!(tally.finished == total, "{} finished", tally.finished);
    let store = Store::open_read_only(&sweep::database(folder))?;
    let mut stored = 0;
    for run in batch.runs.iter() {
        for curves in store.curves(std::slice::from_ref(&run.id))?.values() {
            stored += curves.train.len() + curves.eval.len();
        }
    }
    let reported = total as u64 * rows;
    ensure!(stored as u64 == reported, "{stored} rows of {reported}");
    Ok(json!({ "seconds": seconds, "runs": total, "rows": stored, "peak_mb": peak_mb }))
}

fn batch(load: &Load, runs: Vec<Run>) -> RunBatch {
    RunBatch {
        runs: runs.into(),
        finished_before: 0,
        worker_pool: WorkerPool::on_cpu(load.workers, 1),
        limits: Limits {
            max_fails: None,
            max_attempts: 1,
        },
        grace: RunBatch::GRACE,
    }
}
