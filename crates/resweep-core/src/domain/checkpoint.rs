//! Where a training stands, and what it can go on from.
//!
//! A checkpoint of iteration k is the state right after update k. What is due at iteration k, a
//! point of the training curve or an evaluation, comes after it, and is made again by whoever
//! goes on from the checkpoint. So a checkpoint does not depend on whether k was the last
//! iteration of a run.

use serde::{Deserialize, Serialize};

use super::{Run, Slot};
use crate::files::Place;

/// The identity of a training: a run is trained once, and again for `--fresh`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TrainingId(pub i64);

/// A SHA-256 of everything that determines the state of a training after some iteration: two runs
/// that differ only in what comes later have it in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TrajectoryId(pub String);

/// The SHA-256 of a file.
pub type Sha256 = [u8; 32];

/// A checkpoint that a training can go on from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The training that wrote it, which may be another run's.
    pub training: TrainingId,
    pub iteration: u64,
    pub path: Place,
    /// What its file has to have.
    pub sha256: Sha256,
    /// What its file has to name.
    pub trajectory: TrajectoryId,
}

/// A checkpoint that has just been written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    pub iteration: u64,
    pub sha256: Sha256,
    pub bytes: u64,
    /// Whether the file has the training curve up to here, iteration by iteration.
    #[serde(default)]
    pub has_curve: bool,
}

/// Where an attempt takes up a training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beginning {
    /// The iteration of the checkpoint; 0 at the very start.
    pub iteration: u64,
    /// The training whose checkpoint it is; `None` at the very start.
    pub from: Option<TrainingId>,
}

/// What a process that has claimed a run may work with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    pub training: TrainingId,
    /// How often the run has been started, this time included.
    pub attempt: u64,
    /// The folder for the training's checkpoints.
    pub folder: Place,
    /// What it can go on from, the best first. Some may turn out to be damaged.
    pub checkpoints: Vec<Checkpoint>,
    /// The final state of the run that this one grows from, the best copy first; none for a run
    /// that does not grow.
    pub origin: Vec<Checkpoint>,
}

/// One attempt at a run.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    pub run: &'a Run,
    pub slot: Slot,
    pub grant: &'a Grant,
}
