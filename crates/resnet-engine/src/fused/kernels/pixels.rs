//! Traits for the operations that are fused into reading a convolution's input and writing its
//! output.

use std::marker::PhantomData;
use std::ops::Range;

use super::Vector;
use super::vector::MOST_LANES;

/// Produces the pixels of one image, each from the same pixel of `READ` images.
pub trait PixelSource<const READ: usize> {
    /// Values that all pixels of a vector of channels share.
    type Channels<S: Vector>: Copy;

    /// Whether the values are also stored in an image.
    const KEEPS: bool;

    /// The shared values of the vector of channels that starts at `channel`.
    fn channels<S: Vector>(&self, simd: S, channel: usize) -> Self::Channels<S>;

    /// The images that are read, and the one that stores the values, if any.
    fn images(&mut self) -> ([&[f32]; READ], &mut [f32]);

    /// Computes one vector of a pixel.
    fn value<S: Vector>(simd: S, channels: Self::Channels<S>, read: [S::f32s; READ]) -> S::f32s;
}

/// Consumes the pixels of one image, each together with the same pixel of `READ` images.
pub trait PixelSink<const READ: usize> {
    /// Values that all pixels of a vector of channels share.
    type Channels<S: Vector>: Copy;

    /// Whether the results are stored in an image.
    const KEEPS: bool;

    /// Whether it adds to the sums.
    const SUMS: bool;

    /// The shared values of the vector of channels that starts at `channel`.
    fn channels<S: Vector>(&self, simd: S, channel: usize) -> Self::Channels<S>;

    /// The images that are read, and the one that stores the results, if any.
    fn images(&mut self) -> ([&[f32]; READ], &mut [f32]);

    /// Transforms one vector of a pixel. Adds to two sums over the pixels, which each
    /// implementation describes.
    fn take<S: Vector>(
        simd: S,
        channels: Self::Channels<S>,
        value: S::f32s,
        read: [S::f32s; READ],
        sums: &mut [S::f32s; 2],
    ) -> S::f32s;
}

/// The images of a source or sink `P`, borrowed together with it: their bounds are checked once,
/// and `P` cannot change them afterwards.
pub struct Images<'a, P, const READ: usize> {
    read: [*const f32; READ],
    kept: *mut f32,
    of: PhantomData<&'a mut P>,
}

