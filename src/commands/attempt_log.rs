//! Writes a log file for each attempt at a run: `logs/<run>/<attempt>.log` in the results folder.

use std::fs::File;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Mutex, Once};

use tracing::Level;

use crate::cli::LogLevel;
use resweep_core::domain::{Job, Outcome, RunEvent, TrainError, Trainer};
use resweep_core::files::Place;

/// The number of logs kept per run: those of its last attempts.
const KEPT: u64 = 10;

/// A trainer that logs the events of another trainer.
pub struct Logged<T> {
    trainer: T,
    folder: Place,
    level: Level,
}

impl<T: Trainer> Logged<T> {
    /// Writes logs below the results folder.
    pub fn new(trainer: T, results: &Path, level: LogLevel) -> Self {
        Self {
            trainer,
            folder: Place::root(results).join("logs"),
            level: match level {
                LogLevel::Error => Level::ERROR,
                LogLevel::Warn => Level::WARN,
                LogLevel::Info => Level::INFO,
                LogLevel::Debug => Level::DEBUG,
            },
        }
    }

    fn open(&self, job: &Job<'_>) -> Result<File, TrainError> {
        let folder = self.folder.join(job.run.id.short());
        let attempt = job.lease.attempt;
        let path = |attempt: u64| folder.join(format!("{attempt}.log"));
        if let Some(old) = attempt.checked_sub(KEPT) {
            // It may not exist.
            let _ = path(old).remove_file();
        }
        path(attempt).create().map_err(|error| {
            let path = path(attempt);
            let text = format!("cannot write the log {}: {error}", path.display());
            TrainError::writing(text, &error)
        })
    }
}

/// A log that warns once if it cannot be written, and then drops its lines.
struct Log(File);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        static SAID: Once = Once::new();
        self.0.write(bytes).inspect_err(|error| {
            SAID.call_once(|| errln!("warning: cannot write the logs of the runs: {error}"));
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<T: Trainer> Trainer for Logged<T> {
    fn train(
        &self,
        job: &Job<'_>,
        report: &mut (dyn FnMut(RunEvent) -> ControlFlow<()> + Send),
    ) -> Result<Outcome, TrainError> {
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(self.level)
            .with_ansi(false)
            .with_target(false)
            .with_writer(Mutex::new(Log(self.open(job)?)))
            // The layer itself would print every line that fails.
            .log_internal_errors(false)
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            log_start(job);
            let mut heard = |event| {
                log_event(&event);
                report(event)
            };
            let trained = self.trainer.train(job, &mut heard);
            match &trained {
                Ok(Outcome::Diverged { iteration }) => {
                    tracing::warn!("diverged at iteration {iteration}");
                }
                Ok(outcome) => tracing::info!("{}", outcome.into_str()),
                Err(error) => tracing::error!("failed: {error}"),
            }
            trained
        })
    }
}

fn log_start(job: &Job<'_>) {
    let run = job.run;
    let threads = job.slot.threads;
    tracing::info!(
        "{} · attempt {} · {threads} threads",
        run.label,
        job.lease.attempt
    );
    let config = serde_json::to_string(&run.config).unwrap_or_default();
    tracing::info!("run {} · {config}", run.id);
}

fn log_event(event: &RunEvent) {
    match event {
        RunEvent::Began(start_point) => {
            tracing::info!("start at iteration {}", start_point.iteration)
        }
        RunEvent::Progress { .. } => {}
        RunEvent::CurveRestored(points) => tracing::info!(
            "restored {} points of the training curve from another run's checkpoint",
            points.len()
        ),
        RunEvent::Trained(point) => tracing::info!(
            "iteration {}: training error {:.2} %, loss {:.4}, learning rate {}",
            point.iteration,
            point.error_percent,
            point.loss,
            point.lr
        ),
        RunEvent::Evaluated(point) => tracing::info!(
            "iteration {}: evaluation error {:.2} %, loss {:.4}",
            point.iteration,
            point.error_percent,
            point.loss
        ),
        RunEvent::Checkpointed(saved) => tracing::info!(
            "iteration {}: checkpoint of {} bytes",
            saved.iteration,
            saved.bytes
        ),
        RunEvent::LayersMeasured(layers) => {
            tracing::info!("measured the responses of {} layers", layers.len());
        }
    }
}
