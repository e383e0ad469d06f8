//! Convolution as patches times kernel, some images at a time, so that their patches stay in the
//! cache: they are nine times as large as the images.

use dfdx::prelude::{Axes2, Cpu, Gradients, HasShape, PermuteTo, TensorFromVec, TryMatMul};

use super::{CpuResult, add, read, read_vector};
use crate::engine::Matrix;
use crate::engine::portable::index::Window;
use crate::model::{ConvBn, Vector};

/// About how many floats of patches are made at a time: 512 KiB.
const PATCHES_AT_A_TIME: usize = 1 << 17;

/// Pixels that lie side by side both in the image and in its patches.
struct Span {
    /// Place of the first among the image's pixels.
    image: usize,
    /// Place of the first among the patches' entries.
    patches: usize,
    pixels: usize,
}

/// A convolution of a batch. An image's patches are a matrix with a row for each output pixel
/// and a column for each kernel position and input channel; in the padding they are zero.
pub struct Convolution {
    spans: Vec<Span>,
    /// Kernel positions of all output pixels of an image.
    entries: usize,
    in_pixels: usize,
    out_pixels: usize,
    in_channels: usize,
    out_channels: usize,
}

impl Convolution {
    /// The convolution of `layer`.
    pub fn new(layer: &ConvBn) -> Self {
        let pixels: Vec<Option<usize>> = Window::from(layer).pixels().collect();
        Self {
            spans: spans(&pixels),
            entries: pixels.len(),
            in_pixels: layer.in_size * layer.in_size,
            out_pixels: layer.out_size() * layer.out_size(),
            in_channels: layer.in_channels,
            out_channels: layer.out_channels,
        }
    }

    /// Of `x` (batch * in pixels, in channels): (batch * out pixels, out channels).
    pub fn forward(&self, x: &Matrix<Cpu>, kernel: &Vector<Cpu>) -> CpuResult<Matrix<Cpu>> {
        let kernel = self.kernel_matrix(kernel)?;
        let images = read(x);
        let mut out = Vec::with_capacity(self.batch(x) * self.out_len());
        for images in images.chunks(self.images_at_a_time() * self.in_len()) {
            let product = self
                .patches(images, x.device())?
                .try_matmul(kernel.clone())?;
            let start = out.len();
            out.resize(start + product.shape().0 * self.out_channels, 0.0);
            product.copy_into(&mut out[start..]);
        }
        let rows = out.len() / self.out_channels;
        x.device()
            .try_tensor_from_vec(out, (rows, self.out_channels))
    }

    /// Adds the gradients of the kernel and of `x`, given that of the output. The patches are
    /// made anew rather than kept.
    pub fn backward(
        &self,
        x: &Matrix<Cpu>,
        kernel: &Vector<Cpu>,
        d_out: &[f32],
        gradients: &mut Gradients<f32, Cpu>,
    ) -> CpuResult<()> {
        let device = x.device();
        let transposed_kernel = self
            .kernel_matrix(kernel)?
            .try_permute::<(usize, usize), Axes2<1, 0>>()?;
        let mut d_matrix = vec![0.0; kernel.shape().0];
        let images = read(x);
        let d_x = gradients.get_or_alloc_mut(x)?;
        let at_a_time = self.images_at_a_time();
        let chunks = images
            .chunks(at_a_time * self.in_len())
            .zip(d_x.chunks_mut(at_a_time * self.in_len()))
            .zip(d_out.chunks(at_a_time * self.out_len()));
        for ((images, d_images), d_out) in chunks {
            let rows = d_out.len() / self.out_channels;
            let d_out = device.try_tensor_from_vec(d_out.to_vec(), (rows, self.out_channels))?;
            let transposed = self
                .patches(images, device)?
                .try_permute::<(usize, usize), Axes2<1, 0>>()?;
            add(&mut d_matrix, &read(&transposed.try_matmul(d_out.clone())?));
            let d_patches = read(&d_out.try_matmul(transposed_kernel.clone())?);
            self.add_patches(&d_patches, d_images);
        }
        let d_kernel = gradients.get_or_alloc_mut(kernel)?;
        self.for_each_weight(|flat, matrix| d_kernel[flat] += d_matrix[matrix]);
        Ok(())
    }

    fn batch(&self, x: &Matrix<Cpu>) -> usize {
        x.shape().0 / self.in_pixels
    }

    fn in_len(&self) -> usize {
        self.in_pixels * self.in_channels
    }

    fn out_len(&self) -> usize {
        self.out_pixels * self.out_channels
    }

    fn patches_len(&self) -> usize {
        self.entries * self.in_channels
    }

    fn images_at_a_time(&self) -> usize {
        (PATCHES_AT_A_TIME / self.patches_len()).max(1)
    }

    /// Entries of a kernel for one input and one output channel.
    fn positions(&self) -> usize {
        self.entries / self.out_pixels
    }

    /// (images * out pixels, positions * in channels)
    fn patches(&self, images: &[f32], device: &Cpu) -> CpuResult<Matrix<Cpu>> {
        let count = images.len() / self.in_len();
        let mut patches = vec![0.0; count * self.patches_len()];
        let pairs = images.chunks_exact(self.in_len());
        for (image, patches) in pairs.zip(patches.chunks_exact_mut(self.patches_len())) {
            for (from, to) in self.ranges() {
                patches[to].copy_from_slice(&image[from]);
            }
        }
        let columns = self.positions() * self.in_channels;
        device.try_tensor_from_vec(patches, (count * self.out_pixels, columns))
    }

    /// Adds each patch to the pixels that it was taken from.
    fn add_patches(&self, d_patches: &[f32], d_images: &mut [f32]) {
        let pairs = d_images.chunks_exact_mut(self.in_len());
        for (image, patches) in pairs.zip(d_patches.chunks_exact(self.patches_len())) {
            for (to, from) in self.ranges() {
                add(&mut image[to], &patches[from]);
            }
        }
    }

    /// Each span's floats in an image and in its patches.
    fn ranges(&self) -> impl Iterator<Item = (std::ops::Range<usize>, std::ops::Range<usize>)> {
        let channels = self.in_channels;
        self.spans.iter().map(move |span| {
            let (image, patches) = (span.image * channels, span.patches * channels);
            let len = span.pixels * channels;
            (image..image + len, patches..patches + len)
        })
    }

    /// A flat kernel (out, in, height, width) as a matrix (height * width * in, out).
    fn kernel_matrix(&self, kernel: &Vector<Cpu>) -> CpuResult<Matrix<Cpu>> {
        let values = read_vector(kernel);
        let mut transposed = vec![0.0; values.len()];
        self.for_each_weight(|flat, matrix| transposed[matrix] = values[flat]);
        let rows = self.positions() * self.in_channels;
        kernel
            .device()
            .try_tensor_from_vec(transposed, (rows, self.out_channels))
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
}

/// Joins entries whose pixels follow one another.
fn spans(pixels: &[Option<usize>]) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for (entry, pixel) in pixels.iter().enumerate() {
        let Some(pixel) = *pixel else { continue };
        match spans.last_mut() {
            Some(span)
                if span.patches + span.pixels == entry && span.image + span.pixels == pixel =>
            {
                span.pixels += 1;
            }
            _ => spans.push(Span {
                image: pixel,
                patches: entry,
                pixels: 1,
            }),
        }
    }
    spans
}
