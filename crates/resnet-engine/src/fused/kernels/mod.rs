//! The arithmetic of the fused engine, on vectors of channels.
//!
//! This folder holds all of the program's unsafe code: the innermost loop of the matrix product,
//! the loads and stores of the Winograd transforms and of the images on their way in and out, which
//! check their bounds once for a whole block instead of once for each vector, and the prefetch.
//!
//! Activations are images in turn, each with its pixels in row-major order and `channels` floats
//! for each pixel (NHWC), `channels` being a multiple of the vectors' length. Every sum runs in
//! an order that does not depend on the vectors' length, and vector lanes never mix, so that
//! instruction sets with a fused multiply-add give the same bits.

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
