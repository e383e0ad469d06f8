//! 3x3 convolutions with stride 1 by Winograd's minimal filtering F(4x4, 3x3) (Lavin and Gray,
//! "Fast Algorithms for Convolutional Neural Networks", 2015): 36 multiplications for each tile of
//! 4x4 outputs where the direct method needs 144.
//!
//! The points are 0, +-P, +-Q and infinity, with P = sqrt(1/2) and Q = sqrt(2). Their errors are at
//! most half of those of the usual points 0, +-1, +-2 (docs/engine.md).
//!
//! A transformed tile has 36 entries for each channel. Tiles are transformed and multiplied in
//! groups of up to 16, with one matrix product for each of the 36 entries. The layout of a group is
//! (blocks of one or two vectors of channels, 36, 16 tiles, channels of the block): the distances
//! between the entries of a transform are compile-time constants, and a product reads consecutive
//! memory. Products compute one block of output channels at a time, so that its tiles are still in
//! the first-level cache when they are transformed back.

mod for_kernel;
mod kernel;
mod output;
mod points;
mod products;
mod tile;

use std::ops::Range;

use super::Vector;
use super::gemm::blocks;
use super::instruction_set::call;
use super::pixels::{Padding, PixelSource};
use super::prefetch::Prefetch;
use for_kernel::ForKernel;
pub use output::Tiles;
use products::{Blocks, KernelGradientProducts, Products, TileProducts};

/// Entries of a transformed tile.
const ENTRIES: usize = 36;
/// Tiles that are multiplied together: enough to reuse each transformed kernel several times, few
/// enough to stay in the cache.
const GROUP: usize = 16;
/// The most vectors of channels in a block.
const WIDEST: usize = 2;

/// The memory layout of a group's transformed tiles, with `WIDTH` vectors in a block of channels.
struct Layout<const WIDTH: usize>;

impl<const WIDTH: usize> Layout<WIDTH> {
    /// Vectors between two entries of a tile: two more than the tiles need, because strides of a
    /// power of two map to few cache sets.
    const ENTRY: usize = GROUP * WIDTH + 2;

    /// The offset of the first entry of a tile, for a vector of channels.
    #[inline(always)]
    fn tile<S: Vector>(vector: usize, tile: usize) -> usize {
        let block = vector / WIDTH * ENTRIES * Self::ENTRY;
        (block + tile * WIDTH + vector % WIDTH) * S::LANES
    }
}

/// Vectors in a block of `channels`.
#[inline(always)]
fn width<S: Vector>(channels: usize) -> usize {
    if channels.is_multiple_of(WIDEST * S::LANES) {
        WIDEST
    } else {
        1
    }
}

/// The geometry of one convolution from `size` by `size` pixels to as many.
#[derive(Debug, Clone, Copy)]
pub struct Winograd {
    pub in_channels: usize,
    pub out_channels: usize,
    /// Height and width of the images in pixels.
    pub size: usize,
}

impl Winograd {
    /// The most tiles that are multiplied together.
    pub const GROUP: usize = GROUP;

    /// Tiles along one side of an image; the last may extend beyond it.
    pub fn tiles(size: usize) -> usize {
        size.div_ceil(4)
    }

    /// Height and width of an image padded to whole tiles.
    pub fn padded_size(size: usize) -> usize {
        4 * Self::tiles(size) + 2
    }

    /// The memory layout of a padded image: a plane for each vector of channels.
    pub fn padding<S: Vector>(size: usize) -> Padding {
        let side = Self::padded_size(size);
        Padding {
            row: side * S::LANES,
            pixel: S::LANES,
            vector: side * side * S::LANES,
        }
    }

    /// Floats of a group of transformed tiles.
    pub fn group_len(channels: usize) -> usize {
        // With blocks of one vector, which have the most padding between entries.
        ENTRIES * Layout::<1>::ENTRY * channels
    }

    /// The blocks of `channels` output channels; one product computes one block.
    pub fn spans<S: Vector>(channels: usize) -> impl ExactSizeIterator<Item = Range<usize>> {
        let step = WIDEST * S::LANES;
        (0..channels)
            .step_by(step)
            .map(move |start| start..(start + step).min(channels))
    }

