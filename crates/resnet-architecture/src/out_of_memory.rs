//! How a device reports that it has too little memory.

/// The message for a device that has too little memory.
pub const OUT_OF_MEMORY: &str =
    "out of memory; fewer runs at once (--workers) or a smaller train.batch_size need less";

/// Whether an error's text says that a device had too little memory.
pub fn says_out_of_memory(text: &str) -> bool {
    // What dfdx's CPU, CUDA's driver and cuBLAS call it.
    let names = ["OutOfMemory", "OUT_OF_MEMORY", "ALLOC_FAILED"];
    names.iter().any(|name| text.contains(name))
}
