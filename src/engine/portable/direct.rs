//! The CPU's shorter way: convolution and batch normalisation each as one operation on dfdx's
//! tape, in plain loops over rows. dfdx's own gather and broadcasts compute an index for every
//! element on the CPU.

use dfdx::prelude::{
    Axes2, Cpu, Gradients, HasErr, HasShape, PermuteTo, PutTape, SplitTape, TensorFromVec,
    TryMatMul,
};

use super::batch_norm::{EPSILON, Statistics};
use super::index::Window;
use super::operations::{Composed, Operations, Recording};
use crate::engine::{Matrix, Vector};
use crate::model::ConvBn;

type CpuResult<T> = Result<T, <Cpu as HasErr>::Err>;

/// Operations in plain loops on the CPU. They give what [`Composed`] gives, to rounding.
pub struct Direct {
    composed: Composed<Cpu>,
}

impl Direct {
    /// Operations on `device`.
    pub fn new(device: &Cpu) -> Self {
        Self {
            composed: Composed::new(device),
        }
    }
}

impl Operations<Cpu> for Direct {
    fn conv<T: Recording<Cpu>>(
        &mut self,
        x: Matrix<Cpu, T>,
        kernel: &Vector<Cpu>,
        layer: &ConvBn,
    ) -> CpuResult<Matrix<Cpu, T>> {
        let (x, mut tape) = x.split_tape();
        let conv = Convolution::new(layer, &x);
        let out = conv.patches(&x)?.try_matmul(conv.kernel_matrix(kernel)?)?;
        let (kernel, result) = (kernel.clone(), out.clone());
        tape.add_backward_op(move |gradients| {
            let d_out = take_gradient(gradients, &result)?;
            conv.backward(&x, &kernel, d_out, gradients)
        });
        Ok(out.put_tape(tape))
    }

    fn batch_norm<T: Recording<Cpu>>(
        &mut self,
        x: Matrix<Cpu, T>,
        gamma: &Vector<Cpu>,
        beta: &Vector<Cpu>,
    ) -> CpuResult<(Matrix<Cpu, T>, Statistics<Cpu>)> {
        let (x, mut tape) = x.split_tape();
        let device = x.device().clone();
        let (rows, channels) = *x.shape();
        let mut values = read(&x);
        let (mean, variance) = mean_and_variance(&values, channels);
        let statistics = Statistics {
            mean: device.try_tensor_from_vec(mean.clone(), (channels,))?,
            variance: device.try_tensor_from_vec(variance.clone(), (channels,))?,
            rows,
        };
        let normaliser = Normaliser {
            mean,
            inverse_deviation: variance.iter().map(|v| 1.0 / (v + EPSILON).sqrt()).collect(),
        };
        normaliser.apply(&mut values, &read_vector(gamma), &read_vector(beta));
        let out = device.try_tensor_from_vec(values, (rows, channels))?;
        let (gamma, beta, result) = (gamma.clone(), beta.clone(), out.clone());
        tape.add_backward_op(move |gradients| {
            let d_out = take_gradient(gradients, &result)?;
            normaliser.backward(&x, &gamma, &beta, d_out, gradients)
        });
        Ok((out.put_tape(tape), statistics))
    }

    fn subsample_and_pad<T: Recording<Cpu>>(
        &mut self,
        x: Matrix<Cpu, T>,
        layer: &ConvBn,
    ) -> CpuResult<Matrix<Cpu, T>> {
        self.composed.subsample_and_pad(x, layer)
    }
}

/// A convolution's geometry, with its patches as a matrix of one row for each output pixel.
struct Convolution {
    window: Window,
    batch: usize,
    in_channels: usize,
    out_channels: usize,
}

impl Convolution {
    fn new(layer: &ConvBn, x: &Matrix<Cpu>) -> Self {
        Self {
            window: layer.into(),
            batch: x.shape().0 / (layer.in_size * layer.in_size),
            in_channels: layer.in_channels,
            out_channels: layer.out_channels,
        }
    }

    /// Entries of a kernel for one input and one output channel.
    fn positions(&self) -> usize {
        self.window.kernel * self.window.kernel
    }

    /// (batch * out size * out size, kernel * kernel * in channels), zeros in the padding.
    fn patches(&self, x: &Matrix<Cpu>) -> CpuResult<Matrix<Cpu>> {
        let channels = self.in_channels;
        let pixels: Vec<Option<usize>> = self.window.pixels().collect();
        let mut patches = vec![0.0; self.batch * pixels.len() * channels];
        let images = read(x);
        let image_len = self.window.size * self.window.size * channels;
        let patches_len = pixels.len() * channels;
        for (image, out) in images.chunks_exact(image_len).zip(patches.chunks_exact_mut(patches_len)) {
            for (entry, pixel) in out.chunks_exact_mut(channels).zip(&pixels) {
                if let Some(pixel) = pixel {
                    entry.copy_from_slice(&image[pixel * channels..][..channels]);
                }
            }
        }
        let rows = patches.len() / (self.positions() * channels);
        x.device().try_tensor_from_vec(patches, (rows, self.positions() * channels))
    }

    /// A flat kernel (out, in, height, width) as a matrix (height * width * in, out).
    fn kernel_matrix(&self, kernel: &Vector<Cpu>) -> CpuResult<Matrix<Cpu>> {
        let flat = read_vector(kernel);
        let mut matrix = vec![0.0; flat.len()];
        self.for_each_weight(|flat_at, matrix_at| matrix[matrix_at] = flat[flat_at]);
        let rows = self.positions() * self.in_channels;
        kernel.device().try_tensor_from_vec(matrix, (rows, self.out_channels))
    }

