//! Layer responses: the paper's figure 7.

use dfdx::prelude::Device;

use resnet_engine::Moments;
use resnet_engine::model::{BN_EPSILON, ConvBn, Network};
use resweep_core::domain::LayerStat;

/// The standard deviation of each 3x3 layer's outputs after BN, before ReLU and addition, in the
/// order of the layers; without projections. `moments` are those of every convolution's outputs
/// before BN.
///
/// With running statistics BN is one affine map per channel, so the moments before it determine
/// those after it.
pub fn layer_stats<D: Device<f32>>(network: &Network<D>, moments: &[Moments]) -> Vec<LayerStat> {
    let layers = network.architecture.layers().zip(moments);
    let layers = layers.filter(|(layer, _)| layer.kernel == 3);
    let stat = |(place, (layer, moments)): (usize, (&ConvBn, &Moments))| LayerStat {
        layer: place + 1,
        name: layer.conv.clone(),
        std: deviation(network, layer, moments),
    };
    layers.enumerate().map(stat).collect()
}

/// Over all values of all channels: the mean of the channels' variances and the variance of their
/// means.
fn deviation<D: Device<f32>>(network: &Network<D>, layer: &ConvBn, moments: &Moments) -> f64 {
    let (mean, variance) = network.running(layer);
    let (gamma, beta) = (network.gamma(layer).as_vec(), network.beta(layer).as_vec());
    let (mean, variance) = (mean.as_vec(), variance.as_vec());
    let (mut means, mut variances) = (Vec::new(), 0.0);
    for (channel, (x, spread)) in moments.mean_and_variance().enumerate() {
        let scale = f64::from(gamma[channel]) / (f64::from(variance[channel]) + BN_EPSILON).sqrt();
        means.push(scale * (x - f64::from(mean[channel])) + f64::from(beta[channel]));
        variances += scale * scale * spread;
    }
    let channels = means.len() as f64;
    let mean = means.iter().sum::<f64>() / channels;
    let of_means: f64 = means.iter().map(|one| (one - mean).powi(2)).sum();
    ((variances + of_means) / channels).sqrt()
}
