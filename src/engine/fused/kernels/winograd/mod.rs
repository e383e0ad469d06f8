//! 3x3 convolutions with stride 1 by Winograd's minimal filtering F(4x4, 3x3) (Lavin and Gray,
//! "Fast Algorithms for Convolutional Neural Networks", 2015): 36 multiplications for each tile of
//! 4x4 outputs where the definition needs 144.
//!
//! The points are 0, +-P, +-Q and infinity, with P = sqrt(1/2) and Q = sqrt(2), for which errors are
//! half of those of the usual 0, +-1, +-2 and less (docs/engine.md).
//!
//! A tile's transform is 36 vectors of channels; one matrix product for each of the 36 multiplies
//! the tiles of a group with the transformed kernel.

mod kernel;
mod points;
mod tile;

use std::ops::Range;

use super::Vector;
use super::gemm::{Operand, Product, multiply};
use super::pixels::{PixelSink, Sums};
use super::prefetch::Prefetch;
use tile::Place;

/// Entries of a transformed tile.
const ENTRIES: usize = 36;
/// Floats that keep the distance between entries from being a power of two, whose multiples share
/// few lines of the cache.
const ENTRY_PADDING: usize = 16;

/// The geometry of one convolution from `size` by `size` pixels to as many.
#[derive(Debug, Clone, Copy)]
pub struct Winograd {
    pub in_channels: usize,
    pub out_channels: usize,
    /// Height and width of the images in pixels.
    pub size: usize,
    /// Tiles that go through the matrix products together.
    pub group: usize,
}

impl Winograd {
    /// Tiles along one side of an image; the last may hang over.
    pub fn tiles(size: usize) -> usize {
        size.div_ceil(4)
    }

    /// Height and width of an image that is padded for its tiles.
    pub fn padded_size(size: usize) -> usize {
        4 * Self::tiles(size) + 2
    }

    /// Floats between two entries of the same transformed tile.
    fn entry_stride(&self, channels: usize) -> usize {
        self.group * channels + ENTRY_PADDING
    }

    /// Floats of a group of transformed tiles.
    pub fn group_len(&self, channels: usize) -> usize {
        ENTRIES * self.entry_stride(channels)
    }

    /// Ticks of a [`Prefetch`] in each product over a group's tiles.
    pub const TICKS: usize = ENTRIES;

    /// Floats of a transformed kernel.
    pub fn kernel_len(&self) -> usize {
        ENTRIES * self.in_channels * self.out_channels
    }

    /// The tiles of rows `rows` of an image, row by row.
    #[inline(always)]
    fn tiles_of(&self, rows: Range<usize>) -> impl Iterator<Item = Corner> {
        let across = Self::tiles(self.size);
        let tiles = rows.start * across..rows.end * across;
        tiles.map(move |tile| Corner {
            y: 4 * (tile / across),
            x: 4 * (tile % across),
        })
    }

    /// V = B^T d B for the tiles of rows `rows` of a padded image, written to `v` as the tiles of
    /// the group from `first` on.
    #[inline(always)]
    pub fn transform_input<S: Vector>(
        &self,
        simd: S,
        channels: usize,
        padded: &[f32],
        rows: Range<usize>,
        first: usize,
        v: &mut [f32],
    ) {
        let pitch = Self::padded_size(self.size) * channels;
        self.check(simd, channels, &rows, first, v);
        assert!((4 * rows.end + 2) * pitch <= padded.len());
        for (index, corner) in self.tiles_of(rows).enumerate() {
            for channel in (0..channels).step_by(S::LANES) {
                // SAFETY: the tile's 6x6 pixels are within the padded image, and the tile is one
                // of the group's, which `v` holds.
                unsafe {
                    let pixels = corner.in_padded(padded, pitch, channels, channel);
                    let start = v.as_mut_ptr().add((first + index) * channels + channel);
                    tile::transform_input(simd, pixels, self.entries(start, channels));
                }
            }
        }
    }

    /// A dY A^T for the tiles of rows `rows` of a padded image of output gradients, written to `m`
    /// as the tiles of the group from `first` on: what the outputs' transform Y = A^T M A hands
    /// back to M.
    #[inline(always)]
    pub fn transform_gradient<S: Vector>(
        &self,
        simd: S,
        padded: &[f32],
        rows: Range<usize>,
        first: usize,
        m: &mut [f32],
    ) {
        let channels = self.out_channels;
        let pitch = Self::padded_size(self.size) * channels;
        self.check(simd, channels, &rows, first, m);
        assert!((4 * rows.end + 2) * pitch <= padded.len());
        for (index, corner) in self.tiles_of(rows).enumerate() {
            for channel in (0..channels).step_by(S::LANES) {
                // SAFETY: the tile's inner 4x4 pixels are within the padded image, and the tile
                // is one of the group's, which `m` holds.
                unsafe {
                    let inside = channel + pitch + channels;
                    let pixels = corner.in_padded(padded, pitch, channels, inside);
                    let start = m.as_mut_ptr().add((first + index) * channels + channel);
                    tile::transform_gradient(simd, pixels, self.entries(start, channels));
                }
            }
        }
    }

