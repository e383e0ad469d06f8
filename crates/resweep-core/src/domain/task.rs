//! The records of a task on a cluster: the contract between its journal and the store.

use serde::{Deserialize, Serialize};

use super::{Checkpoint, DeviceKind, Outcome, Run, RunEvent, Slot, TrainingId};

/// A run as it is submitted to a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskRun {
    pub run: Run,
    /// The fingerprint of the images that are part of the run's identity.
    pub fingerprint: String,
    /// The training that the run continues, or begins.
    pub training: TrainingId,
    /// The checkpoints it can resume from, the best first. Some may turn out to be damaged.
    pub checkpoints: Vec<Checkpoint>,
    /// The final checkpoint of its parent, if recorded.
    pub parent_checkpoints: Vec<Checkpoint>,
}

/// A record of a task's journal. `run` is the place of the run in its task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskRecord {
    /// The first record of each start.
    Started(StartFacts),
    /// A worker begins the run.
    Began {
        run: usize,
        slot: Slot,
        unix_ms: i64,
    },
    Measured {
        run: usize,
        event: RunEvent,
    },
    Ended {
        run: usize,
        outcome: Outcome,
        wall_ms: u64,
        /// Whether the same start tries the run again.
        retries: bool,
        /// The signal or limit that stopped it, if any.
        stopped_by: Option<String>,
        unix_ms: i64,
    },
    /// The last record of a start that was not killed.
    Left {
        why: Left,
        unix_ms: i64,
    },
}

/// The process that starts a task, and the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartFacts {
    pub host: String,
    pub pid: u32,
    /// The engine's name for the job and task: `81234_3`.
    pub job: Option<String>,
    pub version: String,
    pub git_commit: Option<String>,
    pub cpu: String,
    /// The devices that runs may get, and what is stored of each.
    pub devices: Vec<(DeviceKind, String)>,
    /// Runs that train side by side at most.
    pub workers: usize,
    pub unix_ms: i64,
}

/// Why a start of a task ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Left {
    /// Every run of the task has ended.
    Done,
    /// The time limit is near: the task asks to be started again.
    Time,
    /// A signal asked it to stop.
    Stopped(String),
    /// The task has a later start, or its runs were released.
    Superseded,
    /// It could not work: another program, other images, a folder that cannot be written.
    Failed(String),
}
