//! The CUDA engine's forward pass: layer by layer over the whole batch.

use dfdx::prelude::CudaError;

use super::pass::{Pass, of_layer};
use super::sizes::{product, rows};
use super::values::{Floats, Norm};
use crate::model::{Architecture, BlockShortcut, ConvBn, ResidualBlock};

/// The statistics that BN normalises with, one entry per layer.
pub enum Statistics<'a> {
    /// The mean and variance of the batch. Receives the negatives of the mean and of the unbiased
    /// variance.
    OfBatch(Vec<Floats<'a>>),
    /// Running mean and variance.
    Running(Vec<Floats<'a>>),
}

/// One forward pass.
pub struct Forward<'a> {
    pub pass: Pass<'a>,
    pub statistics: Statistics<'a>,
}

impl<'a> Forward<'a> {
    /// Computes the logits (batch, classes) of `images`; stores their features (batch, features).
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
            self.pass.batch,
            architecture.out_size.pow(2),
            architecture.features,
        );
        self.pass.kernels.average(shape, x, features)?;
        let shape = (self.pass.batch, architecture.features, architecture.classes);
        let [weight, bias] = self.pass.last_parameters();
        self.pass
            .products
            .multiply(shape, features, weight, logits)?;
        self.pass
            .kernels
            .add_bias((self.pass.batch, architecture.classes), bias, logits)
    }

    fn block(&self, block: &ResidualBlock, x: Floats<'a>) -> Result<Floats<'a>, CudaError> {
        let y = self.layer(&block.first, x, None, true)?;
        let shortcut = match &block.shortcut {
            BlockShortcut::None => None,
            BlockShortcut::Identity => Some(x),
            BlockShortcut::SubsampleAndPad => {
                let spare = Floats::of(&self.pass.shared.spare);
                self.pass
                    .kernels
                    .subsample_and_pad(&block.first, self.pass.batch, x, spare)?;
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
        let (pass, memory) = (&self.pass, self.pass.memory(layer));
        let (kernels, batch) = (pass.kernels, pass.batch);
        let (z, y) = (Floats::of(&memory.z), pass.y(layer));
        let columns = Floats::of(&pass.shared.columns);
        let shape = (rows(layer, batch), layer.out_channels);
        let [kernel, gamma, beta] = pass.parameters(layer);
        kernels.im2col(layer, batch, x, columns)?;
        (pass.products).multiply(product(layer, batch), columns, kernel, z)?;
        let [mean, variance] = match &self.statistics {
            Statistics::OfBatch(negatives) => {
                let [minus_mean, minus_unbiased] = of_layer(negatives, layer).map(|one| *one);
                let [mean, variance] = [&memory.mean, &memory.variance].map(|one| Floats::of(one));
                let out = [mean, variance, minus_mean, minus_unbiased];
                kernels.statistics(shape, z, pass.partial(), out)?;
                [mean, variance]
            }
            Statistics::Running(running) => of_layer(running, layer).map(|one| *one),
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
