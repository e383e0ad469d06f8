//! The backward pass of one chunk through a convolution and the BN after it.

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
use super::{Group, groups, image};

/// Propagates a chunk's gradients back through a convolution and the BN after it.
pub struct Backward<'a> {
    pub conv: &'a Convolution,
    /// Prepared for the gradient of the input, in the method's layout.
    pub kernel: &'a [f32],
    /// The gradient of the BN's output.
    pub gradient: &'a [f32],
    /// The convolution's output, the BN's input.
    pub x: &'a [f32],
    pub norm: &'a NormalisationGradient,
    /// The convolution's input.
    pub input: Input<'a>,
    /// The gradient of the block's sum that an option A shortcut passes to the input; only with the
    /// direct method.
    pub residual: Option<&'a [f32]>,
    pub output: Output<'a>,
    /// (height, width, in, out); overwritten.
    pub kernel_gradient: &'a mut [f32],
    /// The sums that `output` accumulates.
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
        let images = self.x.len() / self.conv.output.len();
        for (index, group) in groups(self.conv.input, images).enumerate() {
            self.transform_gradients(simd, winograd, &group);
            let mut ahead = self.prefetch_next::<S>(winograd, &group, images);
            self.input_gradients(simd, winograd, &group, &mut ahead);
            self.transform_inputs(simd, winograd, &group);
            self.add_kernel_gradient(simd, winograd, &group, index > 0, &mut ahead);
        }
        let transformed = &self.scratch.kernel[..winograd.kernel_len()];
        Winograd::transform_kernel_gradient(simd, transformed, self.kernel_gradient);
    }

    /// Computes the gradients of the convolution's output for a group, pads them and transforms
    /// them to `scratch.m`, an operand of both products.
    #[inline(always)]
    fn transform_gradients<S: Vector>(&mut self, simd: S, winograd: Winograd, group: &Group) {
        let to = self.conv.output;
        let padding = Winograd::padding::<S>(to.size);
        let Scratch { gradients, m, .. } = &mut *self.scratch;
        let gradients = gradients.of(to);
        for (index, slot, first) in group.slots() {
            let mut source = Unnormalised {
                gradient: &self.gradient[image(to, index)],
                x: &self.x[image(to, index)],
                norm: self.norm,
            };
            let (shape, rows) = ((to.size, to.channels), group.rows.clone());
            let padded = &mut gradients[slot * to.padded_len()..][..to.padded_len()];
            pad(simd, shape, &mut source, rows, padding, padded);
            winograd.transform_input(simd, to.channels, padded, group.tiles.clone(), first, m);
        }
    }

    /// Prefetches the arrays of the group after `group` during this group's products.
    #[inline(always)]
    fn prefetch_next<S: Vector>(
        &self,
        winograd: Winograd,
        group: &Group,
        images: usize,
    ) -> Prefetch {
        let (from, to) = (self.conv.input, self.conv.output);
        let range = group.next(to, images);
        let (gradient, x) = (&self.gradient[range.clone()], &self.x[range]);
        // `output` also reads the input that the gradient of the kernel needs.
        let [a, b, c, d] = self.output.arrays(group.next(from, images));
        let ticks = Winograd::ticks::<S>(group.len(), from.channels)
            + winograd.kernel_gradient_ticks::<S>();
        Prefetch::new([gradient, x, a, b, c, d], ticks)
    }

    /// Multiplies the transformed gradients by the kernel and sends the gradients of the input to
    /// `output`.
    #[inline(always)]
    fn input_gradients<S: Vector>(
        &mut self,
        simd: S,
        winograd: Winograd,
        group: &Group,
        ahead: &mut Prefetch,
    ) {
        let (from, to) = (self.conv.input, self.conv.output);
        let Scratch {
            m: gradients,
            v: products,
            ..
        } = &mut *self.scratch;
        for span in Winograd::spans::<S>(from.channels) {
            winograd.multiply_tiles(
                simd,
                group.len(),
                to.channels,
                span.clone(),
                (gradients, self.kernel),
                products,
                ahead,
            );
            for (index, _, first) in group.slots() {
                let tiles = Tiles {
                    winograd,
                    channels: from.channels,
                    span: span.clone(),
                    tiles: group.tiles.clone(),
                    first,
                    m: products,
                };
                self.output.take(simd, image(from, index), tiles, self.sums);
            }
        }
    }

    /// Transforms the group's inputs to `scratch.v`, the left operand of
    /// [`Self::add_kernel_gradient`].
    #[inline(always)]
    fn transform_inputs<S: Vector>(&mut self, simd: S, winograd: Winograd, group: &Group) {
        let v = &mut self.scratch.v;
        for (index, _, first) in group.slots() {
            let (image, tiles) = (image(self.conv.input, index), group.tiles.clone());
            self.input
                .transform_for_kernel(simd, winograd, image, tiles, first, v);
        }
    }

    /// Adds the group's part to the gradient of the transformed kernel, or overwrites it.
    #[inline(always)]
    fn add_kernel_gradient<S: Vector>(
        &mut self,
        simd: S,
        winograd: Winograd,
        group: &Group,
        accumulate: bool,
        ahead: &mut Prefetch,
    ) {
        let Scratch { v, m, kernel, .. } = &mut *self.scratch;
        let operands = (&v[..], &m[..]);
        let kernel = &mut kernel[..winograd.kernel_len()];
        winograd.multiply_kernel_gradient(simd, group.len(), operands, kernel, accumulate, ahead);
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

/// Moves the interior of a padded image to its start, without gaps.
fn strip_border(grid: Grid, padded: &mut [f32]) {
    let row_len = grid.size * grid.channels;
    for row in 0..grid.size {
        let from = (row + 1) * grid.padded_pitch() + grid.channels;
        padded.copy_within(from..from + row_len, row * row_len);
    }
}
