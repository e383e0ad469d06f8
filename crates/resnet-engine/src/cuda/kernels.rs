//! Launches the kernels of `kernels.cu` after checking their bounds.
//!
//! All launches go to the device's single stream and run in the order of the calls.

use std::io::Write;
use std::sync::Arc;

use cudarc::driver::{CudaDevice, CudaFunction, DevicePtr, LaunchAsync, LaunchConfig};
use cudarc::nvrtc::Ptx;
use dfdx::prelude::CudaError;
use tempfile::NamedTempFile;

use super::compiler::compiled;
use super::gpu::{GpuError, capability};
use super::sizes::{entries, inputs, rows};
use super::values::{Floats, Norm, PARTS, Partial, Pick, Source, Window};
use crate::model::ConvBn;

/// Threads per block; must equal the constant in `kernels.cu`.
const THREADS: u32 = 256;
/// The most blocks of a kernel that computes elements. Some waves of blocks fill every GPU; with more
/// elements, threads take several each and share what they compute first.
const MOST_BLOCKS: u32 = 2048;
/// The largest number of matrix elements that a kernel can index.
pub const MOST_VALUES: usize = i32::MAX as usize;
const MODULE: &str = "resweep";
const NAMES: [&str; 18] = [
    "add_bias",
    "add_scaled",
    "average",
    "average_backward",
    "batch_statistics",
    "bias_gradient",
    "col2im",
    "cross_entropy",
    "im2col",
    "mean",
    "normalise",
    "normalise_backward",
    "render",
    "scale_gradients",
    "subsample_and_pad",
    "subsample_backward",
    "sum_gradients",
    "sum_moments",
];

/// The kernels on one device.
pub struct Kernels {
    device: Arc<CudaDevice>,
}

impl Kernels {
    /// The kernels that [`Kernels::load`] has loaded onto `device`.
    ///
    /// # Panics
    /// When it has not.
    pub fn of(device: Arc<CudaDevice>) -> Self {
        assert!(device.has_func(MODULE, NAMES[0]), "kernels that are loaded");
        Self { device }
    }

    /// Compiles the kernels for `device` and loads them.
    ///
    /// # Errors
    /// When NVRTC or the driver refuses them, or the folder for temporary files cannot be written.
    pub fn load(device: Arc<CudaDevice>) -> Result<Self, GpuError> {
        let kernels = compiled(capability(&device)?).map_err(GpuError::Kernels)?;
        // cudarc takes machine code from a file only.
        let file =
            NamedTempFile::new().and_then(|mut file| file.write_all(&kernels).map(|()| file));
        let file = file.map_err(|error| {
            GpuError::Kernels(format!(
                "cannot write the kernels to a temporary file: {error}"
            ))
        })?;
        device.load_ptx(Ptx::from_file(file.path()), MODULE, &NAMES)?;
        Ok(Self { device })
    }

    /// Launches a kernel in `blocks` blocks.
    ///
    /// # Safety
    /// `params` must match the kernel's parameters and point to memory of the expected size.
    unsafe fn launch<P>(&self, name: &str, blocks: (u32, u32), params: P) -> Result<(), CudaError>
    where
        CudaFunction: LaunchAsync<P>,
    {
        let kernel = self.device.get_func(MODULE, name);
        let kernel = kernel.expect("a kernel of `NAMES`");
        let config = LaunchConfig {
            grid_dim: (blocks.0, blocks.1, 1),
            block_dim: (THREADS, 1, 1),
            shared_mem_bytes: 0,
        };
        // SAFETY: the caller upholds the contract; the block size is the one the kernels assume.
        Ok(unsafe { kernel.launch(config, params) }?)
    }

    /// The picked views of `source`, normalised: `out` (picks * size * size, 3).
    pub fn render(&self, source: Source, picks: Vec<Pick>, out: Floats) -> Result<(), CudaError> {
        let (size, count) = (source.size, picks.len());
        let stride = 3 * size * size;
        let images = source.images.len / stride;
        assert!(picks.iter().all(|pick| (pick.index as usize) < images));
        assert!(out.len >= count * stride && source.offset.len == stride && source.scale.len == 3);
        assert!(count * stride <= MOST_VALUES);
        let picks = self.device.htod_copy(picks)?;
        let params = (
            source.images.pointer,
            *picks.device_ptr(),
            count as u32,
            size as u32,
            source.padding as u32,
            source.scale.pointer,
            source.offset.pointer,
            out.pointer,
        );
        // SAFETY: every thread writes one of `count * size * size` pixels of an image of the set.
        unsafe { self.launch("render", elementwise(count * size * size), params) }
    }

