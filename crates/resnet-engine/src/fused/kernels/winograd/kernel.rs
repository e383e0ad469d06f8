//! The transforms of a kernel and of its gradient.

use super::super::Vector;
use super::points::{P, Q};
use super::{ENTRIES, Winograd};

/// The kernel's transform: G g G^T.
const G: [[f32; 3]; 6] = [
    [1.0, 0.0, 0.0],
    [-2.0 / 3.0, -2.0 / 3.0 * P, -1.0 / 3.0],
    [-2.0 / 3.0, 2.0 / 3.0 * P, -1.0 / 3.0],
    [1.0 / 6.0, Q / 6.0, 1.0 / 3.0],
    [1.0 / 6.0, -Q / 6.0, 1.0 / 3.0],
    [0.0, 0.0, 1.0],
];

/// The transpose of G.
const G_TRANSPOSED: [[f32; 6]; 3] = {
    let mut transposed = [[0.0; 6]; 3];
    let mut entry = 0;
    while entry < 6 {
        let mut x = 0;
        while x < 3 {
            transposed[x][entry] = G[entry][x];
            x += 1;
        }
        entry += 1;
    }
    transposed
};

/// U = G g G^T of a kernel (3, 3, from, to): for each of [`Winograd::spans`], (36, from, span).
#[inline(always)]
pub fn transform<S: Vector>(simd: S, to: usize, kernel: &[f32], transformed: &mut [f32]) {
    let plane = kernel.len() / 9;
    assert!(transformed.len() == ENTRIES * plane && to.is_multiple_of(S::LANES));
    let from = plane / to;
    for span in Winograd::spans::<S>(to) {
        let whole = &mut transformed[ENTRIES * from * span.start..][..ENTRIES * from * span.len()];
        for input in 0..from {
            for at in (0..span.len()).step_by(S::LANES) {
                let source = input * to + span.start + at;
                let mut columns = [[simd.splat_f32s(0.0); 6]; 3];
                for (x, column) in columns.iter_mut().enumerate() {
                    let mut values = [simd.splat_f32s(0.0); 3];
                    for (y, value) in values.iter_mut().enumerate() {
                        *value = simd.load(kernel, (3 * y + x) * plane + source);
                    }
                    for (entry, g) in column.iter_mut().zip(G) {
                        *entry = dot(simd, g, values);
                    }
                }
                for line in 0..6 {
                    let values = row(&columns, line);
                    for (x, g) in G.into_iter().enumerate() {
                        let entry = (6 * line + x) * from + input;
                        simd.store(whole, entry * span.len() + at, dot(simd, g, values));
                    }
                }
            }
        }
    }
}

/// dg = G^T dU G, rotated by 180 degrees: the gradient of a kernel (3, 3, from, to).
#[inline(always)]
pub fn transform_gradient<S: Vector>(simd: S, transformed: &[f32], kernel: &mut [f32]) {
    let plane = kernel.len() / 9;
    assert!(transformed.len() == ENTRIES * plane && plane.is_multiple_of(S::LANES));
    for at in (0..plane).step_by(S::LANES) {
        let mut columns = [[simd.splat_f32s(0.0); 3]; 6];
        for (x, column) in columns.iter_mut().enumerate() {
            let mut values = [simd.splat_f32s(0.0); 6];
            for (line, value) in values.iter_mut().enumerate() {
                *value = simd.load(transformed, (6 * line + x) * plane + at);
            }
            for (entry, g) in column.iter_mut().zip(G_TRANSPOSED) {
                *entry = dot(simd, g, values);
            }
        }
        for line in 0..3 {
            let values = row(&columns, line);
            for (x, g) in G_TRANSPOSED.into_iter().enumerate() {
                let turned = 8 - (3 * line + x);
                simd.store(kernel, turned * plane + at, dot(simd, g, values));
            }
        }
    }
}

/// One line of a tile, given its columns.
#[inline(always)]
fn row<V: Copy, const LINES: usize, const COLUMNS: usize>(
    columns: &[[V; LINES]; COLUMNS],
    line: usize,
) -> [V; COLUMNS] {
    let mut row = [columns[0][line]; COLUMNS];
    for (to, column) in row.iter_mut().zip(columns) {
        *to = column[line];
    }
    row
}

/// The sum of `factors` times `values`.
#[inline(always)]
fn dot<S: Vector, const N: usize>(simd: S, factors: [f32; N], values: [S::f32s; N]) -> S::f32s {
    let mut sum = simd.splat_f32s(0.0);
    for (factor, value) in factors.into_iter().zip(values) {
        sum = simd.mul_add(simd.splat_f32s(factor), value, sum);
    }
    sum
}