    /// Y = A^T M A for the tiles of rows `rows` of an image, which are those of the group in `m`
    /// from `first` on, handed to `sink` pixel by pixel, those outside the image left out.
    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "what, where from and where to")]
    pub fn transform_output<S: Vector>(
        &self,
        simd: S,
        channels: usize,
        m: &[f32],
        rows: Range<usize>,
        first: usize,
        sink: &mut impl PixelSink,
        sums: &mut Sums,
    ) {
        self.check(simd, channels, &rows, first, m);
        for (index, corner) in self.tiles_of(rows).enumerate() {
            let height = (self.size - corner.y).min(4);
            let width = (self.size - corner.x).min(4);
            for channel in (0..channels).step_by(S::LANES) {
                let constants = sink.channels(simd, channel);
                let mut partial = sums.partial(simd, channel);
                // SAFETY: the tile is one of the group's, which `m` holds.
                let columns = unsafe {
                    let start = m.as_ptr().add((first + index) * channels + channel);
                    tile::output_columns(simd, self.entries(start, channels))
                };
                for line in 0..height {
                    let values = tile::output_line(simd, &columns, line);
                    let pixel = (corner.y + line) * self.size + corner.x;
                    for (x, value) in values.into_iter().enumerate() {
                        if x < width {
                            let at = (pixel + x) * channels + channel;
                            sink.put(simd, constants, at, value, &mut partial);
                        }
                    }
                }
                sums.set_partial(simd, channel, partial);
            }
        }
        sums.flush();
    }

    /// That the tiles of `rows` fit into a group from `first` on, in whole vectors, and that
    /// `entries` holds a group.
    #[inline(always)]
    fn check<S: Vector>(
        &self,
        _: S,
        channels: usize,
        rows: &Range<usize>,
        first: usize,
        entries: &[f32],
    ) {
        assert!(channels.is_multiple_of(S::LANES));
        assert!(first + rows.len() * Self::tiles(self.size) <= self.group);
        assert!(self.group_len(channels) <= entries.len());
    }

    /// The entries of the tile and vector of channels that start at `start`.
    #[inline(always)]
    fn entries<T>(&self, start: T, channels: usize) -> Place<T> {
        let stride = self.entry_stride(channels);
        Place {
            start,
            line: 6 * stride,
            column: stride,
        }
    }

    /// M = V U for each of the 36 entries of `tiles` tiles, where V has `from` and M `to`
    /// channels; `kernel` is U (36, from, to).
    #[inline(always)]
    pub fn multiply_tiles<S: Vector>(
        &self,
        simd: S,
        tiles: usize,
        (from, to): (usize, usize),
        (v, kernel): (&[f32], &[f32]),
        m: &mut [f32],
        ahead: &mut Prefetch,
    ) {
        let product = Product {
            rows: tiles,
            columns: to,
            steps: from,
            segments: 1,
            a_row: from,
            a: Operand {
                step: 1,
                segment: 0,
            },
            b: Operand {
                step: to,
                segment: 0,
            },
            c_row: to,
            accumulate: false,
        };
        for entry in 0..ENTRIES {
            ahead.tick();
            multiply(
                simd,
                &product,
                &v[entry * self.entry_stride(from)..],
                &kernel[entry * from * to..],
                &mut m[entry * self.entry_stride(to)..],
            );
        }
    }

    /// dU = V^T dM, or dU += V^T dM, for each of the 36 entries of `tiles` tiles.
    #[inline(always)]
    pub fn multiply_kernel_gradient<S: Vector>(
        &self,
        simd: S,
        tiles: usize,
        (v, m): (&[f32], &[f32]),
        gradient: &mut [f32],
        accumulate: bool,
        ahead: &mut Prefetch,
    ) {
        let (from, to) = (self.in_channels, self.out_channels);
        let product = Product {
            rows: from,
            columns: to,
            steps: tiles,
            segments: 1,
            a_row: 1,
            a: Operand {
                step: from,
                segment: 0,
            },
            b: Operand {
                step: to,
                segment: 0,
            },
            c_row: to,
            accumulate,
        };
        for entry in 0..ENTRIES {
            ahead.tick();
            multiply(
                simd,
                &product,
                &v[entry * self.entry_stride(from)..],
                &m[entry * self.entry_stride(to)..],
                &mut gradient[entry * from * to..],
            );
        }
    }

    /// U = G g G^T of a kernel (3, 3, from, to), (36, from, to).
    #[inline(always)]
    pub fn transform_kernel<S: Vector>(simd: S, kernel: &[f32], transformed: &mut [f32]) {
        kernel::transform(simd, kernel, transformed);
    }

    /// dg = G^T dU G: the gradient of a kernel (3, 3, from, to) from that of its transform.
    #[inline(always)]
    pub fn transform_kernel_gradient<S: Vector>(simd: S, transformed: &[f32], kernel: &mut [f32]) {
        kernel::transform_gradient(simd, transformed, kernel);
    }
}

/// The first output pixel of a tile.
struct Corner {
    y: usize,
    x: usize,
}

impl Corner {
    /// The tile's pixels in a padded image, `offset` floats after its first.
    ///
    /// # Safety
    /// They are within it.
    #[inline(always)]
    unsafe fn in_padded(
        &self,
        padded: &[f32],
        pitch: usize,
        channels: usize,
        offset: usize,
    ) -> Place<*const f32> {
        let start = self.y * pitch + self.x * channels + offset;
        Place {
            // SAFETY: the caller's.
            start: unsafe { padded.as_ptr().add(start) },
            line: pitch,
            column: channels,
        }
    }
}
