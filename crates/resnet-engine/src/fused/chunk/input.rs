//! The input of a convolution for one chunk: reading and padding.

use std::ops::Range;

use super::super::batch_norm::Normalisation;
use super::super::geometry::{Convolution, Grid};
use super::super::kernels::{Padding, PixelSource, Stored, Vector, Winograd, pad};
use super::super::scratch::Padded;
use super::super::sources::{Activated, ResidualImage, ResidualOutput};
use super::image;

/// A chunk's images and the operations applied to them while they are read.
pub enum Input<'a> {
    Stored(&'a [f32]),
    Activated {
        x: &'a [f32],
        norm: &'a Normalisation,
    },
    Residual(ResidualOutput<'a>),
}

impl<'a> Input<'a> {
    /// Splits the images into chunks of `len` floats.
    pub fn chunks(self, len: usize) -> Vec<Self> {
        match self {
            Self::Stored(x) => x.chunks(len).map(Self::Stored).collect(),
            Self::Activated { x, norm } => {
                let chunks = x.chunks(len);
                chunks.map(|x| Self::Activated { x, norm }).collect()
            }
            Self::Residual(residual_output) => residual_output
                .chunks(len)
                .into_iter()
                .map(Self::Residual)
                .collect(),
        }
    }
}

impl Input<'_> {
    /// The arrays that the images at `range` are read from and written to.
    pub fn arrays(&self, range: Range<usize>) -> [&[f32]; 3] {
        match self {
            Self::Stored(x) | Self::Activated { x, .. } => [&x[range], &[], &[]],
            Self::Residual(residual_output) => residual_output.arrays(range),
        }
    }

    /// Has `reader` read the image at `range`.
    #[inline(always)]
    fn read<S: Vector>(&mut self, simd: S, range: Range<usize>, reader: impl Reader) {
        match self {
            Self::Stored(x) => reader.read(simd, &mut Stored(&x[range])),
            Self::Activated { x, norm } => {
                let x = &x[range];
                reader.read(simd, &mut Activated { x, norm });
            }
            Self::Residual(residual_output) => match residual_output.image(range) {
                ResidualImage::WithoutShortcut(mut image) => reader.read(simd, &mut image),
                ResidualImage::WithIdentity(mut image) => reader.read(simd, &mut image),
                ResidualImage::WithProjection(mut image) => reader.read(simd, &mut image),
            },
        }
    }

    /// Fills the rows `rows` of a padded image's interior from the image at `range`.
    #[inline(always)]
    pub fn pad<S: Vector>(
        &mut self,
        simd: S,
        grid: Grid,
        range: Range<usize>,
        rows: Range<usize>,
        padding: Padding,
        padded: &mut [f32],
    ) {
        let pad = Pad {
            grid,
            rows,
            padding,
            padded,
        };
        self.read(simd, range, pad);
    }

    /// [`Winograd::transform_for_kernel`] for the image at `range`.
    #[inline(always)]
    pub fn transform_for_kernel<S: Vector>(
        &mut self,
        simd: S,
        winograd: Winograd,
        range: Range<usize>,
        tiles: Range<usize>,
        first: usize,
        v: &mut [f32],
    ) {
        let transform = TransformForKernel {
            winograd,
            tiles,
            first,
            v,
        };
        self.read(simd, range, transform);
    }
}

/// Reads one image.
trait Reader {
    fn read<S: Vector, P: PixelSource<READ>, const READ: usize>(self, simd: S, image: &mut P);
}

/// [`Input::pad`] as a reader.
struct Pad<'a> {
    grid: Grid,
    rows: Range<usize>,
    padding: Padding,
    padded: &'a mut [f32],
}

impl Reader for Pad<'_> {
    #[inline(always)]
    fn read<S: Vector, P: PixelSource<READ>, const READ: usize>(self, simd: S, image: &mut P) {
        let shape = (self.grid.size, self.grid.channels);
        pad(simd, shape, image, self.rows, self.padding, self.padded);
    }
}

/// [`Input::transform_for_kernel`] as a reader.
struct TransformForKernel<'a> {
    winograd: Winograd,
    tiles: Range<usize>,
    first: usize,
    v: &'a mut [f32],
}

impl Reader for TransformForKernel<'_> {
    #[inline(always)]
    fn read<S: Vector, P: PixelSource<READ>, const READ: usize>(self, simd: S, image: &mut P) {
        self.winograd
            .transform_for_kernel(simd, image, self.tiles, self.first, self.v);
    }
}

/// Copies an image into a padded one; works for any number of channels.
fn copy_rows(grid: Grid, image: &[f32], padded: &mut [f32]) {
    let pitch = grid.padded_pitch();
    let rows = image.chunks_exact(grid.size * grid.channels);
    for (row, padded) in rows.zip(padded[pitch..].chunks_mut(pitch)) {
        padded[grid.channels..grid.channels + row.len()].copy_from_slice(row);
    }
}

/// One image in the layout of the direct method: padded, except for 1x1 kernels.
#[inline(always)]
pub fn prepare<'a, S: Vector>(
    simd: S,
    conv: &Convolution,
    input: &'a mut Input<'_>,
    index: usize,
    padded: &'a mut Padded,
) -> &'a [f32] {
    let range = image(conv.input, index);
    match input {
        Input::Stored(x) if !conv.is_padded() => &x[range],
        input => {
            let (grid, padded) = (conv.input, padded.of(conv.input));
            match input {
                Input::Stored(x) if !grid.channels.is_multiple_of(S::LANES) => {
                    copy_rows(grid, &x[range], padded);
                }
                input => {
                    let padding = Padding {
                        row: grid.padded_pitch(),
                        pixel: grid.channels,
                        vector: S::LANES,
                    };
                    input.pad(simd, grid, range, 0..grid.size, padding, padded);
                }
            }
            padded
        }
    }
}
