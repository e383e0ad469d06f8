//! The kernels where tests/it/kernels.rs looks for them.

#[path = "../../crates/resnet-engine/src/fused/kernels/mod.rs"]
pub mod kernels;

pub mod fused {
    pub use crate::kernels;
}
