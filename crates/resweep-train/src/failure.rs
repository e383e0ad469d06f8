//! Converts errors of training to [`TrainError`], which says whether a retry makes sense.

use super::checkpoint::CheckpointError;
use super::device::DeviceError;
use resnet_engine::EngineError;
use resweep_core::domain::TrainError;

/// A lack of memory is transient; every other failure of an engine would happen again.
#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
pub fn of_engine(error: EngineError) -> TrainError {
    if error.is_out_of_memory() {
        TrainError::out_of_memory(error.to_string())
    } else {
        TrainError::permanent(error.to_string())
    }
}

impl From<DeviceError> for TrainError {
    fn from(error: DeviceError) -> Self {
        match error {
            DeviceError::OutOfMemory { .. } => Self::out_of_memory(error.to_string()),
            error => Self::permanent(error.to_string()),
        }
    }
}

impl From<CheckpointError> for TrainError {
    fn from(error: CheckpointError) -> Self {
        match error {
            CheckpointError::Device(error) => of_engine(error),
            CheckpointError::Write { ref source, .. } => Self::writing(error.to_string(), source),
            error => Self::transient(error.to_string()),
        }
    }
}
