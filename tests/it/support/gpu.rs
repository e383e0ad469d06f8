//! The GPU that tests run on.

/// The first GPU; where there is none, says so.
pub fn first() -> Option<dfdx::prelude::Cuda> {
    let gpu = resweep_train::cuda(0);
    gpu.inspect_err(|error| println!("skipped: {error}")).ok()
}
