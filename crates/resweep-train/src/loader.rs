//! Batches on their way to a device.

use dfdx::prelude::Device;

use resnet_engine::{EngineError, Matrix};
use resweep_data::{Batch, Data};

/// Puts batches on device `D`.
pub trait ImageLoader<D: Device<f32>> {
    /// Whether it renders them there, and takes batches without images.
    fn renders(&self) -> bool;

    /// The images of `batch`, which is one of `data`: (images * size * size, 3).
    ///
    /// # Errors
    /// When the device fails.
    fn load(&mut self, data: &Data, batch: &Batch) -> Result<Matrix<D>, EngineError>;
}

/// Copies images that were rendered on the CPU.
pub struct Copying<D>(pub D);

impl<D: Device<f32>> ImageLoader<D> for Copying<D> {
    fn renders(&self) -> bool {
        false
    }

    fn load(&mut self, _data: &Data, batch: &Batch) -> Result<Matrix<D>, EngineError> {
        let rows = batch.images.len() / 3;
        self.0
            .try_tensor_from_vec(batch.images.clone(), (rows, 3))
            .map_err(EngineError::new)
    }
}
