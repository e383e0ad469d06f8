//! The fused engine's arithmetic, on vectors of channels.
//!
//! This folder has all of the engine's unsafe CPU code: the innermost loop of the matrix product,
//! the loads and stores of the Winograd transforms and of the images, which check their bounds once
//! per block instead of once per vector, and the prefetch.
//!
//! Activations are stored image after image, each with its pixels in row-major order and `channels`
//! floats per pixel (NHWC); `channels` is a multiple of the vector length. Every sum runs in an
//! order that does not depend on the vector length, and vector lanes never mix, so instruction sets
//! with a fused multiply-add give the same bits.

mod direct;
mod gemm;
mod instruction_set;
mod pixels;
mod plain;
mod prefetch;
mod vector;
mod winograd;

pub use direct::Direct;
pub use gemm::{Operand, Product, multiply};
pub use instruction_set::{InstructionSet, Task};
pub use pixels::{Padding, PixelSink, PixelSource, Sums, pad, scan};
pub use plain::{Kept, Measured, Stored, Summed};
pub use prefetch::{Prefetch, STREAMS};
pub use vector::{CHANNEL_MULTIPLE, Vector};
pub use winograd::{Tiles, Winograd};
