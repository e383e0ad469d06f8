//! Recognises out-of-memory errors of devices.

/// The message for a device that is out of memory.
pub const OUT_OF_MEMORY: &str =
    "out of memory; fewer runs at once (--workers) or a smaller train.batch_size need less";

/// Whether an error's text says that a device is out of memory.
pub fn says_out_of_memory(text: &str) -> bool {
    // The names used by dfdx on the CPU, CUDA's driver and cuBLAS; cuBLAS reports the last when it has too
    // little memory for a handle.
    let names = [
        "OutOfMemory",
        "OUT_OF_MEMORY",
        "CUBLAS_STATUS_ALLOC_FAILED",
        "CUBLAS_STATUS_NOT_INITIALIZED",
    ];
    names.iter().any(|name| text.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lack_of_memory_is_recognised_in_the_words_of_each_library() {
        for text in [
            "OutOfMemory",
            "DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")",
            "CublasError(CUBLAS_STATUS_ALLOC_FAILED)",
            "CublasError(CUBLAS_STATUS_NOT_INITIALIZED)",
        ] {
            assert!(says_out_of_memory(text), "{text}");
        }
        for text in [
            "DriverError(CUDA_ERROR_NOT_INITIALIZED, \"initialization error\")",
            "CublasError(CUBLAS_STATUS_EXECUTION_FAILED)",
        ] {
            assert!(!says_out_of_memory(text), "{text}");
        }
    }
}
