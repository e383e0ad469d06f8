//! The fused CPU engine: a whole network but its last layer as one operation on dfdx's tape.
//!
//! Training runs layer by layer over the whole batch; evaluation runs a few images at a time
//! through all layers. BN, ReLU and the shortcut's addition are fused into reading a convolution's
//! input or writing its output, so that each activation passes through memory once. See
//! docs/engine.md.

mod backward;
mod batch_norm;
mod buffer;
mod chunk;
mod evaluator;
mod forward;
mod geometry;
#[expect(
    unsafe_code,
    reason = "bounds are checked once for a block, not for each vector"
)]
pub mod kernels;
mod packing;
mod prepared;
mod scratch;
mod sinks;
mod sources;
mod team;
mod tensors;
mod workspace;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use dfdx::prelude::{Cpu, HasShape, OwnedTape, PutTape, SplitTape, Tape, TensorFromVec};

use super::{Engine, EngineError, Matrix, Moments, classifier};
use crate::model::{Architecture, Network};
use evaluator::Evaluator;
use geometry::Backbone;
use tensors::Tensors;
use workspace::Workspace;

pub use kernels::InstructionSet;

/// Trains on the CPU with vector instructions, on the threads of the calling thread's pool.
pub struct Fused {
    set: Option<InstructionSet>,
    /// The memory of the previous step, once the tape has returned it.
    workspace: Rc<Cell<Option<Workspace>>>,
    evaluator: Option<Evaluator>,
}

impl Default for Fused {
    fn default() -> Self {
        Self::new(None)
    }
}

impl Fused {
    /// Creates an engine that uses `set`. Falls back to the fastest instruction set of this CPU if
    /// `set` is `None` or its vector length does not divide the network's channels: sixteen lanes
    /// need a multiple of sixteen.
    pub fn new(set: Option<InstructionSet>) -> Self {
        Self {
            set,
            workspace: Rc::default(),
            evaluator: None,
        }
    }

    /// The instruction set for the network of `backbone`.
    fn instruction_set(&self, backbone: &Backbone) -> InstructionSet {
        let set = self.set.filter(|set| backbone.divides(*set));
        set.unwrap_or_else(|| backbone.fastest())
    }

    /// The memory of the previous step if it is large enough for these images, or new memory;
    /// contains the images.
    fn workspace(
        &self,
        network: &Network<Cpu>,
        images: &Matrix<Cpu>,
    ) -> Result<Workspace, EngineError> {
        let backbone = Backbone::new(&network.architecture);
        let batch = images.shape().0 / backbone.stem.input.size.pow(2);
        let kept = self.workspace.take();
        let mut workspace = match kept.filter(|kept| kept.fits(&backbone, batch)) {
            Some(workspace) => workspace,
            None => {
                let set = self.instruction_set(&backbone);
                let threads = rayon::current_num_threads();
                Workspace::new(Arc::new(backbone), batch, set, threads).map_err(EngineError::new)?
            }
        };
        workspace.batch = batch;
        images.copy_into(&mut workspace.images[..3 * images.shape().0]);
        Ok(workspace)
    }

    /// The memory of the previous evaluation if it is large enough for these images, or new memory;
    /// and the number of images.
    fn evaluator(
        &mut self,
        network: &Network<Cpu>,
        images: &Matrix<Cpu>,
    ) -> Result<(&mut Evaluator, usize), EngineError> {
        let backbone = Backbone::new(&network.architecture);
        let batch = images.shape().0 / backbone.stem.input.size.pow(2);
        let kept = self.evaluator.take();
        let evaluator = match kept.filter(|kept| kept.fits(&backbone, batch)) {
            Some(evaluator) => evaluator,
            None => {
                let set = self.instruction_set(&backbone);
                let threads = rayon::current_num_threads();
                Evaluator::new(Arc::new(backbone), batch, set, threads).map_err(EngineError::new)?
            }
        };
        Ok((self.evaluator.insert(evaluator), batch))
    }
}

/// Bytes for training `architecture` with batches of `batch` images on `threads` threads, including
/// evaluation between the steps. Excludes the parameters and dfdx's copies of them.
pub fn memory_bytes(architecture: &Architecture, batch: usize, threads: usize) -> usize {
    let backbone = Backbone::new(architecture);
    Workspace::bytes(&backbone, batch, threads) + Evaluator::bytes(&backbone, batch, threads)
}

impl Engine<Cpu> for Fused {
    fn train(
        &mut self,
        network: &mut Network<Cpu>,
        images: Matrix<Cpu>,
    ) -> Result<Matrix<Cpu, OwnedTape<f32, Cpu>>, EngineError> {
        let mut workspace = self.workspace(network, &images)?;
        let tensors = Tensors::of(network);
        let features = workspace.forward(&tensors);
        workspace.update_running(network);
        let shape = (workspace.batch, workspace.backbone.features);
        let features = images
            .device()
            .try_tensor_from_vec(features, shape)
            .map_err(EngineError::new)?;
        let (features, mut tape) = features.put_tape(OwnedTape::default()).split_tape();
        let (key, slot) = (features.clone(), Rc::clone(&self.workspace));
        tape.add_backward_op(move |gradients| {
            let of_features = gradients.get_or_alloc_mut(&key)?.to_vec();
            workspace.backward(&tensors, &of_features, gradients)?;
            slot.set(Some(workspace));
            Ok(())
        });
        classifier::logits(features.put_tape(tape), network).map_err(EngineError::new)
    }

    fn eval(
        &mut self,
        network: &Network<Cpu>,
        images: Matrix<Cpu>,
    ) -> Result<Matrix<Cpu>, EngineError> {
        let (evaluator, batch) = self.evaluator(network, &images)?;
        let features = evaluator.features(network, batch, |to| images.copy_into(to));
        let shape = (batch, network.architecture.features);
        let features = images
            .device()
            .try_tensor_from_vec(features, shape)
            .map_err(EngineError::new)?;
        classifier::logits(features, network).map_err(EngineError::new)
    }

    fn moments(
        &mut self,
        network: &Network<Cpu>,
        images: Matrix<Cpu>,
    ) -> Result<Vec<Moments>, EngineError> {
        let (evaluator, batch) = self.evaluator(network, &images)?;
        Ok(evaluator.moments(network, batch, |to| images.copy_into(to)))
    }
}
