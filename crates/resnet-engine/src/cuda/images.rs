//! A data set in GPU memory; crops, mirrors and normalises batches of it there.

use cudarc::driver::CudaSlice;
use dfdx::prelude::{Cuda, CudaError};

use super::kernels::{Kernels, MOST_VALUES};
use super::shared_tensor::SharedTensor;
use super::too_large;
use super::values::{Floats, Pick, Source, Values};
use crate::{EngineError, Matrix};

/// Images as bytes, with the constants that normalise them.
pub struct CudaImages {
    kernels: Kernels,
    device: Cuda,
    /// Images x size x size x 3.
    bytes: CudaSlice<u8>,
    size: usize,
    padding: usize,
    scale: CudaSlice<f32>,
    offset: CudaSlice<f32>,
    /// The last batch: (images * size * size, 3).
    rendered: SharedTensor<(usize, usize)>,
}

impl CudaImages {
    /// Copies `bytes` (images x size x size x 3) to the GPU. A byte becomes `byte * scale[channel]
    /// - offset[position]`, where `offset` is as long as an image. Each image is padded by
    /// `padding` zeros on every side.
    ///
    /// # Errors
    /// When the GPU fails, for example because it is out of memory.
    pub fn new(
        device: &Cuda,
        bytes: &[u8],
        (size, padding): (usize, usize),
        scale: &[f32; 3],
        offset: &[f32],
    ) -> Result<Self, EngineError> {
        let mut rendered = SharedTensor::new(device, (size * size, 3))?;
        let driver = rendered.slice()?.device();
        Ok(Self {
            bytes: driver.htod_sync_copy(bytes).map_err(CudaError::from)?,
            scale: driver.htod_sync_copy(scale).map_err(CudaError::from)?,
            offset: driver.htod_sync_copy(offset).map_err(CudaError::from)?,
            kernels: Kernels::of(driver),
            device: device.clone(),
            size,
            padding,
            rendered,
        })
    }

    /// The picked views, normalised: (picks * size * size, 3). The bits are those of the CPU.
    ///
    /// # Errors
    /// As [`CudaImages::new`], and when there are more picks than the kernels can index.
    ///
    /// # Panics
    /// When an index is out of range.
    pub fn render(&mut self, picks: Vec<Pick>) -> Result<Matrix<Cuda>, EngineError> {
        if picks.len() * 3 * self.size * self.size > MOST_VALUES {
            return Err(too_large(picks.len()));
        }
        let rows = picks.len() * self.size * self.size;
        if self.rendered.shape().0 != rows {
            self.rendered = SharedTensor::new(&self.device, (rows, 3))?;
        }
        let source = Source {
            images: Values::of(&self.bytes),
            size: self.size,
            padding: self.padding,
            scale: Floats::of(&self.scale),
            offset: Floats::of(&self.offset),
        };
        let out = self.rendered.floats()?;
        self.kernels.render(source, picks, out)?;
        Ok(self.rendered.tensor())
    }
}
