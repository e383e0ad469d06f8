//! The parameter-free shortcut of option A.

use dfdx::prelude::{Axis, Device, HasShape, ReshapeTo, TryConcatAlong};

use super::conv::gather_pixels;
use super::index::{IndexCache, Window};
use crate::model::ConvBn;
use crate::{Matrix, Recording};

/// Option A where the shape changes: every second pixel of every second row of `x` (batch * size *
/// size, channels), and zeros for the new channels. `layer` is the block's first convolution, which
/// has the same change of shape.
pub fn subsample_and_pad<D: Device<f32>, T: Recording<D>>(
    x: Matrix<D, T>,
    layer: &ConvBn,
    indices: &mut IndexCache<D>,
) -> Result<Matrix<D, T>, D::Err> {
    let window = Window {
        size: layer.in_size,
        kernel: 1,
        stride: layer.stride,
    };
    let kept = gather_pixels(x, window, indices)?;
    let (batch, pixels, channels) = *kept.shape();
    let rows = batch * pixels;
    let kept = kept.try_reshape_like(&(rows, channels))?;
    let new_channels = layer.out_channels - channels;
    let zeros: Matrix<D> = kept.device().try_zeros_like(&(rows, new_channels))?;
    (kept, zeros).try_concat_along(Axis::<1>)
}
