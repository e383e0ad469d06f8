//! What becomes of the gradients that come out of the convolutions, on their way back.

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

/// Adds to the sums of g and g (x - mean), which the gradient of a BN needs.
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
pub struct AgainstValue<'a>(pub Centred<'a>);

impl PixelSink for AgainstValue<'_> {
    /// The mean.
    type Channels<S: Vector> = S::f32s;

    #[inline(always)]
    fn channels<S: Vector>(&self, simd: S, channel: usize) -> S::f32s {
        self.0.mean(simd, channel)
    }

    #[inline(always)]
    fn put<S: Vector>(
        &mut self,
        simd: S,
        mean: S::f32s,
        at: usize,
        value: S::f32s,
        sums: &mut [S::f32s; 2],
    ) {
        let x = simd.load(self.0.x, at);
        sum_against(simd, value, (x, mean), sums);
    }
}

/// Takes the gradient of relu(BN(x)) to that of BN(x), within a block; sums as
/// [`AgainstValue`].
pub struct InnerGradient<'a> {
    pub norm: &'a Normalisation,
    pub x: &'a [f32],
    pub gradient: &'a mut [f32],
}

impl PixelSink for InnerGradient<'_> {
    /// The BN and its mean.
    type Channels<S: Vector> = (Affine<S>, S::f32s);

    #[inline(always)]
    fn channels<S: Vector>(&self, simd: S, channel: usize) -> (Affine<S>, S::f32s) {
        let mean = simd.load(&self.norm.mean, channel);
        (Affine::new(simd, self.norm, channel), mean)
    }

    #[inline(always)]
    fn put<S: Vector>(
        &mut self,
        simd: S,
        (norm, mean): (Affine<S>, S::f32s),
        at: usize,
        value: S::f32s,
        sums: &mut [S::f32s; 2],
    ) {
        let x = simd.load(self.x, at);
        let gradient = simd.where_positive(norm.apply(simd, x), value);
        simd.store(self.gradient, at, gradient);
        sum_against(simd, gradient, (x, mean), sums);
    }
}

/// Takes the gradient of a block's output, relu(BN(x) + shortcut), less what came down the next
/// block's `shortcut`, to that of the sum; sums as [`AgainstValue`].
pub struct OuterGradient<'a> {
    pub output: &'a [f32],
    pub shortcut: Option<&'a [f32]>,
    pub centred: Centred<'a>,
    pub gradient: &'a mut [f32],
}

impl PixelSink for OuterGradient<'_> {
    /// The mean.
    type Channels<S: Vector> = S::f32s;

    #[inline(always)]
    fn channels<S: Vector>(&self, simd: S, channel: usize) -> S::f32s {
        self.centred.mean(simd, channel)
    }

    #[inline(always)]
    fn put<S: Vector>(
        &mut self,
        simd: S,
        mean: S::f32s,
        at: usize,
        value: S::f32s,
        sums: &mut [S::f32s; 2],
    ) {
        let value = match self.shortcut {
            Some(shortcut) => simd.add_f32s(value, simd.load(shortcut, at)),
            None => value,
        };
        let gradient = simd.where_positive(simd.load(self.output, at), value);
        simd.store(self.gradient, at, gradient);
        let x = simd.load(self.centred.x, at);
        sum_against(simd, gradient, (x, mean), sums);
    }
}
