//! The reference engine: runs a network operation by operation with dfdx's own operations, on any
//! dfdx device.

mod batch_norm;
mod conv;
mod index;
mod shortcut;

use dfdx::prelude::{
    Axis, Device, HasShape, MeanTo, OwnedTape, PutTape, ReshapeTo, Tensor, TryAdd,
};

use super::{Engine, EngineError, Matrix, Moments, Recording, classifier};
use crate::model::{BlockShortcut, ConvBn, Network, ResidualBlock};
use batch_norm::Statistics;
use index::IndexCache;

/// Runs a network operation by operation. Keeps index tensors between steps.
pub struct Portable<D: Device<f32>> {
    indices: IndexCache<D>,
}

impl<D: Device<f32>> Portable<D> {
    /// An engine for networks on `device`.
    pub fn new(device: &D) -> Self {
        Self {
            indices: IndexCache::new(device.clone()),
        }
    }
}

impl<D: Device<f32>> Engine<D> for Portable<D> {
    fn train(
        &mut self,
        network: &mut Network<D>,
        images: Matrix<D>,
    ) -> Result<Matrix<D, OwnedTape<f32, D>>, EngineError> {
        let mut pass = Pass::new(&mut self.indices, network);
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
        Pass::new(&mut self.indices, network)
            .logits(images)
            .map_err(EngineError::new)
    }

    fn moments(
        &mut self,
        network: &Network<D>,
        images: Matrix<D>,
    ) -> Result<Vec<Moments>, EngineError> {
        let mut pass = Pass::new(&mut self.indices, network);
        pass.moments = Some(Vec::new());
        pass.logits(images).map_err(EngineError::new)?;
        let mut moments = pass.moments.unwrap_or_default();
        moments.sort_by_key(|(layer, _)| *layer);
        Ok(moments.into_iter().map(|(_, moments)| moments).collect())
    }
}

/// One forward pass. With a recording tape, BN uses and collects the batch's statistics; without
/// one, it uses the running statistics.
struct Pass<'a, D: Device<f32>> {
    indices: &'a mut IndexCache<D>,
    network: &'a Network<D>,
    /// The index of each layer and the statistics of its batch normalisation.
    statistics: Vec<(usize, Statistics<D>)>,
    /// The index of each layer and the moments of its outputs, if requested.
    moments: Option<Vec<(usize, Moments)>>,
}

impl<'a, D: Device<f32>> Pass<'a, D> {
    fn new(indices: &'a mut IndexCache<D>, network: &'a Network<D>) -> Self {
        Self {
            indices,
            network,
            statistics: Vec::new(),
            moments: None,
        }
    }

    fn logits<T: Recording<D>>(&mut self, images: Matrix<D, T>) -> Result<Matrix<D, T>, D::Err> {
        let architecture = &self.network.architecture;
        let mut x = self.conv_bn(&architecture.stem, images)?.try_relu()?;
        for block in &architecture.blocks {
            x = self.block(block, x)?;
        }
        let pixels = architecture.out_size * architecture.out_size;
        classifier::logits(average(x, pixels)?, self.network)
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
            BlockShortcut::SubsampleAndPad => y.try_add(shortcut::subsample_and_pad(
                input,
                &block.first,
                self.indices,
            )?)?,
            BlockShortcut::Projection(projection) => y.try_add(self.conv_bn(projection, input)?)?,
        };
        y.try_relu()
    }

    fn conv_bn<T: Recording<D>>(
        &mut self,
        layer: &ConvBn,
        x: Matrix<D, T>,
    ) -> Result<Matrix<D, T>, D::Err> {
        let y = conv::by_gather(x, self.network.kernel(layer), layer, self.indices)?;
        if let Some(moments) = &mut self.moments {
            moments.push((layer.index, batch_norm::moments(&y)?));
        }
        let (gamma, beta) = (self.network.gamma(layer), self.network.beta(layer));
        if T::OWNS_TAPE {
            let (y, statistics) = batch_norm::with_batch_statistics(y, gamma, beta)?;
            self.statistics.push((layer.index, statistics));
            Ok(y)
        } else {
            let (mean, variance) = self.network.running(layer);
            batch_norm::with_running_statistics(y, gamma, beta, mean, variance)
        }
    }
}

/// Global average pooling: (batch * pixels, features) to (batch, features).
fn average<D: Device<f32>, T: Recording<D>>(
    x: Matrix<D, T>,
    pixels: usize,
) -> Result<Matrix<D, T>, D::Err> {
    let (rows, features) = *x.shape();
    let images: Tensor<(usize, usize, usize), f32, D, T> =
        x.try_reshape_like(&(rows / pixels, pixels, features))?;
    images.try_mean::<(usize, usize), Axis<1>>()
}
