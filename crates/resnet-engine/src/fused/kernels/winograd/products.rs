//! The products of transformed tiles, one for each of the 36 entries.
//!
//! If V and M have blocks of the same number of vectors, as in the paper's networks, the distances
//! between operands are compile-time constants, and a step of a sum consists of loads and
//! multiply-adds only.

use super::super::Vector;
use super::super::gemm::{Operand, Product, multiply, multiply_inline};
use super::super::instruction_set::{Task, call};
use super::super::prefetch::Prefetch;
use super::{ENTRIES, Layout, WIDEST, width};

/// Steps of a sum between two checks for its end, with constant distances.
const UNROLLED: usize = 4;

/// The distances of [`Layout`] for products, in floats.
#[derive(Clone, Copy)]
pub struct Blocks {
    /// Channels of a block.
    pub channels: usize,
    /// Between two entries.
    entry: usize,
}

impl Blocks {
    /// Blocks of `WIDTH` vectors.
    #[inline(always)]
    fn new<S: Vector, const WIDTH: usize>() -> Self {
        Self {
            channels: WIDTH * S::LANES,
            entry: Layout::<WIDTH>::ENTRY * S::LANES,
        }
    }

    /// Blocks for `channels` channels.
    #[inline(always)]
    pub fn of<S: Vector>(channels: usize) -> Self {
        match width::<S>(channels) {
            WIDEST => Self::new::<S, WIDEST>(),
            _ => Self::new::<S, 1>(),
        }
    }

    /// Between two blocks.
    fn stride(self) -> usize {
        ENTRIES * self.entry
    }
}

/// A product for each entry of a group.
pub trait Products: Sized {
    /// Channels of V and of M.
    fn channels(&self) -> [usize; 2];

    /// Computes the products; `KNOWN` says whether the distances of both operands' blocks are
    /// compile-time constants. Must be `#[inline(always)]`, see [`Task::run`].
    fn multiply<S: Vector, const KNOWN: bool>(self, simd: S, blocks: [Blocks; 2]);

    /// Computes the products.
    #[inline(always)]
    fn compute<S: Vector>(self, simd: S) {
        let [from, to] = self.channels();
        match (width::<S>(from), width::<S>(to)) {
            (WIDEST, WIDEST) => call(simd, Known::<_, WIDEST>(self)),
            (1, 1) => call(simd, Known::<_, 1>(self)),
            _ => self.multiply::<S, false>(simd, [Blocks::of::<S>(from), Blocks::of::<S>(to)]),
        }
    }
}

/// [`Products`] whose blocks all have `WIDTH` vectors, as a task.
struct Known<P, const WIDTH: usize>(P);

impl<P: Products, const WIDTH: usize> Task for Known<P, WIDTH> {
    #[inline(always)]
    fn run<S: Vector>(self, simd: S) {
        self.0
            .multiply::<S, true>(simd, [Blocks::new::<S, WIDTH>(); 2]);
    }
}

/// M = V U for one block of output channels.
pub struct TileProducts<'a> {
    pub tiles: usize,
    /// Channels of V.
    pub from: usize,
    /// Channels of M.
    pub to: usize,
    /// V, and U (36, from, to).
    pub operands: (&'a [f32], &'a [f32]),
    pub m: &'a mut [f32],
    pub ahead: &'a mut Prefetch,
}

impl Products for TileProducts<'_> {
    #[inline(always)]
    fn channels(&self) -> [usize; 2] {
        [self.from, self.to]
    }

    #[inline(always)]
    fn multiply<S: Vector, const KNOWN: bool>(self, simd: S, [inputs, outputs]: [Blocks; 2]) {
        let (v, kernel) = self.operands;
        assert_eq!(self.to, outputs.channels);
        let product = Product {
            rows: self.tiles,
            columns: outputs.channels,
            steps: inputs.channels,
            segments: self.from / inputs.channels,
            a_row: inputs.channels,
            a: Operand {
                step: 1,
                segment: inputs.stride(),
            },
            b: Operand {
                step: outputs.channels,
                segment: inputs.channels * outputs.channels,
            },
            c_row: outputs.channels,
            accumulate: false,
        };
        for entry in 0..ENTRIES {
            let v = &v[entry * inputs.entry..];
            let kernel = &kernel[entry * self.from * outputs.channels..];
            let m = &mut self.m[entry * outputs.entry..];
            multiply_entry::<S, KNOWN>(simd, &product, (v, kernel), m, self.ahead);
        }
    }
}

/// dU = V^T M, or dU += V^T M.
pub struct KernelGradientProducts<'a> {
    pub tiles: usize,
    /// Channels of V.
    pub from: usize,
    /// Channels of M.
    pub to: usize,
    /// V and M.
    pub operands: (&'a [f32], &'a [f32]),
    /// (36, from, to)
    pub gradient: &'a mut [f32],
    pub accumulate: bool,
    pub ahead: &'a mut Prefetch,
}

impl Products for KernelGradientProducts<'_> {
    #[inline(always)]
    fn channels(&self) -> [usize; 2] {
        [self.from, self.to]
    }

    #[inline(always)]
    fn multiply<S: Vector, const KNOWN: bool>(self, simd: S, [inputs, outputs]: [Blocks; 2]) {
        let (from, to) = (self.from, self.to);
        let (v, m) = self.operands;
        let product = Product {
            rows: inputs.channels,
            columns: outputs.channels,
            steps: self.tiles,
            segments: 1,
            a_row: 1,
            a: Operand {
                step: inputs.channels,
                segment: 0,
            },
            b: Operand {
                step: outputs.channels,
                segment: 0,
            },
            c_row: to,
            accumulate: self.accumulate,
        };
        for entry in 0..ENTRIES {
            let gradient = &mut self.gradient[entry * from * to..][..from * to];
            for (block, rows) in gradient.chunks_mut(inputs.channels * to).enumerate() {
                let v = &v[block * inputs.stride() + entry * inputs.entry..];
                for block in 0..to / outputs.channels {
                    let m = &m[block * outputs.stride() + entry * outputs.entry..];
                    let gradient = &mut rows[block * outputs.channels..];
                    multiply_entry::<S, KNOWN>(simd, &product, (v, m), gradient, self.ahead);
                }
            }
        }
    }
}

/// A product of one entry.
#[inline(always)]
fn multiply_entry<S: Vector, const KNOWN: bool>(
    simd: S,
    product: &Product,
    operands: (&[f32], &[f32]),
    c: &mut [f32],
    ahead: &mut Prefetch,
) {
    if KNOWN {
        multiply_inline::<S, UNROLLED>(simd, product, operands, c, ahead);
    } else {
        multiply(simd, product, operands, c, ahead);
    }
}
