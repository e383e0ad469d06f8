//! What the store answers with.

use std::collections::BTreeMap;
use std::time::Duration;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};
use serde::Serialize;

use resweep_core::domain::{EvalPoint, RunConfig, RunId, TrainPoint};

/// How far one attempt at a run has come, or how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AttemptStatus {
    Running,
    Finished,
    Diverged,
    Failed,
    /// Asked to stop before the end.
    Stopped,
    /// The process died.
    Interrupted,
}

impl AttemptStatus {
    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            AttemptStatus::Running => "running",
            AttemptStatus::Finished => "finished",
            AttemptStatus::Diverged => "diverged",
            AttemptStatus::Failed => "failed",
            AttemptStatus::Stopped => "stopped",
            AttemptStatus::Interrupted => "interrupted",
        }
    }
}

impl FromSql for AttemptStatus {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<AttemptStatus> {
        let word = value.as_str()?;
        [
            AttemptStatus::Running,
            AttemptStatus::Finished,
            AttemptStatus::Diverged,
            AttemptStatus::Failed,
            AttemptStatus::Stopped,
            AttemptStatus::Interrupted,
        ]
        .into_iter()
        .find(|status| status.as_str() == word)
        .ok_or(FromSqlError::InvalidType)
    }
}

/// Where a run stands: the newest attempt at its newest training.
#[derive(Debug, Clone, PartialEq)]
pub struct RunStatus {
    pub status: AttemptStatus,
    /// How often the run was started.
    pub attempts: u64,
    /// Why it failed.
    pub error: Option<String>,
    /// Whether it failed of something that may pass.
    pub transient: bool,
    /// Where it diverged.
    pub diverged_iteration: Option<u64>,
    /// The last iteration with a measurement, 0 before the first.
    pub iteration: u64,
    /// Of all attempts at the training whose end was recorded; `None` where there is none.
    pub wall: Option<Duration>,
    /// The last point of each curve.
    pub train: Option<TrainPoint>,
    pub test: Option<EvalPoint>,
    pub validation: Option<EvalPoint>,
    /// The names of all sweeps that have the run, in alphabetical order.
    pub sweeps: Vec<String>,
}

/// One attempt at a run, also one at a training that no longer counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// 1 for the first.
    pub number: u64,
    /// Which of the run's trainings it worked on: 1 for the first, one more for each `--fresh`.
    pub training: u64,
    /// Where it took up the training: the iteration of a checkpoint, or 0.
    pub from_iteration: u64,
    pub status: AttemptStatus,
    pub error: Option<String>,
    pub diverged_iteration: Option<u64>,
    /// The machine and the process on it; `None` in old databases.
    pub host: Option<String>,
    pub process: Option<u32>,
    pub started_unix_ms: i64,
    pub ended_unix_ms: Option<i64>,
    pub wall: Option<Duration>,
    pub program_version: String,
    pub git_commit: Option<String>,
    pub device: String,
    pub cpu: String,
    /// CPU threads of the run.
    pub threads: u64,
    /// Runs that trained side by side at most.
    pub workers: u64,
}

/// A sweep that the store knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SweepSummary {
    pub name: String,
    pub title: Option<String>,
    pub first_started_unix_ms: i64,
    pub last_started_unix_ms: i64,
    /// Runs of the sweep as it was started last.
    pub runs: usize,
    /// How many of them stand where; those that were never started are missing here.
    pub by_status: BTreeMap<AttemptStatus, usize>,
}

/// A run of a sweep as the sweep was started last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub id: RunId,
    /// `plain-20 seed 2`.
    pub label: String,
    /// `None` where it was never started.
    pub status: Option<AttemptStatus>,
}

/// How long one finished attempt took, to estimate others by.
#[derive(Debug, Clone, PartialEq)]
pub struct ObservedTime {
    pub config: RunConfig,
    pub classes: usize,
    /// Images of an evaluation.
    pub eval_images: usize,
    /// The iteration that it started from.
    pub from_iteration: u64,
    pub wall: Duration,
}
