//! What parent and child say to each other: JSON, a line each.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use resweep_core::domain::{Grant, Outcome, Run, RunEvent, Slot, TrainError};

/// The first line to the child: what it is to train. Any further line asks it to stop.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    pub run: Run,
    pub slot: Slot,
    pub grant: Grant,
    pub setting: Setting,
}

/// What is the same for every child.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Setting {
    pub results: PathBuf,
    pub checkpoint_every: Duration,
}

/// A line from the child.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    Event(RunEvent),
    Ended(Outcome),
    Failed(TrainError),
}
