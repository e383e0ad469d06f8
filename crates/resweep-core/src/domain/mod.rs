//! The types that all crates share: plain data, and the traits between the scheduler and the other
//! crates.
//!
//! This module must not do I/O or depend on TOML, SQLite, dfdx or plotters.

mod causes;
mod checkpoint;
mod config;
mod device;
mod event;
mod expectation;
mod figure;
mod figure_style;
mod grouped;
mod hex;
mod identity;
mod images;
mod metrics;
mod paths;
mod printable;
mod run;
mod shell;
mod task;

pub use causes::{causes, with_causes};
pub use checkpoint::{Checkpoint, Job, Lease, Saved, Sha256, StartPoint, TrainingId, TrajectoryId};
pub use config::{
    Augmentation, BrokenImage, Configuration, DataConfig, Dataset, EngineKind, Normalisation,
    TrainConfig, Validation, Warmup, WarmupEnd,
};
pub use device::{DeviceKind, DeviceRequest, Requested, UnknownDevice};
pub use event::{
    Claim, Event, EventSink, Ledger, Outcome, RunEvent, SinkError, StopReason, SweepTally,
    TrainError, Trainer,
};
pub use expectation::{AdaptiveRepeats, Expectation, Measure};
pub use figure::{Axes, Figure, FigureKind, Grid, GridAxis, Panel, Quantity, Reference, Show};
pub use figure_style::{FigureStyle, Palette, Theme, TrainLine};
pub use grouped::grouped;
pub use hex::hex;
pub use identity::{DataIdentity, determining, run_id, trajectories, trajectories_of_old_builds};
pub use images::{ImageCounts, Spread};
pub use metrics::{Curves, ErrorPoint, EvalPoint, EvalSet, LayerStat, Measurements, TrainPoint};
pub use paths::{UnknownHome, expand_path};
pub use printable::{is_unprintable, printable, printable_text, spreadsheet_text};
pub use resnet_architecture::{
    DecayScope, Init, ModelConfig, OUT_OF_MEMORY, Shortcut, says_out_of_memory, streams,
};
pub use run::{Cost, ParentRun, ResultStatus, Run, RunConfig, RunId, Slot, Sweep};
pub use shell::shell_quoted;
pub use task::{Left, StartFacts, TaskRecord, TaskRun};
