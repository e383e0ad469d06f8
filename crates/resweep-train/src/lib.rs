//! The training of one run, from its first iteration to its last evaluation.
//!
//! [`NetworkTrainer`] is the scheduler's trainer. This crate must not know sweep files, the database or
//! other runs.
//!
//! | modules | contents |
//! |---|---|
//! | `trainer`, `run_loop`, `learner` | a run on a worker's threads, its loop, one update or evaluation |
//! | `lr_schedule` | warm-up and drops of the learning rate |
//! | `running_error`, `curve`, `layer_stats` | what is measured |
//! | `checkpoint`, `validity` | files of the whole state, and whether a state is possible |
//! | `construction` | a deeper network that starts as a trained shallower one |
//! | `datasets`, `loader`, `cuda_loader` | images, and batches on a device |
//! | `device`, `failure` | the devices of the machine; which errors are transient |
//! | `network_file` | networks for other programs |

mod checkpoint;
mod construction;
#[cfg(feature = "cuda")]
mod cuda_loader;
mod curve;
mod datasets;
mod device;
mod failure;
mod layer_stats;
mod learner;
mod loader;
mod lr_schedule;
mod network_file;
mod run_loop;
mod running_error;
mod trainer;
mod validity;

pub use checkpoint::CheckpointError;
#[cfg(feature = "cuda")]
pub use cuda_loader::CudaLoader;
pub use datasets::Datasets;
#[cfg(feature = "cuda")]
pub use device::cuda;
pub use device::{DeviceError, Found, description as device_description, find as find_devices};
pub use layer_stats::layer_stats;
pub use loader::ImageLoader;
pub use network_file::{network_file, normalisation_file};
pub use trainer::NetworkTrainer;
