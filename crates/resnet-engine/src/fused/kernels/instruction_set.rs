//! Detects the CPU's vector instructions at run time.

use pulp::{Scalar256b, Simd, WithSimd};

use super::Vector;

/// Code that is compiled for every instruction set.
pub trait Task {
    /// Runs the code. Every function that it calls must be `#[inline(always)]`, or it is compiled
    /// for the oldest CPU.
    fn run<S: Vector>(self, simd: S);
}

/// An instruction set.
#[derive(Debug, Clone, Copy)]
pub enum InstructionSet {
    /// Sixteen lanes.
    #[cfg(target_arch = "x86_64")]
    Avx512(pulp::x86::V4),
    /// Eight lanes, with fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx2(pulp::x86::V3),
    /// Four lanes, with fused multiply-add.
    #[cfg(target_arch = "aarch64")]
    Neon(pulp::aarch64::Neon),
    /// Loops over eight floats, which the compiler vectorises for the baseline CPU of the target.
    Portable,
}

impl InstructionSet {
    /// Every instruction set of this CPU, the fastest first.
    pub fn available() -> Vec<Self> {
        let mut sets = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            sets.extend(pulp::x86::V4::try_new().map(Self::Avx512));
            sets.extend(pulp::x86::V3::try_new().map(Self::Avx2));
        }
        #[cfg(target_arch = "aarch64")]
        sets.extend(pulp::aarch64::Neon::try_new().map(Self::Neon));
        sets.push(Self::Portable);
        sets
    }

    /// The vendor's name of the instruction set, or `portable`.
    pub fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => "AVX-512",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => "AVX2",
            #[cfg(target_arch = "aarch64")]
            Self::Neon(_) => "NEON",
            Self::Portable => "portable",
        }
    }

    /// Floats in a vector.
    pub fn lanes(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => pulp::x86::V4::F32_LANES,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => pulp::x86::V3::F32_LANES,
            #[cfg(target_arch = "aarch64")]
            Self::Neon(_) => pulp::aarch64::Neon::F32_LANES,
            Self::Portable => Scalar256b::F32_LANES,
        }
    }

    /// Runs `task` compiled for this instruction set.
    pub fn run(self, task: impl Task) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(simd) => Simd::vectorize(simd, Adapter(task)),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(simd) => Simd::vectorize(simd, Adapter(task)),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(simd) => Simd::vectorize(simd, Adapter(task)),
            Self::Portable => Simd::vectorize(Scalar256b, Adapter(task)),
        }
    }
}

/// Runs `task` in a separate function, which callers of the same task share.
#[inline(always)]
pub fn call<S: Vector>(simd: S, task: impl Task) {
    simd.vectorize(Adapter(task));
}

/// Adapts a [`Task`] to pulp.
struct Adapter<T>(T);

impl<T: Task> WithSimd for Adapter<T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.0.run(simd);
    }
}
