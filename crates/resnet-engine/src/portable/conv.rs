//! Convolution as patches times kernel, by dfdx's gather and matrix product.

use dfdx::prelude::{
    Axes4, Axis, BroadcastTo, Device, GatherTo, HasShape, PermuteTo, ReshapeTo, Tensor,
    TryConcatAlong, TryMatMul,
};

use super::index::{IndexCache, Window};
use crate::model::{ConvBn, Vector};
use crate::{Matrix, Recording};

impl From<&ConvBn> for Window {
    fn from(layer: &ConvBn) -> Self {
        Self {
            size: layer.in_size,
            kernel: layer.kernel,
            stride: layer.stride,
        }
    }
}

/// `layer`'s convolution of `x` (batch * size * size, in channels) with `kernel`
/// (out, in, height, width; flat): (batch * out size * out size, out channels).
pub fn by_gather<D: Device<f32>, T: Recording<D>>(
    x: Matrix<D, T>,
    kernel: &Vector<D>,
    layer: &ConvBn,
    indices: &mut IndexCache<D>,
) -> Result<Matrix<D, T>, D::Err> {
    let entries = layer.kernel * layer.kernel;
    let patches = gather_pixels(x, layer.into(), indices)?;
    let rows = patches.shape().0 * layer.out_size() * layer.out_size();
    patches
        .try_reshape_like(&(rows, entries * layer.in_channels))?
        .try_matmul(kernel_matrix(kernel.retaped::<T>(), layer)?)
}

/// A batch of lists of pixels: (batch, pixels, channels).
pub type Pixels<D, T> = Tensor<(usize, usize, usize), f32, D, T>;

/// The pixels of `x` (batch * size * size, channels) in each position of `window`: (batch, out size
/// * out size * kernel * kernel, channels); zeros in the padding.
pub fn gather_pixels<D: Device<f32>, T: Recording<D>>(
    x: Matrix<D, T>,
    window: Window,
    indices: &mut IndexCache<D>,
) -> Result<Pixels<D, T>, D::Err> {
    let index = indices.get(window)?;
    let (entries,) = *index.shape();
    let (rows, channels) = *x.shape();
    let pixels = window.size * window.size;
    let batch = rows / pixels;
    let zeros: Tensor<(usize, usize, usize), f32, D> =
        x.device().try_zeros_like(&(batch, 1, channels))?;
    let padded =
        (x.try_reshape_like(&(batch, pixels, channels))?, zeros).try_concat_along(Axis::<1>)?;
    padded.try_gather(index.try_broadcast_like::<_, Axis<0>>(&(batch, entries))?)
}

/// A flat kernel (out, in, height, width) as a matrix (height * width * in, out).
fn kernel_matrix<D: Device<f32>, T: Recording<D>>(
    kernel: Vector<D, T>,
    layer: &ConvBn,
) -> Result<Matrix<D, T>, D::Err> {
    let (out, inputs, size) = (layer.out_channels, layer.in_channels, layer.kernel);
    kernel
        .try_reshape_like(&(out, inputs, size, size))?
        .try_permute::<(usize, usize, usize, usize), Axes4<2, 3, 1, 0>>()?
        .try_reshape_like(&(size * size * inputs, out))
}
