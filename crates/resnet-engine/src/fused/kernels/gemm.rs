//! The matrix product used by every convolution.

use super::Vector;
use super::instruction_set::{Task, call};
use super::prefetch::Prefetch;

/// The most rows of a block of two vectors of columns: 16 registers hold 12 sums, two vectors of B
/// and one factor.
const MOST_ROWS: usize = 6;
/// The same with 32 registers, or with one vector of columns.
const MOST_ROWS_WITH_ROOM: usize = 8;
/// Rows of a block of one vector of columns with 32 registers, if there are as many: the loads of
/// a step of eight rows take longer than its multiply-adds.
const ROWS_OF_ONE_VECTOR: usize = 16;

/// The memory layout of one operand of a [`Product`]; distances are in floats.
#[derive(Debug, Clone, Copy)]
pub struct Operand {
    /// Between an element and the same element in the next step of the sum.
    pub step: usize,
    /// Between the starts of two segments of the sum.
    pub segment: usize,
}

/// C (rows, columns) = A (rows, sum) B (sum, columns), or C += A B.
///
/// The sum runs over `segments` segments of `steps` elements each, so that it can follow the rows
/// of an image. Columns are consecutive in B and C; either the rows of A or the steps of its sum
/// are consecutive. Rows of A may overlap.
#[derive(Debug, Clone, Copy)]
pub struct Product {
    pub rows: usize,
    /// A multiple of the vector length.
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
    /// One past the last element that is read of an operand, counted from its start.
    fn extent(&self, operand: Operand, tail: usize) -> usize {
        (self.steps - 1) * operand.step + (self.segments - 1) * operand.segment + tail
    }
}

/// Rows per block of two vectors of columns.
#[inline(always)]
fn most_rows<S: Vector>() -> usize {
    match S::REGISTER_COUNT {
        32.. => MOST_ROWS_WITH_ROOM,
        _ => MOST_ROWS,
    }
}

/// Rows of the first blocks of one vector of columns, of `rows` rows.
#[inline(always)]
fn most_rows_of_one_vector<S: Vector>(rows: usize) -> usize {
    match S::REGISTER_COUNT {
        32.. if rows >= ROWS_OF_ONE_VECTOR => ROWS_OF_ONE_VECTOR,
        _ => MOST_ROWS_WITH_ROOM,
    }
}

/// The number of blocks of a product, each with one tick of its [`Prefetch`].
#[inline(always)]
pub fn blocks<S: Vector>(rows: usize, columns: usize) -> usize {
    let vectors = columns / S::LANES;
    let most = most_rows_of_one_vector::<S>(rows);
    let of_one_vector = rows / most + (rows % most).div_ceil(MOST_ROWS_WITH_ROOM);
    vectors / 2 * rows.div_ceil(most_rows::<S>()) + vectors % 2 * of_one_vector
}

/// Computes a product, with one tick of `ahead` for each block.
///
/// # Panics
/// When an operand is too short, or when neither the rows of A nor the steps of its sum are
/// consecutive.
#[inline(always)]
pub fn multiply<S: Vector>(
    simd: S,
    product: &Product,
    operands: (&[f32], &[f32]),
    c: &mut [f32],
    ahead: &mut Prefetch,
) {
    let multiply = Multiply {
        product,
        operands,
        c,
        ahead,
    };
    call(simd, multiply);
}

/// [`multiply`] as a task.
struct Multiply<'a> {
    product: &'a Product,
    operands: (&'a [f32], &'a [f32]),
    c: &'a mut [f32],
    ahead: &'a mut Prefetch,
}

impl Task for Multiply<'_> {
    #[inline(always)]
    fn run<S: Vector>(self, simd: S) {
        let mut product = *self.product;
        // Constants, so that the compiler specialises each copy of the code.
        if product.a.step == 1 {
            product.a.step = 1;
            multiply_inline::<S, 1>(simd, &product, self.operands, self.c, self.ahead);
        } else {
            assert_eq!(product.a_row, 1);
            product.a_row = 1;
            multiply_inline::<S, 1>(simd, &product, self.operands, self.c, self.ahead);
        }
    }
}

/// [`multiply`], inlined into the caller. Blocks check for the end of their sum every `UNROLLED`
/// steps: several steps take fewer instructions if the distances are compile-time
/// constants; otherwise unrolling spills pointers from registers.
///
/// # Panics
/// When an operand is too short.
#[inline(always)]
pub fn multiply_inline<S: Vector, const UNROLLED: usize>(
    simd: S,
    product: &Product,
    (a, b): (&[f32], &[f32]),
    c: &mut [f32],
    ahead: &mut Prefetch,
) {
    let p = product;
    if p.rows == 0 || p.columns == 0 {
        return;
    }
    assert!(p.steps > 0 && p.segments > 0 && p.columns.is_multiple_of(S::LANES));
    assert!(p.extent(p.a, (p.rows - 1) * p.a_row + 1) <= a.len());
    assert!(p.extent(p.b, p.columns) <= b.len());
    assert!((p.rows - 1) * p.c_row + p.columns <= c.len());

    let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
    let vectors = p.columns / S::LANES;
    for vector in (0..vectors - vectors % 2).step_by(2) {
        // SAFETY: two vectors from `vector` are within the columns, and the asserts above hold.
        unsafe {
            let (b, c) = (b.add(vector * S::LANES), c.add(vector * S::LANES));
            columns::<S, 2, UNROLLED>(simd, p, a, b, c, ahead);
        }
    }
    if vectors % 2 == 1 {
        let last = vectors - 1;
        // SAFETY: the last vector is one of the columns; the asserts above hold.
        unsafe {
            let (b, c) = (b.add(last * S::LANES), c.add(last * S::LANES));
            columns::<S, 1, UNROLLED>(simd, p, a, b, c, ahead);
        }
    }
}