    /// Gathers the windows of `layer` in `x`: `columns` (rows, entries).
    pub fn im2col(
        &self,
        layer: &ConvBn,
        batch: usize,
        x: Floats,
        columns: Floats,
    ) -> Result<(), CudaError> {
        let (rows, entries) = (rows(layer, batch), entries(layer));
        assert!(x.len >= inputs(layer, batch) && columns.len >= rows * entries);
        let params = (x.pointer, Window::from(layer), rows as u32, columns.pointer);
        // SAFETY: every thread writes one of the columns and reads within the input.
        unsafe { self.launch("im2col", elementwise(rows * entries), params) }
    }

    /// The transpose of `im2col`: scatters `columns` to `x`, added to it or overwriting it.
    pub fn col2im(
        &self,
        layer: &ConvBn,
        batch: usize,
        columns: Floats,
        adds: bool,
        x: Floats,
    ) -> Result<(), CudaError> {
        let count = inputs(layer, batch);
        assert!(x.len >= count && columns.len >= rows(layer, batch) * entries(layer));
        let params = (
            columns.pointer,
            Window::from(layer),
            (batch * layer.in_size * layer.in_size) as u32,
            u32::from(adds),
            x.pointer,
        );
        // SAFETY: every thread writes one value of the input and reads within the columns.
        unsafe { self.launch("col2im", elementwise(count), params) }
    }

    /// Mean and biased variance of each channel of `z` (rows, channels), and the negatives of the
    /// mean and of the unbiased variance.
    pub fn statistics(
        &self,
        (rows, channels): (usize, usize),
        z: Floats,
        partial: Partial,
        [mean, variance, minus_mean, minus_unbiased]: [Floats; 4],
    ) -> Result<(), CudaError> {
        for out in [mean, variance, minus_mean, minus_unbiased] {
            assert!(out.len >= channels);
        }
        let parts = self.sum_moments((rows, channels), z, partial)?;
        let params = (
            partial.0.pointer,
            parts,
            channels as u32,
            rows as u32,
            mean.pointer,
            variance.pointer,
            minus_mean.pointer,
            minus_unbiased.pointer,
        );
        // SAFETY: the parts that were written are read, and each channel's outputs written.
        unsafe { self.launch("batch_statistics", (channels as u32, 1), params) }
    }

    /// Sums of `z` (rows, channels) and of its squares, in so many parts.
    fn sum_moments(
        &self,
        (rows, channels): (usize, usize),
        z: Floats,
        partial: Partial,
    ) -> Result<u32, CudaError> {
        assert!(z.len >= rows * channels && partial.0.len >= Partial::len(channels));
        let (parts, shared) = shared(rows, channels);
        let params = (z.pointer, rows as u32, channels as u32, partial.0.pointer);
        // SAFETY: at most `PARTS` parts are written.
        unsafe { self.launch("sum_moments", shared, params) }?;
        Ok(parts)
    }

    /// BN of `z` (rows, channels), plus the shortcut if there is one, then ReLU if requested.
    pub fn normalise(
        &self,
        (rows, channels): (usize, usize),
        z: Floats,
        norm: Norm,
        shortcut: Option<Floats>,
        relu: bool,
        y: Floats,
    ) -> Result<(), CudaError> {
        let count = rows * channels;
        assert!(z.len >= count && y.len >= count);
        assert!(shortcut.is_none_or(|shortcut| shortcut.len >= count));
        norm.check(channels);
        let params = (
            z.pointer,
            norm.mean.pointer,
            norm.variance.pointer,
            norm.gamma.pointer,
            norm.beta.pointer,
            shortcut.map_or(0, |shortcut| shortcut.pointer),
            channels as u32,
            count as u32,
            u32::from(relu),
            y.pointer,
        );
        // SAFETY: every thread reads and writes one of `count` values.
        unsafe { self.launch("normalise", elementwise(count), params) }
    }

