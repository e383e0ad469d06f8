//! The results of the store's queries.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use rusqlite::Row;
use rusqlite::types::{Type, ValueRef};
use serde::Serialize;
use strum::{EnumString, IntoStaticStr};

use resweep_core::domain::{EvalPoint, RunConfig, RunId, TrainPoint};

/// The state of one attempt at a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[derive(EnumString, IntoStaticStr)]
#[strum(serialize_all = "lowercase", const_into_str)]
pub enum AttemptStatus {
    Running,
    Finished,
    Diverged,
    Failed,
    /// Stopped on request.
    Stopped,
    /// The process died.
    Interrupted,
}

/// A column that has the name of a variant.
///
/// # Errors
/// When the name is unknown: the database is damaged, or a newer version wrote it.
pub(super) fn named<T: FromStr>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let name = row.get_ref(column)?.as_str()?;
    let unknown = || {
        let message = format!("unknown name {name:?}");
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, message.into())
    };
    name.parse().map_err(|_| unknown())
}

/// As [`named`], of a column that can be null.
pub(super) fn named_if_any<T: FromStr>(
    row: &Row<'_>,
    column: usize,
) -> rusqlite::Result<Option<T>> {
    match row.get_ref(column)? {
        ValueRef::Null => Ok(None),
        _ => named(row, column).map(Some),
    }
}

/// The state of a run: the newest attempt at its newest training.
#[derive(Debug, Clone, PartialEq)]
pub struct RunStatus {
    pub status: AttemptStatus,
    /// The number of attempts.
    pub attempts: u64,
    /// Why it failed.
    pub error: Option<String>,
    /// Whether the failure is transient.
    pub transient: bool,
    /// The iteration at which it diverged.
    pub diverged_iteration: Option<u64>,
    /// The last iteration with a measurement, 0 before the first.
    pub iteration: u64,
    /// The total time of all attempts at the training with a recorded end; `None` if there is none.
    pub wall: Option<Duration>,
    /// The last point of each curve.
    pub train: Option<TrainPoint>,
    pub test: Option<EvalPoint>,
    pub validation: Option<EvalPoint>,
    /// The names of all sweeps with the run, in alphabetical order.
    pub sweeps: Vec<String>,
}

/// One attempt at a run, possibly at a replaced training.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// 1 for the first.
    pub number: u64,
    /// The number of the training: 1 for the first, one more for each `--fresh`.
    pub training: u64,
    /// The iteration of the checkpoint from which it started, or 0.
    pub from_iteration: u64,
    pub status: AttemptStatus,
    pub error: Option<String>,
    pub diverged_iteration: Option<u64>,
    /// Host and process id; `None` in old databases.
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
    /// The number of workers.
    pub workers: u64,
}

/// A recorded sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SweepSummary {
    pub name: String,
    pub title: Option<String>,
    pub first_started_unix_ms: i64,
    pub last_started_unix_ms: i64,
    /// The number of runs of the sweep as it was last started.
    pub runs: usize,
    /// The number of runs per status; runs that were never started are not counted.
    pub by_status: BTreeMap<AttemptStatus, usize>,
}

/// A run of a sweep as the sweep was last started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub id: RunId,
    /// `plain-20 seed 2`.
    pub label: String,
    /// `None` if it was never started.
    pub status: Option<AttemptStatus>,
}

/// The duration of one finished attempt, for estimates.
#[derive(Debug, Clone, PartialEq)]
pub struct ObservedTime {
    pub config: RunConfig,
    pub classes: usize,
    /// Images per evaluation.
    pub eval_images: usize,
    /// The iteration from which it started.
    pub from_iteration: u64,
    pub wall: Duration,
}