impl<'a, P, const READ: usize> Images<'a, P, READ> {
    /// The images of `source`, which have `len` floats.
    ///
    /// # Panics
    /// When one is shorter.
    #[inline(always)]
    pub fn of_source(source: &'a mut P, len: usize) -> Self
    where
        P: PixelSource<READ>,
    {
        Self::new(source.images(), P::KEEPS, len)
    }

    /// The images of `sink`, which have `len` floats.
    ///
    /// # Panics
    /// When one is shorter.
    #[inline(always)]
    pub fn of_sink(sink: &'a mut P, len: usize) -> Self
    where
        P: PixelSink<READ>,
    {
        Self::new(sink.images(), P::KEEPS, len)
    }

    #[inline(always)]
    fn new((read, kept): ([&'a [f32]; READ], &'a mut [f32]), keeps: bool, len: usize) -> Self {
        let mut pointers = [std::ptr::null(); READ];
        for (pointer, image) in pointers.iter_mut().zip(read) {
            assert!(len <= image.len());
            *pointer = image.as_ptr();
        }
        assert!(!keeps || len <= kept.len());
        Self {
            read: pointers,
            kept: kept.as_mut_ptr(),
            of: PhantomData,
        }
    }

    /// The value of the vector at `at`, an offset in floats, of the source's image.
    ///
    /// # Safety
    /// The vector ends within the images' length.
    #[inline(always)]
    pub unsafe fn value<S: Vector>(&self, simd: S, channels: P::Channels<S>, at: usize) -> S::f32s
    where
        P: PixelSource<READ>,
    {
        // SAFETY: the caller's contract.
        unsafe {
            let value = P::value(simd, channels, self.load(simd, at));
            if P::KEEPS {
                simd.store_unchecked(self.kept.add(at), value);
            }
            value
        }
    }

    /// Hands the sink the vector at `at`, an offset in floats.
    ///
    /// # Safety
    /// The vector ends within the images' length.
    #[inline(always)]
    pub unsafe fn put<S: Vector>(
        &self,
        simd: S,
        channels: P::Channels<S>,
        at: usize,
        value: S::f32s,
        sums: &mut [S::f32s; 2],
    ) where
        P: PixelSink<READ>,
    {
        // SAFETY: the caller's contract.
        unsafe {
            let value = P::take(simd, channels, value, self.load(simd, at), sums);
            if P::KEEPS {
                simd.store_unchecked(self.kept.add(at), value);
            }
        }
    }

    /// The vectors at `at` of the images that are read.
    ///
    /// # Safety
    /// They end within the images' length.
    #[inline(always)]
    unsafe fn load<S: Vector>(&self, simd: S, at: usize) -> [S::f32s; READ] {
        let mut values = [simd.splat_f32s(0.0); READ];
        for (value, image) in values.iter_mut().zip(&self.read) {
            // SAFETY: the caller's contract.
            *value = unsafe { simd.load_unchecked(image.add(at)) };
        }
        values
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

/// Floats of an image.
///
/// # Panics
/// When the number overflows.
#[inline(always)]
pub fn image_len(pixels: usize, channels: usize) -> usize {
    let len = pixels.checked_mul(channels);
    len.expect("an image is smaller than the memory")
}

/// The memory layout of a padded image; distances are in floats.
#[derive(Debug, Clone, Copy)]
pub struct Padding {
    /// Between two rows.
    pub row: usize,
    /// Between two pixels of a row.
    pub pixel: usize,
    /// Between two vectors of channels of a pixel.
    pub vector: usize,
}

/// Fills the rows `rows` of a padded image's interior from `source`, which has `size` by `size`
/// pixels. Does not write the border: one pixel above and to the left, and everything below and to
/// the right.
#[inline(always)]
pub fn pad<S: Vector, P: PixelSource<READ>, const READ: usize>(
    simd: S,
    (size, channels): (usize, usize),
    source: &mut P,
    rows: Range<usize>,
    padding: Padding,
    padded: &mut [f32],
) {
    let vectors = channels / S::LANES;
    assert!(vectors > 0 && rows.end <= size && channels.is_multiple_of(S::LANES));
    let last = size * (padding.row + padding.pixel) + (vectors - 1) * padding.vector;
    assert!(last + S::LANES <= padded.len());
    let len = image_len(size.saturating_mul(size), channels);
    for row in rows {
        let inside = (row + 1) * padding.row + padding.pixel;
        for vector in 0..vectors {
            let channel = vector * S::LANES;
            let constants = source.channels(simd, channel);
            let images = Images::of_source(source, len);
            for column in 0..size {
                let at = (row * size + column) * channels + channel;
                let to = inside + column * padding.pixel + vector * padding.vector;
                // SAFETY: the vector is one of the image's `len` floats; no row, column or vector
                // of the padded image is after the last, which is within it.
                unsafe {
                    let value = images.value(simd, constants, at);
                    simd.store_unchecked(padded.as_mut_ptr().add(to), value);
                }
            }
        }
    }
}

/// Pixels that are processed together in the cache. Their sums are float32 and are then added up in
/// float64.
const BLOCK: usize = 64;

/// Moves all of an image's `pixels` from `source` to `sink`.
#[inline(always)]
pub fn scan<S, From, To, const READ: usize, const WITH: usize>(
    simd: S,
    (pixels, channels): (usize, usize),
    source: &mut From,
    sink: &mut To,
    sums: &mut Sums,
) where
    S: Vector,
    From: PixelSource<READ>,
    To: PixelSink<WITH>,
{
    assert!(channels.is_multiple_of(S::LANES));
    let len = image_len(pixels, channels);
    for start in (0..pixels).step_by(BLOCK) {
        for channel in (0..channels).step_by(S::LANES) {
            let (from, to) = (source.channels(simd, channel), sink.channels(simd, channel));
            let (sources, sinks) = (Images::of_source(source, len), Images::of_sink(sink, len));
            let mut partial = [simd.splat_f32s(0.0); 2];
            for pixel in start..(start + BLOCK).min(pixels) {
                let at = pixel * channels + channel;
                // SAFETY: the vector is within the pixel, which is one of the images' `len` floats.
                unsafe {
                    let value = sources.value(simd, from, at);
                    sinks.put(simd, to, at, value, &mut partial);
                }
            }
            if To::SUMS {
                sums.add_partial(simd, channel, partial);
            }
        }
    }
}
