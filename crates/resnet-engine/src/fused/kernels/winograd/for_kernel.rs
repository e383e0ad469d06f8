//! The transform of an image for its part of the gradient of a kernel.
//!
//! The gradient at an offset k sums x\[h\] dy\[h - k\] over the pixels h. Tiles of 4x4 pixels x and
//! of the 6x6 pixels dy around them hold all of it, so the transform of dy that the gradient of the
//! input needs serves the kernel too, and x needs no pixels around its tiles.

use std::ops::Range;

use super::super::Vector;
use super::super::instruction_set::Task;
use super::super::pixels::{Images, PixelSource, image_len};
use super::{Layout, TilePixels, WIDEST, Winograd, tile, width};

/// [`Winograd::transform_for_kernel`] as a task.
pub struct ForKernel<'a, P, const READ: usize> {
    pub winograd: Winograd,
    pub source: &'a mut P,
    /// Tiles of the image.
    pub tiles: Range<usize>,
    /// The position of the first of these tiles in the group.
    pub first: usize,
    pub v: &'a mut [f32],
}

impl<P: PixelSource<READ>, const READ: usize> Task for ForKernel<'_, P, READ> {
    #[inline(always)]
    fn run<S: Vector>(self, simd: S) {
        match width::<S>(self.winograd.in_channels) {
            WIDEST => self.transform::<S, WIDEST>(simd),
            _ => self.transform::<S, 1>(simd),
        }
    }
}

impl<P: PixelSource<READ>, const READ: usize> ForKernel<'_, P, READ> {
    #[inline(always)]
    fn transform<S: Vector, const WIDTH: usize>(self, simd: S) {
        let Winograd {
            size,
            in_channels: channels,
            ..
        } = self.winograd;
        self.winograd
            .check::<S>(channels, &self.tiles, self.first, self.v);
        let len = image_len(size.saturating_mul(size), channels);
        for vector in 0..channels / S::LANES {
            let constants = self.source.channels(simd, vector * S::LANES);
            let images = Images::of_source(self.source, len);
            for (index, tile) in self.tiles.clone().enumerate() {
                let at = self.winograd.tile_pixels(tile, channels, vector * S::LANES);
                // SAFETY: only pixels within the image of `len` floats are read, and the vector is
                // one of the pixel's; the tile is one of the group's, which `v` holds.
                unsafe {
                    // Constants in the usual case, so that its loops are unrolled.
                    let (height, width) = (at.height, at.width);
                    let pixels = match at.is_whole() {
                        true => read(simd, &images, constants, &at, (4, 4)),
                        false => read(simd, &images, constants, &at, (height, width)),
                    };
                    let entry = Layout::<WIDTH>::tile::<S>(vector, self.first + index);
                    let entries = self.v.as_mut_ptr().add(entry);
                    tile::transform_for_kernel::<S, WIDTH>(simd, pixels, entries);
                }
            }
        }
    }
}

/// The first `height` rows and `width` pixels per row of a tile; the others are zero.
///
/// # Safety
/// These pixels are within the source's images.
#[inline(always)]
unsafe fn read<S: Vector, P: PixelSource<READ>, const READ: usize>(
    simd: S,
    images: &Images<'_, P, READ>,
    constants: P::Channels<S>,
    tile: &TilePixels,
    (height, width): (usize, usize),
) -> [[S::f32s; 4]; 4] {
    let mut pixels = [[simd.splat_f32s(0.0); 4]; 4];
    for (y, line) in pixels.iter_mut().enumerate().take(height) {
        for (x, pixel) in line.iter_mut().enumerate().take(width) {
            // SAFETY: the caller's contract.
            *pixel = unsafe { images.value(simd, constants, tile.at(y, x)) };
        }
    }
    pixels
}