    /// Ticks of a [`Prefetch`] in the products of `tiles` tiles for all of `to` channels.
    #[inline(always)]
    pub fn ticks<S: Vector>(tiles: usize, to: usize) -> usize {
        let spans = Self::spans::<S>(to);
        ENTRIES
            * spans
                .map(|span| blocks::<S>(tiles, span.len()))
                .sum::<usize>()
    }

    /// Ticks of a [`Prefetch`] in the products for the kernel's gradient.
    #[inline(always)]
    pub fn kernel_gradient_ticks<S: Vector>(&self) -> usize {
        let (from, to) = (self.in_channels, self.out_channels);
        let (rows, columns) = (Blocks::of::<S>(from).channels, Blocks::of::<S>(to).channels);
        ENTRIES * (from / rows) * (to / columns) * blocks::<S>(rows, columns)
    }

    /// Floats of a transformed kernel.
    pub fn kernel_len(&self) -> usize {
        ENTRIES * self.in_channels * self.out_channels
    }

    /// The corner of one of an image's tiles, counted row by row.
    #[inline(always)]
    fn corner(&self, tile: usize) -> Corner {
        let across = Self::tiles(self.size);
        Corner {
            y: 4 * (tile / across),
            x: 4 * (tile % across),
        }
    }

    /// The pixels of one of the tiles of an image with `channels` channels, for the vector of
    /// channels that starts at `channel`.
    #[inline(always)]
    fn tile_pixels(&self, tile: usize, channels: usize, channel: usize) -> TilePixels {
        let corner = self.corner(tile);
        TilePixels {
            first: (corner.y * self.size + corner.x) * channels + channel,
            row: self.size * channels,
            pixel: channels,
            height: (self.size - corner.y).min(4),
            width: (self.size - corner.x).min(4),
        }
    }

    /// V = B^T d B for the tiles `tiles` of a padded image, written to `v` starting at the group's
    /// tile `first`.
    #[inline(always)]
    pub fn transform_input<S: Vector>(
        &self,
        simd: S,
        channels: usize,
        padded: &[f32],
        tiles: Range<usize>,
        first: usize,
        v: &mut [f32],
    ) {
        match width::<S>(channels) {
            WIDEST => self.transform_input_in::<S, WIDEST>(simd, channels, padded, tiles, first, v),
            _ => self.transform_input_in::<S, 1>(simd, channels, padded, tiles, first, v),
        }
    }

    /// [`Winograd::transform_input`] with blocks of `WIDTH` vectors.
    #[inline(always)]
    fn transform_input_in<S: Vector, const WIDTH: usize>(
        &self,
        simd: S,
        channels: usize,
        padded: &[f32],
        tiles: Range<usize>,
        first: usize,
        v: &mut [f32],
    ) {
        let padding = Self::padding::<S>(self.size);
        self.check::<S>(channels, &tiles, first, v);
        assert!(channels / S::LANES * padding.vector <= padded.len());
        // The vectors of a block share cache lines.
        for block in (0..channels / S::LANES).step_by(WIDTH) {
            for (index, tile) in tiles.clone().enumerate() {
                let corner = self.corner(tile);
                for vector in block..block + WIDTH {
                    // SAFETY: the tile's 6x6 pixels are within the padded image's plane, and the
                    // tile is one of the group's, which `v` holds.
                    unsafe {
                        let plane = padded.as_ptr().add(vector * padding.vector);
                        let pixels = plane.add(corner.y * padding.row + corner.x * padding.pixel);
                        let entries = v
                            .as_mut_ptr()
                            .add(Layout::<WIDTH>::tile::<S>(vector, first + index));
                        tile::transform_input::<S, WIDTH>(simd, pixels, padding.row, entries);
                    }
                }
            }
        }
    }

