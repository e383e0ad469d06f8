//! Helpers shared by the integration tests.

#[cfg(feature = "cuda")]
pub mod gpu;
pub mod networks;
pub mod pictures;
pub mod record_fixture;
pub mod seed;
pub mod workplace;
