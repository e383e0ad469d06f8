//! Sources of the values that convolutions read, in the forward and the backward pass.

use std::ops::Range;

use super::batch_norm::{Normalisation, NormalisationGradient};
use super::geometry::ShortcutKind;
use super::kernels::{PixelSource, Vector};

/// relu(BN(x)).
pub struct Activated<'a> {
    pub x: &'a [f32],
    pub norm: &'a Normalisation,
}

impl PixelSource<1> for Activated<'_> {
    type Channels<S: Vector> = Affine<S>;
    const KEEPS: bool = false;

    #[inline(always)]
    fn channels<S: Vector>(&self, simd: S, channel: usize) -> Affine<S> {
        Affine::new(simd, self.norm, channel)
    }

    #[inline(always)]
    fn images(&mut self) -> ([&[f32]; 1], &mut [f32]) {
        ([self.x], &mut [])
    }

    #[inline(always)]
    fn value<S: Vector>(simd: S, norm: Affine<S>, [x]: [S::f32s; 1]) -> S::f32s {
        simd.relu(norm.apply(simd, x))
    }
}

/// A block's output, relu(BN(x) + shortcut), which is stored in `output`.
pub struct ResidualOutput<'a> {
    pub x: &'a [f32],
    pub norm: &'a Normalisation,
    pub shortcut: ShortcutValues<'a>,
    pub output: &'a mut [f32],
}

impl<'a> ResidualOutput<'a> {
    /// Splits the images into chunks of `len` floats.
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

    /// The arrays that the images at `range` are read from and written to.
    pub fn arrays(&self, range: Range<usize>) -> [&[f32]; 3] {
        let shortcut = match self.shortcut {
            ShortcutValues::None => &[],
            ShortcutValues::Identity(x) | ShortcutValues::Projection { x, .. } => &x[range.clone()],
        };
        [&self.x[range.clone()], shortcut, &self.output[range]]
    }

    /// The image at `range`.
    pub fn image(&mut self, range: Range<usize>) -> ResidualImage<'_> {
        let activated = |x, norm| Activated { x, norm };
        let base = WithoutShortcut {
            activated: activated(&self.x[range.clone()], self.norm),
            output: &mut self.output[range.clone()],
        };
        match self.shortcut.slice(range) {
            ShortcutValues::None => ResidualImage::WithoutShortcut(base),
            ShortcutValues::Identity(input) => {
                ResidualImage::WithIdentity(WithIdentity { base, input })
            }
            ShortcutValues::Projection { x, norm } => {
                ResidualImage::WithProjection(WithProjection {
                    base,
                    projected: activated(x, norm),
                })
            }
        }
    }
}

/// One image of a [`ResidualOutput`].
pub enum ResidualImage<'a> {
    WithoutShortcut(WithoutShortcut<'a>),
    WithIdentity(WithIdentity<'a>),
    WithProjection(WithProjection<'a>),
}

/// The values that a block adds to its second BN.
#[derive(Clone, Copy)]
pub enum ShortcutValues<'a> {
    None,
    /// Added unchanged.
    Identity(&'a [f32]),
    /// BN(x).
    Projection {
        x: &'a [f32],
        norm: &'a Normalisation,
    },
}

impl<'a> ShortcutValues<'a> {
    /// The values that a block with the shortcut `kind` adds: its `input`, or the output `made` of
    /// its shortcut; the first `len` floats of each.
    pub fn new(
        kind: &ShortcutKind,
        (input, made): (&'a [f32], &'a [f32]),
        norms: &'a [Normalisation],
        len: usize,
    ) -> Self {
        match kind {
            ShortcutKind::None => Self::None,
            ShortcutKind::Identity => Self::Identity(&input[..len]),
            ShortcutKind::SubsampleAndPad => Self::Identity(&made[..len]),
            ShortcutKind::Projection(conv) => Self::Projection {
                x: &made[..len],
                norm: &norms[conv.index],
            },
        }
    }
}

impl ShortcutValues<'_> {
    /// The images at `range`.
    fn slice(self, range: Range<usize>) -> Self {
        match self {
            Self::None => Self::None,
            Self::Identity(input) => Self::Identity(&input[range]),
            Self::Projection { x, norm } => Self::Projection { x: &x[range], norm },
        }
    }
}

/// relu(BN(x)), which is stored in `output`.
pub struct WithoutShortcut<'a> {
    activated: Activated<'a>,
    output: &'a mut [f32],
}

