//! The transforms of one tile, for one vector of channels.
//!
//! Two lines are computed at a time, so that all intermediate values fit into the sixteen registers
//! of AVX2.

use super::super::Vector;
use super::Layout;
use super::points::{
    P, Q, gradient, gradient_pair, input, input_end, input_pair, output, output_even, output_odd,
};

/// The vector at `line` and `column` of pixels whose lines are `pitch` floats apart.
///
/// # Safety
/// The vector is readable.
#[inline(always)]
unsafe fn pixel<S: Vector>(
    simd: S,
    pixels: *const f32,
    pitch: usize,
    line: usize,
    column: usize,
) -> S::f32s {
    // SAFETY: the caller's contract.
    unsafe { simd.load_unchecked(pixels.add(line * pitch + column * S::LANES)) }
}

/// The offset of the entry at `line` and `column` from the tile's first; `WIDTH` is that of
/// [`Layout`].
#[inline(always)]
fn entry<S: Vector, const WIDTH: usize>(line: usize, column: usize) -> usize {
    (6 * line + column) * Layout::<WIDTH>::ENTRY * S::LANES
}

/// Writes a line of the 6x6 entries of a tile.
///
/// # Safety
/// The line's vectors are writable.
#[inline(always)]
unsafe fn store<S: Vector, const WIDTH: usize>(
    simd: S,
    entries: *mut f32,
    line: usize,
    values: [S::f32s; 6],
) {
    for (column, value) in values.into_iter().enumerate() {
        // SAFETY: the caller's contract.
        unsafe { simd.store_unchecked(entries.add(entry::<S, WIDTH>(line, column)), value) };
    }
}

/// B^T d B of 6x6 pixels, whose lines are `pitch` floats apart.
///
/// # Safety
/// The pixels are readable, the 6x6 entries writable.
#[inline(always)]
pub unsafe fn transform_input<S: Vector, const WIDTH: usize>(
    simd: S,
    pixels: *const f32,
    pitch: usize,
    entries: *mut f32,
) {
    // SAFETY: the caller's contract, for lines and columns up to the sixth.
    unsafe {
        for (line, point) in [(1, P), (3, Q)] {
            let [mut upper, mut lower] = [[simd.splat_f32s(0.0); 6]; 2];
            for (x, (upper, lower)) in upper.iter_mut().zip(&mut lower).enumerate() {
                let column = [
                    pixel(simd, pixels, pitch, 1, x),
                    pixel(simd, pixels, pitch, 2, x),
                    pixel(simd, pixels, pitch, 3, x),
                    pixel(simd, pixels, pitch, 4, x),
                ];
                [*upper, *lower] = input_pair(simd, point, column);
            }
            store::<S, WIDTH>(simd, entries, line, input(simd, upper));
            store::<S, WIDTH>(simd, entries, line + 1, input(simd, lower));
        }
        for (line, first) in [(0, 0), (5, 1)] {
            let mut values = [simd.splat_f32s(0.0); 6];
            for (x, value) in values.iter_mut().enumerate() {
                let column = [
                    pixel(simd, pixels, pitch, first, x),
                    pixel(simd, pixels, pitch, first + 2, x),
                    pixel(simd, pixels, pitch, first + 4, x),
                ];
                *value = input_end(simd, column);
            }
            store::<S, WIDTH>(simd, entries, line, input(simd, values));
        }
    }
}

/// A x A^T of 4x4 pixels.
///
/// # Safety
/// The 6x6 entries are writable.
#[inline(always)]
pub unsafe fn transform_for_kernel<S: Vector, const WIDTH: usize>(
    simd: S,
    pixels: [[S::f32s; 4]; 4],
    entries: *mut f32,
) {
    // SAFETY: the caller's contract, for entries up to the sixth.
    unsafe {
        for (line, point) in [(1, P), (3, Q)] {
            let [mut upper, mut lower] = [[simd.splat_f32s(0.0); 4]; 2];
            for (x, (upper, lower)) in upper.iter_mut().zip(&mut lower).enumerate() {
                let column = [pixels[0][x], pixels[1][x], pixels[2][x], pixels[3][x]];
                [*upper, *lower] = gradient_pair(simd, point, column);
            }
            store::<S, WIDTH>(simd, entries, line, gradient(simd, upper));
            store::<S, WIDTH>(simd, entries, line + 1, gradient(simd, lower));
        }
        store::<S, WIDTH>(simd, entries, 0, gradient(simd, pixels[0]));
        store::<S, WIDTH>(simd, entries, 5, gradient(simd, pixels[3]));
    }
}

/// Two lines of A^T M A of 6x6 entries: the first and the third, or the second and the fourth if
/// `ODD`.
///
/// # Safety
/// The entries are readable.
#[inline(always)]
pub unsafe fn transform_output<S: Vector, const WIDTH: usize, const ODD: bool>(
    simd: S,
    entries: *const f32,
) -> [[S::f32s; 4]; 2] {
    let [mut upper, mut lower] = [[simd.splat_f32s(0.0); 6]; 2];
    for (x, (upper, lower)) in upper.iter_mut().zip(&mut lower).enumerate() {
        let mut column = [simd.splat_f32s(0.0); 5];
        for (line, value) in column.iter_mut().enumerate() {
            // The odd lines need all entries but the first, the even ones all but the last.
            let at = entry::<S, WIDTH>(line + usize::from(ODD), x);
            // SAFETY: the caller's contract, for lines up to the sixth.
            *value = unsafe { simd.load_unchecked(entries.add(at)) };
        }
        [*upper, *lower] = if ODD {
            output_odd(simd, column)
        } else {
            output_even(simd, column)
        };
    }
    [output(simd, upper), output(simd, lower)]
}
