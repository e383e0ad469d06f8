//! A sweep and its runs.

use std::fmt;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::{AdaptiveRepeats, Configuration, DeviceKind, Expectation, Figure, TrajectoryId};

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
    /// Those that a configuration may train; the first ones where [`Sweep::adaptive`] has enough.
    pub seeds: Vec<u64>,
    pub adaptive: Option<AdaptiveRepeats>,
    /// With [`Sweep::adaptive`] and once the store was asked: how many seeds are used and why, in a
    /// line for captions.
    pub seeds_note: Option<String>,
    /// How often a run is started at most where its failures may pass.
    pub max_attempts: u32,
    /// What is drawn of it, at least one; their names differ.
    pub figures: Vec<Figure>,
    pub expectations: Vec<Expectation>,
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    pub id: RunId,
    pub config: RunConfig,
    /// The configuration's label, and the seed where the sweep has several: `plain-20 seed 2`.
    pub label: String,
    /// Index into [`Sweep::configurations`].
    pub configuration: usize,
    /// What determines the state before the first drop of the learning rate, from there to the
    /// second, and so on: one more than there are drops.
    pub trajectories: Vec<TrajectoryId>,
    /// Where its network comes from, if not from initial values that are drawn.
    pub origin: Option<Origin>,
    pub cost: Cost,
}

/// The final state of a run that another grows from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The run, which has to be finished first.
    pub run: RunId,
    /// What determines its final state.
    pub trajectory: TrajectoryId,
    /// Its last iteration.
    pub iteration: u64,
}

impl Run {
    /// The run that has to be finished before this one can start.
    pub fn needs(&self) -> Option<&RunId> {
        self.origin.as_ref().map(|origin| &origin.run)
    }

    /// What determines the state after `iteration`. A drop after iteration d first acts on
    /// iteration d + 1.
    pub fn trajectory(&self, iteration: u64) -> &TrajectoryId {
        let drops = &self.config.configuration.train.lr_drops;
        &self.trajectories[drops.partition_point(|&drop| drop < iteration)]
    }

    /// Each trajectory with the iterations that it holds for, the end included.
    pub fn stretches(&self) -> impl Iterator<Item = (&TrajectoryId, RangeInclusive<u64>)> {
        let train = &self.config.configuration.train;
        let drops = || train.lr_drops.iter().copied();
        let firsts = std::iter::once(1).chain(drops().map(|drop| drop + 1));
        let lasts = drops().chain([train.iterations]);
        let ranges = firsts.zip(lasts).map(|(first, last)| first..=last);
        self.trajectories.iter().zip(ranges)
    }
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Index of the worker, from 0.
    pub worker: usize,
    pub device: DeviceKind,
    /// CPU threads that the run may use.
    pub threads: usize,
}
