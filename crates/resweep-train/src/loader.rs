//! Copies batches to a device.

use dfdx::prelude::Device;

use resnet_engine::{EngineError, Matrix};
use resweep_data::{Batch, Data};

/// Copies batches to device `D`.
pub trait ImageLoader<D: Device<f32>> {
    /// Whether it augments and normalises on the device, from batches without pixels.
    fn renders(&self) -> bool;

    /// The images of `batch`, which was drawn from `data`: (images * size * size, 3).
    ///
    /// # Errors
    /// When the device fails.
    fn load(&mut self, data: &Data, batch: &Batch) -> Result<Matrix<D>, EngineError>;
}

/// Copies images that were augmented and normalised on the CPU.
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
