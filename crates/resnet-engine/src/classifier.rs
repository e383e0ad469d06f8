//! The fully connected layer, shared by all engines.

use dfdx::prelude::{
    Axes2, Axis, BroadcastTo, Device, HasShape, PermuteTo, ReshapeTo, TryAdd, TryMatMul,
};

use super::{Matrix, Recording};
use crate::model::Network;

/// Logits (batch, classes) of `features` (batch, features).
///
/// # Errors
/// When the device fails.
pub fn logits<D: Device<f32>, T: Recording<D>>(
    features: Matrix<D, T>,
    network: &Network<D>,
) -> Result<Matrix<D, T>, D::Err> {
    let (batch, inputs) = *features.shape();
    let classes = network.architecture.classes;
    let (weight, bias) = network.fully_connected();
    let weight = weight
        .retaped::<T>()
        .try_reshape_like(&(classes, inputs))?
        .try_permute::<(usize, usize), Axes2<1, 0>>()?;
    let bias = bias
        .retaped::<T>()
        .try_broadcast_like::<_, Axis<0>>(&(batch, classes))?;
    features.try_matmul(weight)?.try_add(bias)
}
