//! The forward pass of one chunk through a convolution.

use super::super::geometry::{Convolution, Method};
use super::super::kernels::{
    Direct, Kept, Measured, Prefetch, Stored, Summed, Sums, Task, Tiles, Vector, Winograd, scan,
};
use super::super::scratch::Scratch;
use super::input::{Input, prepare};
use super::output::Pixels;
use super::{groups, image};

/// Convolves a chunk.
pub struct Forward<'a> {
    pub conv: &'a Convolution,
    /// In the method's layout.
    pub kernel: &'a [f32],
    pub input: Input<'a>,
    pub output: &'a mut [f32],
    /// Whether to compute `sums`.
    pub measure: bool,
    /// Sums of the outputs and of their squares.
    pub sums: &'a mut Sums,
    pub scratch: &'a mut Scratch,
}

impl Task for Forward<'_> {
    #[inline(always)]
    fn run<S: Vector>(self, simd: S) {
        match self.conv.method() {
            Method::Winograd(winograd) => self.winograd(simd, winograd),
            Method::Direct(direct) => self.direct(simd, direct),
        }
    }
}

impl Forward<'_> {
    #[inline(always)]
    fn winograd<S: Vector>(mut self, simd: S, winograd: Winograd) {
        let (from, to) = (self.conv.input, self.conv.output);
        let padding = Winograd::padding::<S>(from.size);
        let Scratch { inputs, v, m, .. } = self.scratch;
        let inputs = inputs.of(from);
        let images = self.output.len() / to.len();
        for group in groups(from, images) {
            for (index, slot, first) in group.slots() {
                let padded = &mut inputs[slot * from.padded_len()..][..from.padded_len()];
                let (image, rows) = (image(from, index), group.rows.clone());
                self.input.pad(simd, from, image, rows, padding, padded);
                let tiles = group.tiles.clone();
                winograd.transform_input(simd, from.channels, padded, tiles, first, v);
            }
            let spans = Winograd::spans::<S>(to.channels);
            let [x, shortcut, block_output] = self.input.arrays(group.next(from, images));
            let output = &self.output[group.next(to, images)];
            let arrays = [x, shortcut, block_output, output, &[], &[]];
            let mut ahead = Prefetch::new(arrays, Winograd::ticks::<S>(group.len(), to.channels));
            for span in spans {
                winograd.multiply_tiles(
                    simd,
                    group.len(),
                    from.channels,
                    span.clone(),
                    (v, self.kernel),
                    m,
                    &mut ahead,
                );
                for (index, _, first) in group.slots() {
                    let tiles = Tiles {
                        winograd,
                        channels: to.channels,
                        span: span.clone(),
                        tiles: group.tiles.clone(),
                        first,
                        m,
                    };
                    let output = &mut self.output[image(to, index)];
                    if self.measure {
                        tiles.send(simd, &mut Measured(output), self.sums);
                    } else {
                        tiles.send(simd, &mut Kept(output), self.sums);
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn direct<S: Vector>(mut self, simd: S, direct: Direct) {
        let to = self.conv.output;
        for (index, output) in self.output.chunks_exact_mut(to.len()).enumerate() {
            let padded = &mut self.scratch.rows;
            let input = prepare(simd, self.conv, &mut self.input, index, padded);
            direct.forward(simd, input, self.kernel, output);
            if self.measure {
                let shape = (to.size * to.size, to.channels);
                scan(simd, shape, &mut Stored(output), &mut Summed, self.sums);
            }
        }
    }
}
