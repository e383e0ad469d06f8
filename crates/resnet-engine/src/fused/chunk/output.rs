//! The output of a convolution for one chunk: values in the forward pass, gradients in the backward
//! pass.

use std::ops::Range;

use super::super::batch_norm::Normalisation;
use super::super::geometry::Grid;
use super::super::kernels::{Kept, PixelSink, PixelSource, Sums, Tiles, Vector, scan};
use super::super::sinks::{Centred, InnerGradient, OuterGradient, ResidualGradient};

/// Where the gradients of a chunk's input are written.
pub enum Output<'a> {
    /// Nowhere: the input of the first layer needs no gradient.
    None,
    /// Unchanged.
    Kept(&'a mut [f32]),
    /// [`InnerGradient`] for all images of the chunk.
    Inner {
        norm: &'a Normalisation,
        x: &'a [f32],
        gradient: &'a mut [f32],
    },
    /// [`OuterGradient`] or [`ResidualGradient`] for all images of the chunk.
    Outer {
        output: &'a [f32],
        shortcut: Option<&'a [f32]>,
        centred: Centred<'a>,
        gradient: &'a mut [f32],
    },
}

impl<'a> Output<'a> {
    /// Splits the images into `count` chunks of `len` floats.
    pub fn chunks(self, count: usize, len: usize) -> Vec<Self> {
        match self {
            Self::None => (0..count).map(|_| Self::None).collect(),
            Self::Kept(gradient) => gradient.chunks_mut(len).map(Self::Kept).collect(),
            Self::Inner { norm, x, gradient } => {
                let chunks = x.chunks(len).zip(gradient.chunks_mut(len));
                chunks
                    .map(|(x, gradient)| Self::Inner { norm, x, gradient })
                    .collect()
            }
            Self::Outer {
                output,
                shortcut,
                centred,
                gradient,
            } => {
                let chunks = output.chunks(len).zip(gradient.chunks_mut(len)).enumerate();
                let chunk = |(index, (output, gradient)): (usize, (&'a [f32], &'a mut [f32]))| {
                    let range = index * len..index * len + output.len();
                    Self::Outer {
                        output,
                        shortcut: shortcut.map(|shortcut| &shortcut[range.clone()]),
                        centred: centred.slice(range),
                        gradient,
                    }
                };
                chunks.map(chunk).collect()
            }
        }
    }
}

impl Output<'_> {
    /// The arrays that the gradients of the images at `range` are computed from and written to.
    pub fn arrays(&self, range: Range<usize>) -> [&[f32]; 4] {
        match self {
            Self::None => [&[]; 4],
            Self::Kept(gradient) => [&gradient[range], &[], &[], &[]],
            Self::Inner { x, gradient, .. } => [&x[range.clone()], &gradient[range], &[], &[]],
            Self::Outer {
                output,
                shortcut,
                centred,
                gradient,
            } => [
                &output[range.clone()],
                shortcut.map_or(&[], |shortcut| &shortcut[range.clone()]),
                &centred.x[range.clone()],
                &gradient[range],
            ],
        }
    }

    /// Writes the gradients of the image at `range`.
    #[inline(always)]
    pub fn take<S: Vector>(
        &mut self,
        simd: S,
        range: Range<usize>,
        pixels: impl Pixels,
        sums: &mut Sums,
    ) {
        match self {
            Self::None => {}
            Self::Kept(gradient) => pixels.send(simd, &mut Kept(&mut gradient[range]), sums),
            Self::Inner { norm, x, gradient } => {
                let mut sink = InnerGradient {
                    norm,
                    x: &x[range.clone()],
                    gradient: &mut gradient[range],
                };
                pixels.send(simd, &mut sink, sums);
            }
            Self::Outer {
                output,
                shortcut,
                centred,
                gradient,
            } => {
                let mut outer = OuterGradient {
                    output: &output[range.clone()],
                    centred: centred.slice(range.clone()),
                    gradient: &mut gradient[range.clone()],
                };
                match shortcut {
                    None => pixels.send(simd, &mut outer, sums),
                    Some(shortcut) => {
                        let shortcut = &shortcut[range];
                        pixels.send(simd, &mut ResidualGradient { outer, shortcut }, sums);
                    }
                }
            }
        }
    }
}

/// Some pixels of an image that can be sent to a sink.
pub trait Pixels {
    fn send<S: Vector, To: PixelSink<READ>, const READ: usize>(
        self,
        simd: S,
        sink: &mut To,
        sums: &mut Sums,
    );
}

impl Pixels for Tiles<'_> {
    #[inline(always)]
    fn send<S: Vector, To: PixelSink<READ>, const READ: usize>(
        self,
        simd: S,
        sink: &mut To,
        sums: &mut Sums,
    ) {
        self.transform(simd, sink, sums);
    }
}

/// All the pixels of one image, whose source reads `FROM` images.
pub struct Image<T, const FROM: usize> {
    pub grid: Grid,
    pub source: T,
}

impl<T: PixelSource<FROM>, const FROM: usize> Pixels for Image<T, FROM> {
    #[inline(always)]
    fn send<S: Vector, To: PixelSink<READ>, const READ: usize>(
        mut self,
        simd: S,
        sink: &mut To,
        sums: &mut Sums,
    ) {
        let shape = (self.grid.size * self.grid.size, self.grid.channels);
        scan(simd, shape, &mut self.source, sink, sums);
    }
}
