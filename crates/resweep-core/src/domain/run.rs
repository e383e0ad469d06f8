//! Sweeps and runs.

use std::fmt;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::{AdaptiveRepeats, Configuration, DeviceKind, Expectation, Figure, TrajectoryId};

/// A sweep file, fully resolved: the configurations in the order of the file, each trained once per
/// seed.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// Letters, digits, `-`, `_` and `.`; the name of the sweep's folder of figures.
    pub name: String,
    pub title: Option<String>,
    pub description: Option<String>,
    pub configurations: Vec<Configuration>,
    /// One label for each configuration, unique within the sweep: `plain-20`,
    /// `ResNet-56 lr=0.05`.
    pub labels: Vec<String>,
    /// The seeds of each configuration; with [`Sweep::adaptive`], a prefix of them may suffice.
    pub seeds: Vec<u64>,
    pub adaptive: Option<AdaptiveRepeats>,
    /// With [`Sweep::adaptive`], after a query of the store: how many seeds are used and why, as a
    /// line for captions.
    pub seeds_note: Option<String>,
    /// The maximum number of attempts for transient failures.
    pub max_attempts: u32,
    /// The sweep's figures, at least one; their names are unique.
    pub figures: Vec<Figure>,
    pub expectations: Vec<Expectation>,
}

/// A configuration and a seed: everything that determines a training's result except the images.
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
    /// The first 12 digits, for display.
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    pub id: RunId,
    pub config: RunConfig,
    /// The configuration's label, with the seed if the sweep has several: `plain-20 seed 2`.
    pub label: String,
    /// Index into [`Sweep::configurations`].
    pub configuration: usize,
    /// The identity of the weights before the first drop of the learning rate, from there to the
    /// second, and so on: one more than there are drops.
    pub trajectories: Vec<TrajectoryId>,
    /// The parent, if the network is initialised from another run.
    pub parent: Option<ParentRun>,
    pub cost: Cost,
}

/// The final state of a run's parent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParentRun {
    /// The parent run, which must finish first.
    pub run: RunId,
    /// The identity of the parent's final weights.
    pub trajectory: TrajectoryId,
    /// The parent's last iteration.
    pub iteration: u64,
}

impl Run {
    /// The run that must finish before this one can start.
    pub fn needs(&self) -> Option<&RunId> {
        self.parent.as_ref().map(|parent| &parent.run)
    }

    /// The identity of the weights after `iteration`. A drop after iteration d first affects
    /// iteration d + 1.
    pub fn trajectory(&self, iteration: u64) -> &TrajectoryId {
        let drops = &self.config.configuration.train.lr_drops;
        &self.trajectories[drops.partition_point(|&drop| drop < iteration)]
    }

    /// Each trajectory with its iterations, end inclusive.
    pub fn stretches(&self) -> impl Iterator<Item = (&TrajectoryId, RangeInclusive<u64>)> {
        let train = &self.config.configuration.train;
        let drops = || train.lr_drops.iter().copied();
        let firsts = std::iter::once(1).chain(drops().map(|drop| drop + 1));
        let lasts = drops().chain([train.iterations]);
        let ranges = firsts.zip(lasts).map(|(first, last)| first..=last);
        self.trajectories.iter().zip(ranges)
    }
}

/// The label and the first digits of the id, for messages.
impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.label, self.id.short())
    }
}

/// The computational cost of a run, according to its configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Trainable parameters.
    pub parameters: u64,
    /// Multiply-adds of one image's forward pass, as the paper counts FLOPs.
    pub forward_flops: u64,
    /// Floating-point operations of the whole training; the backward pass counts twice. Used to
    /// order runs and to estimate times.
    pub training_flops: u64,
}

/// One worker's share of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Index of the worker, from 0.
    pub worker: usize,
    pub device: DeviceKind,
    /// CPU threads that the run may use.
    pub threads: usize,
}

/// The result of a run, according to its newest attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResultStatus {
    Finished,
    Diverged,
    /// Ended with an error; retried only on request.
    Failed,
    /// Not started, running, or resumable.
    Unfinished,
}
