//! The contract between the scheduler and everything that listens to it.

use std::ops::ControlFlow;
use std::time::Duration;

use resnet_architecture::{OUT_OF_MEMORY, says_out_of_memory};
use serde::{Deserialize, Serialize};

use super::{Beginning, EvalPoint, Grant, Job, LayerStat, Run, RunId, Saved, Slot, TrainPoint};

/// What happens in a sweep, in order. The recorder hears each event first.
#[derive(Debug, Clone)]
pub enum Event<'a> {
    SweepStarted {
        /// Runs that will train now, in the order in which they start.
        pending: &'a [Run],
        /// Runs of the sweep that were finished before.
        finished_before: usize,
        /// One for each worker, at least one.
        slots: &'a [Slot],
    },
    /// This process has taken the run, and a worker begins it.
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
        /// When the run is started again, where its failure may pass.
        retry_in: Option<Duration>,
    },
    /// Another process has brought the run to its end.
    RunSettled {
        run: &'a Run,
        outcome: &'a Outcome,
    },
    /// The run cannot start, because the run that it grows from has come to another end.
    RunBlocked {
        run: &'a Run,
        needs: &'a Run,
    },
    /// A device had too little memory for as many runs at once: the worker in `slot` gets no
    /// further run.
    SlotRetired {
        slot: Slot,
        /// Workers that go on on the same device.
        left: usize,
    },
    /// The sweep was asked to stop: no further run starts, those in progress end with a
    /// checkpoint.
    StopAsked {
        by: StopReason,
    },
    SweepFinished {
        tally: SweepTally,
        wall: Duration,
    },
}

/// What asked a sweep to stop, in a word: `SIGTERM`.
pub type StopReason = &'static str;

/// What a trainer reports while it works.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunEvent {
    /// The first event of every attempt: where it takes up the training.
    Began(Beginning),
    /// For progress displays only, a few times a second; never recorded.
    Progress {
        iteration: u64,
        /// Training error of the interval so far, in percent; `None` before the first update.
        train_error_percent: Option<f64>,
    },
    /// The training curve before the checkpoint of another run from which the attempt resumes, on
    /// this run's intervals. It replaces what was recorded of it.
    CurveRestored(Vec<TrainPoint>),
    Trained(TrainPoint),
    Evaluated(EvalPoint),
    /// A checkpoint is on the disk. It counts once this event is recorded.
    Checkpointed(Saved),
    /// The responses of all 3x3 layers at the end of the training, in their order.
    LayersMeasured(Vec<LayerStat>),
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
        /// Whether it may pass by itself, so that the run is tried again.
        transient: bool,
        /// Whether the device had too little memory.
        #[serde(default)]
        out_of_memory: bool,
    },
    /// Ended before its end and not for good: on request, or because another process has it now.
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
    /// Brought to their end by other processes meanwhile.
    pub elsewhere: usize,
    /// Not started, because the run that they grow from did not finish.
    pub blocked: usize,
}

/// Trains one run on the calling thread, from where it stands to its end.
pub trait Trainer: Send + Sync {
    /// Reports through `report`; when that answers `Break`, saves a checkpoint and ends with
    /// [`Outcome::Stopped`] after the current iteration. A diverged training is an `Ok`.
    ///
    /// # Errors
    /// Whatever kept the run from its end.
    fn train(
        &self,
        job: &Job<'_>,
        report: &mut (dyn FnMut(RunEvent) -> ControlFlow<()> + Send),
    ) -> Result<Outcome, TrainError>;
}

/// Why a run could not be trained.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{message}")]
pub struct TrainError {
    pub message: String,
    /// Whether it may pass by itself, as a full disk or a want of memory does, so that trying
    /// again makes sense.
    pub transient: bool,
    /// Whether the device had too little memory.
    pub out_of_memory: bool,
}

impl TrainError {
    /// An error that would come again.
    pub fn lasting(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            transient: false,
            out_of_memory: false,
        }
    }

    /// An error that may pass.
    pub fn transient(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            transient: true,
            out_of_memory: false,
        }
    }

    /// A panic. dfdx has no other way to say that there was no memory for some of its tensors.
    pub fn panicked(text: &str) -> Self {
        if says_out_of_memory(text) {
            Self::out_of_memory(OUT_OF_MEMORY)
        } else {
            Self::lasting(format!("the training panicked: {text}"))
        }
    }

    /// The device had too little memory, which may pass when another run has ended.
    pub fn out_of_memory(message: impl Into<String>) -> Self {
        Self {
            out_of_memory: true,
            ..Self::transient(message)
        }
    }
}

impl From<TrainError> for Outcome {
    fn from(error: TrainError) -> Self {
        Self::Failed {
            error: error.message,
            transient: error.transient,
            out_of_memory: error.out_of_memory,
        }
    }
}

/// Listens to a sweep.
pub trait EventSink {
    /// An error stops the sweep when the sink is the recorder, and is ignored for the others.
    fn handle(&mut self, event: &Event<'_>) -> Result<(), SinkError>;
}

/// The record of a sweep, which several processes may share. Each run is worked on by one of them
/// at a time.
pub trait Ledger: EventSink {
    /// Takes `run` for the worker in `slot`, if nobody has it.
    ///
    /// # Errors
    /// When the record cannot be read or written.
    fn claim(&mut self, run: &Run, slot: Slot) -> Result<Claim, SinkError>;

    /// Makes everything that was heard and claimed so far durable and visible to others. What
    /// was claimed may be worked on only after it.
    ///
    /// # Errors
    /// When the record cannot be written; then nothing since the last commit has been recorded.
    fn commit(&mut self) -> Result<(), SinkError>;

    /// Runs that another process has taken over since the last call, because this one seemed
    /// dead. Their events are no longer recorded.
    fn lost(&mut self) -> Vec<RunId>;
}

/// What came of claiming a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    /// The run is this process's.
    Granted(Grant),
    /// Some process has brought it to its end.
    Settled(Outcome),
    /// Another process works on it.
    Held,
}

/// Why a sink could not take an event.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SinkError(pub String);
