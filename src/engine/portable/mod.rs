//! An engine that goes through the paper's networks operation by operation.

mod batch_norm;
mod conv;
mod direct;
mod index;
mod operations;
mod shortcut;

use dfdx::prelude::{
    Axes2, Axis, BroadcastTo, Device, HasShape, MeanTo, OwnedTape, PermuteTo, PutTape, ReshapeTo,
    TryAdd, TryMatMul,
};

use super::{Engine, EngineError, Matrix};
use crate::model::{Architecture, BlockShortcut, ConvBn, Network, ResidualBlock};
use batch_norm::Statistics;
use operations::Recording;

pub use direct::Direct;
pub use operations::{Composed, Operations};

/// Runs a network operation by operation.
pub struct Portable<O> {
    operations: O,
}

impl<O> Portable<O> {
    /// An engine that uses `operations`.
    pub fn new(operations: O) -> Self {
        Self { operations }
    }
}

impl<D: Device<f32>, O: Operations<D>> Engine<D> for Portable<O> {
    fn train(
        &mut self,
        network: &mut Network<D>,
        images: Matrix<D>,
    ) -> Result<Matrix<D, OwnedTape<f32, D>>, EngineError> {
        let mut pass = Pass::new(&mut self.operations, network);
        let logits = pass
            .logits(images.put_tape(OwnedTape::default()))
            .map_err(EngineError::new)?;
        let statistics = pass.statistics;
        for (layer, batch) in statistics {
            let buffers = &mut network.buffers[2 * layer..2 * layer + 2];
            batch.update(buffers).map_err(EngineError::new)?;
        }
        Ok(logits)
    }

    fn eval(&mut self, network: &Network<D>, images: Matrix<D>) -> Result<Matrix<D>, EngineError> {
        Pass::new(&mut self.operations, network)
            .logits(images)
            .map_err(EngineError::new)
    }
}

/// One forward pass. With a tape that records, BN uses and collects the batch's statistics;
/// without one, it uses the running statistics.
struct Pass<'a, D: Device<f32>, O> {
    operations: &'a mut O,
    network: &'a Network<D>,
    /// The index of each layer and what its batch normalisation measured.
    statistics: Vec<(usize, Statistics<D>)>,
}

impl<'a, D: Device<f32>, O: Operations<D>> Pass<'a, D, O> {
    fn new(operations: &'a mut O, network: &'a Network<D>) -> Self {
        Self {
            operations,
            network,
            statistics: Vec::new(),
        }
    }

    fn logits<T: Recording<D>>(&mut self, images: Matrix<D, T>) -> Result<Matrix<D, T>, D::Err> {
        let architecture = &self.network.architecture;
        let mut x = self.conv_bn(&architecture.stem, images)?.try_relu()?;
        for block in &architecture.blocks {
            x = self.block(block, x)?;
        }
        self.classify(x)
    }

    fn block<T: Recording<D>>(
        &mut self,
        block: &ResidualBlock,
        x: Matrix<D, T>,
    ) -> Result<Matrix<D, T>, D::Err> {
        let input = x.retaped::<T>();
        let y = self.conv_bn(&block.first, x)?.try_relu()?;
        let y = self.conv_bn(&block.second, y)?;
        let y = match &block.shortcut {
            BlockShortcut::None => y,
            BlockShortcut::Identity => y.try_add(input)?,
            BlockShortcut::SubsampleAndPad => {
                y.try_add(self.operations.subsample_and_pad(input, &block.first)?)?
            }
            BlockShortcut::Projection(projection) => y.try_add(self.conv_bn(projection, input)?)?,
        };
        y.try_relu()
    }

    fn conv_bn<T: Recording<D>>(
        &mut self,
        layer: &ConvBn,
        x: Matrix<D, T>,
    ) -> Result<Matrix<D, T>, D::Err> {
        let kernel = self.network.kernel(layer);
        let y = self.operations.conv(x, kernel, layer)?;
        let (gamma, beta) = (self.network.gamma(layer), self.network.beta(layer));
        if T::OWNS_TAPE {
            let (y, statistics) = self.operations.batch_norm(y, gamma, beta)?;
            self.statistics.push((layer.index, statistics));
            Ok(y)
        } else {
            let (mean, variance) = self.network.running(layer);
            self.operations
                .batch_norm_running(y, gamma, beta, mean, variance)
        }
    }

    /// Global average pooling and the fully connected layer.
    fn classify<T: Recording<D>>(&self, x: Matrix<D, T>) -> Result<Matrix<D, T>, D::Err> {
        let (rows, features) = *x.shape();
        let Architecture {
            classes, out_size, ..
        } = self.network.architecture;
        let pixels = out_size * out_size;
        let (weight, bias) = self.network.fully_connected();
        let weight = weight
            .retaped::<T>()
            .try_reshape_like(&(classes, features))?
            .try_permute::<(usize, usize), Axes2<1, 0>>()?;
        let bias = bias
            .retaped::<T>()
            .try_broadcast_like::<_, Axis<0>>(&(rows / pixels, classes))?;
        x.try_reshape_like(&(rows / pixels, pixels, features))?
            .try_mean::<(usize, usize), Axis<1>>()?
            .try_matmul(weight)?
            .try_add(bias)
    }
}
