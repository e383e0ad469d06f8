//! Sinks for the gradients that convolutions compute in the backward pass.

use std::ops::Range;

use super::batch_norm::Normalisation;
use super::kernels::{PixelSink, Vector};
use super::sources::Affine;

/// A BN's input x and its mean.
#[derive(Clone, Copy)]
pub struct Centred<'a> {
    pub x: &'a [f32],
    pub mean: &'a [f32],
}

impl Centred<'_> {
    /// The images at `range`.
    pub fn slice(self, range: Range<usize>) -> Self {
        Self {
            x: &self.x[range],
            mean: self.mean,
        }
    }

    /// The mean of the vector of channels that starts at `channel`.
    #[inline(always)]
    fn mean<S: Vector>(self, simd: S, channel: usize) -> S::f32s {
        simd.load(self.mean, channel)
    }
}

/// Adds g and g (x - mean) to the sums for the gradient of a BN.
#[inline(always)]
fn sum_against<S: Vector>(
    simd: S,
    gradient: S::f32s,
    (x, mean): (S::f32s, S::f32s),
    sums: &mut [S::f32s; 2],
) {
    sums[0] = simd.add_f32s(sums[0], gradient);
    sums[1] = simd.mul_add(gradient, simd.sub_f32s(x, mean), sums[1]);
}

/// Sums g and g (x - mean).
pub struct GradientSums<'a>(pub Centred<'a>);

impl PixelSink<1> for GradientSums<'_> {
    /// The mean.
    type Channels<S: Vector> = S::f32s;
    const KEEPS: bool = false;
    const SUMS: bool = true;

    #[inline(always)]
    fn channels<S: Vector>(&self, simd: S, channel: usize) -> S::f32s {
        self.0.mean(simd, channel)
    }

    #[inline(always)]
    fn images(&mut self) -> ([&[f32]; 1], &mut [f32]) {
        ([self.0.x], &mut [])
    }

    #[inline(always)]
    fn take<S: Vector>(
        simd: S,
        mean: S::f32s,
        value: S::f32s,
        [x]: [S::f32s; 1],
        sums: &mut [S::f32s; 2],
    ) -> S::f32s {
        sum_against(simd, value, (x, mean), sums);
        value
    }
}

/// Converts the gradient of relu(BN(x)) to that of BN(x), within a block; sums as [`GradientSums`].
pub struct InnerGradient<'a> {
    pub norm: &'a Normalisation,
    pub x: &'a [f32],
    pub gradient: &'a mut [f32],
}

impl PixelSink<1> for InnerGradient<'_> {
    /// The BN and its mean.
    type Channels<S: Vector> = (Affine<S>, S::f32s);
    const KEEPS: bool = true;
    const SUMS: bool = true;

    #[inline(always)]
    fn channels<S: Vector>(&self, simd: S, channel: usize) -> (Affine<S>, S::f32s) {
        let mean = simd.load(&self.norm.mean, channel);
        (Affine::new(simd, self.norm, channel), mean)
    }

    #[inline(always)]
    fn images(&mut self) -> ([&[f32]; 1], &mut [f32]) {
        ([self.x], self.gradient)
    }

    #[inline(always)]
    fn take<S: Vector>(
        simd: S,
        (norm, mean): (Affine<S>, S::f32s),
        value: S::f32s,
        [x]: [S::f32s; 1],
        sums: &mut [S::f32s; 2],
    ) -> S::f32s {
        let gradient = simd.where_positive(norm.apply(simd, x), value);
        sum_against(simd, gradient, (x, mean), sums);
        gradient
    }
}

/// Converts the gradient of a block's output, relu(BN(x) + shortcut), to that of the sum; sums as
/// [`GradientSums`].
pub struct OuterGradient<'a> {
    pub output: &'a [f32],
    pub centred: Centred<'a>,
    pub gradient: &'a mut [f32],
}

impl PixelSink<2> for OuterGradient<'_> {
    /// The mean.
    type Channels<S: Vector> = S::f32s;
    const KEEPS: bool = true;
    const SUMS: bool = true;

    #[inline(always)]
    fn channels<S: Vector>(&self, simd: S, channel: usize) -> S::f32s {
        self.centred.mean(simd, channel)
    }

    #[inline(always)]
    fn images(&mut self) -> ([&[f32]; 2], &mut [f32]) {
        ([self.output, self.centred.x], self.gradient)
    }

    #[inline(always)]
    fn take<S: Vector>(
        simd: S,
        mean: S::f32s,
        value: S::f32s,
        [output, x]: [S::f32s; 2],
        sums: &mut [S::f32s; 2],
    ) -> S::f32s {
        let gradient = simd.where_positive(output, value);
        sum_against(simd, gradient, (x, mean), sums);
        gradient
    }
}

/// [`OuterGradient`] for a gradient to which the gradient of the next block's `shortcut` must be
/// added.
pub struct ResidualGradient<'a> {
    pub outer: OuterGradient<'a>,
    pub shortcut: &'a [f32],
}

impl PixelSink<3> for ResidualGradient<'_> {
    /// The mean.
    type Channels<S: Vector> = S::f32s;
    const KEEPS: bool = true;
    const SUMS: bool = true;

    #[inline(always)]
    fn channels<S: Vector>(&self, simd: S, channel: usize) -> S::f32s {
        self.outer.channels(simd, channel)
    }

    #[inline(always)]
    fn images(&mut self) -> ([&[f32]; 3], &mut [f32]) {
        let ([output, x], gradient) = self.outer.images();
        ([output, x, self.shortcut], gradient)
    }

    #[inline(always)]
    fn take<S: Vector>(
        simd: S,
        mean: S::f32s,
        value: S::f32s,
        [output, x, shortcut]: [S::f32s; 3],
        sums: &mut [S::f32s; 2],
    ) -> S::f32s {
        let value = simd.add_f32s(value, shortcut);
        OuterGradient::take(simd, mean, value, [output, x], sums)
    }
}
