//! Exports the kernels for tests/it/kernels.rs.

#[path = "../../crates/resnet-engine/src/fused/kernels/mod.rs"]
pub mod kernels;

pub mod fused {
    pub use crate::kernels;
}
