//! What happens to values on their way into a convolution and out of it.

use std::ops::Range;

use super::Vector;
use super::vector::MOST_LANES;

/// Where the pixels of one image come from.
pub trait PixelSource {
    /// What is the same for all pixels of a vector of channels.
    type Channels<S: Vector>: Copy;

    /// For the vector of channels that starts at `channel`.
    fn channels<S: Vector>(&self, simd: S, channel: usize) -> Self::Channels<S>;

    /// The vector at `at`, an offset in floats from the start of the image. Asked for once for
    /// each vector.
    fn value<S: Vector>(&mut self, simd: S, channels: Self::Channels<S>, at: usize) -> S::f32s;
}

/// Where the pixels of one image go to.
pub trait PixelSink {
    /// What is the same for all pixels of a vector of channels.
    type Channels<S: Vector>: Copy;

    /// For the vector of channels that starts at `channel`.
    fn channels<S: Vector>(&self, simd: S, channel: usize) -> Self::Channels<S>;

    /// Takes the vector at `at`, an offset in floats from the start of the image, and adds to two
    /// sums over the pixels, which each implementation describes.
    fn put<S: Vector>(
        &mut self,
        simd: S,
        channels: Self::Channels<S>,
        at: usize,
        value: S::f32s,
        sums: &mut [S::f32s; 2],
    );

    /// Whether it adds to the sums at all.
    #[inline(always)]
    fn has_sums(&self) -> bool {
        true
    }
}

/// Two sums over pixels for each channel, in float64.
#[derive(Debug, Clone, Default)]
pub struct Sums {
    /// (channels)
    pub first: Vec<f64>,
    /// (channels)
    pub second: Vec<f64>,
}

impl Sums {
    /// Zero for each of `channels`.
    pub fn new(channels: usize) -> Self {
        Self {
            first: vec![0.0; channels],
            second: vec![0.0; channels],
        }
    }

    /// Adds `other`, channel by channel.
    pub fn add(&mut self, other: &Self) {
        for (to, from) in [
            (&mut self.first, &other.first),
            (&mut self.second, &other.second),
        ] {
            for (to, from) in to.iter_mut().zip(from) {
                *to += from;
            }
        }
    }

    /// Adds the sums over a few pixels of the vector of channels that starts at `channel`.
    #[inline(always)]
    pub fn add_partial<S: Vector>(&mut self, simd: S, channel: usize, partial: [S::f32s; 2]) {
        for (sums, partial) in [&mut self.first, &mut self.second].into_iter().zip(partial) {
            let mut lanes = [0.0; MOST_LANES];
            simd.store(&mut lanes, 0, partial);
            let sums = &mut sums[channel..channel + S::LANES];
            for (sum, lane) in sums.iter_mut().zip(lanes) {
                *sum += f64::from(lane);
            }
        }
    }
}

/// How a padded image lies in memory; distances are in floats.
#[derive(Debug, Clone, Copy)]
pub struct Padding {
    /// Between two rows.
    pub row: usize,
    /// Between two pixels of a row.
    pub pixel: usize,
    /// Between two vectors of channels of a pixel.
    pub vector: usize,
}

/// Fills rows `rows` of the inside of a padded image with those of `source`, which has `size` by
/// `size` pixels. The border of one pixel above and to the left, and all that is below and to the
/// right, stays as it is.
#[inline(always)]
pub fn pad<S: Vector>(
    simd: S,
    (size, channels): (usize, usize),
    source: &mut impl PixelSource,
    rows: Range<usize>,
    padding: Padding,
    padded: &mut [f32],
) {
    let vectors = channels / S::LANES;
    assert!(vectors > 0 && rows.end <= size && channels.is_multiple_of(S::LANES));
    let last = size * (padding.row + padding.pixel) + (vectors - 1) * padding.vector;
    assert!(last + S::LANES <= padded.len());
    for row in rows {
        let inside = (row + 1) * padding.row + padding.pixel;
        for vector in 0..vectors {
            let channel = vector * S::LANES;
            let constants = source.channels(simd, channel);
            for column in 0..size {
                let at = (row * size + column) * channels + channel;
                let value = source.value(simd, constants, at);
                let to = inside + column * padding.pixel + vector * padding.vector;
                // SAFETY: no row, column or vector is after the last, which is within the image.
                unsafe { simd.store_unchecked(padded.as_mut_ptr().add(to), value) };
            }
        }
    }
}

/// Writes the pixels of `source` from `start` on to `run`, whole pixels.
#[inline(always)]
fn fill<S: Vector>(
    simd: S,
    channels: usize,
    source: &mut impl PixelSource,
    start: usize,
    run: &mut [f32],
) {
    for channel in (0..channels).step_by(S::LANES) {
        let constants = source.channels(simd, channel);
        for at in (channel..run.len()).step_by(channels) {
            let value = source.value(simd, constants, start + at);
            simd.store(run, at, value);
        }
    }
}

/// Writes all pixels of `source` to `image`.
#[inline(always)]
pub fn copy<S: Vector>(simd: S, channels: usize, source: &mut impl PixelSource, image: &mut [f32]) {
    for (index, run) in image.chunks_mut(BLOCK * channels).enumerate() {
        fill(simd, channels, source, index * BLOCK * channels, run);
    }
}

/// Pixels that go through the cache together, and whose sums are taken in float32 before they are
/// added up in float64.
const BLOCK: usize = 64;

/// Moves all of an image's `pixels` from `source` to `sink`.
#[inline(always)]
pub fn scan<S: Vector>(
    simd: S,
    (pixels, channels): (usize, usize),
    source: &mut impl PixelSource,
    sink: &mut impl PixelSink,
    sums: &mut Sums,
) {
    for start in (0..pixels).step_by(BLOCK) {
        for channel in (0..channels).step_by(S::LANES) {
            let (from, to) = (source.channels(simd, channel), sink.channels(simd, channel));
            let mut partial = [simd.splat_f32s(0.0); 2];
            for pixel in start..(start + BLOCK).min(pixels) {
                let at = pixel * channels + channel;
                let value = source.value(simd, from, at);
                sink.put(simd, to, at, value, &mut partial);
            }
            if sink.has_sums() {
                sums.add_partial(simd, channel, partial);
            }
        }
    }
}
