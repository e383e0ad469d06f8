//! The GPU that tests run on.

/// The first GPU; prints a message if there is none.
pub fn first() -> Option<dfdx::prelude::Cuda> {
    let gpu = resweep_train::cuda(0);
    gpu.inspect_err(|error| println!("skipped: {error}")).ok()
}
