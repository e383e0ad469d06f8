//! The GPU that tests run on.

/// Demands a GPU: a test that finds none fails.
const REQUIRED: &str = "RESWEEP_REQUIRE_GPU";

/// The first GPU; prints a message if there is none.
///
/// # Panics
/// When there is none although `RESWEEP_REQUIRE_GPU` is set.
pub fn first() -> Option<dfdx::prelude::Cuda> {
    let gpu = resweep_train::cuda(0);
    if let Err(error) = &gpu {
        assert!(
            std::env::var_os(REQUIRED).is_none(),
            "{REQUIRED} is set, but: {error}"
        );
        println!("skipped: {error}");
    }
    gpu.ok()
}

/// Whether the GPU is the emulated one of tests/emulated_gpu, which is slow and can be configured.
pub fn is_emulated() -> bool {
    std::env::var_os("EMULATED_GPU_SOURCE").is_some()
}
