//! The transforms in one dimension, at the points 0, P, -P, Q, -Q and infinity.

use super::super::Vector;

/// P Q = 1, P^2 = 1/2, Q^2 = 2.
pub const P: f32 = std::f32::consts::FRAC_1_SQRT_2;
pub const Q: f32 = std::f32::consts::SQRT_2;

/// B^T d at P and -P, or at Q and -Q, of d\[1\] to d\[4\].
#[inline(always)]
pub fn input_pair<S: Vector>(simd: S, point: f32, d: [S::f32s; 4]) -> [S::f32s; 2] {
    let other = simd.splat_f32s(-1.0 / (point * point));
    let even = simd.mul_add(other, d[1], d[3]);
    let odd = simd.mul_add(other, d[0], d[2]);
    [
        simd.mul_add(simd.splat_f32s(point), odd, even),
        simd.mul_add(simd.splat_f32s(-point), odd, even),
    ]
}

/// B^T d at 0 of d\[0\], d\[2\] and d\[4\], or at infinity of d\[1\], d\[3\] and d\[5\].
#[inline(always)]
pub fn input_end<S: Vector>(simd: S, d: [S::f32s; 3]) -> S::f32s {
    simd.mul_add(simd.splat_f32s(-2.5), d[1], simd.add_f32s(d[0], d[2]))
}

/// B^T d.
#[inline(always)]
pub fn input<S: Vector>(simd: S, d: [S::f32s; 6]) -> [S::f32s; 6] {
    let [plus_p, minus_p] = input_pair(simd, P, [d[1], d[2], d[3], d[4]]);
    let [plus_q, minus_q] = input_pair(simd, Q, [d[1], d[2], d[3], d[4]]);
    [
        input_end(simd, [d[0], d[2], d[4]]),
        plus_p,
        minus_p,
        plus_q,
        minus_q,
        input_end(simd, [d[1], d[3], d[5]]),
    ]
}

/// The first and the third of A^T m, of m\[0\] to m\[4\].
#[inline(always)]
pub fn output_even<S: Vector>(simd: S, m: [S::f32s; 5]) -> [S::f32s; 2] {
    let (sum_p, sum_q) = (simd.add_f32s(m[1], m[2]), simd.add_f32s(m[3], m[4]));
    let third = simd.mul_f32s(simd.splat_f32s(P * P), sum_p);
    [
        simd.add_f32s(simd.add_f32s(m[0], sum_p), sum_q),
        simd.mul_add(simd.splat_f32s(Q * Q), sum_q, third),
    ]
}

/// The second and the fourth of A^T m, of m\[1\] to m\[5\].
#[inline(always)]
pub fn output_odd<S: Vector>(simd: S, m: [S::f32s; 5]) -> [S::f32s; 2] {
    let (difference_p, difference_q) = (simd.sub_f32s(m[0], m[1]), simd.sub_f32s(m[2], m[3]));
    let second = simd.mul_f32s(simd.splat_f32s(P), difference_p);
    let fourth = simd.mul_add(simd.splat_f32s(P * P * P), difference_p, m[4]);
    [
        simd.mul_add(simd.splat_f32s(Q), difference_q, second),
        simd.mul_add(simd.splat_f32s(Q * Q * Q), difference_q, fourth),
    ]
}

/// A^T m.
#[inline(always)]
pub fn output<S: Vector>(simd: S, m: [S::f32s; 6]) -> [S::f32s; 4] {
    let [first, third] = output_even(simd, [m[0], m[1], m[2], m[3], m[4]]);
    let [second, fourth] = output_odd(simd, [m[1], m[2], m[3], m[4], m[5]]);
    [first, second, third, fourth]
}

/// A y at P and -P, or at Q and -Q.
#[inline(always)]
pub fn gradient_pair<S: Vector>(simd: S, point: f32, y: [S::f32s; 4]) -> [S::f32s; 2] {
    let square = simd.splat_f32s(point * point);
    let even = simd.mul_add(square, y[2], y[0]);
    let odd = simd.mul_add(square, y[3], y[1]);
    [
        simd.mul_add(simd.splat_f32s(point), odd, even),
        simd.mul_add(simd.splat_f32s(-point), odd, even),
    ]
}

/// A y.
#[inline(always)]
pub fn gradient<S: Vector>(simd: S, y: [S::f32s; 4]) -> [S::f32s; 6] {
    let [plus_p, minus_p] = gradient_pair(simd, P, y);
    let [plus_q, minus_q] = gradient_pair(simd, Q, y);
    [y[0], plus_p, minus_p, plus_q, minus_q, y[3]]
}
