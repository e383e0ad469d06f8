//! Memory that both dfdx and the kernels can access.
//!
//! dfdx does not expose the memory of its tensors, but it does expose that of its gradients, and
//! its SGD writes into a velocity. This module copies values in and out of tensors that way.

use cudarc::driver::{CudaSlice, DeviceSlice};
use dfdx::prelude::{
    Cuda, CudaError, Gradients, HasShape, Momentum, SgdConfig, Shape, Storage, Tensor, Unit,
    WeightDecay, ZerosTensor,
};

use super::values::Floats;
use crate::model::Vector;

/// The memory type that dfdx's SGD takes for gradients and velocities.
pub type Memory<E = f32> = <Cuda as Storage<E>>::Vec;

/// v = 0 v + (0 + 1 p), p -= 0 v: copies the parameter into the velocity and leaves the parameter
/// unchanged. Both must be finite; if they are not, the run has diverged and ends.
const COPY: SgdConfig = SgdConfig {
    lr: 0.0,
    momentum: Some(Momentum::Classic(0.0)),
    weight_decay: Some(WeightDecay::L2(1.0)),
};

/// Zero-filled memory.
pub fn zeros<E: Unit>(device: &Cuda, len: usize) -> Result<Memory<E>, CudaError> {
    Storage::<E>::try_alloc_len(device, len)
}

/// Copies `tensor` to the beginning of `memory`. `zeros` is all zero and at least as long. A tensor
/// that shares its memory with another gets its own copy.
pub fn load<S: Shape>(
    tensor: &mut Tensor<S, f32, Cuda>,
    memory: &mut Memory,
    zeros: &Memory,
) -> Result<(), CudaError> {
    let len = tensor.shape().num_elements();
    assert!(memory.len() >= len && zeros.len() >= len);
    COPY.try_update(tensor, memory, zeros)
}

/// Updates `tensor` by SGD with `config`, which has no momentum. `unused` has the same length and
/// is not changed.
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

/// Memory that is converted to tensors of shape `S`.
pub struct SharedTensor<S: Shape> {
    /// The tensor whose gradient this memory is to dfdx.
    key: Tensor<S, f32, Cuda>,
    memory: Gradients<f32, Cuda>,
}

impl<S: Shape> SharedTensor<S> {
    /// Zero-filled memory.
    pub fn new(device: &Cuda, shape: S) -> Result<Self, CudaError> {
        let key = device.try_zeros_like(&shape)?;
        let mut memory = Gradients::leaky();
        memory.try_alloc_for(&key)?;
        Ok(Self { key, memory })
    }

    pub fn shape(&self) -> &S {
        self.key.shape()
    }

    /// The memory as cudarc has it.
    pub fn slice(&mut self) -> Result<&mut CudaSlice<f32>, CudaError> {
        Ok(self.memory.get_or_alloc_mut(&self.key)?)
    }

    /// The values, as kernel arguments.
    pub fn floats(&mut self) -> Result<Floats<'_>, CudaError> {
        Ok(Floats::of(self.slice()?))
    }

    /// A tensor with these values.
    pub fn tensor(&self) -> Tensor<S, f32, Cuda> {
        self.memory.get(&self.key)
    }
}

/// The gradients of `tensors`; zeros where none exist yet.
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
        // SAFETY: no gradient is freed while all of them are borrowed.
        found.push(unsafe { one.detached() });
    }
    Ok(std::array::from_fn(|at| found[at]))
}
