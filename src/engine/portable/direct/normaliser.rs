//! Batch normalisation in loops over rows.

use dfdx::prelude::{Cpu, Gradients, HasShape};

use super::{CpuResult, add, read, read_vector, zip_with};
use crate::engine::Matrix;
use crate::engine::portable::batch_norm::EPSILON;
use crate::model::Vector;

/// The statistics that a batch was normalised by: (channels) each.
pub struct Normaliser {
    mean: Vec<f32>,
    inverse_deviation: Vec<f32>,
}

impl Normaliser {
    /// Normalises by `mean` and the biased `variance`: (channels) each.
    pub fn new(mean: Vec<f32>, variance: &[f32]) -> Self {
        let inverse = |variance: &f32| 1.0 / (variance + EPSILON).sqrt();
        Self {
            mean,
            inverse_deviation: variance.iter().map(inverse).collect(),
        }
    }

    /// The statistics of `values` (rows, channels), and their biased variance.
    pub fn measure(values: &[f32], channels: usize) -> (Self, Vec<f32>) {
        let (mean, variance) = mean_and_variance(values, channels);
        (Self::new(mean, &variance), variance)
    }

    /// (channels)
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// Normalises, scales and shifts `values` (rows, channels) in place.
    pub fn apply(&self, values: &mut [f32], gamma: &[f32], beta: &[f32]) {
        let scale: Vec<f32> = zip_with(gamma, &self.inverse_deviation, |g, s| g * s);
        for row in values.chunks_exact_mut(self.mean.len()) {
            for (channel, value) in row.iter_mut().enumerate() {
                *value = (*value - self.mean[channel]) * scale[channel] + beta[channel];
            }
        }
    }

    /// Adds the gradients of `x`, gamma and beta. With n rows and y the normalised x:
    /// dx = gamma / deviation * (d_out - sum(d_out) / n - y * sum(d_out * y) / n).
    pub fn backward(
        &self,
        x: &Matrix<Cpu>,
        gamma: &Vector<Cpu>,
        beta: &Vector<Cpu>,
        mut d_out: Vec<f32>,
        gradients: &mut Gradients<f32, Cpu>,
    ) -> CpuResult<()> {
        let (rows, channels) = *x.shape();
        let mut normalised = read(x);
        self.apply(&mut normalised, &vec![1.0; channels], &vec![0.0; channels]);
        let mut d_beta = vec![0f64; channels];
        let mut d_gamma = vec![0f64; channels];
        for (d_row, row) in d_out
            .chunks_exact(channels)
            .zip(normalised.chunks_exact(channels))
        {
            for channel in 0..channels {
                d_beta[channel] += f64::from(d_row[channel]);
                d_gamma[channel] += f64::from(d_row[channel] * row[channel]);
            }
        }
        let per_row = |sums: &[f64]| -> Vec<f32> {
            sums.iter().map(|sum| (sum / rows as f64) as f32).collect()
        };
        let (mean_d, mean_dy) = (per_row(&d_beta), per_row(&d_gamma));
        let scale = zip_with(&read_vector(gamma), &self.inverse_deviation, |g, s| g * s);
        for (d_row, row) in d_out
            .chunks_exact_mut(channels)
            .zip(normalised.chunks_exact(channels))
        {
            for channel in 0..channels {
                d_row[channel] = scale[channel]
                    * (d_row[channel] - mean_d[channel] - row[channel] * mean_dy[channel]);
            }
        }
        add(gradients.get_or_alloc_mut(x)?, &d_out);
        for (vector, sums) in [(gamma, d_gamma), (beta, d_beta)] {
            let sums: Vec<f32> = sums.iter().map(|&sum| sum as f32).collect();
            add(gradients.get_or_alloc_mut(vector)?, &sums);
        }
        Ok(())
    }
}

/// Mean and biased variance of each column of `values` (rows, channels), summed in float64.
fn mean_and_variance(values: &[f32], channels: usize) -> (Vec<f32>, Vec<f32>) {
    let rows = (values.len() / channels) as f64;
    let mut sum = vec![0f64; channels];
    for row in values.chunks_exact(channels) {
        for (sum, &value) in sum.iter_mut().zip(row) {
            *sum += f64::from(value);
        }
    }
    let mean: Vec<f64> = sum.iter().map(|sum| sum / rows).collect();
    let mut squares = vec![0f64; channels];
    for row in values.chunks_exact(channels) {
        for ((square, &value), mean) in squares.iter_mut().zip(row).zip(&mean) {
            let centred = f64::from(value) - mean;
            *square += centred * centred;
        }
    }
    let variance = squares
        .iter()
        .map(|square| (square / rows) as f32)
        .collect();
    (mean.iter().map(|&mean| mean as f32).collect(), variance)
}
