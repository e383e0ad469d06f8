//! The training of one run, from its first iteration to its last evaluation.

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
