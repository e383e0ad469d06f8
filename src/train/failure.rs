//! What an error of a training means for its run.

use super::checkpoint::CheckpointError;
use crate::domain::TrainError;
use crate::engine::EngineError;

/// A want of memory may pass, when another run has ended.
impl From<EngineError> for TrainError {
    fn from(error: EngineError) -> Self {
        Self {
            message: error.to_string(),
            transient: error.is_out_of_memory(),
        }
    }
}

/// A full disk may pass.
impl From<CheckpointError> for TrainError {
    fn from(error: CheckpointError) -> Self {
        match error {
            CheckpointError::Device(error) => error.into(),
            error => Self::transient(error.to_string()),
        }
    }
}
