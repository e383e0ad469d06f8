//! Draws initial values.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};

use super::ConvBn;
use resnet_architecture::Init;

/// He initialisation of a kernel (He et al., "Delving Deep into Rectifiers", 2015, equations 10
/// and 14): normal, standard deviation sqrt(2 / fan), where the fan is the kernel's area times
/// its output channels (PyTorch's `kaiming_normal_(mode="fan_out")`) or input channels.
pub fn he_normal(layer: &ConvBn, init: Init, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let channels = match init {
        Init::HeFanOut => layer.out_channels,
        Init::HeFanIn => layer.in_channels,
    };
    let fan = (layer.kernel * layer.kernel * channels) as f32;
    let normal = Normal::new(0.0, (2.0 / fan).sqrt()).expect("the deviation is finite");
    normal.sample_iter(rng).take(layer.weights()).collect()
}

/// Initial values of the fully connected layer, which the paper does not specify: uniform within 1
/// / sqrt(inputs), the default of Torch and PyTorch.
pub fn uniform(inputs: usize, len: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let bound = 1.0 / (inputs as f32).sqrt();
    (0..len).map(|_| rng.random_range(-bound..bound)).collect()
}
