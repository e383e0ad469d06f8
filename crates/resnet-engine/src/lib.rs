//! Trains the CIFAR networks of "Deep Residual Learning" (He et al. 2015) with dfdx.
//!
//! [`Engine`] computes a network's logits, loss and layer moments. [`Portable`] is the reference: it
//! runs operation by operation on any dfdx device. [`Fused`] is the fast engine for CPUs and
//! `CudaFused` the one for NVIDIA GPUs. All are tested against PyTorch and share the optimiser. This
//! is the only crate with unsafe code; it must not depend on sweeps, files or databases.
//!
//! | module | contents |
//! |---|---|
//! | [`model`] | parameters and initial values of a network |
//! | [`fused`] | the CPU engine: whole layers at once, kernels with vector instructions |
//! | `cuda` | the CUDA engine (feature `cuda`) |
//! | `portable` | the reference engine |
//! | `loss`, `sgd`, `moments`, `memory` | cross-entropy, the optimiser, layer statistics, the memory estimate |

mod classifier;
#[cfg(feature = "cuda")]
mod cuda;
pub mod fused;
mod loss;
mod memory;
pub mod model;
mod moments;
mod portable;
mod sgd;

use dfdx::prelude::{Device, Merge, NoneTape, OwnedTape, Rank0, Tape, Tensor};

use crate::model::Network;
use resnet_architecture::{OUT_OF_MEMORY, says_out_of_memory};

#[cfg(feature = "cuda")]
pub use cuda::{
    CudaFused, CudaImages, CudaPick, GpuError, gpu_description, keep_context, open_gpu,
    take_gpu_fault,
};
pub use fused::{Fused, InstructionSet};
pub use loss::{BatchLoss, cross_entropy};
pub use memory::{fused_memory_bytes, portable_memory_bytes};
pub use moments::Moments;
pub use portable::Portable;
pub use sgd::{Sgd, SgdOptions};

/// A matrix on device `D`. Images and activations have a row for each pixel, image after image with
/// pixels in row-major order, and a column for each channel (NHWC); logits have a row for each
/// image and a column for each class.
pub type Matrix<D, T = NoneTape> = Tensor<(usize, usize), f32, D, T>;

/// A batch's mean loss on the tape.
pub type Loss<D> = Tensor<Rank0, f32, D, OwnedTape<f32, D>>;

/// A tape for a network's branches, or no tape.
pub trait Recording<D: Device<f32>>: Tape<f32, D> + Merge<Self> + Merge<NoneTape> {}
impl<D: Device<f32>, T: Tape<f32, D> + Merge<T> + Merge<NoneTape>> Recording<D> for T {}

/// The device failed or is out of memory, or the engine does not support the request.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct EngineError {
    text: String,
    out_of_memory: bool,
}

impl EngineError {
    /// Converts an error of dfdx; dfdx's errors do not implement `std::error::Error` on every
    /// device.
    pub fn new(error: impl std::fmt::Debug) -> Self {
        let text = format!("{error:?}");
        if says_out_of_memory(&text) {
            Self {
                text: OUT_OF_MEMORY.to_owned(),
                out_of_memory: true,
            }
        } else {
            Self {
                text: format!("the device failed: {text}"),
                out_of_memory: false,
            }
        }
    }

    /// An error with this message.
    #[cfg(feature = "cuda")]
    fn from_text(text: String) -> Self {
        Self {
            out_of_memory: says_out_of_memory(&text),
            text,
        }
    }

    /// Whether the device is out of memory.
    pub fn is_out_of_memory(&self) -> bool {
        self.out_of_memory
    }
}

/// Computes a network's logits.
pub trait Engine<D: Device<f32>> {
    /// Logits (batch, classes) of `images` (batch * size * size, 3) with BN on the statistics of
    /// the batch; updates the running statistics as PyTorch does (momentum 0.1, unbiased variance).
    /// The tape keeps the values for the backward pass.
    ///
    /// # Errors
    /// When the device fails, for example because it is out of memory.
    fn train(
        &mut self,
        network: &mut Network<D>,
        images: Matrix<D>,
    ) -> Result<Matrix<D, OwnedTape<f32, D>>, EngineError>;

    /// Mean cross-entropy of `logits` (batch, classes), which [`Engine::train`] returned.
    ///
    /// # Errors
    /// As [`Engine::train`].
    fn loss(
        &mut self,
        logits: Matrix<D, OwnedTape<f32, D>>,
        labels: &[usize],
    ) -> Result<Loss<D>, EngineError> {
        cross_entropy(logits, labels)
    }

    /// Logits (batch, classes) of `images` with BN on its running statistics, without a tape.
    ///
    /// # Errors
    /// As [`Engine::train`].
    fn eval(&mut self, network: &Network<D>, images: Matrix<D>) -> Result<Matrix<D>, EngineError>;

    /// The moments of every convolution's output for `images`, before BN, in the order of
    /// [`Architecture::layers`](crate::model::Architecture::layers); BN as in [`Engine::eval`].
    ///
    /// # Errors
    /// As [`Engine::train`].
    fn moments(
        &mut self,
        network: &Network<D>,
        images: Matrix<D>,
    ) -> Result<Vec<Moments>, EngineError>;
}
