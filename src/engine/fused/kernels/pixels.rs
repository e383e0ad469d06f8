//! What happens to values on their way into a convolution and out of it.

use super::Vector;

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
}

/// Two sums over pixels for each channel, in float64.
#[derive(Debug, Clone, Default)]
pub struct Sums {
    /// (channels)
    pub first: Vec<f64>,
    /// (channels)
    pub second: Vec<f64>,
    /// Both over the last few pixels, in float32: (2, channels).
    partial: Vec<f32>,
}

impl Sums {
    /// Zero for each of `channels`.
    pub fn new(channels: usize) -> Self {
        Self {
            first: vec![0.0; channels],
            second: vec![0.0; channels],
            partial: vec![0.0; 2 * channels],
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

    /// The sums over the last few pixels of the channels from `channel` on.
    #[inline(always)]
    pub fn partial<S: Vector>(&self, simd: S, channel: usize) -> [S::f32s; 2] {
        let (first, second) = self.partial.split_at(self.first.len());
        [simd.load(first, channel), simd.load(second, channel)]
    }

    /// Sets what [`Sums::partial`] returns.
    #[inline(always)]
    pub fn set_partial<S: Vector>(&mut self, simd: S, channel: usize, sums: [S::f32s; 2]) {
        let (first, second) = self.partial.split_at_mut(self.first.len());
        simd.store(first, channel, sums[0]);
        simd.store(second, channel, sums[1]);
    }

    /// Adds the sums over the last few pixels to those in float64.
    #[inline(always)]
    pub fn flush(&mut self) {
        let all = self.first.iter_mut().chain(&mut self.second);
        for (sum, partial) in all.zip(&mut self.partial) {
            *sum += f64::from(std::mem::take(partial));
        }
    }
}

/// Fills the inside of a padded image whose rows are `pitch` floats apart with the `size` by
/// `size` pixels of `source`. The border of one pixel above and to the left, and all that is
/// below and to the right, stays as it is.
#[inline(always)]
pub fn pad<S: Vector>(
    simd: S,
    (size, channels): (usize, usize),
    source: &mut impl PixelSource,
    pitch: usize,
    padded: &mut [f32],
) {
    for (row, padded) in padded[pitch..].chunks_mut(pitch).take(size).enumerate() {
        let inside = &mut padded[channels..(size + 1) * channels];
        fill(simd, channels, source, row * size * channels, inside);
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
            let mut partial = sums.partial(simd, channel);
            for pixel in start..(start + BLOCK).min(pixels) {
                let at = pixel * channels + channel;
                let value = source.value(simd, from, at);
                sink.put(simd, to, at, value, &mut partial);
            }
            sums.set_partial(simd, channel, partial);
        }
        sums.flush();
    }
}
