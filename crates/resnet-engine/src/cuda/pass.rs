//! State shared by the forward and the backward pass.

use super::buffers::{Layer, Shared};
use super::kernels::Kernels;
use super::products::Products;
use super::values::{Floats, Partial, Values};
use crate::model::ConvBn;

/// One pass over a batch.
pub struct Pass<'a> {
    pub kernels: &'a Kernels,
    pub products: &'a Products,
    pub layers: &'a [Layer],
    pub shared: &'a Shared,
    /// Kernel, gamma and beta of each layer, then the fully connected layer's weight and bias.
    pub parameters: Vec<Floats<'a>>,
    pub batch: usize,
}

impl<'a> Pass<'a> {
    /// A layer's memory.
    pub fn memory(&self, layer: &ConvBn) -> &'a Layer {
        &self.layers[layer.index]
    }

    /// A layer's output.
    pub fn y(&self, layer: &ConvBn) -> Floats<'a> {
        Floats::of(&self.memory(layer).y)
    }

    /// A layer's kernel, gamma and beta.
    pub fn parameters(&self, layer: &ConvBn) -> [Floats<'a>; 3] {
        of_layer(&self.parameters, layer).map(|one| *one)
    }

    /// The fully connected layer's weight and bias.
    pub fn last_parameters(&self) -> [Floats<'a>; 2] {
        *last_two(&self.parameters)
    }

    /// Scratch memory for partial sums.
    pub fn partial(&self) -> Partial<'a> {
        Partial(Values::of(&self.shared.partial))
    }
}

/// The `N` entries of `layer` in a list with `N` entries per layer.
pub fn of_layer<'a, T, const N: usize>(all: &'a [T], layer: &ConvBn) -> [&'a T; N] {
    std::array::from_fn(|at| &all[N * layer.index + at])
}

/// The fully connected layer's weight and bias, which come last.
pub fn last_two<T>(parameters: &[T]) -> &[T; 2] {
    parameters
        .last_chunk()
        .expect("the last layer's parameters")
}
