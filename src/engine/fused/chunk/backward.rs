//! A chunk's gradients back through a convolution and the BN after it.

use super::super::batch_norm::NormalisationGradient;
use super::super::geometry::{Convolution, Grid, Method};
use super::super::kernels::{Direct, Prefetch, Stored, Sums, Task, Vector, Winograd, copy, pad};
use super::super::scratch::Scratch;
use super::super::sources::Unnormalised;
use super::input::{Input, prepare};
use super::output::{Image, Output, Tiles};
use super::{all, groups, image, row_groups};

/// Takes a chunk's gradients back through a convolution and the BN after it.
pub struct Backward<'a> {
    pub conv: &'a Convolution,
    /// For the gradient of the inputs, as the method wants it.
    pub kernel: &'a [f32],
    /// Of the BN's output.
    pub gradient: &'a [f32],
    /// The convolution's output, which the BN normalised.
    pub x: &'a [f32],
    pub norm: &'a NormalisationGradient,
    /// The convolution's input.
    pub input: Input<'a>,
    pub output: Output<'a>,
    /// (height, width, in, out), overwritten.
    pub kernel_gradient: &'a mut [f32],
    /// What `output` sums.
    pub sums: &'a mut Sums,
    pub scratch: &'a mut Scratch,
}

impl Task for Backward<'_> {
    #[inline(always)]
    fn run<S: Vector>(self, simd: S) {
        match self.conv.method() {
            Method::Winograd(winograd) => self.winograd(simd, winograd),
            Method::Direct(direct) => self.direct(simd, direct),
        }
    }
}

impl Backward<'_> {
    #[inline(always)]
    fn winograd<S: Vector>(mut self, simd: S, winograd: Winograd) {
        let (from, to) = (self.conv.input, self.conv.output);
        let across = Winograd::tiles(from.size);
        let Scratch {
            inputs,
            gradients,
            v,
            m,
            kernel: kernel_gradient,
            ..
        } = self.scratch;
        let kernel_gradient = &mut kernel_gradient[..winograd.kernel_len()];
        let (inputs, gradients) = (inputs.of(from), gradients.of(to));
        let mut accumulate = false;
        let images = self.x.len() / to.len();
        for group in groups(from, images) {
            let padded = inputs.chunks_exact_mut(from.padded_len());
            for (index, padded) in group.clone().zip(padded) {
                self.input.pad(simd, from, image(from, index), padded);
            }
            let padded = gradients.chunks_exact_mut(to.padded_len());
            for (index, padded) in group.clone().zip(padded) {
                let mut source = Unnormalised {
                    gradient: &self.gradient[image(to, index)],
                    x: &self.x[image(to, index)],
                    norm: self.norm,
                };
                let shape = (to.size, to.channels);
                pad(simd, shape, &mut source, to.padded_pitch(), padded);
            }
            let next = group.end..(group.end + group.len()).min(images);
            let of_output = all(to, next.clone());
            let gradient = &self.gradient[of_output.clone()];
            // The input that the kernel's gradient needs is among these already.
            let [a, b, c, d] = self.output.arrays(all(from, next));
            let arrays = [gradient, &self.x[of_output], a, b, c, d];
            let mut ahead = Prefetch::new(arrays, 2 * Winograd::TICKS * row_groups(from).count());
            for rows in row_groups(from) {
                let tiles = rows.len() * across;
                let images = gradients.chunks_exact(to.padded_len()).take(group.len());
                for (slot, padded) in images.clone().enumerate() {
                    let (rows, first) = (rows.clone(), slot * tiles);
                    winograd.transform_input(simd, to.channels, padded, rows, first, m);
                }
                winograd.multiply_tiles(
                    simd,
                    group.len() * tiles,
                    (to.channels, from.channels),
                    (m, self.kernel),
                    v,
                    &mut ahead,
                );
                for (slot, index) in group.clone().enumerate() {
                    let tiles = Tiles {
                        winograd,
                        channels: from.channels,
                        rows: rows.clone(),
                        first: slot * tiles,
                        m: v,
                    };
                    self.output.take(simd, image(from, index), tiles, self.sums);
                }
                for (slot, padded) in images.enumerate() {
                    winograd.transform_gradient(simd, padded, rows.clone(), slot * tiles, m);
                }
                let images = inputs.chunks_exact(from.padded_len()).take(group.len());
                for (slot, padded) in images.enumerate() {
                    let (rows, first) = (rows.clone(), slot * tiles);
                    winograd.transform_input(simd, from.channels, padded, rows, first, v);
                }
                let tiles = group.len() * tiles;
                winograd.multiply_kernel_gradient(
                    simd,
                    tiles,
                    (v, m),
                    kernel_gradient,
                    accumulate,
                    &mut ahead,
                );
                accumulate = true;
            }
        }
        Winograd::transform_kernel_gradient(simd, kernel_gradient, self.kernel_gradient);
    }

    #[inline(always)]
    fn direct<S: Vector>(mut self, simd: S, direct: Direct) {
        let (conv, from, to) = (self.conv, self.conv.input, self.conv.output);
        let Scratch {
            inputs,
            image: gradient,
            padded,
            row,
            ..
        } = self.scratch;
        let gradient = &mut gradient[..to.len()];
        for index in 0..self.x.len() / to.len() {
            let mut source = Unnormalised {
                gradient: &self.gradient[image(to, index)],
                x: &self.x[image(to, index)],
                norm: self.norm,
            };
            copy(simd, to.channels, &mut source, gradient);
            let input = prepare(simd, conv, &mut self.input, index, inputs);
            direct.kernel_gradient(simd, input, gradient, self.kernel_gradient, index > 0);
            if let Output::None = self.output {
                continue;
            }
            let inputs_gradient = &mut padded[..conv.input_len()];
            inputs_gradient.fill(0.0);
            direct.backward(simd, gradient, self.kernel, row, inputs_gradient);
            if conv.is_padded() {
                strip_border(from, inputs_gradient);
            }
            let pixels = Image {
                grid: from,
                source: Stored(&inputs_gradient[..from.len()]),
            };
            self.output
                .take(simd, image(from, index), pixels, self.sums);
        }
    }
}

/// Moves the inside of a padded image to its start, without gaps.
fn strip_border(grid: Grid, padded: &mut [f32]) {
    let row_len = grid.size * grid.channels;
    for row in 0..grid.size {
        let from = (row + 1) * grid.padded_pitch() + grid.channels;
        padded.copy_within(from..from + row_len, row * row_len);
    }
}
