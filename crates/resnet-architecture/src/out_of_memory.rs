//! Recognises out-of-memory errors of devices.

/// The message for a device that is out of memory.
pub const OUT_OF_MEMORY: &str =
    "out of memory; fewer runs at once (--workers) or a smaller train.batch_size need less";

/// Whether an error's text says that a device is out of memory.
pub fn says_out_of_memory(text: &str) -> bool {
    // The names used by dfdx on the CPU, CUDA's driver and cuBLAS.
    let names = ["OutOfMemory", "OUT_OF_MEMORY", "ALLOC_FAILED"];
    names.iter().any(|name| text.contains(name))
}
