//! The steps of Winograd's convolutions, on one group of tiles.

use resnet_engine::fused::kernels::{
    Measured, PixelSource, Prefetch, Sums, Tiles, Vector, Winograd, pad,
};

use super::timing::Work;
use super::values;

/// Entries of a transformed tile.
const ENTRIES: usize = 36;
/// Operations of one dimension of Winograd's transforms, for one channel: of six inputs to six
/// points, of six points to four outputs, of four inputs to six points for the kernel's gradient.
const INPUT_OPERATIONS: usize = 22;
const OUTPUT_OPERATIONS: usize = 16;
const FOR_KERNEL_OPERATIONS: usize = 16;

/// The steps of Winograd's convolutions, forward and backward. The backward pass takes the
/// gradients of the inputs through the forward pass's steps.
#[derive(Clone, Copy, PartialEq)]
pub enum WinogradStep {
    Pad,
    TransformInput,
    Multiply,
    TransformOutput,
    TransformForKernel,
    MultiplyKernelGradient,
}

impl WinogradStep {
    /// In the order of the table.
    pub const ALL: [Self; 6] = [
        Self::Pad,
        Self::TransformInput,
        Self::Multiply,
        Self::TransformOutput,
        Self::TransformForKernel,
        Self::MultiplyKernelGradient,
    ];

    /// For the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pad => "ReLU and padding",
            Self::TransformInput => "input transform",
            Self::Multiply => "product",
            Self::TransformOutput => "output transform, sums for BN",
            Self::TransformForKernel => "transform of the kernel's input",
            Self::MultiplyKernelGradient => "product for the kernel's gradient",
        }
    }
}

/// A stage's convolution, on one group of tiles.
pub struct Stage {
    winograd: Winograd,
    /// Images in a group.
    images: usize,
    /// Tiles of each image in a group.
    of_image: usize,
    /// (size, size, channels)
    image: Vec<f32>,
    /// (images, padded size, padded size, channels)
    padded: Vec<f32>,
    v: Vec<f32>,
    m: Vec<f32>,
    /// (36, channels, channels)
    kernel: Vec<f32>,
    /// (36, channels, channels)
    gradient: Vec<f32>,
    sums: Sums,
}

impl Stage {
    /// For images of `size` by `size` pixels.
    pub fn new(channels: usize, size: usize) -> Self {
        let of_image = Winograd::tiles(size).pow(2).min(Winograd::GROUP);
        let images = Winograd::GROUP / of_image;
        let winograd = Winograd {
            in_channels: channels,
            out_channels: channels,
            size,
        };
        let padded_len = Winograd::padded_size(size).pow(2) * channels;
        Self {
            images,
            of_image,
            image: values(size * size * channels),
            padded: values(images * padded_len),
            v: values(Winograd::group_len(channels)),
            m: values(Winograd::group_len(channels)),
            kernel: values(winograd.kernel_len()),
            gradient: values(winograd.kernel_len()),
            sums: Sums::new(channels),
            winograd,
        }
    }

    fn tiles(&self) -> usize {
        self.images * self.of_image
    }

    fn padded_len(&self) -> usize {
        self.padded.len() / self.images
    }
}

impl Work for Stage {
    type Step = WinogradStep;

    #[inline(always)]
    fn once<S: Vector>(&mut self, simd: S, step: WinogradStep) {
        let (winograd, channels, tiles) = (self.winograd, self.winograd.in_channels, self.tiles());
        let (of_image, padded_len) = (self.of_image, self.padded_len());
        match step {
            WinogradStep::Pad => {
                let shape = (winograd.size, channels);
                let padding = Winograd::padding::<S>(winograd.size);
                let mut source = Activated(&self.image);
                pad(
                    simd,
                    shape,
                    &mut source,
                    0..winograd.size,
                    padding,
                    &mut self.padded[..padded_len],
                );
            }
            WinogradStep::TransformInput => {
                for (index, padded) in self.padded.chunks_exact(padded_len).enumerate() {
                    let (first, v) = (index * of_image, &mut self.v);
                    winograd.transform_input(simd, channels, padded, 0..of_image, first, v);
                }
            }
            WinogradStep::Multiply => {
                for span in Winograd::spans::<S>(channels) {
                    let (v, kernel, m) = (&self.v, &self.kernel, &mut self.m);
                    let ahead = &mut Prefetch::default();
                    winograd.multiply_tiles(simd, tiles, channels, span, (v, kernel), m, ahead);
                }
            }
            WinogradStep::TransformOutput => {
                for span in Winograd::spans::<S>(channels) {
                    for index in 0..self.images {
                        let tiles = Tiles {
                            winograd,
                            channels,
                            span: span.clone(),
                            tiles: 0..of_image,
                            first: index * of_image,
                            m: &self.m,
                        };
                        tiles.transform(simd, &mut Measured(&mut self.image), &mut self.sums);
                    }
                }
            }
            WinogradStep::TransformForKernel => {
                let mut source = Activated(&self.image);
                for first in (0..tiles).step_by(of_image) {
                    let v = &mut self.v;
                    winograd.transform_for_kernel(simd, &mut source, 0..of_image, first, v);
                }
            }
            WinogradStep::MultiplyKernelGradient => {
                let (v, m, gradient) = (&self.v, &self.m, &mut self.gradient);
                let ahead = &mut Prefetch::default();
                winograd.multiply_kernel_gradient(simd, tiles, (v, m), gradient, false, ahead);
            }
        }
    }

    fn operations(&self, step: WinogradStep) -> usize {
        let channels = self.winograd.in_channels;
        let values = self.tiles() * channels;
        match step {
            WinogradStep::Pad => 0,
            // six columns, then six rows
            WinogradStep::TransformInput => values * (6 + 6) * INPUT_OPERATIONS,
            // six columns, then four rows
            WinogradStep::TransformOutput => values * (6 + 4) * OUTPUT_OPERATIONS,
            // four columns, then six rows
            WinogradStep::TransformForKernel => values * (4 + 6) * FOR_KERNEL_OPERATIONS,
            WinogradStep::Multiply | WinogradStep::MultiplyKernelGradient => {
                2 * ENTRIES * values * channels
            }
        }
    }

    fn images(&self, step: WinogradStep) -> f64 {
        let of_an_image = Winograd::tiles(self.winograd.size).pow(2);
        match step {
            WinogradStep::Pad => 1.0,
            _ => self.tiles() as f64 / of_an_image as f64,
        }
    }
}

/// max(x, 0) of the pixels of an image.
struct Activated<'a>(&'a [f32]);

impl PixelSource<1> for Activated<'_> {
    type Channels<S: Vector> = ();
    const KEEPS: bool = false;

    #[inline(always)]
    fn channels<S: Vector>(&self, _: S, _: usize) {}

    #[inline(always)]
    fn images(&mut self) -> ([&[f32]; 1], &mut [f32]) {
        ([self.0], &mut [])
    }

    #[inline(always)]
    fn value<S: Vector>(simd: S, (): (), [value]: [S::f32s; 1]) -> S::f32s {
        simd.relu(value)
    }
}
