//! The training of one run, from its first iteration to its last evaluation.

mod checkpoint;
mod datasets;
mod device;
mod failure;
mod learner;
mod lr_schedule;
mod run_loop;
mod running_error;
mod trainer;

pub use datasets::Datasets;
pub use device::{DeviceError, DeviceKind};
pub use trainer::NetworkTrainer;
