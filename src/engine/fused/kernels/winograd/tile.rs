//! The transforms of one tile, for one vector of channels.
//!
//! Two lines are computed at a time, so that everything in between stays in registers, of which
//! AVX2 has sixteen.

use super::super::Vector;
use super::points::{P, Q, gradient, gradient_pair, input, input_end, input_pair, output};

/// Where the vectors of a tile lie: its pixels in an image, or its entries among those of the
/// tiles of a group. Distances are in floats.
#[derive(Debug, Clone, Copy)]
pub struct Place<T> {
    pub start: T,
    /// Between two lines.
    pub line: usize,
    /// Between two vectors of a line.
    pub column: usize,
}

impl Place<*const f32> {
    /// # Safety
    /// The vector is readable.
    #[inline(always)]
    unsafe fn load<S: Vector>(self, simd: S, line: usize, column: usize) -> S::f32s {
        // SAFETY: the caller's.
        unsafe { simd.load_unchecked(self.start.add(line * self.line + column * self.column)) }
    }
}

impl Place<*mut f32> {
    /// # Safety
    /// The line's vectors are writable.
    #[inline(always)]
    unsafe fn store<S: Vector>(self, simd: S, line: usize, values: [S::f32s; 6]) {
        for (column, value) in values.into_iter().enumerate() {
            // SAFETY: the caller's.
            unsafe {
                let to = self.start.add(line * self.line + column * self.column);
                simd.store_unchecked(to, value);
            }
        }
    }
}

/// B^T d B of 6x6 pixels.
///
/// # Safety
/// The pixels are readable, the 6x6 entries writable.
#[inline(always)]
pub unsafe fn transform_input<S: Vector>(
    simd: S,
    pixels: Place<*const f32>,
    entries: Place<*mut f32>,
) {
    // SAFETY: the caller's, for lines and columns up to the sixth.
    unsafe {
        for (line, point) in [(1, P), (3, Q)] {
            let [mut upper, mut lower] = [[simd.splat_f32s(0.0); 6]; 2];
            for (x, (upper, lower)) in upper.iter_mut().zip(&mut lower).enumerate() {
                let column = [
                    pixels.load(simd, 1, x),
                    pixels.load(simd, 2, x),
                    pixels.load(simd, 3, x),
                    pixels.load(simd, 4, x),
                ];
                [*upper, *lower] = input_pair(simd, point, column);
            }
            entries.store(simd, line, input(simd, upper));
            entries.store(simd, line + 1, input(simd, lower));
        }
        for (line, first) in [(0, 0), (5, 1)] {
            let mut values = [simd.splat_f32s(0.0); 6];
            for (x, value) in values.iter_mut().enumerate() {
                let column = [
                    pixels.load(simd, first, x),
                    pixels.load(simd, first + 2, x),
                    pixels.load(simd, first + 4, x),
                ];
                *value = input_end(simd, column);
            }
            entries.store(simd, line, input(simd, values));
        }
    }
}

/// A dY A^T of 4x4 pixels.
///
/// # Safety
/// The pixels are readable, the 6x6 entries writable.
#[inline(always)]
pub unsafe fn transform_gradient<S: Vector>(
    simd: S,
    pixels: Place<*const f32>,
    entries: Place<*mut f32>,
) {
    // SAFETY: the caller's, for pixels up to the fourth and entries up to the sixth.
    unsafe {
        for (line, point) in [(1, P), (3, Q)] {
            let [mut upper, mut lower] = [[simd.splat_f32s(0.0); 4]; 2];
            for (x, (upper, lower)) in upper.iter_mut().zip(&mut lower).enumerate() {
                let column = [
                    pixels.load(simd, 0, x),
                    pixels.load(simd, 1, x),
                    pixels.load(simd, 2, x),
                    pixels.load(simd, 3, x),
                ];
                [*upper, *lower] = gradient_pair(simd, point, column);
            }
            entries.store(simd, line, gradient(simd, upper));
            entries.store(simd, line + 1, gradient(simd, lower));
        }
        for (line, y) in [(0, 0), (5, 3)] {
            let values = [
                pixels.load(simd, y, 0),
                pixels.load(simd, y, 1),
                pixels.load(simd, y, 2),
                pixels.load(simd, y, 3),
            ];
            entries.store(simd, line, gradient(simd, values));
        }
    }
}

/// A^T M of 6x6 entries, column by column; [`output_line`] does the rest.
///
/// # Safety
/// The entries are readable.
#[inline(always)]
pub unsafe fn output_columns<S: Vector>(simd: S, entries: Place<*const f32>) -> [[S::f32s; 4]; 6] {
    let mut columns = [[simd.splat_f32s(0.0); 4]; 6];
    for (x, column) in columns.iter_mut().enumerate() {
        let mut values = [simd.splat_f32s(0.0); 6];
        for (line, value) in values.iter_mut().enumerate() {
            // SAFETY: the caller's, for lines up to the sixth.
            *value = unsafe { entries.load(simd, line, x) };
        }
        *column = output(simd, values);
    }
    columns
}

/// One line of A^T M A.
#[inline(always)]
pub fn output_line<S: Vector>(simd: S, columns: &[[S::f32s; 4]; 6], line: usize) -> [S::f32s; 4] {
    let mut values = [columns[0][line]; 6];
    for (value, column) in values.iter_mut().zip(columns) {
        *value = column[line];
    }
    output(simd, values)
}
