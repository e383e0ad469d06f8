//! References to a network's tensors that the tape keeps until the backward pass.

use dfdx::prelude::Cpu;

use super::geometry::Convolution;
use crate::model::{Network, Vector};

/// The tensors of a [`Network`] in its order.
pub struct Tensors {
    parameters: Vec<Vector<Cpu>>,
    buffers: Vec<Vector<Cpu>>,
}

impl Tensors {
    /// Shares `network`'s tensors.
    pub fn of(network: &Network<Cpu>) -> Self {
        let parameters = network.parameters.iter().map(|one| one.tensor.clone());
        let buffers = network.buffers.iter().map(|one| one.tensor.clone());
        Self {
            parameters: parameters.collect(),
            buffers: buffers.collect(),
        }
    }

    /// (out, in, height, width), flat.
    pub fn kernel(&self, conv: &Convolution) -> &Vector<Cpu> {
        &self.parameters[3 * conv.index]
    }

    /// (channels)
    pub fn gamma(&self, conv: &Convolution) -> &Vector<Cpu> {
        &self.parameters[3 * conv.index + 1]
    }

    /// (channels)
    pub fn beta(&self, conv: &Convolution) -> &Vector<Cpu> {
        &self.parameters[3 * conv.index + 2]
    }

    /// Running mean and variance, (channels) each.
    pub fn running(&self, conv: &Convolution) -> (&Vector<Cpu>, &Vector<Cpu>) {
        (
            &self.buffers[2 * conv.index],
            &self.buffers[2 * conv.index + 1],
        )
    }
}