    /// Calls `f` with each weight's place in the flat kernel and in the kernel matrix.
    fn for_each_weight(&self, mut f: impl FnMut(usize, usize)) {
        for out in 0..self.out_channels {
            for input in 0..self.in_channels {
                for position in 0..self.positions() {
                    f(
                        (out * self.in_channels + input) * self.positions() + position,
                        (position * self.in_channels + input) * self.out_channels + out,
                    );
                }
            }
        }
    }

    /// Adds the gradients of the kernel and of `x`. The patches are made anew rather than kept:
    /// they are nine times as large as `x`.
    fn backward(
        &self,
        x: &Matrix<Cpu>,
        kernel: &Vector<Cpu>,
        d_out: Vec<f32>,
        gradients: &mut Gradients<f32, Cpu>,
    ) -> CpuResult<()> {
        let rows = d_out.len() / self.out_channels;
        let d_out = x.device().try_tensor_from_vec(d_out, (rows, self.out_channels))?;
        let transposed = self.patches(x)?.try_permute::<(usize, usize), Axes2<1, 0>>()?;
        let d_matrix = read(&transposed.try_matmul(d_out.clone())?);
        let d_kernel = gradients.get_or_alloc_mut(kernel)?;
        self.for_each_weight(|flat_at, matrix_at| d_kernel[flat_at] += d_matrix[matrix_at]);

        let transposed = self.kernel_matrix(kernel)?.try_permute::<(usize, usize), Axes2<1, 0>>()?;
        let d_patches = read(&d_out.try_matmul(transposed)?);
        self.add_patches(&d_patches, gradients.get_or_alloc_mut(x)?);
        Ok(())
    }

    /// Adds each patch to the pixels that it was taken from.
    fn add_patches(&self, d_patches: &[f32], d_images: &mut [f32]) {
        let channels = self.in_channels;
        let pixels: Vec<Option<usize>> = self.window.pixels().collect();
        let image_len = self.window.size * self.window.size * channels;
        let patches_len = pixels.len() * channels;
        for (image, patches) in d_images.chunks_exact_mut(image_len).zip(d_patches.chunks_exact(patches_len)) {
            for (entry, pixel) in patches.chunks_exact(channels).zip(&pixels) {
                if let Some(pixel) = pixel {
                    add(&mut image[pixel * channels..][..channels], entry);
                }
            }
        }
    }
}

/// The statistics that a batch was normalised by: (channels) each.
struct Normaliser {
    mean: Vec<f32>,
    inverse_deviation: Vec<f32>,
}

impl Normaliser {
    /// `values` (rows, channels) in place.
    fn apply(&self, values: &mut [f32], gamma: &[f32], beta: &[f32]) {
        let scale: Vec<f32> = zip_with(gamma, &self.inverse_deviation, |g, s| g * s);
        for row in values.chunks_exact_mut(self.mean.len()) {
            for (channel, value) in row.iter_mut().enumerate() {
                *value = (*value - self.mean[channel]) * scale[channel] + beta[channel];
            }
        }
    }

    /// Adds the gradients of `x`, gamma and beta. With n rows and y the normalised x:
    /// dx = gamma / deviation * (d_out - sum(d_out) / n - y * sum(d_out * y) / n).
    fn backward(
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
        for (d_row, row) in d_out.chunks_exact(channels).zip(normalised.chunks_exact(channels)) {
            for channel in 0..channels {
                d_beta[channel] += f64::from(d_row[channel]);
                d_gamma[channel] += f64::from(d_row[channel] * row[channel]);
            }
        }
        let per_row = |sums: &[f64]| -> Vec<f32> { sums.iter().map(|sum| (sum / rows as f64) as f32).collect() };
        let (mean_d, mean_dy) = (per_row(&d_beta), per_row(&d_gamma));
        let scale = zip_with(&read_vector(gamma), &self.inverse_deviation, |g, s| g * s);
        for (d_row, row) in d_out.chunks_exact_mut(channels).zip(normalised.chunks_exact(channels)) {
            for channel in 0..channels {
                d_row[channel] = scale[channel] * (d_row[channel] - mean_d[channel] - row[channel] * mean_dy[channel]);
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
    let variance = squares.iter().map(|square| (square / rows) as f32).collect();
    (mean.iter().map(|&mean| mean as f32).collect(), variance)
}

/// A copy of a matrix's elements, row by row.
fn read(x: &Matrix<Cpu>) -> Vec<f32> {
    let (rows, columns) = *x.shape();
    let mut values = vec![0.0; rows * columns];
    x.copy_into(&mut values);
    values
}

/// A copy of a vector's elements.
fn read_vector(x: &Vector<Cpu>) -> Vec<f32> {
    let mut values = vec![0.0; x.shape().0];
    x.copy_into(&mut values);
    values
}

/// The gradient of `out`, which no earlier operation needs again.
fn take_gradient(gradients: &mut Gradients<f32, Cpu>, out: &Matrix<Cpu>) -> CpuResult<Vec<f32>> {
    Ok(std::mem::take(&mut **gradients.get_or_alloc_mut(out)?))
}

fn add(to: &mut [f32], from: &[f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += from;
    }
}

fn zip_with(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> Vec<f32> {
    a.iter().zip(b).map(|(&a, &b)| f(a, b)).collect()
}
