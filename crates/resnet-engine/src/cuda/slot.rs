//! Values that both dfdx and the kernels reach.
//!
//! dfdx keeps the memory of its tensors to itself, but not that of its gradients, and its SGD writes
//! into a velocity. That is the way in and out of tensors here.

use cudarc::driver::{CudaSlice, DeviceSlice};
use dfdx::prelude::{
    Cuda, CudaError, Gradients, HasShape, Momentum, SgdConfig, Shape, Storage, Tensor, Unit,
    WeightDecay, ZerosTensor,
};

use super::values::Floats;
use crate::model::Vector;

/// Memory as dfdx's SGD takes it for gradients and velocities.
pub type Memory<E = f32> = <Cuda as Storage<E>>::Vec;

/// v = 0 v + (0 + 1 p), p -= 0 v: the velocity becomes the parameter, which stays what it is. Both
/// have to be finite; where they are not, the run has diverged and ends.
const COPY: SgdConfig = SgdConfig {
    lr: 0.0,
    momentum: Some(Momentum::Classic(0.0)),
    weight_decay: Some(WeightDecay::L2(1.0)),
};

/// Zeros.
pub fn zeros<E: Unit>(device: &Cuda, len: usize) -> Result<Memory<E>, CudaError> {
    Storage::<E>::try_alloc_len(device, len)
}

/// Copies `tensor` to the beginning of `memory`. `zeros` is all zero and at least as long. A tensor
/// that shares its memory with another gets its own.
pub fn load<S: Shape>(
    tensor: &mut Tensor<S, f32, Cuda>,
    memory: &mut Memory,
    zeros: &Memory,
) -> Result<(), CudaError> {
    let len = tensor.shape().num_elements();
    assert!(memory.len() >= len && zeros.len() >= len);
    COPY.try_update(tensor, memory, zeros)
}

/// Changes `tensor` as SGD does by `config`, which is one without momentum. `unused` is as long and
/// stays what it is.
pub fn update(
    config: &SgdConfig,
    tensor: &mut Vector<Cuda>,
    gradient: &Memory,
    unused: &mut Memory,
) -> Result<(), CudaError> {
    let len = tensor.shape().num_elements();
    assert!(gradient.len() >= len && unused.len() >= len);
    config.try_update(tensor, unused, gradient)
}

/// Memory that becomes tensors of shape `S`.
pub struct Slot<S: Shape> {
    /// Whose gradient dfdx takes the memory for.
    key: Tensor<S, f32, Cuda>,
    memory: Gradients<f32, Cuda>,
}

impl<S: Shape> Slot<S> {
    /// Zeros.
    pub fn new(device: &Cuda, shape: S) -> Result<Self, CudaError> {
        let key = device.try_zeros_like(&shape)?;
        let mut memory = Gradients::leaky();
        memory.try_alloc_for(&key)?;
        Ok(Self { key, memory })
    }

    pub fn shape(&self) -> &S {
        self.key.shape()
    }

    /// The memory itself.
    pub fn slice(&mut self) -> Result<&mut CudaSlice<f32>, CudaError> {
        Ok(self.memory.get_or_alloc_mut(&self.key)?)
    }

    /// The values, for kernels.
    pub fn floats(&mut self) -> Result<Floats<'_>, CudaError> {
        Ok(Floats::of(self.slice()?))
    }

    /// A tensor with these values.
    pub fn tensor(&self) -> Tensor<S, f32, Cuda> {
        self.memory.get(&self.key)
    }
}

/// The gradients of `tensors`, zero where there are none yet.
pub fn gradients_of<'a, S: Shape, const N: usize>(
    gradients: &'a mut Gradients<f32, Cuda>,
    tensors: [&Tensor<S, f32, Cuda>; N],
) -> Result<[Floats<'a>; N], CudaError> {
    for tensor in tensors {
        gradients.try_alloc_for(tensor)?;
    }
    let mut found = Vec::with_capacity(N);
    for tensor in tensors {
        let one = Floats::of(gradients.get_or_alloc_mut(tensor)?);
        // SAFETY: nothing frees a gradient as long as all of them are borrowed.
        found.push(unsafe { one.detached() });
    }
    Ok(std::array::from_fn(|at| found[at]))
}
