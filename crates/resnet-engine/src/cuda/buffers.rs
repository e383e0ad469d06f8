//! GPU memory of one layer, and memory that all layers reuse.

use super::shared_tensor::Memory;

/// Values that one layer stores for the backward pass.
pub struct Layer {
    /// The convolution's output: (rows, channels).
    pub z: Memory,
    /// After BN, the shortcut and ReLU: (rows, channels).
    pub y: Memory,
    /// The batch's mean and biased variance: (channels).
    pub mean: Memory,
    pub variance: Memory,
}

/// Memory that all layers reuse.
pub struct Shared {
    /// The largest layer's columns.
    pub columns: Memory,
    /// As large as the largest activation: a shortcut, or the gradient of a convolution's output.
    pub spare: Memory,
    /// Gradients of two activations.
    pub gradients: [Memory; 2],
    pub partial: Memory<f64>,
    /// Means of a layer's gradients and of their products with its normalised values: (channels).
    pub means: [Memory; 2],
}
