//! The CUDA engine: a whole network as one operation on dfdx's tape, and its loss as another.
//!
//! cuBLAS multiplies the matrices of the convolutions; `kernels.cu` has everything else, and NVRTC
//! compiles it at the start. A training step never waits for the GPU, and no sum depends on the
//! order of threads. See docs/cuda.md.

mod backward;
mod buffers;
#[expect(
    unsafe_code,
    reason = "NVRTC writes into memory of the size that it announced"
)]
mod compiler;
#[expect(
    unsafe_code,
    reason = "C functions with the names of the driver's, which they call"
)]
mod driver_calls;
mod forward;
#[expect(unsafe_code, reason = "the driver writes numbers and names")]
mod gpu;
mod images;
#[expect(
    unsafe_code,
    reason = "kernels are started by pointer; lengths are checked first"
)]
mod kernels;
mod loss;
mod pass;
#[expect(
    unsafe_code,
    reason = "cuBLAS takes pointers; lengths are checked first"
)]
mod products;
#[expect(unsafe_code, reason = "gradients of several tensors at once")]
mod shared_tensor;
mod sizes;
#[expect(
    unsafe_code,
    reason = "their pointers outlive a borrow, and numbers go to the device"
)]
mod values;
mod workspace;

use std::cell::Cell;
use std::rc::Rc;

use dfdx::prelude::{Cuda, CudaError, OwnedTape, PutTape, SplitTape, Tape};

use super::{Engine, EngineError, Loss, Matrix, Moments};
use crate::model::Network;
use workspace::Workspace;

pub use driver_calls::take_gpu_fault;
pub use gpu::{GpuError, gpu_description, keep_context, open_gpu};
pub use images::CudaImages;
pub use values::Pick as CudaPick;

/// Trains on one GPU.
#[derive(Default)]
pub struct CudaFused {
    /// The memory of the previous pass, once the tape has returned it.
    workspace: Rc<Cell<Option<Workspace>>>,
}

impl CudaFused {
    /// The memory of the previous pass if it is large enough for these images, or new memory.
    fn workspace(
        &self,
        network: &Network<Cuda>,
        images: &Matrix<Cuda>,
    ) -> Result<Workspace, EngineError> {
        let architecture = &network.architecture;
        let batch = sizes::batch_of(architecture, images);
        let values = |layer| {
            let (rows, ins, outs) = sizes::product(layer, batch);
            rows * ins.max(outs)
        };
        if architecture.layers().map(values).max() > Some(kernels::MOST_VALUES) {
            return Err(too_large(batch));
        }
        let kept = self.workspace.take();
        match kept.filter(|kept| kept.fits(architecture, batch)) {
            Some(workspace) => Ok(workspace),
            None => Ok(Workspace::new(images.device(), architecture, batch)?),
        }
    }
}

impl From<CudaError> for EngineError {
    fn from(error: CudaError) -> Self {
        Self::new(error)
    }
}

fn too_large(batch: usize) -> EngineError {
    EngineError::from_text(format!(
        "a batch of {batch} images is too large for the kernels of the GPU's engine; take a smaller `batch_size`"
    ))
}

impl Engine<Cuda> for CudaFused {
    fn train(
        &mut self,
        network: &mut Network<Cuda>,
        images: Matrix<Cuda>,
    ) -> Result<Matrix<Cuda, OwnedTape<f32, Cuda>>, EngineError> {
        let mut workspace = self.workspace(network, &images)?;
        let logits = workspace.train(network, images)?;
        let parameters = network.parameters.iter().map(|one| one.tensor.clone());
        let parameters: Vec<_> = parameters.collect();
        let (logits, mut tape) = logits.put_tape(OwnedTape::default()).split_tape();
        let (key, slot) = (logits.clone(), Rc::clone(&self.workspace));
        tape.add_backward_op(move |gradients| {
            workspace.backward(&parameters, &key, gradients)?;
            slot.set(Some(workspace));
            Ok(())
        });
        Ok(logits.put_tape(tape))
    }

    fn loss(
        &mut self,
        logits: Matrix<Cuda, OwnedTape<f32, Cuda>>,
        labels: &[usize],
    ) -> Result<Loss<Cuda>, EngineError> {
        Ok(loss::cross_entropy(logits, labels)?)
    }

    fn eval(
        &mut self,
        network: &Network<Cuda>,
        images: Matrix<Cuda>,
    ) -> Result<Matrix<Cuda>, EngineError> {
        let mut workspace = self.workspace(network, &images)?;
        let logits = workspace.eval(network, images)?;
        self.workspace.set(Some(workspace));
        Ok(logits)
    }

    fn moments(
        &mut self,
        network: &Network<Cuda>,
        images: Matrix<Cuda>,
    ) -> Result<Vec<Moments>, EngineError> {
        let mut workspace = self.workspace(network, &images)?;
        workspace.eval(network, images)?;
        let moments = workspace.moments()?;
        self.workspace.set(Some(workspace));
        Ok(moments)
    }
}
