//! The interface between the scheduler, trainers, the ledger and displays.

use std::io::{self, ErrorKind};
use std::ops::ControlFlow;
use std::time::Duration;

use resnet_architecture::{OUT_OF_MEMORY, says_out_of_memory};
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use super::{
    DeviceKind, EvalPoint, Job, LayerStat, Lease, Run, RunId, Saved, Slot, StartPoint, TrainPoint,
};

/// An event of a sweep. The recorder receives each event first.
#[derive(Debug, Clone)]
pub enum Event<'a> {
    SweepStarted {
        /// The runs to train, in starting order.
        pending: &'a [Run],
        /// The number of the sweep's runs that were finished before.
        finished_before: usize,
        /// One for each worker, at least one.
        slots: &'a [Slot],
    },
    /// This process has acquired the run, and a worker starts it.
    RunStarted {
        run: &'a Run,
        slot: Slot,
    },
    /// An event of a running run.
    Run {
        run: &'a Run,
        event: RunEvent,
    },
    /// Sent once for every `RunStarted`, whatever the outcome.
    RunFinished {
        run: &'a Run,
        outcome: &'a Outcome,
        wall: Duration,
        /// The pause before a retry, if the failure is transient.
        retry_in: Option<Duration>,
    },
    /// The run ended in another process.
    RunEndedElsewhere {
        run: &'a Run,
        outcome: &'a Outcome,
    },
    /// The run cannot start, because its parent did not finish.
    RunBlocked {
        run: &'a Run,
        needs: &'a Run,
    },
    /// A device has too little memory for its concurrent runs: the worker in `slot` gets no further
    /// run.
    SlotRetired {
        slot: Slot,
        /// The number of workers that continue on the same device.
        left: usize,
    },
    /// The process can no longer use a device, whose workers get no further run.
    DeviceLost {
        device: DeviceKind,
        /// The number of workers that continue on other devices.
        left: usize,
    },
    /// The sweep was asked to stop: no further run starts, and the running ones stop with a
    /// checkpoint.
    StopRequested {
        by: StopReason,
    },
    SweepFinished {
        tally: SweepTally,
        wall: Duration,
    },
}

/// What asked a sweep to stop, such as `SIGTERM`.
pub type StopReason = &'static str;

/// An event that a trainer reports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunEvent {
    /// The first event of every attempt: the point from which it starts.
    Began(StartPoint),
    /// For progress displays only, a few times a second; never recorded.
    Progress {
        iteration: u64,
        /// Training error of the interval so far, in percent; `None` before the first update.
        train_error_percent: Option<f64>,
    },
    /// The training curve before the checkpoint of another run from which the attempt resumes, at
    /// this run's intervals. It replaces the recorded one.
    CurveRestored(Vec<TrainPoint>),
    Trained(TrainPoint),
    Evaluated(EvalPoint),
    /// A checkpoint is on disk. It counts once this event is recorded.
    Checkpointed(Saved),
    /// The responses of all 3x3 layers at the end of the training, in the order of the layers.
    LayersMeasured(Vec<LayerStat>),
}

/// The outcome of an attempt at a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "status")]
#[derive(IntoStaticStr)]
#[strum(serialize_all = "lowercase", const_into_str)]
pub enum Outcome {
    Finished,
    /// The training or evaluation loss stopped being finite: a result, not a crash.
    Diverged {
        iteration: u64,
    },
    /// An error or a panic, with its message.
    Failed {
        error: String,
        /// Whether a retry makes sense.
        transient: bool,
        /// Whether the device ran out of memory.
        #[serde(default)]
        out_of_memory: bool,
        /// Whether the disk was full, so that other runs would fail too.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        disk_full: bool,
        /// Whether the process can no longer use the device.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        device_lost: bool,
    },
    /// Interrupted, to be resumed: on request, or because another process has taken it over.
    Stopped,
}

/// The number of a sweep's runs per outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct SweepTally {
    pub finished: usize,
    pub diverged: usize,
    pub failed: usize,
    pub stopped: usize,
    /// Not started, because the sweep was stopped first.
    pub skipped: usize,
    /// Ended in other processes meanwhile.
    pub elsewhere: usize,
    /// Not started, because their parent did not finish.
    pub blocked: usize,
}

/// Trains one run to its end on the calling thread.
pub trait Trainer: Send + Sync {
    /// Sends events to `report`; when that returns `Break`, writes a checkpoint and returns
    /// [`Outcome::Stopped`] after the current iteration. Divergence is not an error.
    ///
    /// # Errors
    /// When the run cannot be trained to its end.
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
    /// Whether a retry makes sense, as with a full disk or too little memory.
    pub transient: bool,
    /// Whether the device ran out of memory.
    pub out_of_memory: bool,
    /// Whether the disk was full.
    #[serde(default)]
    pub disk_full: bool,
    /// Whether the process can no longer use the device.
    #[serde(default)]
    pub device_lost: bool,
}

impl TrainError {
    /// An error that a retry would repeat.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            transient: false,
            out_of_memory: false,
            disk_full: false,
            device_lost: false,
        }
    }

    /// An error that may disappear with a retry.
    pub fn transient(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            transient: true,
            out_of_memory: false,
            disk_full: false,
            device_lost: false,
        }
    }

    /// A file could not be written. A full disk may have room at a retry; a symbolic link in the way
    /// stays.
    pub fn writing(message: impl Into<String>, error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::InvalidInput => Self::permanent(message),
            kind => Self {
                disk_full: matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded),
                ..Self::transient(message)
            },
        }
    }

    /// A panic. dfdx panics when it cannot allocate some of its tensors.
    pub fn panicked(text: &str) -> Self {
        if says_out_of_memory(text) {
            Self::out_of_memory(OUT_OF_MEMORY)
        } else {
            Self::permanent(format!("the training panicked: {text}"))
        }
    }

    /// The device has failed for this process; another device or another process may succeed.
    pub fn device_lost(message: impl Into<String>) -> Self {
        Self {
            device_lost: true,
            ..Self::transient(message)
        }
    }

    /// The device ran out of memory; a retry may succeed when another run has ended.
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
            disk_full: error.disk_full,
            device_lost: error.device_lost,
        }
    }
}

/// Receives the events of a sweep.
pub trait EventSink {
    /// Handles an event. An error of the recorder stops the sweep; errors of other sinks are ignored.
    fn handle(&mut self, event: &Event<'_>) -> Result<(), SinkError>;
}

/// The record of a sweep, which several processes may share. Only one of them trains a run at a
/// time.
pub trait Ledger: EventSink {
    /// Acquires `run` for the worker in `slot`, unless another process trains it.
    ///
    /// # Errors
    /// When the record cannot be read or written.
    fn claim(&mut self, run: &Run, slot: Slot) -> Result<Claim, SinkError>;

    /// Makes all events and claims so far durable and visible to other processes. An acquired run
    /// may be started only afterwards.
    ///
    /// # Errors
    /// When the record cannot be written; everything since the last commit is lost then.
    fn commit(&mut self) -> Result<(), SinkError>;

    /// The runs that another process has taken over since the last call, because this one seemed
    /// dead. Their events are no longer recorded.
    fn lost(&mut self) -> Vec<RunId>;
}

/// The result of claiming a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    /// This process may train the run.
    Acquired(Lease),
    /// The run has ended.
    EndedElsewhere(Outcome),
    /// Another process trains it.
    LeasedElsewhere,
}

/// Why a sink could not handle an event.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SinkError(pub String);
