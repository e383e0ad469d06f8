//! The way forward through a network, layer by layer over the whole batch.

use dfdx::prelude::CudaError;

use super::kernels::Kernels;
use super::products::Products;
use super::sizes::{product, rows};
use super::values::{Floats, Norm, Partial};
use super::workspace::{Layer, Shared};
use crate::model::{Architecture, BlockShortcut, ConvBn, ResidualBlock};

/// One pass.
pub struct Forward<'a> {
    pub kernels: &'a Kernels,
    pub products: &'a Products,
    pub layers: &'a [Layer],
    pub shared: &'a Shared,
    /// Kernel, gamma and beta of each layer in turn, then the fully connected layer's weight and bias.
    pub parameters: Vec<Floats<'a>>,
    /// Running mean and variance of each layer in turn.
    pub running: Vec<Floats<'a>>,
    /// Where the negatives of the batch's statistics go.
    pub fresh: Vec<Floats<'a>>,
    /// Whether BN is on the statistics of the batch, not on the running ones.
    pub training: bool,
    pub batch: usize,
}

impl<'a> Forward<'a> {
    /// The logits (batch, classes) of `images`, by way of their features (batch, features).
    pub fn logits(
        &self,
        architecture: &Architecture,
        images: Floats<'a>,
        features: Floats,
        logits: Floats,
    ) -> Result<(), CudaError> {
        let mut x = self.layer(&architecture.stem, images, None, true)?;
        for block in &architecture.blocks {
            x = self.block(block, x)?;
        }
        let shape = (
            self.batch,
            architecture.out_size.pow(2),
            architecture.features,
        );
        self.kernels.average(shape, x, features)?;
        let shape = (self.batch, architecture.features, architecture.classes);
        let [weight, bias] = *last_two(&self.parameters);
        self.products.multiply(shape, features, weight, logits)?;
        self.kernels
            .add_bias((self.batch, architecture.classes), bias, logits)
    }

    fn block(&self, block: &ResidualBlock, x: Floats<'a>) -> Result<Floats<'a>, CudaError> {
        let y = self.layer(&block.first, x, None, true)?;
        let shortcut = match &block.shortcut {
            BlockShortcut::None => None,
            BlockShortcut::Identity => Some(x),
            BlockShortcut::SubsampleAndPad => {
                let spare = Floats::from(&self.shared.spare);
                self.kernels
                    .subsample_and_pad(&block.first, self.batch, x, spare)?;
                Some(spare)
            }
            BlockShortcut::Projection(projection) => Some(self.layer(projection, x, None, false)?),
        };
        self.layer(&block.second, y, shortcut, true)
    }

    /// Convolution, BN, the shortcut's addition and ReLU.
    fn layer(
        &self,
        layer: &ConvBn,
        x: Floats<'a>,
        shortcut: Option<Floats>,
        relu: bool,
    ) -> Result<Floats<'a>, CudaError> {
        let (kernels, batch, memory) = (self.kernels, self.batch, &self.layers[layer.index]);
        let (z, y) = (Floats::from(&memory.z), Floats::from(&memory.y));
        let columns = Floats::from(&self.shared.columns);
        let shape = (rows(layer, batch), layer.out_channels);
        let [kernel, gamma, beta] = [0, 1, 2].map(|at| self.parameters[3 * layer.index + at]);
        kernels.im2col(layer, batch, x, columns)?;
        self.products
            .multiply(product(layer, batch), columns, kernel, z)?;
        let [mean, variance] = if self.training {
            let [mean, variance] = [(&memory.mean).into(), (&memory.variance).into()];
            let [minus_mean, minus_unbiased] = [0, 1].map(|at| self.fresh[2 * layer.index + at]);
            let partial = Partial((&self.shared.partial).into());
            let out = [mean, variance, minus_mean, minus_unbiased];
            kernels.statistics(shape, z, partial, out)?;
            [mean, variance]
        } else {
            [0, 1].map(|at| self.running[2 * layer.index + at])
        };
        let norm = Norm {
            mean,
            variance,
            gamma,
            beta,
        };
        kernels.normalise(shape, z, norm, shortcut, relu, y)?;
        Ok(y)
    }
}

/// The fully connected layer's weight and bias.
pub fn last_two<T>(parameters: &[T]) -> &[T; 2] {
    parameters
        .last_chunk()
        .expect("the last layer's parameters")
}