/// Computes all rows of one or two vectors of columns, in blocks of as many rows as the registers
/// hold. A remainder of less than two blocks is halved, because a block with few sums stalls on its
/// additions.
///
/// # Safety
/// As for [`block`], for each row of the product.
#[inline(always)]
unsafe fn columns<S: Vector, const VECTORS: usize, const UNROLLED: usize>(
    simd: S,
    p: &Product,
    a: *const f32,
    b: *const f32,
    c: *mut f32,
    ahead: &mut Prefetch,
) {
    let mut row = 0;
    while row < p.rows {
        ahead.tick();
        let rest = p.rows - row;
        if VECTORS == 1 && most_rows_of_one_vector::<S>(rest) == ROWS_OF_ONE_VECTOR {
            // SAFETY: the caller's contract; that many rows are left.
            unsafe {
                let (a, c) = (a.add(row * p.a_row), c.add(row * p.c_row));
                block::<S, ROWS_OF_ONE_VECTOR, VECTORS, UNROLLED>(simd, p, a, b, c);
            }
            row += ROWS_OF_ONE_VECTOR;
            continue;
        }
        let most = match VECTORS {
            1 => MOST_ROWS_WITH_ROOM,
            _ => most_rows::<S>(),
        };
        let rows = if rest > most && rest < 2 * most {
            rest.div_ceil(2)
        } else {
            rest.min(most)
        };
        // SAFETY: the caller's contract; the block's rows are within the product's.
        unsafe {
            let (a, c) = (a.add(row * p.a_row), c.add(row * p.c_row));
            match rows {
                1 => block::<S, 1, VECTORS, UNROLLED>(simd, p, a, b, c),
                2 => block::<S, 2, VECTORS, UNROLLED>(simd, p, a, b, c),
                3 => block::<S, 3, VECTORS, UNROLLED>(simd, p, a, b, c),
                4 => block::<S, 4, VECTORS, UNROLLED>(simd, p, a, b, c),
                5 => block::<S, 5, VECTORS, UNROLLED>(simd, p, a, b, c),
                6 => block::<S, 6, VECTORS, UNROLLED>(simd, p, a, b, c),
                7 => block::<S, 7, VECTORS, UNROLLED>(simd, p, a, b, c),
                _ => block::<S, 8, VECTORS, UNROLLED>(simd, p, a, b, c),
            }
        }
        row += rows;
    }
}

/// Sums `ROWS` rows by `VECTORS` vectors of columns in registers.
///
/// # Safety
/// From `a`, `ROWS` rows of the product's A are readable; from `b`, `VECTORS` vectors in each step
/// of its sum; from `c`, `VECTORS` vectors in each of `ROWS` rows are readable and writable.
#[inline(always)]
unsafe fn block<S: Vector, const ROWS: usize, const VECTORS: usize, const UNROLLED: usize>(
    simd: S,
    p: &Product,
    a: *const f32,
    b: *const f32,
    c: *mut f32,
) {
    let mut sums = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
    // Portable vectors are arrays, whose steps are long loops without unrolling.
    let unrolled = if S::is_portable() { 1 } else { UNROLLED };
    for segment in 0..p.segments {
        let mut a = a.wrapping_add(segment * p.a.segment);
        let mut b = b.wrapping_add(segment * p.b.segment);
        // SAFETY: each step is one of the product's, the rows are the block's.
        unsafe {
            for _ in 0..p.steps / unrolled {
                for _ in 0..unrolled {
                    step(simd, p.a_row, a, b, &mut sums);
                    a = a.wrapping_add(p.a.step);
                    b = b.wrapping_add(p.b.step);
                }
            }
            for _ in 0..p.steps % unrolled {
                step(simd, p.a_row, a, b, &mut sums);
                a = a.wrapping_add(p.a.step);
                b = b.wrapping_add(p.b.step);
            }
        }
    }
    for (row, sums) in sums.iter().enumerate() {
        for (vector, &sum) in sums.iter().enumerate() {
            // SAFETY: the row and the vector are the block's.
            unsafe {
                let to = c.add(row * p.c_row + vector * S::LANES);
                let sum = if p.accumulate {
                    simd.add_f32s(simd.load_unchecked(to), sum)
                } else {
                    sum
                };
                simd.store_unchecked(to, sum);
            }
        }
    }
}

/// One step of a block's sums; rows of A are `a_row` floats apart.
///
/// # Safety
/// From `a`, an element in each of `ROWS` rows is readable; from `b`, `VECTORS` vectors are.
#[inline(always)]
unsafe fn step<S: Vector, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    a_row: usize,
    a: *const f32,
    b: *const f32,
    sums: &mut [[S::f32s; VECTORS]; ROWS],
) {
    // SAFETY: the caller's contract.
    unsafe {
        let mut columns = [simd.splat_f32s(0.0); VECTORS];
        for (vector, column) in columns.iter_mut().enumerate() {
            *column = simd.load_unchecked(b.add(vector * S::LANES));
        }
        for (row, sums) in sums.iter_mut().enumerate() {
            let factor = simd.splat_f32s(*a.add(row * a_row));
            for (sum, &column) in sums.iter_mut().zip(&columns) {
                *sum = simd.mul_add(factor, column, *sum);
            }
        }
    }
}
