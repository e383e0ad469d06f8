//! The engine of NVIDIA GPUs: a whole network as one operation on dfdx's tape, and its loss as another.
//!
//! Convolutions are matrix products of cuBLAS, everything around them is in `kernels.cu`, which NVRTC
//! compiles when the program looks at its devices. In a step nothing waits for the GPU, and no sum
//! depends on the order in which its threads run. See docs/cuda.md.

mod backward;
mod forward;
mod images;
#[expect(
    unsafe_code,
    reason = "kernels are started by pointer; lengths are checked first"
)]
mod kernels;
mod loss;
#[expect(unsafe_code, reason = "the driver writes into an array")]
mod name;
#[expect(
    unsafe_code,
    reason = "cuBLAS takes pointers; lengths are checked first"
)]
mod products;
mod sizes;
#[expect(unsafe_code, reason = "gradients of several tensors at once")]
mod slot;
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

pub use images::CudaImages;
pub use kernels::compile as compile_kernels;
pub use name::gpu_name;
pub use values::Pick as CudaPick;

/// Trains on one GPU.
#[derive(Default)]
pub struct CudaFused {
    /// The last pass's memory, when the tape has given it back.
    workspace: Rc<Cell<Option<Workspace>>>,
}

impl CudaFused {
    /// Refuses batches whose values the kernels cannot number.
    fn check(network: &Network<Cuda>, images: &Matrix<Cuda>) -> Result<(), EngineError> {
        let batch = sizes::batch_of(&network.architecture, images);
        let values = |layer| {
            let (rows, ins, outs) = sizes::product(layer, batch);
            rows * ins.max(outs)
        };
        match network.architecture.layers().map(values).max() {
            Some(most) if most > kernels::MOST_VALUES => Err(too_large(batch)),
            _ => Ok(()),
        }
    }

    /// The last pass's memory if it is enough for these images, or new memory.
    fn workspace(
        &self,
        network: &Network<Cuda>,
        images: &Matrix<Cuda>,
    ) -> Result<Workspace, CudaError> {
        let architecture = &network.architecture;
        let batch = sizes::batch_of(architecture, images);
        let kept = self.workspace.take();
        match kept.filter(|kept| kept.fits(architecture, batch)) {
            Some(workspace) => Ok(workspace),
            None => Workspace::new(images.device(), architecture, batch),
        }
    }

    fn training(
        &self,
        network: &mut Network<Cuda>,
        images: Matrix<Cuda>,
    ) -> Result<Matrix<Cuda, OwnedTape<f32, Cuda>>, CudaError> {
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

    fn evaluation(
        &self,
        network: &Network<Cuda>,
        images: Matrix<Cuda>,
    ) -> Result<Matrix<Cuda>, CudaError> {
        let mut workspace = self.workspace(network, &images)?;
        let logits = workspace.eval(network, images)?;
        self.workspace.set(Some(workspace));
        Ok(logits)
    }
}

fn too_large(batch: usize) -> EngineError {
    EngineError::says(format!(
        "a batch of {batch} images is too large for the kernels of the GPU's engine; take a smaller `batch_size`"
    ))
}

impl Engine<Cuda> for CudaFused {
    fn train(
        &mut self,
        network: &mut Network<Cuda>,
        images: Matrix<Cuda>,
    ) -> Result<Matrix<Cuda, OwnedTape<f32, Cuda>>, EngineError> {
        Self::check(network, &images)?;
        self.training(network, images).map_err(EngineError::new)
    }

    fn loss(
        &mut self,
        logits: Matrix<Cuda, OwnedTape<f32, Cuda>>,
        labels: &[usize],
    ) -> Result<Loss<Cuda>, EngineError> {
        loss::cross_entropy(logits, labels).map_err(EngineError::new)
    }

    fn eval(
        &mut self,
        network: &Network<Cuda>,
        images: Matrix<Cuda>,
    ) -> Result<Matrix<Cuda>, EngineError> {
        Self::check(network, &images)?;
        self.evaluation(network, images).map_err(EngineError::new)
    }

    fn moments(
        &mut self,
        network: &Network<Cuda>,
        images: Matrix<Cuda>,
    ) -> Result<Vec<Moments>, EngineError> {
        Self::check(network, &images)?;
        let measure = || {
            let mut workspace = self.workspace(network, &images)?;
            workspace.eval(network, images.clone())?;
            let moments = workspace.moments()?;
            self.workspace.set(Some(workspace));
            Ok::<_, CudaError>(moments)
        };
        measure().map_err(EngineError::new)
    }
}
