//! The output transform, which sends its pixels to a sink.

use std::ops::Range;

use super::super::Vector;
use super::super::instruction_set::{Task, call};
use super::super::pixels::{Images, PixelSink, Sums, image_len};
use super::{Layout, TilePixels, WIDEST, Winograd, tile, width};

/// The products of some tiles of an image, to be transformed to outputs.
pub struct Tiles<'a> {
    pub winograd: Winograd,
    /// Channels of the image.
    pub channels: usize,
    /// The image's channels that `m` holds: one of [`Winograd::spans`].
    pub span: Range<usize>,
    /// Tiles of the image.
    pub tiles: Range<usize>,
    /// The position of the first of these tiles in the group.
    pub first: usize,
    /// A group's products for `span`, as [`Winograd::multiply_tiles`] writes them.
    pub m: &'a [f32],
}

impl Tiles<'_> {
    /// Y = A^T M A, sent to `sink` pixel by pixel; skips pixels outside the image.
    ///
    /// # Panics
    /// When the tiles are not all of the image or of a group, the span does not consist of whole
    /// vectors of the image's channels, or `m`, an image of the sink or `sums` is too short.
    #[inline(always)]
    pub fn transform<S: Vector, To: PixelSink<READ>, const READ: usize>(
        self,
        simd: S,
        sink: &mut To,
        sums: &mut Sums,
    ) {
        let transform = Transform {
            tiles: self,
            sink,
            sums,
        };
        call(simd, transform);
    }
}

/// [`Tiles::transform`] as a task.
struct Transform<'a, To, const READ: usize> {
    tiles: Tiles<'a>,
    sink: &'a mut To,
    sums: &'a mut Sums,
}

impl<To: PixelSink<READ>, const READ: usize> Task for Transform<'_, To, READ> {
    #[inline(always)]
    fn run<S: Vector>(self, simd: S) {
        let Self { tiles, sink, sums } = self;
        let Tiles {
            winograd,
            channels,
            span,
            tiles,
            first,
            m,
        } = tiles;
        winograd.check::<S>(span.len(), &tiles, first, m);
        assert!(span.end <= channels && channels.is_multiple_of(S::LANES));
        let len = image_len(winograd.size.saturating_mul(winograd.size), channels);
        for (vector, channel) in span.clone().step_by(S::LANES).enumerate() {
            let constants = sink.channels(simd, channel);
            let images = Images::of_sink(sink, len);
            let mut partial = [simd.splat_f32s(0.0); 2];
            for (index, tile) in tiles.clone().enumerate() {
                let put = Put {
                    images: &images,
                    constants,
                    pixels: winograd.tile_pixels(tile, channels, channel),
                };
                // SAFETY: the tile is one of the group's, which `m` holds; every pixel that is
                // written is inside the image of `len` floats, and the vector is one of the
                // pixel's.
                unsafe {
                    match width::<S>(span.len()) {
                        WIDEST => {
                            let at = Layout::<WIDEST>::tile::<S>(vector, first + index);
                            let entries = m.as_ptr().add(at);
                            put.tile::<WIDEST>(simd, entries, &mut partial);
                        }
                        _ => {
                            let at = Layout::<1>::tile::<S>(vector, first + index);
                            let entries = m.as_ptr().add(at);
                            put.tile::<1>(simd, entries, &mut partial);
                        }
                    }
                }
            }
            if To::SUMS {
                sums.add_partial(simd, channel, partial);
            }
        }
    }
}

/// The destination of a tile's pixels.
struct Put<'a, S: Vector, To: PixelSink<READ>, const READ: usize> {
    images: &'a Images<'a, To, READ>,
    constants: To::Channels<S>,
    pixels: TilePixels,
}

impl<S: Vector, To: PixelSink<READ>, const READ: usize> Put<'_, S, To, READ> {
    /// Sends the outputs of a tile to the sink.
    ///
    /// # Safety
    /// The entries are readable in the order of [`Layout`]; the tile's pixels are within the sink's
    /// images.
    #[inline(always)]
    unsafe fn tile<const WIDTH: usize>(
        &self,
        simd: S,
        entries: *const f32,
        sums: &mut [S::f32s; 2],
    ) {
        // SAFETY: the caller's contract.
        unsafe {
            let [first, third] = tile::transform_output::<S, WIDTH, false>(simd, entries);
            let [second, fourth] = tile::transform_output::<S, WIDTH, true>(simd, entries);
            if self.pixels.is_whole() {
                self.line(simd, 0, first, sums);
                self.line(simd, 1, second, sums);
                self.line(simd, 2, third, sums);
                self.line(simd, 3, fourth, sums);
                return;
            }
            let lines = [first, second, third, fourth];
            for (line, values) in lines.iter().enumerate().take(self.pixels.height) {
                for (x, &value) in values.iter().enumerate().take(self.pixels.width) {
                    self.pixel(simd, (line, x), value, sums);
                }
            }
        }
    }

    /// Sends one line of a tile to the sink.
    ///
    /// # Safety
    /// All four pixels of the line are within the sink's images.
    #[inline(always)]
    unsafe fn line(&self, simd: S, line: usize, values: [S::f32s; 4], sums: &mut [S::f32s; 2]) {
        for (x, &value) in values.iter().enumerate() {
            // SAFETY: the caller's contract.
            unsafe { self.pixel(simd, (line, x), value, sums) };
        }
    }

    /// Sends one pixel of a tile to the sink.
    ///
    /// # Safety
    /// The pixel is within the sink's images.
    #[inline(always)]
    unsafe fn pixel(
        &self,
        simd: S,
        (line, x): (usize, usize),
        value: S::f32s,
        sums: &mut [S::f32s; 2],
    ) {
        let (at, constants) = (self.pixels.at(line, x), self.constants);
        // SAFETY: the caller's contract.
        unsafe { self.images.put(simd, constants, at, value, sums) };
    }
}
