//! Batch normalisation folded into an affine map of each channel.

use super::kernels::Sums;
use crate::model::BN_EPSILON;

/// BN's learned scale and shift.
#[derive(Debug, Clone, Copy)]
pub struct GammaBeta<'a> {
    pub gamma: &'a [f32],
    pub beta: &'a [f32],
}

/// y = scale * x + shift, for each channel; zero in the padding channels.
#[derive(Debug, Clone, Default)]
pub struct Normalisation {
    /// The batch mean or the running mean. (channels)
    pub mean: Vec<f32>,
    /// The batch variance (biased), or the running variance. (channels)
    pub variance: Vec<f64>,
    pub scale: Vec<f32>,
    pub shift: Vec<f32>,
}

/// The gradient of a convolution's output x, given the gradient g of its normalised output: dx = g
/// * of_gradient + x * of_value + constant; and the gradients of gamma and beta.
#[derive(Debug, Clone, Default)]
pub struct NormalisationGradient {
    pub of_gradient: Vec<f32>,
    pub of_value: Vec<f32>,
    pub constant: Vec<f32>,
    pub gamma: Vec<f32>,
    pub beta: Vec<f32>,
}

impl Normalisation {
    /// From the sums of x and x squared over `values` values.
    pub fn of_batch(sums: &Sums, values: usize, parameters: GammaBeta<'_>) -> Self {
        let values = values as f64;
        let moments = sums.first.iter().zip(&sums.second).map(|(sum, squares)| {
            let mean = sum / values;
            (mean, (squares / values - mean * mean).max(0.0))
        });
        Self::new(moments, parameters)
    }

    /// From the running statistics, padded to `channels` channels.
    pub fn running(
        mean: &[f32],
        variance: &[f32],
        channels: usize,
        parameters: GammaBeta<'_>,
    ) -> Self {
        let moments = mean.iter().zip(variance);
        let moments = moments.map(|(&mean, &variance)| (f64::from(mean), f64::from(variance)));
        let rest = std::iter::repeat((0.0, 0.0));
        Self::new(moments.chain(rest).take(channels), parameters)
    }

    fn new(moments: impl Iterator<Item = (f64, f64)>, parameters: GammaBeta<'_>) -> Self {
        let mut normalisation = Self::default();
        // Padding channels have no parameters: their scale and shift are zero.
        let none = std::iter::repeat(&0.0);
        let parameters = parameters
            .gamma
            .iter()
            .chain(none.clone())
            .zip(parameters.beta.iter().chain(none));
        for ((mean, variance), (&gamma, &beta)) in moments.zip(parameters) {
            let scale = f64::from(gamma) * inverse_deviation(variance);
            normalisation.mean.push(mean as f32);
            normalisation.variance.push(variance);
            normalisation.scale.push(scale as f32);
            normalisation
                .shift
                .push((f64::from(beta) - mean * scale) as f32);
        }
        normalisation
    }

    /// From the sums of g and of g (x - mean) over `values` values.
    pub fn gradient(&self, sums: &Sums, values: usize) -> NormalisationGradient {
        let mut gradient = NormalisationGradient::default();
        let values = values as f64;
        for channel in 0..self.mean.len() {
            let scale = f64::from(self.scale[channel]);
            let inverse = inverse_deviation(self.variance[channel]);
            let (sum, against_x) = (sums.first[channel], sums.second[channel]);
            let of_value = -scale * inverse * inverse * against_x / values;
            let constant = -scale * sum / values - of_value * f64::from(self.mean[channel]);
            gradient.of_gradient.push(scale as f32);
            gradient.of_value.push(of_value as f32);
            gradient.constant.push(constant as f32);
            gradient.gamma.push((inverse * against_x) as f32);
            gradient.beta.push(sum as f32);
        }
        gradient
    }
}

fn inverse_deviation(variance: f64) -> f64 {
    1.0 / (variance + BN_EPSILON).sqrt()
}
