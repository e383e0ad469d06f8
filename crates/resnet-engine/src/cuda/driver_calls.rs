//! Functions of the CUDA driver and of cuBLAS as cudarc needs them.
//!
//! The linker takes these in place of the libraries' functions of the same names, which they call. There
//! are two reasons:
//!
//! - After a fault of the GPU, such as an illegal address, every call of the process fails, also those
//!   that free memory. cudarc's destructors panic then, and the second panic aborts the process. The
//!   functions here that release something always succeed: what the driver cannot free is lost anyway.
//! - cudarc has an enum of CUDA 11's error codes, and a code that is not in it is undefined behaviour.
//!   The functions here that can report a fault return `CUDA_ERROR_UNKNOWN` in its place.

use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int, c_uchar, c_uint, c_void};
use std::sync::OnceLock;

const SUCCESS: u32 = 0;
const UNKNOWN: u32 = 999;

thread_local! {
    static FAULT: Cell<Option<u32>> = const { Cell::new(None) };
}

/// The driver's code for the fault of a GPU that this thread was given since the last call, if any. The
/// process cannot use that GPU again.
pub fn take_gpu_fault() -> Option<u32> {
    FAULT.take()
}

/// Whether the driver returns this code again for every later call of the process.
fn is_fault(code: u32) -> bool {
    // ECC, NVLink, contained and row-remapping errors; faults of a kernel; a destroyed context.
    matches!(
        code,
        214 | 220 | 226 | 700 | 702 | 709 | 710 | 714..=719 | 721 | UNKNOWN
    )
}

/// Notes a fault, and replaces a code that cudarc does not know.
fn reported(code: u32) -> u32 {
    if is_fault(code) {
        FAULT.set(Some(code));
    }
    match code {
        225 | 226 | 721 | 913..UNKNOWN => UNKNOWN,
        known => known,
    }
}

/// A release cannot be done otherwise, so its failure is noted only.
fn released(code: u32) -> u32 {
    reported(code);
    SUCCESS
}

/// A fault is noted only: cudarc's destructors make these calls too, and the next call that computes something
/// reports the fault again.
fn deferred(code: u32) -> u32 {
    let code = reported(code);
    if is_fault(code) { SUCCESS } else { code }
}

unsafe extern "C" {
    fn dlsym(library: *mut c_void, symbol: *const c_char) -> *mut c_void;
}

/// The address of the next function of this name after the program's own: the library's.
fn next(name: &CStr) -> usize {
    const RTLD_NEXT: isize = -1;
    // SAFETY: the name ends with a zero.
    let found = unsafe { dlsym(RTLD_NEXT as *mut c_void, name.as_ptr()) };
    assert!(
        !found.is_null(),
        "no {} in the CUDA libraries",
        name.to_string_lossy()
    );
    found as usize
}

/// Defines functions that call the libraries' own and convert their results.
macro_rules! replace {
    ($($convert:ident $name:ident($($argument:ident: $kind:ty),*);)*) => {
        $(
            #[unsafe(no_mangle)]
            unsafe extern "C" fn $name($($argument: $kind),*) -> u32 {
                static REAL: OnceLock<usize> = OnceLock::new();
                const NAME: &str = concat!(stringify!($name), "\0");
                let name = || CStr::from_bytes_with_nul(NAME.as_bytes()).expect("one zero");
                let real = *REAL.get_or_init(|| next(name()));
                // SAFETY: the library declares the function with this signature, and returns an enum
                // that is as large as `u32`; the caller upholds its contract.
                let code = unsafe {
                    let real: unsafe extern "C" fn($($kind),*) -> u32 = std::mem::transmute(real);
                    real($($argument),*)
                };
                $convert(code)
            }
        )*

        /// How many functions are replaced. Calling this makes sure that the linker sees them.
        pub fn replaced() -> usize {
            [$($name as *const c_void),*].len()
        }
    };
}

type Pointer = u64;

replace! {
    released cuMemFree_v2(pointer: Pointer);
    released cuMemFreeAsync(pointer: Pointer, stream: *mut c_void);
    released cuEventDestroy_v2(event: *mut c_void);
    released cuStreamDestroy_v2(stream: *mut c_void);
    released cuModuleUnload(module: *mut c_void);
    released cuDevicePrimaryCtxRelease_v2(device: c_int);
    released cublasDestroy_v2(handle: *mut c_void);
    reported cuMemAlloc_v2(pointer: *mut Pointer, bytes: usize);
    reported cuMemAllocAsync(pointer: *mut Pointer, bytes: usize, stream: *mut c_void);
    reported cuMemsetD8Async(to: Pointer, value: c_uchar, bytes: usize, stream: *mut c_void);
    reported cuMemcpyHtoD_v2(to: Pointer, from: *const c_void, bytes: usize);
    reported cuMemcpyHtoDAsync_v2(to: Pointer, from: *const c_void, bytes: usize, stream: *mut c_void);
    reported cuMemcpyDtoH_v2(to: *mut c_void, from: Pointer, bytes: usize);
    reported cuMemcpyDtoHAsync_v2(to: *mut c_void, from: Pointer, bytes: usize, stream: *mut c_void);
    reported cuMemcpyDtoDAsync_v2(to: Pointer, from: Pointer, bytes: usize, stream: *mut c_void);
    reported cuStreamSynchronize(stream: *mut c_void);
    deferred cuStreamWaitEvent(stream: *mut c_void, event: *mut c_void, flags: c_uint);
    deferred cuEventRecord(event: *mut c_void, stream: *mut c_void);
    deferred cuCtxSetCurrent(context: *mut c_void);
    reported cuDevicePrimaryCtxRetain(context: *mut *mut c_void, device: c_int);
    reported cuModuleLoad(module: *mut *mut c_void, path: *const c_char);
    reported cuModuleLoadData(module: *mut *mut c_void, image: *const c_void);
    reported cuLaunchKernel(
        function: *mut c_void,
        grid_x: c_uint, grid_y: c_uint, grid_z: c_uint,
        block_x: c_uint, block_y: c_uint, block_z: c_uint,
        shared: c_uint,
        stream: *mut c_void,
        parameters: *mut *mut c_void,
        extra: *mut *mut c_void
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_cudarc_lacks_become_unknown_and_faults_are_noted() {
        for code in [225, 226, 721, 913, 917, 998] {
            assert_eq!(reported(code), UNKNOWN);
        }
        for code in [SUCCESS, 2, 100, 700, 912, UNKNOWN] {
            assert_eq!(reported(code), code);
        }
        take_gpu_fault();
        assert_eq!((reported(2), take_gpu_fault()), (2, None));
        assert_eq!((released(700), take_gpu_fault()), (SUCCESS, Some(700)));
        assert_eq!((deferred(700), take_gpu_fault()), (SUCCESS, Some(700)));
        assert_eq!((deferred(2), take_gpu_fault()), (2, None));
        assert_eq!(take_gpu_fault(), None);
    }
}
