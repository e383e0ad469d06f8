//! A chunk forward through a convolution.

use super::super::geometry::{Convolution, Method};
use super::super::kernels::{
    Direct, Measured, Prefetch, Stored, Summed, Sums, Task, Vector, Winograd, scan,
};
use super::super::scratch::Scratch;
use super::input::{Input, prepare};
use super::output::{Pixels, Tiles};
use super::{all, groups, image, row_groups};

/// Convolves a chunk.
pub struct Forward<'a> {
    pub conv: &'a Convolution,
    /// As the method wants it.
    pub kernel: &'a [f32],
    pub input: Input<'a>,
    pub output: &'a mut [f32],
    /// Of the outputs and of their squares.
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
        let across = Winograd::tiles(from.size);
        let Scratch { inputs, v, m, .. } = self.scratch;
        let padded = inputs.of(from);
        let images = self.output.len() / to.len();
        for group in groups(from, images) {
            for (index, padded) in group
                .clone()
                .zip(padded.chunks_exact_mut(from.padded_len()))
            {
                self.input.pad(simd, from, image(from, index), padded);
            }
            let next = group.end..(group.end + group.len()).min(images);
            let [x, shortcut, joint] = self.input.arrays(all(from, next.clone()));
            let arrays = [x, shortcut, joint, &self.output[all(to, next)], &[], &[]];
            let mut ahead = Prefetch::new(arrays, Winograd::TICKS * row_groups(from).count());
            for rows in row_groups(from) {
                let tiles = rows.len() * across;
                let images = padded.chunks_exact(from.padded_len()).take(group.len());
                for (slot, padded) in images.enumerate() {
                    let (rows, first) = (rows.clone(), slot * tiles);
                    winograd.transform_input(simd, from.channels, padded, rows, first, v);
                }
                winograd.multiply_tiles(
                    simd,
                    group.len() * tiles,
                    (from.channels, to.channels),
                    (v, self.kernel),
                    m,
                    &mut ahead,
                );
                for (slot, index) in group.clone().enumerate() {
                    let tiles = Tiles {
                        winograd,
                        channels: to.channels,
                        rows: rows.clone(),
                        first: slot * tiles,
                        m,
                    };
                    let output = &mut self.output[image(to, index)];
                    tiles.send(simd, &mut Measured(output), self.sums);
                }
            }
        }
    }

    #[inline(always)]
    fn direct<S: Vector>(mut self, simd: S, direct: Direct) {
        let to = self.conv.output;
        for (index, output) in self.output.chunks_exact_mut(to.len()).enumerate() {
            let padded = &mut self.scratch.inputs;
            let input = prepare(simd, self.conv, &mut self.input, index, padded);
            direct.forward(simd, input, self.kernel, output);
            let shape = (to.size * to.size, to.channels);
            let mut source = Stored(output);
            scan(simd, shape, &mut source, &mut Summed, self.sums);
        }
    }
}
