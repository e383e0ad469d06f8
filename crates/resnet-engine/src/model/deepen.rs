//! Builds a deeper network that computes the same function as a shallower one: the construction
//! behind the paper's argument (section 1) that a deeper net need not have a higher training error.
//!
//! Each stage has the shallower net's blocks, followed by new blocks that are the identity. The
//! input of a new block has passed through a ReLU, so it is not negative, and the block's own ReLUs
//! do not change it.
//!
//! - In a plain net a new layer's kernel is one in its centre, from each channel to itself, and its
//!   BN is inverted: gamma = sqrt(variance + epsilon) and beta = mean, where mean and variance are
//!   its running statistics. This is exact in evaluation, and in training up to the difference
//!   between a batch's statistics and those of all images.
//! - In a residual net the last BN of a new block has gamma and beta zero, so that only the
//!   shortcut remains: exact in training too. The rest of the block keeps its initial values. With
//!   option C the shortcut is a projection, which is made the identity as in a plain net.

use std::collections::HashMap;

use dfdx::prelude::Device;

use super::{BN_EPSILON, BlockShortcut, ConvBn, Network, ResidualBlock, Vector};

impl<D: Device<f32>> Network<D> {
    /// Makes this network compute the same function as `shallow`, which has the same width,
    /// shortcut type and classes and fewer blocks. Returns the layers whose kernels are the
    /// identity; their BN has mean 0 and variance 1 until [`Network::match_statistics`] is called.
    pub fn deepen(&mut self, shallow: &Self) -> Vec<ConvBn> {
        self.copy_tensors(shallow);
        let mut identities = Vec::new();
        for block in inserted(self, shallow) {
            match block.shortcut {
                BlockShortcut::None => identities.extend([block.first, block.second]),
                BlockShortcut::Projection(projection) => {
                    self.zero_bn(&block.second);
                    identities.push(projection);
                }
                BlockShortcut::Identity | BlockShortcut::SubsampleAndPad => {
                    self.zero_bn(&block.second);
                }
            }
        }
        for layer in &identities {
            self.parameters[3 * layer.index]
                .tensor
                .copy_from(&identity(layer));
            self.match_statistics(layer, (0..layer.out_channels).map(|_| (0.0, 1.0)));
        }
        identities
    }

    /// Sets the running statistics of `layer` (mean and variance of each channel) and the gamma and
    /// beta that invert them.
    pub fn match_statistics(
        &mut self,
        layer: &ConvBn,
        statistics: impl Iterator<Item = (f64, f64)>,
    ) {
        let rounded = statistics.map(|(mean, variance)| (mean as f32, variance as f32));
        let (mean, variance): (Vec<f32>, Vec<f32>) = rounded.unzip();
        let deviation = |variance: &f32| (f64::from(*variance) + BN_EPSILON).sqrt() as f32;
        let gamma: Vec<f32> = variance.iter().map(deviation).collect();
        self.parameters[3 * layer.index + 1]
            .tensor
            .copy_from(&gamma);
        self.parameters[3 * layer.index + 2].tensor.copy_from(&mean);
        self.buffers[2 * layer.index].tensor.copy_from(&mean);
        self.buffers[2 * layer.index + 1]
            .tensor
            .copy_from(&variance);
    }

    /// Copies every tensor that `shallow` also has, by name.
    fn copy_tensors(&mut self, shallow: &Self) {
        let parameters = shallow
            .parameters
            .iter()
            .map(|one| (&one.name, &one.tensor));
        let buffers = shallow.buffers.iter().map(|one| (&one.name, &one.tensor));
        let theirs: HashMap<&String, &Vector<D>> = parameters.chain(buffers).collect();
        let parameters = self.parameters.iter_mut();
        let parameters = parameters.map(|one| (&one.name, &mut one.tensor));
        let buffers = self.buffers.iter_mut();
        let buffers = buffers.map(|one| (&one.name, &mut one.tensor));
        for (name, tensor) in parameters.chain(buffers) {
            if let Some(theirs) = theirs.get(name) {
                tensor.copy_from(&theirs.as_vec());
            }
        }
    }

    /// Sets gamma and beta of a layer to zero, so that its output is zero.
    fn zero_bn(&mut self, layer: &ConvBn) {
        let zeros = vec![0.0; layer.out_channels];
        for parameter in &mut self.parameters[3 * layer.index + 1..=3 * layer.index + 2] {
            parameter.tensor.copy_from(&zeros);
        }
    }
}

/// The blocks of `deep` that `shallow` does not have: the last ones of each stage.
fn inserted<D: Device<f32>>(deep: &Network<D>, shallow: &Network<D>) -> Vec<ResidualBlock> {
    let blocks = &deep.architecture.blocks;
    let (all, kept) = (blocks.len() / 3, shallow.architecture.blocks.len() / 3);
    let stages = blocks.chunks(all);
    stages.flat_map(|stage| stage[kept..].to_vec()).collect()
}

/// The kernel (out, in, height, width; flat) of the identity.
fn identity(layer: &ConvBn) -> Vec<f32> {
    let area = layer.kernel * layer.kernel;
    let mut kernel = vec![0.0; layer.weights()];
    for channel in 0..layer.out_channels {
        kernel[(channel * layer.in_channels + channel) * area + area / 2] = 1.0;
    }
    kernel
}
