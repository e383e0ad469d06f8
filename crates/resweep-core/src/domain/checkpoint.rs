//! Checkpoints and the state from which a run can be resumed.
//!
//! A checkpoint of iteration k is the state right after update k. Measurements at iteration k (a
//! point of the training curve, an evaluation) come after the checkpoint and are repeated by a run
//! that resumes from it. A checkpoint therefore does not depend on whether k was the last iteration
//! of a run.

use serde::{Deserialize, Serialize};

use super::{Run, Slot};
use crate::files::Place;

/// Identifies a training: a run is trained once, and again with `--fresh`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TrainingId(pub i64);

/// A SHA-256 of everything that determines the training state after a given iteration; two runs
/// that differ only in later settings share it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TrajectoryId(pub String);

/// The SHA-256 of a file.
pub type Sha256 = [u8; 32];

/// A checkpoint from which a training can resume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The training that wrote it, possibly that of another run.
    pub training: TrainingId,
    pub iteration: u64,
    pub path: Place,
    /// The expected SHA-256 of the file.
    pub sha256: Sha256,
    /// The trajectory that the file must contain.
    pub trajectory: TrajectoryId,
}

/// A newly written checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    pub iteration: u64,
    pub sha256: Sha256,
    pub bytes: u64,
    /// Whether the file contains the training curve for every iteration so far.
    #[serde(default)]
    pub has_curve: bool,
}

/// The point from which an attempt starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartPoint {
    /// The iteration of the checkpoint; 0 at the beginning.
    pub iteration: u64,
    /// The training that wrote the checkpoint; `None` at the beginning.
    pub from: Option<TrainingId>,
}

/// The files and ids that a process receives when it leases a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    pub training: TrainingId,
    /// How often the run has been started, including this time.
    pub attempt: u64,
    /// The folder for the training's checkpoints.
    pub folder: Place,
    /// Checkpoints to resume from, the best first. Some may be damaged.
    pub checkpoints: Vec<Checkpoint>,
    /// Copies of the parent run's final checkpoint, the best first; empty without a parent.
    pub parent_checkpoints: Vec<Checkpoint>,
}

/// One attempt at a run.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    pub run: &'a Run,
    pub slot: Slot,
    pub lease: &'a Lease,
}
