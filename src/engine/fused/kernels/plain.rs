//! Sources and sinks that change nothing on the way.

use super::Vector;
use super::pixels::{PixelSink, PixelSource};

/// Values as they lie in memory.
pub struct Stored<'a>(pub &'a [f32]);

impl PixelSource for Stored<'_> {
    type Channels<S: Vector> = ();

    #[inline(always)]
    fn channels<S: Vector>(&self, _: S, _: usize) {}

    #[inline(always)]
    fn value<S: Vector>(&mut self, simd: S, (): (), at: usize) -> S::f32s {
        simd.load(self.0, at)
    }
}

/// Keeps the values x; sums x and x squared.
pub struct Measured<'a>(pub &'a mut [f32]);

impl PixelSink for Measured<'_> {
    type Channels<S: Vector> = ();

    #[inline(always)]
    fn channels<S: Vector>(&self, _: S, _: usize) {}

    #[inline(always)]
    fn put<S: Vector>(
        &mut self,
        simd: S,
        (): (),
        at: usize,
        value: S::f32s,
        sums: &mut [S::f32s; 2],
    ) {
        simd.store(self.0, at, value);
        Summed.put(simd, (), at, value, sums);
    }
}

/// Only sums x and x squared.
pub struct Summed;

impl PixelSink for Summed {
    type Channels<S: Vector> = ();

    #[inline(always)]
    fn channels<S: Vector>(&self, _: S, _: usize) {}

    #[inline(always)]
    fn put<S: Vector>(
        &mut self,
        simd: S,
        (): (),
        _: usize,
        value: S::f32s,
        sums: &mut [S::f32s; 2],
    ) {
        sums[0] = simd.add_f32s(sums[0], value);
        sums[1] = simd.mul_add(value, value, sums[1]);
    }
}

/// Keeps the values; sums nothing.
pub struct Kept<'a>(pub &'a mut [f32]);

impl PixelSink for Kept<'_> {
    type Channels<S: Vector> = ();

    #[inline(always)]
    fn channels<S: Vector>(&self, _: S, _: usize) {}

    #[inline(always)]
    fn put<S: Vector>(&mut self, simd: S, (): (), at: usize, value: S::f32s, _: &mut [S::f32s; 2]) {
        simd.store(self.0, at, value);
    }

    #[inline(always)]
    fn has_sums(&self) -> bool {
        false
    }
}
