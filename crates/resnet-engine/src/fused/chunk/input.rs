//! The input of a convolution for one chunk: reading and padding.

use std::ops::Range;

use super::super::batch_norm::Normalisation;
use super::super::geometry::{Convolution, Grid};
use super::super::kernels::{Padding, Stored, Vector, pad};
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
        let shape = (grid.size, grid.channels);
        match self {
            Self::Stored(x) => pad(simd, shape, &mut Stored(&x[range]), rows, padding, padded),
            Self::Activated { x, norm } => {
                let x = &x[range];
                pad(
                    simd,
                    shape,
                    &mut Activated { x, norm },
                    rows,
                    padding,
                    padded,
                );
            }
            Self::Residual(residual_output) => match residual_output.image(range) {
                ResidualImage::WithoutShortcut(mut image) => {
                    pad(simd, shape, &mut image, rows, padding, padded);
                }
                ResidualImage::WithIdentity(mut image) => {
                    pad(simd, shape, &mut image, rows, padding, padded);
                }
                ResidualImage::WithProjection(mut image) => {
                    pad(simd, shape, &mut image, rows, padding, padded);
                }
            },
        }
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
