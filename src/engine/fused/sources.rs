//! The values that go into the convolutions, forward and backward.

use std::ops::Range;

use super::batch_norm::{Normalisation, NormalisationGradient};
use super::geometry::Join;
use super::kernels::{PixelSource, Vector};

/// relu(BN(x)).
pub struct Activated<'a> {
    pub x: &'a [f32],
    pub norm: &'a Normalisation,
}

impl PixelSource for Activated<'_> {
    type Channels<S: Vector> = Affine<S>;

    #[inline(always)]
    fn channels<S: Vector>(&self, simd: S, channel: usize) -> Affine<S> {
        Affine::new(simd, self.norm, channel)
    }

    #[inline(always)]
    fn value<S: Vector>(&mut self, simd: S, norm: Affine<S>, at: usize) -> S::f32s {
        simd.relu(norm.apply(simd, simd.load(self.x, at)))
    }
}

/// A block's output, relu(BN(x) + shortcut), which is kept in `output`.
pub struct Joined<'a> {
    pub x: &'a [f32],
    pub norm: &'a Normalisation,
    pub shortcut: Shortcut<'a>,
    pub output: &'a mut [f32],
}

impl<'a> Joined<'a> {
    /// Cuts many images into chunks of `len` floats.
    pub fn chunks(self, len: usize) -> Vec<Self> {
        let chunks = self.x.chunks(len).zip(self.output.chunks_mut(len));
        let mut start = 0;
        let mut cut = Vec::with_capacity(chunks.len());
        for (x, output) in chunks {
            cut.push(Self {
                x,
                norm: self.norm,
                shortcut: self.shortcut.slice(start..start + x.len()),
                output,
            });
            start += x.len();
        }
        cut
    }

    /// What the images at `range` are read from and written to.
    pub fn arrays(&self, range: Range<usize>) -> [&[f32]; 3] {
        let shortcut = match self.shortcut {
            Shortcut::None => &[],
            Shortcut::Identity(x) | Shortcut::Projection { x, .. } => &x[range.clone()],
        };
        [&self.x[range.clone()], shortcut, &self.output[range]]
    }

    /// The one of many images at `range`.
    pub fn image(&mut self, range: Range<usize>) -> Joined<'_> {
        Joined {
            x: &self.x[range.clone()],
            norm: self.norm,
            shortcut: self.shortcut.slice(range.clone()),
            output: &mut self.output[range],
        }
    }
}

/// What a block adds to its second BN.
#[derive(Clone, Copy)]
pub enum Shortcut<'a> {
    None,
    /// Added as it is.
    Identity(&'a [f32]),
    /// BN(x).
    Projection {
        x: &'a [f32],
        norm: &'a Normalisation,
    },
}

impl<'a> Shortcut<'a> {
    /// What a block that ends with `join` adds: its `input`, or what its shortcut has `made` of
    /// it, of each the first `len` floats.
    pub fn new(
        join: &Join,
        (input, made): (&'a [f32], &'a [f32]),
        norms: &'a [Normalisation],
        len: usize,
    ) -> Self {
        match join {
            Join::None => Self::None,
            Join::Identity => Self::Identity(&input[..len]),
            Join::SubsampleAndPad => Self::Identity(&made[..len]),
            Join::Projection(conv) => Self::Projection {
                x: &made[..len],
                norm: &norms[conv.index],
            },
        }
    }
}

impl Shortcut<'_> {
    /// The images at `range`.
    fn slice(self, range: Range<usize>) -> Self {
        match self {
            Self::None => Self::None,
            Self::Identity(input) => Self::Identity(&input[range]),
            Self::Projection { x, norm } => Self::Projection { x: &x[range], norm },
        }
    }
}

impl PixelSource for Joined<'_> {
    /// Of the block's BN and of the projection's.
    type Channels<S: Vector> = [Affine<S>; 2];

    #[inline(always)]
    fn channels<S: Vector>(&self, simd: S, channel: usize) -> [Affine<S>; 2] {
        let own = Affine::new(simd, self.norm, channel);
        match self.shortcut {
            Shortcut::Projection { norm, .. } => [own, Affine::new(simd, norm, channel)],
            Shortcut::None | Shortcut::Identity(_) => [own, own],
        }
    }

    #[inline(always)]
    fn value<S: Vector>(
        &mut self,
        simd: S,
        [own, projection]: [Affine<S>; 2],
        at: usize,
    ) -> S::f32s {
        let y = own.apply(simd, simd.load(self.x, at));
        let sum = match self.shortcut {
            Shortcut::None => y,
            Shortcut::Identity(input) => simd.add_f32s(y, simd.load(input, at)),
            Shortcut::Projection { x, .. } => {
                simd.add_f32s(y, projection.apply(simd, simd.load(x, at)))
            }
        };
        let value = simd.relu(sum);
        simd.store(self.output, at, value);
        value
    }
}

/// One value for each channel.
pub struct Uniform<'a>(pub &'a [f32]);

impl PixelSource for Uniform<'_> {
    type Channels<S: Vector> = S::f32s;

    #[inline(always)]
    fn channels<S: Vector>(&self, simd: S, channel: usize) -> S::f32s {
        simd.load(self.0, channel)
    }

    #[inline(always)]
    fn value<S: Vector>(&mut self, _: S, value: S::f32s, _: usize) -> S::f32s {
        value
    }
}

/// The gradient of a convolution's output x from the gradient of its normalised output.
pub struct Unnormalised<'a> {
    pub gradient: &'a [f32],
    pub x: &'a [f32],
    pub norm: &'a NormalisationGradient,
}

impl PixelSource for Unnormalised<'_> {
    /// The factors of the gradient and of x, and the constant.
    type Channels<S: Vector> = [S::f32s; 3];

    #[inline(always)]
    fn channels<S: Vector>(&self, simd: S, channel: usize) -> [S::f32s; 3] {
        [
            simd.load(&self.norm.of_gradient, channel),
            simd.load(&self.norm.of_value, channel),
            simd.load(&self.norm.constant, channel),
        ]
    }

    #[inline(always)]
    fn value<S: Vector>(
        &mut self,
        simd: S,
        [of_gradient, of_value, constant]: [S::f32s; 3],
        at: usize,
    ) -> S::f32s {
        let rest = simd.mul_add(simd.load(self.x, at), of_value, constant);
        simd.mul_add(simd.load(self.gradient, at), of_gradient, rest)
    }
}

/// BN of a vector of channels: scale and shift.
#[derive(Clone, Copy)]
pub struct Affine<S: Vector> {
    scale: S::f32s,
    shift: S::f32s,
}

impl<S: Vector> Affine<S> {
    /// Of the vector of channels that starts at `channel`.
    #[inline(always)]
    pub fn new(simd: S, norm: &Normalisation, channel: usize) -> Self {
        Self {
            scale: simd.load(&norm.scale, channel),
            shift: simd.load(&norm.shift, channel),
        }
    }

    /// scale * x + shift
    #[inline(always)]
    pub fn apply(self, simd: S, x: S::f32s) -> S::f32s {
        simd.mul_add(x, self.scale, self.shift)
    }
}
