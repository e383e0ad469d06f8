//! The protocol between parent and child: JSON lines.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use resweep_core::domain::{Lease, Outcome, Run, RunEvent, Slot, TrainError};

/// The first line to the child: the run to train. Any further line requests a stop.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    pub run: Run,
    pub slot: Slot,
    pub lease: Lease,
    pub setting: Setting,
}

/// Settings that all children share.
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
