//! The matrix product that every convolution comes down to.

use super::Vector;

/// Rows below which a block's sums are too few to hide the latency of an addition.
const REST: usize = 4;

/// How one operand of a [`Product`] lies in memory; distances are in floats.
#[derive(Debug, Clone, Copy)]
pub struct Operand {
    /// Between an element and the same element of the next step of the sum.
    pub step: usize,
    /// Between the starts of two segments of the sum.
    pub segment: usize,
}

/// C (rows, columns) = A (rows, sum) B (sum, columns), or C += A B.
///
/// The sum runs over `segments` runs of `steps` elements each, so that it can follow the rows of
/// an image. Columns are consecutive in B and C; rows of A may lie anywhere, even on each other.
#[derive(Debug, Clone, Copy)]
pub struct Product {
    pub rows: usize,
    /// A multiple of the vectors' length.
    pub columns: usize,
    pub steps: usize,
    pub segments: usize,
    /// Between two rows of A.
    pub a_row: usize,
    pub a: Operand,
    pub b: Operand,
    /// Between two rows of C.
    pub c_row: usize,
    /// Adds to C instead of overwriting it.
    pub accumulate: bool,
}

impl Product {
    /// One past the last element of an operand that is touched, from its start.
    fn extent(&self, operand: Operand, tail: usize) -> usize {
        (self.steps - 1) * operand.step + (self.segments - 1) * operand.segment + tail
    }
}

/// Computes a product.
///
/// # Panics
/// When an operand is too short for it.
#[inline(always)]
pub fn multiply<S: Vector>(simd: S, product: &Product, a: &[f32], b: &[f32], c: &mut [f32]) {
    let p = product;
    if p.rows == 0 || p.columns == 0 {
        return;
    }
    assert!(p.steps > 0 && p.segments > 0 && p.columns.is_multiple_of(S::LANES));
    assert!(p.extent(p.a, (p.rows - 1) * p.a_row + 1) <= a.len());
    assert!(p.extent(p.b, p.columns) <= b.len());
    assert!((p.rows - 1) * p.c_row + p.columns <= c.len());

    let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
    let pairs = p.columns / (2 * S::LANES);
    for pair in 0..pairs {
        let column = pair * 2 * S::LANES;
        // SAFETY: two vectors from `column` are within the columns, and the asserts above hold.
        unsafe { two_columns(simd, p, a, b.add(column), c.add(column)) }
    }
    let column = pairs * 2 * S::LANES;
    if column < p.columns {
        // SAFETY: the columns are whole vectors, so one is left; the asserts above hold.
        unsafe { one_column(simd, p, a, b.add(column), c.add(column)) }
    }
}

/// All rows of two vectors of columns, in blocks that fill the registers.
///
/// # Safety
/// As for [`block`], for each row of the product.
#[inline(always)]
unsafe fn two_columns<S: Vector>(simd: S, p: &Product, a: *const f32, b: *const f32, c: *mut f32) {
    // SAFETY: the caller's.
    unsafe {
        let row = match S::REGISTER_COUNT {
            32.. => blocks::<S, 8, 2>(simd, p, 0, a, b, c),
            _ => blocks::<S, 6, 2>(simd, p, 0, a, b, c),
        };
        let row = blocks::<S, 4, 2>(simd, p, row, a, b, c);
        let row = blocks::<S, 2, 2>(simd, p, row, a, b, c);
        blocks::<S, 1, 2>(simd, p, row, a, b, c);
    }
}

/// All rows of one vector of columns.
///
/// # Safety
/// As for [`block`], for each row of the product.
#[inline(always)]
unsafe fn one_column<S: Vector>(simd: S, p: &Product, a: *const f32, b: *const f32, c: *mut f32) {
    // SAFETY: the caller's.
    unsafe {
        let row = match S::REGISTER_COUNT {
            32.. => blocks::<S, 16, 1>(simd, p, 0, a, b, c),
            _ => blocks::<S, 12, 1>(simd, p, 0, a, b, c),
        };
        let row = blocks::<S, 4, 1>(simd, p, row, a, b, c);
        let row = blocks::<S, 2, 1>(simd, p, row, a, b, c);
        blocks::<S, 1, 1>(simd, p, row, a, b, c);
    }
}

/// Blocks of `ROWS` rows from `row` on, as long as what is left is nothing or enough to keep the
/// arithmetic busy in blocks of four; the first row that is left.
///
/// # Safety
/// As for [`block`], for each row of the product.
#[inline(always)]
unsafe fn blocks<S: Vector, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    p: &Product,
    mut row: usize,
    a: *const f32,
    b: *const f32,
    c: *mut f32,
) -> usize {
    while row + ROWS == p.rows || row + ROWS + REST.min(ROWS) <= p.rows {
        // SAFETY: the caller's; the block's rows are within the product's.
        unsafe {
            block::<S, ROWS, VECTORS>(simd, p, a.add(row * p.a_row), b, c.add(row * p.c_row));
        }
        row += ROWS;
    }
    row
}

/// `ROWS` rows by `VECTORS` vectors of columns, summed in registers.
///
/// # Safety
/// From `a`, `ROWS` rows of the product's A are readable; from `b`, `VECTORS` vectors in each
/// step of its sum; from `c`, `VECTORS` vectors in each of `ROWS` rows are readable and writable.
#[inline(always)]
unsafe fn block<S: Vector, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    p: &Product,
    a: *const f32,
    b: *const f32,
    c: *mut f32,
) {
    let mut sums = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
    for segment in 0..p.segments {
        for step in 0..p.steps {
            // SAFETY: the step is one of the product's, the row one of the block's.
            unsafe {
                let a = a.add(segment * p.a.segment + step * p.a.step);
                let b = b.add(segment * p.b.segment + step * p.b.step);
                let mut columns = [simd.splat_f32s(0.0); VECTORS];
                for (vector, column) in columns.iter_mut().enumerate() {
                    *column = simd.load_unchecked(b.add(vector * S::LANES));
                }
                for (row, sums) in sums.iter_mut().enumerate() {
                    let factor = simd.splat_f32s(*a.add(row * p.a_row));
                    for (sum, &column) in sums.iter_mut().zip(&columns) {
                        *sum = simd.mul_add(factor, column, *sum);
                    }
                }
            }
        }
    }
    for (row, sums) in sums.iter().enumerate() {
        for (vector, &sum) in sums.iter().enumerate() {
            // SAFETY: the row and the vector are the block's.
            unsafe {
                let to = c.add(row * p.c_row + vector * S::LANES);
                let old = if p.accumulate {
                    simd.load_unchecked(to)
                } else {
                    simd.splat_f32s(0.0)
                };
                simd.store_unchecked(to, simd.add_f32s(old, sum));
            }
        }
    }
}
