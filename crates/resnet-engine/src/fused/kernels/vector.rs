//! Vectors of consecutive channels, on pulp's instruction sets.

use std::any::TypeId;

use pulp::{Scalar256b, Scalar512b, Simd};

/// Channels are padded to a multiple of this: the vector length of all instruction sets but
/// AVX-512, whose sixteen lanes are used only if they divide every layer's channels.
pub const CHANNEL_MULTIPLE: usize = 8;

/// The most floats in a vector of any instruction set.
pub const MOST_LANES: usize = 16;

/// An instruction set's vectors of `f32`.
pub trait Vector: Simd {
    /// Floats in a vector.
    const LANES: usize = Self::F32_LANES;

    /// Whether these vectors are arrays rather than registers.
    #[inline(always)]
    fn is_portable() -> bool {
        let arrays = [TypeId::of::<Scalar256b>(), TypeId::of::<Scalar512b>()];
        arrays.contains(&TypeId::of::<Self>())
    }

    /// `a * b + c`, rounded once if the instruction set has a fused multiply-add.
    #[inline(always)]
    fn mul_add(self, a: Self::f32s, b: Self::f32s, c: Self::f32s) -> Self::f32s {
        if Self::is_portable() && !cfg!(target_feature = "fma") {
            // Without the instruction, `f32::mul_add` is a slow library call.
            self.add_f32s(self.mul_f32s(a, b), c)
        } else {
            self.mul_add_f32s(a, b, c)
        }
    }

    /// The vector that starts at `from[at]`.
    #[inline(always)]
    fn load(self, from: &[f32], at: usize) -> Self::f32s {
        assert!(at < (from.len() + 1).saturating_sub(Self::LANES));
        // SAFETY: at + LANES <= from.len().
        unsafe { self.load_unchecked(from.as_ptr().add(at)) }
    }

    /// Writes `value` to `to[at..]`.
    #[inline(always)]
    fn store(self, to: &mut [f32], at: usize, value: Self::f32s) {
        assert!(at < (to.len() + 1).saturating_sub(Self::LANES));
        // SAFETY: at + LANES <= to.len().
        unsafe { self.store_unchecked(to.as_mut_ptr().add(at), value) }
    }

    /// As [`Vector::load`], without the check.
    ///
    /// # Safety
    /// `from` to `from + LANES` are readable.
    #[inline(always)]
    unsafe fn load_unchecked(self, from: *const f32) -> Self::f32s {
        // SAFETY: the caller's contract; a vector is plain old data, so any bits are valid.
        unsafe { from.cast::<Self::f32s>().read_unaligned() }
    }

    /// As [`Vector::store`], without the check.
    ///
    /// # Safety
    /// `to` to `to + LANES` are writable.
    #[inline(always)]
    unsafe fn store_unchecked(self, to: *mut f32, value: Self::f32s) {
        // SAFETY: the caller's contract.
        unsafe { to.cast::<Self::f32s>().write_unaligned(value) }
    }

    /// `value` where `condition` is greater than zero, else zero (also where it is NaN).
    #[inline(always)]
    fn where_positive(self, condition: Self::f32s, value: Self::f32s) -> Self::f32s {
        let zero = self.splat_f32s(0.0);
        self.select_f32s(self.greater_than_f32s(condition, zero), value, zero)
    }

    /// max(x, 0); NaN stays NaN, so that divergence is detected.
    #[inline(always)]
    fn relu(self, x: Self::f32s) -> Self::f32s {
        let zero = self.splat_f32s(0.0);
        if Self::is_portable() {
            self.select_f32s(self.less_than_f32s(x, zero), zero, x)
        } else {
            // The instruction returns its second operand if either is NaN.
            self.max_f32s(zero, x)
        }
    }
}

impl<S: Simd> Vector for S {}
