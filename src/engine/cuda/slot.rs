//! Values that both dfdx and the kernels reach.
//!
//! dfdx keeps the memory of its tensors to itself, but not that of its gradients, and its SGD writes
//! into a velocity. That is the way in and out of tensors here.

use cudarc::driver::CudaSlice;
use dfdx::prelude::{
    Cuda, CudaError, Gradients, HasShape, Momentum, SgdConfig, Shape, Storage, Tensor, WeightDecay,
    ZerosTensor,
};

use super::kernels::Floats;
use crate::model::Vector;

/// v = 0 v + (0 + 1 p), p -= 0 v: the velocity becomes the parameter, which stays what it is.
const COPY: SgdConfig = SgdConfig {
    lr: 0.0,
    momentum: Some(Momentum::Classic(0.0)),
    weight_decay: Some(WeightDecay::L2(1.0)),
};

/// Memory that dfdx takes for the gradient of a tensor of shape `S`.
pub struct Slot<S: Shape> {
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

    fn storage(&mut self) -> Result<&mut <Cuda as Storage<f32>>::Vec, CudaError> {
        self.memory.get_or_alloc_mut(&self.key)
    }

    pub fn shape(&self) -> &S {
        self.key.shape()
    }

    /// The memory itself.
    pub fn slice(&mut self) -> Result<&mut CudaSlice<f32>, CudaError> {
        Ok(&mut *self.storage()?)
    }

    /// The values, for kernels.
    pub fn floats(&mut self) -> Result<Floats<'_>, CudaError> {
        Ok(Floats::from(&*self.slice()?))
    }

    /// Takes a copy of `tensor`, which has at most as many values. `zeros` has at least as many, all
    /// zero. A tensor that shares its memory with another gets its own.
    pub fn load<R: Shape>(
        &mut self,
        tensor: &mut Tensor<R, f32, Cuda>,
        zeros: &mut Slot<(usize,)>,
    ) -> Result<(), CudaError> {
        COPY.try_update(tensor, self.storage()?, zeros.storage()?)
    }

    /// A tensor with these values.
    pub fn tensor(&self) -> Tensor<S, f32, Cuda> {
        self.memory.get(&self.key)
    }
}

impl Slot<(usize,)> {
    /// With these as its gradient, changes `tensor` as SGD does by `config`, which must be without
    /// momentum.
    pub fn apply(
        &mut self,
        config: &SgdConfig,
        tensor: &mut Vector<Cuda>,
        unused: &mut Slot<(usize,)>,
    ) -> Result<(), CudaError> {
        config.try_update(tensor, unused.storage()?, self.storage()?)
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
        let one = Floats::from(&**gradients.get_or_alloc_mut(tensor)?);
        // SAFETY: nothing frees a gradient as long as all of them are borrowed.
        found.push(unsafe { one.detached() });
    }
    Ok(std::array::from_fn(|at| found[at]))
}
