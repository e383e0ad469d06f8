//! Sources and sinks that do not change the values.

use super::Vector;
use super::pixels::{PixelSink, PixelSource};

/// Values as they are in memory.
pub struct Stored<'a>(pub &'a [f32]);

impl PixelSource<1> for Stored<'_> {
    type Channels<S: Vector> = ();
    const KEEPS: bool = false;

    #[inline(always)]
    fn channels<S: Vector>(&self, _: S, _: usize) {}

    #[inline(always)]
    fn images(&mut self) -> ([&[f32]; 1], &mut [f32]) {
        ([self.0], &mut [])
    }

    #[inline(always)]
    fn value<S: Vector>(_: S, (): (), [value]: [S::f32s; 1]) -> S::f32s {
        value
    }
}

/// Stores the values x; sums x and x squared.
pub struct Measured<'a>(pub &'a mut [f32]);

impl PixelSink<0> for Measured<'_> {
    type Channels<S: Vector> = ();
    const KEEPS: bool = true;
    const SUMS: bool = true;

    #[inline(always)]
    fn channels<S: Vector>(&self, _: S, _: usize) {}

    #[inline(always)]
    fn images(&mut self) -> ([&[f32]; 0], &mut [f32]) {
        ([], self.0)
    }

    #[inline(always)]
    fn take<S: Vector>(
        simd: S,
        (): (),
        value: S::f32s,
        []: [S::f32s; 0],
        sums: &mut [S::f32s; 2],
    ) -> S::f32s {
        sums[0] = simd.add_f32s(sums[0], value);
        sums[1] = simd.mul_add(value, value, sums[1]);
        value
    }
}

/// Sums x and x squared; stores nothing.
pub struct Summed;

impl PixelSink<0> for Summed {
    type Channels<S: Vector> = ();
    const KEEPS: bool = false;
    const SUMS: bool = true;

    #[inline(always)]
    fn channels<S: Vector>(&self, _: S, _: usize) {}

    #[inline(always)]
    fn images(&mut self) -> ([&[f32]; 0], &mut [f32]) {
        ([], &mut [])
    }

    #[inline(always)]
    fn take<S: Vector>(
        simd: S,
        (): (),
        value: S::f32s,
        read: [S::f32s; 0],
        sums: &mut [S::f32s; 2],
    ) -> S::f32s {
        Measured::take(simd, (), value, read, sums)
    }
}

/// Stores the values; sums nothing.
pub struct Kept<'a>(pub &'a mut [f32]);

impl PixelSink<0> for Kept<'_> {
    type Channels<S: Vector> = ();
    const KEEPS: bool = true;
    const SUMS: bool = false;

    #[inline(always)]
    fn channels<S: Vector>(&self, _: S, _: usize) {}

    #[inline(always)]
    fn images(&mut self) -> ([&[f32]; 0], &mut [f32]) {
        ([], self.0)
    }

    #[inline(always)]
    fn take<S: Vector>(
        _: S,
        (): (),
        value: S::f32s,
        []: [S::f32s; 0],
        _: &mut [S::f32s; 2],
    ) -> S::f32s {
        value
    }
}
