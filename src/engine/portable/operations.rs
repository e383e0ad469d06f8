//! The operations that a network is made of, and the way to do them on any dfdx device.

use dfdx::prelude::{Device, Merge, NoneTape, Tape};

use super::batch_norm::{self, Normalised};
use super::index::IndexCache;
use super::{conv, shortcut};
use crate::engine::Matrix;
use crate::model::{ConvBn, Vector};

/// A tape that a network's branches can be recorded on, or none.
pub trait Recording<D: Device<f32>>: Tape<f32, D> + Merge<Self> + Merge<NoneTape> {}
impl<D: Device<f32>, T: Tape<f32, D> + Merge<T> + Merge<NoneTape>> Recording<D> for T {}

/// The operations in which a training on device `D` spends its time, differentiable on dfdx's
/// tape. Matrices have a row for each pixel of the batch and a column for each channel.
pub trait Operations<D: Device<f32>> {
    /// `layer`'s convolution of `x` (batch * size * size, in channels) with `kernel`
    /// (out, in, height, width; flat): (batch * out size * out size, out channels).
    fn conv<T: Recording<D>>(
        &mut self,
        x: Matrix<D, T>,
        kernel: &Vector<D>,
        layer: &ConvBn,
    ) -> Result<Matrix<D, T>, D::Err>;

    /// `x` (rows, channels) normalised by its own statistics, which are returned too, scaled by
    /// `gamma` and shifted by `beta`.
    fn batch_norm<T: Recording<D>>(
        &mut self,
        x: Matrix<D, T>,
        gamma: &Vector<D>,
        beta: &Vector<D>,
    ) -> Result<Normalised<D, T>, D::Err>;

    /// `x` (rows, channels) normalised by the running `mean` and `variance`, scaled by `gamma`
    /// and shifted by `beta`. Evaluation has no tape, so this need not record anything.
    fn batch_norm_running<T: Recording<D>>(
        &mut self,
        x: Matrix<D, T>,
        gamma: &Vector<D>,
        beta: &Vector<D>,
        mean: &Vector<D>,
        variance: &Vector<D>,
    ) -> Result<Matrix<D, T>, D::Err>;

    /// Option A where the dimensions grow: every second pixel of every second row of `x`, and
    /// zeros for the new channels after the old ones. `layer` is the block's first convolution,
    /// whose change of shape it matches.
    fn subsample_and_pad<T: Recording<D>>(
        &mut self,
        x: Matrix<D, T>,
        layer: &ConvBn,
    ) -> Result<Matrix<D, T>, D::Err>;
}

/// Every operation from dfdx's own, on any device. Index tensors are kept between steps.
pub struct Composed<D: Device<f32>> {
    indices: IndexCache<D>,
}

impl<D: Device<f32>> Composed<D> {
    /// Operations on `device`.
    pub fn new(device: &D) -> Self {
        Self {
            indices: IndexCache::new(device.clone()),
        }
    }
}

impl<D: Device<f32>> Operations<D> for Composed<D> {
    fn conv<T: Recording<D>>(
        &mut self,
        x: Matrix<D, T>,
        kernel: &Vector<D>,
        layer: &ConvBn,
    ) -> Result<Matrix<D, T>, D::Err> {
        conv::by_gather(x, kernel, layer, &mut self.indices)
    }

    fn batch_norm<T: Recording<D>>(
        &mut self,
        x: Matrix<D, T>,
        gamma: &Vector<D>,
        beta: &Vector<D>,
    ) -> Result<Normalised<D, T>, D::Err> {
        batch_norm::with_batch_statistics(x, gamma, beta)
    }

    fn batch_norm_running<T: Recording<D>>(
        &mut self,
        x: Matrix<D, T>,
        gamma: &Vector<D>,
        beta: &Vector<D>,
        mean: &Vector<D>,
        variance: &Vector<D>,
    ) -> Result<Matrix<D, T>, D::Err> {
        batch_norm::with_running_statistics(x, gamma, beta, mean, variance)
    }

    fn subsample_and_pad<T: Recording<D>>(
        &mut self,
        x: Matrix<D, T>,
        layer: &ConvBn,
    ) -> Result<Matrix<D, T>, D::Err> {
        shortcut::subsample_and_pad(x, layer, &mut self.indices)
    }
}
