//! A sweep and its runs.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Configuration, Figure};

/// What a sweep file declares, fully resolved: the configurations in the order of the file,
/// each trained once for every seed.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// Letters, digits, `-`, `_` and `.`; names the folder of the sweep's figures.
    pub name: String,
    pub title: Option<String>,
    pub description: Option<String>,
    pub configurations: Vec<Configuration>,
    /// One label for each configuration, unique within the sweep: `plain-20`,
    /// `ResNet-56 lr=0.05`.
    pub labels: Vec<String>,
    pub seeds: Vec<u64>,
    pub figure: Figure,
}

/// A configuration and a seed: everything that determines a training's result but the images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunConfig {
    #[serde(flatten)]
    pub configuration: Configuration,
    pub seed: u64,
}

/// The identity of a run: a SHA-256, in hexadecimal, of everything that determines its result.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RunId(pub String);

impl RunId {
    /// The first 12 digits, for people.
    pub fn short(&self) -> &str {
        &self.0[..self.0.len().min(12)]
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One training of a sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    pub id: RunId,
    pub config: RunConfig,
    /// The configuration's label, and the seed where the sweep has several: `plain-20 seed 2`.
    pub label: String,
    /// Index into [`Sweep::configurations`].
    pub configuration: usize,
    pub cost: Cost,
}

/// The label and the first digits of the identity, for messages.
impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.label, self.id.short())
    }
}

/// What a run takes, as far as its configuration tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Trainable parameters.
    pub parameters: u64,
    /// Multiply-adds of one image's forward pass, as the paper counts FLOPs.
    pub forward_flops: u64,
    /// Floating-point operations of the whole training, counting the backward pass twice:
    /// what runs are ordered and their times estimated by.
    pub training_flops: u64,
}

/// Where a run trains: one worker's share of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Index of the worker, from 0.
    pub worker: usize,
    /// CPU threads that the run may use.
    pub threads: usize,
}
