//! Sizes of a layer's matrices for a batch of images.

use dfdx::prelude::{Cuda, HasShape};

use crate::Matrix;
use crate::model::{Architecture, ConvBn};

/// The number of images.
pub fn batch_of(architecture: &Architecture, images: &Matrix<Cuda>) -> usize {
    images.shape().0 / architecture.stem.in_size.pow(2)
}

/// Output pixels of a layer.
pub fn rows(layer: &ConvBn, batch: usize) -> usize {
    batch * layer.out_size().pow(2)
}

/// Output values of a layer.
pub fn outputs(layer: &ConvBn, batch: usize) -> usize {
    rows(layer, batch) * layer.out_channels
}

/// Input values of a layer.
pub fn inputs(layer: &ConvBn, batch: usize) -> usize {
    batch * layer.in_size.pow(2) * layer.in_channels
}

/// Values in one window of the layer.
pub fn entries(layer: &ConvBn) -> usize {
    layer.in_channels * layer.kernel.pow(2)
}

/// Rows, inner size and columns of a convolution's matrix product.
pub fn product(layer: &ConvBn, batch: usize) -> (usize, usize, usize) {
    (rows(layer, batch), entries(layer), layer.out_channels)
}