    /// The backward pass of BN, and of ReLU if its output `y` is given: masks `gradient` (rows,
    /// channels) in place, adds to the gradients of gamma and beta, and writes the gradient of `z`.
    /// `means` is scratch memory for twice (channels).
    pub fn normalise_backward(
        &self,
        (rows, channels): (usize, usize),
        (gradient, y): (Floats, Option<Floats>),
        (z, norm): (Floats, Norm),
        (partial, means): (Partial, [Floats; 2]),
        [of_gamma, of_beta]: [Floats; 2],
        of_z: Floats,
    ) -> Result<(), CudaError> {
        let count = rows * channels;
        assert!(gradient.len >= count && z.len >= count && of_z.len >= count);
        assert!(y.is_none_or(|y| y.len >= count) && partial.0.len >= Partial::len(channels));
        norm.check(channels);
        for one in means.into_iter().chain([of_gamma, of_beta]) {
            assert!(one.len >= channels);
        }
        let (parts, shared) = shared(rows, channels);
        let sums = (
            gradient.pointer,
            y.map_or(0, |y| y.pointer),
            z.pointer,
            norm.mean.pointer,
            norm.variance.pointer,
            rows as u32,
            channels as u32,
            partial.0.pointer,
        );
        let scales = (
            partial.0.pointer,
            parts,
            channels as u32,
            rows as u32,
            of_gamma.pointer,
            of_beta.pointer,
            means[0].pointer,
            means[1].pointer,
        );
        let back = (
            gradient.pointer,
            z.pointer,
            norm.mean.pointer,
            norm.variance.pointer,
            norm.gamma.pointer,
            means[0].pointer,
            means[1].pointer,
            channels as u32,
            count as u32,
            of_z.pointer,
        );
        // SAFETY: `parts` of `PARTS` parts are written and read, one of each channel's values, and
        // every thread of the others reads and writes one of `count` values.
        unsafe {
            self.launch("sum_gradients", shared, sums)?;
            self.launch("scale_gradients", (channels as u32, 1), scales)?;
            self.launch("normalise_backward", elementwise(count), back)
        }
    }

    /// Option A around `layer`: every second pixel of every second row of `x`, and zeros for the
    /// new channels.
    pub fn subsample_and_pad(
        &self,
        layer: &ConvBn,
        batch: usize,
        x: Floats,
        y: Floats,
    ) -> Result<(), CudaError> {
        let count = rows(layer, batch) * layer.out_channels;
        assert!(x.len >= inputs(layer, batch) && y.len >= count);
        let params = (
            x.pointer,
            Window::from(layer),
            layer.out_channels as u32,
            count as u32,
            y.pointer,
        );
        // SAFETY: every thread writes one of `count` values and reads within the input.
        unsafe { self.launch("subsample_and_pad", elementwise(count), params) }
    }

    /// The backward pass of option A; adds to `of_x`.
    pub fn subsample_backward(
        &self,
        layer: &ConvBn,
        batch: usize,
        gradient: Floats,
        of_x: Floats,
    ) -> Result<(), CudaError> {
        let rows = rows(layer, batch);
        assert!(of_x.len >= inputs(layer, batch) && gradient.len >= rows * layer.out_channels);
        let count = rows * layer.in_channels;
        let params = (
            gradient.pointer,
            Window::from(layer),
            layer.out_channels as u32,
            count as u32,
            of_x.pointer,
        );
        // SAFETY: every thread adds to one value of the input, each to another.
        unsafe { self.launch("subsample_backward", elementwise(count), params) }
    }

    /// The mean over the pixels of each image: `features` (batch, channels) of `x`.
    pub fn average(
        &self,
        (batch, pixels, channels): (usize, usize, usize),
        x: Floats,
        features: Floats,
    ) -> Result<(), CudaError> {
        let count = batch * channels;
        assert!(x.len >= count * pixels && features.len >= count);
        let params = (
            x.pointer,
            pixels as u32,
            channels as u32,
            count as u32,
            features.pointer,
        );
        // SAFETY: every thread writes one feature from the pixels of its image.
        unsafe { self.launch("average", elementwise(count), params) }
    }

