//! Average pooling, forward and backward, and sums over stored gradients.

use super::super::geometry::Grid;
use super::super::kernels::{Stored, Summed, Sums, Task, Vector};
use super::super::sinks::{Centred, GradientSums};
use super::super::sources::{ResidualImage, ResidualOutput, Uniform};
use super::image;
use super::output::{Image, Output, Pixels};

/// Computes the last block's output and averages each feature over the pixels of each image.
pub struct Pool<'a> {
    pub grid: Grid,
    pub residual_output: ResidualOutput<'a>,
    /// Features of an image, without padding channels.
    pub channels: usize,
    /// (images, channels)
    pub features: &'a mut [f32],
}

impl Task for Pool<'_> {
    #[inline(always)]
    fn run<S: Vector>(mut self, simd: S) {
        let pixels = self.grid.size * self.grid.size;
        for (index, features) in self.features.chunks_exact_mut(self.channels).enumerate() {
            let grid = self.grid;
            let mut sums = Sums::new(grid.channels);
            match self.residual_output.image(image(grid, index)) {
                ResidualImage::WithoutShortcut(source) => {
                    Image { grid, source }.send(simd, &mut Summed, &mut sums);
                }
                ResidualImage::WithIdentity(source) => {
                    Image { grid, source }.send(simd, &mut Summed, &mut sums);
                }
                ResidualImage::WithProjection(source) => {
                    Image { grid, source }.send(simd, &mut Summed, &mut sums);
                }
            }
            for (feature, sum) in features.iter_mut().zip(&sums.first) {
                *feature = (sum / pixels as f64) as f32;
            }
        }
    }
}

/// The backward pass of average pooling.
pub struct Unpool<'a> {
    pub grid: Grid,
    /// Gradients of the features, (images, channels).
    pub features: &'a [f32],
    /// Features of an image, without padding channels.
    pub channels: usize,
    pub output: Output<'a>,
    /// The sums that `output` accumulates.
    pub sums: &'a mut Sums,
}

impl Task for Unpool<'_> {
    #[inline(always)]
    fn run<S: Vector>(mut self, simd: S) {
        let share = 1.0 / (self.grid.size * self.grid.size) as f32;
        let mut shares = vec![0.0; self.grid.channels];
        for (index, features) in self.features.chunks_exact(self.channels).enumerate() {
            for (to, feature) in shares.iter_mut().zip(features) {
                *to = feature * share;
            }
            let pixels = Image {
                grid: self.grid,
                source: Uniform(&shares),
            };
            self.output
                .take(simd, image(self.grid, index), pixels, self.sums);
        }
    }
}

/// Sums a gradient g, and g (x - mean).
pub struct Reduce<'a> {
    pub grid: Grid,
    pub gradient: &'a [f32],
    pub against: Centred<'a>,
    pub sums: &'a mut Sums,
}

impl Task for Reduce<'_> {
    #[inline(always)]
    fn run<S: Vector>(self, simd: S) {
        for (index, gradient) in self.gradient.chunks_exact(self.grid.len()).enumerate() {
            let pixels = Image {
                grid: self.grid,
                source: Stored(gradient),
            };
            let against = self.against.slice(image(self.grid, index));
            pixels.send(simd, &mut GradientSums(against), self.sums);
        }
    }
}
