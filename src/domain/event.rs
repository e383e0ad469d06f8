//! The contract between the scheduler and everything that listens to it.

use std::ops::ControlFlow;
use std::time::Duration;

use serde::Serialize;

use super::{EvalPoint, Run, Slot, TrainPoint};

/// What happens in a sweep, in order. The recorder hears each event first.
#[derive(Debug, Clone)]
pub enum Event<'a> {
    SweepStarted {
        /// Runs that will train now, in the order in which they start.
        pending: &'a [Run],
        /// Runs of the sweep that were finished before.
        finished_before: usize,
        workers: usize,
        threads_per_run: usize,
    },
    RunStarted {
        run: &'a Run,
        slot: Slot,
    },
    /// Something that a running run reports.
    Run {
        run: &'a Run,
        event: RunEvent,
    },
    /// Sent once for every `RunStarted`, whatever ended the run.
    RunFinished {
        run: &'a Run,
        outcome: &'a Outcome,
        wall: Duration,
    },
    SweepFinished {
        tally: SweepTally,
        wall: Duration,
    },
}

/// What a trainer reports while it works.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RunEvent {
    /// For progress displays only, a few times a second; never recorded.
    Progress {
        iteration: u64,
        /// Training error of the interval so far, in percent.
        train_error_percent: f64,
    },
    Trained(TrainPoint),
    Evaluated(EvalPoint),
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "lowercase", tag = "status")]
pub enum Outcome {
    Finished,
    /// The training or evaluation loss stopped being a finite number: a result, not a crash.
    Diverged {
        iteration: u64,
    },
    /// An error or a panic, with its message.
    Failed {
        error: String,
    },
    /// Asked to stop before the end.
    Stopped,
}

impl Outcome {
    /// The word that is stored and shown.
    pub fn word(&self) -> &'static str {
        match self {
            Outcome::Finished => "finished",
            Outcome::Diverged { .. } => "diverged",
            Outcome::Failed { .. } => "failed",
            Outcome::Stopped => "stopped",
        }
    }
}

/// How many runs of a sweep ended in which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct SweepTally {
    pub finished: usize,
    pub diverged: usize,
    pub failed: usize,
    pub stopped: usize,
    /// Not started, because the sweep was stopped first.
    pub skipped: usize,
}

/// Trains one run from start to end on the calling thread.
pub trait Trainer: Sync {
    /// Reports through `report`; when that answers `Break`, ends with [`Outcome::Stopped`]
    /// after the current iteration. A diverged training is an `Ok`.
    fn train(
        &self,
        run: &Run,
        slot: Slot,
        report: &mut (dyn FnMut(RunEvent) -> ControlFlow<()> + Send),
    ) -> Result<Outcome, TrainError>;
}

/// Why a run could not be trained.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TrainError(pub String);

/// Listens to a sweep.
pub trait EventSink {
    /// An error stops the sweep when the sink is the recorder, and is ignored for the others.
    fn handle(&mut self, event: &Event<'_>) -> Result<(), SinkError>;
}

/// Why a sink could not take an event.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SinkError(pub String);
