//! The kernels where tests/kernels.rs looks for them.

#[path = "../../src/engine/fused/kernels/mod.rs"]
pub mod kernels;

pub mod engine {
    pub mod fused {
        pub use crate::kernels;
    }
}
