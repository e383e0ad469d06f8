//! A chunk's gradients back through a convolution and the BN after it.

use super::super::batch_norm::NormalisationGradient;
use super::super::forward::for_each_kept_pixel;
use super::super::geometry::{Convolution, Grid, Method};
use super::super::kernels::{
    Direct, Kept, Prefetch, Stored, Sums, Task, Tiles, Vector, Winograd, pad,
};
use super::super::scratch::Scratch;
use super::super::sources::Unnormalised;
use super::input::{Input, prepare};
use super::output::{Image, Output, Pixels};
use super::{groups, image};

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
    /// What option A's shortcut brings back to the inputs, for the direct method: the gradient of
    /// the block's sum.
    pub residual: Option<&'a [f32]>,
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
        let padding = Winograd::padding::<S>(from.size);
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
            for (index, slot, first) in group.slots() {
                let mut source = Unnormalised {
                    gradient: &self.gradient[image(to, index)],
                    x: &self.x[image(to, index)],
                    norm: self.norm,
                };
                let (shape, rows) = ((to.size, to.channels), group.rows.clone());
                let padded = &mut gradients[slot * to.padded_len()..][..to.padded_len()];
                pad(simd, shape, &mut source, rows, padding, padded);
                let tiles = group.tiles.clone();
                winograd.transform_input(simd, to.channels, padded, tiles, first, m);
            }
            let spans = Winograd::spans::<S>(from.channels);
            let of_output = group.next(to, images);
            let gradient = &self.gradient[of_output.clone()];
            // The input that the kernel's gradient needs is among these already.
            let [a, b, c, d] = self.output.arrays(group.next(from, images));
            let arrays = [gradient, &self.x[of_output], a, b, c, d];
            let ticks = Winograd::ticks::<S>(group.len(), from.channels)
                + winograd.kernel_gradient_ticks::<S>();
            let mut ahead = Prefetch::new(arrays, ticks);
            for span in spans {
                winograd.multiply_tiles(
                    simd,
                    group.len(),
                    to.channels,
                    span.clone(),
                    (m, self.kernel),
                    v,
                    &mut ahead,
                );
                for (index, _, first) in group.slots() {
                    let tiles = Tiles {
                        winograd,
                        channels: from.channels,
                        span: span.clone(),
                        tiles: group.tiles.clone(),
                        first,
                        m: v,
                    };
                    self.output.take(simd, image(from, index), tiles, self.sums);
                }
            }
            for (index, slot, first) in group.slots() {
                let padded = &gradients[slot * to.padded_len()..][..to.padded_len()];
                winograd.transform_gradient(simd, padded, group.tiles.clone(), first, m);
                let padded = &mut inputs[slot * from.padded_len()..][..from.padded_len()];
                let (image, rows) = (image(from, index), group.rows.clone());
                self.input.pad(simd, from, image, rows, padding, padded);
                let tiles = group.tiles.clone();
                winograd.transform_input(simd, from.channels, padded, tiles, first, v);
            }
            let kernel = &mut *kernel_gradient;
            let operands = (&v[..], &m[..]);
            let tiles = group.len();
            winograd
                .multiply_kernel_gradient(simd, tiles, operands, kernel, accumulate, &mut ahead);
            accumulate = true;
        }
        Winograd::transform_kernel_gradient(simd, kernel_gradient, self.kernel_gradient);
    }

    #[inline(always)]
    fn direct<S: Vector>(mut self, simd: S, direct: Direct) {
        let (conv, from, to) = (self.conv, self.conv.input, self.conv.output);
        let Scratch {
            rows,
            image: gradient,
            padded,
            row,
            ..
        } = self.scratch;
        let gradient = &mut gradient[..to.len()];
        for index in 0..self.x.len() / to.len() {
            let source = Unnormalised {
                gradient: &self.gradient[image(to, index)],
                x: &self.x[image(to, index)],
                norm: self.norm,
            };
            let pixels = Image { grid: to, source };
            pixels.send(simd, &mut Kept(gradient), self.sums);
            let input = prepare(simd, conv, &mut self.input, index, rows);
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
            if let Some(residual) = self.residual {
                let residual = &residual[image(to, index)];
                for_each_kept_pixel(from, to, |at, kept| {
                    let pixel = &mut inputs_gradient[at..at + from.channels];
                    for (gradient, residual) in pixel.iter_mut().zip(&residual[kept..]) {
                        *gradient += residual;
                    }
                });
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