    /// The backward pass of [`Kernels::average`].
    pub fn average_backward(
        &self,
        (batch, pixels, channels): (usize, usize, usize),
        of_features: Floats,
        of_x: Floats,
    ) -> Result<(), CudaError> {
        let count = batch * pixels * channels;
        assert!(of_x.len >= count && of_features.len >= batch * channels);
        let params = (
            of_features.pointer,
            pixels as u32,
            channels as u32,
            count as u32,
            of_x.pointer,
        );
        // SAFETY: every thread writes one of `count` values.
        unsafe { self.launch("average_backward", elementwise(count), params) }
    }

    /// Adds a bias (channels) to every row of `z` (rows, channels).
    pub fn add_bias(
        &self,
        (rows, channels): (usize, usize),
        bias: Floats,
        z: Floats,
    ) -> Result<(), CudaError> {
        let count = rows * channels;
        assert!(bias.len >= channels && z.len >= count);
        let params = (bias.pointer, channels as u32, count as u32, z.pointer);
        // SAFETY: every thread adds to one of `count` values.
        unsafe { self.launch("add_bias", elementwise(count), params) }
    }

    /// Adds the column sums of the gradient of `z` (rows, channels) to the gradient of a bias.
    pub fn bias_gradient(
        &self,
        (rows, channels): (usize, usize),
        of_z: Floats,
        partial: Partial,
        of_bias: Floats,
    ) -> Result<(), CudaError> {
        assert!(of_bias.len >= channels);
        let parts = self.sum_moments((rows, channels), of_z, partial)?;
        let channels = channels as u32;
        let params = (partial.0.pointer, parts, channels, of_bias.pointer);
        // SAFETY: the parts that were written are read, and each channel's bias changed.
        unsafe { self.launch("bias_gradient", (channels, 1), params) }
    }

    /// The mean cross-entropy of `logits` (images, classes) in nats and its gradient with respect
    /// to the logits; `losses` receives the loss of each image.
    pub fn cross_entropy(
        &self,
        classes: usize,
        logits: Floats,
        labels: &[usize],
        [losses, mean, gradient]: [Floats; 3],
    ) -> Result<(), CudaError> {
        let images = labels.len();
        assert!(labels.iter().all(|&label| label < classes));
        assert!(logits.len >= images * classes && gradient.len >= images * classes);
        assert!(losses.len >= images && mean.len == 1);
        let labels = labels.iter().map(|&label| label as u32).collect();
        let labels = self.device.htod_copy::<u32>(labels)?;
        let params = (
            logits.pointer,
            *labels.device_ptr(),
            classes as u32,
            losses.pointer,
            gradient.pointer,
        );
        let of_losses = (losses.pointer, images as u32, mean.pointer);
        // SAFETY: every block reads and writes the row of its image.
        unsafe {
            self.launch("cross_entropy", (images as u32, 1), params)?;
            self.launch("mean", (1, 1), of_losses)
        }
    }

    /// Adds `factor` (1) times `values` to `result`.
    pub fn add_scaled(
        &self,
        values: Floats,
        factor: Floats,
        result: Floats,
    ) -> Result<(), CudaError> {
        let count = values.len;
        assert!(result.len >= count && factor.len == 1);
        let params = (values.pointer, factor.pointer, count as u32, result.pointer);
        // SAFETY: every thread adds to one of `count` values.
        unsafe { self.launch("add_scaled", elementwise(count), params) }
    }
}

/// The grid of a kernel whose threads compute one element after another.
fn elementwise(count: usize) -> (u32, u32) {
    assert!(count <= MOST_VALUES, "more values than kernels can number");
    ((count as u32).div_ceil(THREADS).clamp(1, MOST_BLOCKS), 1)
}

/// The grid of a kernel that sums over the rows of a matrix, and the number of blocks that share
/// the rows.
fn shared(rows: usize, channels: usize) -> (u32, (u32, u32)) {
    let width = (channels as u32).min(THREADS);
    let parts = (rows as u32).div_ceil(THREADS / width).clamp(1, PARTS);
    (parts, (parts, (channels as u32).div_ceil(width)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grid_of_elements_covers_few_and_has_a_bound_for_many() {
        let blocks = [0, 1, 256, 257, 524_288, 524_289, MOST_VALUES];
        let blocks = blocks.map(|count| elementwise(count).0);
        assert_eq!(blocks, [1, 1, 1, 2, 2048, 2048, 2048]);
    }
}