    /// A x A^T for the tiles `tiles` of an image x, without the pixels around them, written to `v`
    /// starting at the group's tile `first`: one operand of the kernel's gradient. The other is
    /// B^T dY B, which [`Winograd::transform_input`] has computed for the gradient of the image.
    #[inline(always)]
    pub fn transform_for_kernel<S: Vector, P: PixelSource<READ>, const READ: usize>(
        &self,
        simd: S,
        source: &mut P,
        tiles: Range<usize>,
        first: usize,
        v: &mut [f32],
    ) {
        let transform = ForKernel {
            winograd: *self,
            source,
            tiles,
            first,
            v,
        };
        call(simd, transform);
    }

    /// Checks that `tiles` are tiles of an image and fit into a group starting at `first`, in whole
    /// vectors, and that `entries` holds a group.
    #[inline(always)]
    fn check<S: Vector>(
        &self,
        channels: usize,
        tiles: &Range<usize>,
        first: usize,
        entries: &[f32],
    ) {
        assert!(channels.is_multiple_of(S::LANES));
        assert!(tiles.end <= Self::tiles(self.size).pow(2));
        assert!(tiles.len() <= GROUP && first <= GROUP - tiles.len());
        assert!(Self::group_len(channels) <= entries.len());
    }

    /// M = V U for each of the 36 entries of `tiles` tiles. V has `from` channels; M gets the
    /// channels `span`, one of [`Winograd::spans`] of its channels. `kernel` is U as
    /// [`Winograd::transform_kernel`] writes it.
    #[inline(always)]
    #[expect(
        clippy::too_many_arguments,
        reason = "sizes, operands and result of one product"
    )]
    pub fn multiply_tiles<S: Vector>(
        &self,
        simd: S,
        tiles: usize,
        from: usize,
        span: Range<usize>,
        (v, kernel): (&[f32], &[f32]),
        m: &mut [f32],
        ahead: &mut Prefetch,
    ) {
        let products = TileProducts {
            tiles,
            from,
            to: span.len(),
            operands: (v, &kernel[ENTRIES * from * span.start..]),
            m,
            ahead,
        };
        products.compute(simd);
    }

    /// dU = V^T M, or dU += V^T M, for each of the 36 entries of `tiles` tiles: (36, in, out). V is
    /// A x A^T, M is B^T dY B.
    #[inline(always)]
    pub fn multiply_kernel_gradient<S: Vector>(
        &self,
        simd: S,
        tiles: usize,
        operands: (&[f32], &[f32]),
        gradient: &mut [f32],
        accumulate: bool,
        ahead: &mut Prefetch,
    ) {
        let products = KernelGradientProducts {
            tiles,
            from: self.in_channels,
            to: self.out_channels,
            operands,
            gradient,
            accumulate,
            ahead,
        };
        products.compute(simd);
    }

    /// U = G g G^T of a kernel (3, 3, from, to): for each of [`Winograd::spans`], (36, from, span).
    #[inline(always)]
    pub fn transform_kernel<S: Vector>(
        simd: S,
        to: usize,
        kernel: &[f32],
        transformed: &mut [f32],
    ) {
        kernel::transform(simd, to, kernel, transformed);
    }

    /// dg = G^T dU G, rotated by 180 degrees: the gradient of a kernel (3, 3, from, to) from the sum
    /// (36, from, to) of [`Winograd::multiply_kernel_gradient`].
    #[inline(always)]
    pub fn transform_kernel_gradient<S: Vector>(simd: S, transformed: &[f32], kernel: &mut [f32]) {
        kernel::transform_gradient(simd, transformed, kernel);
    }
}

/// The pixels of a tile, for one vector of channels; distances are in floats.
struct TilePixels {
    /// The offset of the first.
    first: usize,
    /// Between two rows of the image.
    row: usize,
    /// Between two pixels of a row.
    pixel: usize,
    /// Rows, and pixels per row, that are within the image.
    height: usize,
    width: usize,
}

impl TilePixels {
    /// The offset of a pixel.
    #[inline(always)]
    fn at(&self, line: usize, x: usize) -> usize {
        self.first + line * self.row + x * self.pixel
    }

    /// Whether all pixels are within the image.
    #[inline(always)]
    fn is_whole(&self) -> bool {
        (self.height, self.width) == (4, 4)
    }
}

/// The first output pixel of a tile.
struct Corner {
    y: usize,
    x: usize,
}