impl PixelSource<1> for WithoutShortcut<'_> {
    type Channels<S: Vector> = Affine<S>;
    const KEEPS: bool = true;

    #[inline(always)]
    fn channels<S: Vector>(&self, simd: S, channel: usize) -> Affine<S> {
        self.activated.channels(simd, channel)
    }

    #[inline(always)]
    fn images(&mut self) -> ([&[f32]; 1], &mut [f32]) {
        ([self.activated.x], self.output)
    }

    #[inline(always)]
    fn value<S: Vector>(simd: S, norm: Affine<S>, x: [S::f32s; 1]) -> S::f32s {
        Activated::value(simd, norm, x)
    }
}

/// relu(BN(x) + input), which is stored.
pub struct WithIdentity<'a> {
    base: WithoutShortcut<'a>,
    input: &'a [f32],
}

impl PixelSource<2> for WithIdentity<'_> {
    type Channels<S: Vector> = Affine<S>;
    const KEEPS: bool = true;

    #[inline(always)]
    fn channels<S: Vector>(&self, simd: S, channel: usize) -> Affine<S> {
        self.base.channels(simd, channel)
    }

    #[inline(always)]
    fn images(&mut self) -> ([&[f32]; 2], &mut [f32]) {
        let ([x], output) = self.base.images();
        ([x, self.input], output)
    }

    #[inline(always)]
    fn value<S: Vector>(simd: S, norm: Affine<S>, [x, input]: [S::f32s; 2]) -> S::f32s {
        simd.relu(simd.add_f32s(norm.apply(simd, x), input))
    }
}

/// relu(BN(x) + BN(projected)), which is stored.
pub struct WithProjection<'a> {
    base: WithoutShortcut<'a>,
    projected: Activated<'a>,
}

impl PixelSource<2> for WithProjection<'_> {
    /// The affine maps of the block's BN and of the projection's.
    type Channels<S: Vector> = [Affine<S>; 2];
    const KEEPS: bool = true;

    #[inline(always)]
    fn channels<S: Vector>(&self, simd: S, channel: usize) -> [Affine<S>; 2] {
        [
            self.base.channels(simd, channel),
            self.projected.channels(simd, channel),
        ]
    }

    #[inline(always)]
    fn images(&mut self) -> ([&[f32]; 2], &mut [f32]) {
        let ([x], output) = self.base.images();
        ([x, self.projected.x], output)
    }

    #[inline(always)]
    fn value<S: Vector>(
        simd: S,
        [own, projection]: [Affine<S>; 2],
        [x, projected]: [S::f32s; 2],
    ) -> S::f32s {
        WithIdentity::value(simd, own, [x, projection.apply(simd, projected)])
    }
}

/// One value for each channel.
pub struct Uniform<'a>(pub &'a [f32]);

impl PixelSource<0> for Uniform<'_> {
    type Channels<S: Vector> = S::f32s;
    const KEEPS: bool = false;

    #[inline(always)]
    fn channels<S: Vector>(&self, simd: S, channel: usize) -> S::f32s {
        simd.load(self.0, channel)
    }

    #[inline(always)]
    fn images(&mut self) -> ([&[f32]; 0], &mut [f32]) {
        ([], &mut [])
    }

    #[inline(always)]
    fn value<S: Vector>(_: S, value: S::f32s, []: [S::f32s; 0]) -> S::f32s {
        value
    }
}

/// The gradient of a convolution's output x, given the gradient of its normalised output.
pub struct Unnormalised<'a> {
    pub gradient: &'a [f32],
    pub x: &'a [f32],
    pub norm: &'a NormalisationGradient,
}

impl PixelSource<2> for Unnormalised<'_> {
    /// The factors of the gradient and of x, and the constant.
    type Channels<S: Vector> = [S::f32s; 3];
    const KEEPS: bool = false;

    #[inline(always)]
    fn channels<S: Vector>(&self, simd: S, channel: usize) -> [S::f32s; 3] {
        [
            simd.load(&self.norm.of_gradient, channel),
            simd.load(&self.norm.of_value, channel),
            simd.load(&self.norm.constant, channel),
        ]
    }

    #[inline(always)]
    fn images(&mut self) -> ([&[f32]; 2], &mut [f32]) {
        ([self.gradient, self.x], &mut [])
    }

    #[inline(always)]
    fn value<S: Vector>(
        simd: S,
        [of_gradient, of_value, constant]: [S::f32s; 3],
        [gradient, x]: [S::f32s; 2],
    ) -> S::f32s {
        let rest = simd.mul_add(x, of_value, constant);
        simd.mul_add(gradient, of_gradient, rest)
    }
}

/// BN of a vector of channels: scale and shift.
#[derive(Clone, Copy)]
pub struct Affine<S: Vector> {
    scale: S::f32s,
    shift: S::f32s,
}

impl<S: Vector> Affine<S> {
    /// The map of the vector of channels that starts at `channel`.
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
