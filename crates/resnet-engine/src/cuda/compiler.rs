//! Compiles `kernels.cu` with NVRTC.
//!
//! The result is machine code for the GPU where NVRTC has its architecture, so that a driver older than
//! the toolkit can load it. Any other GPU gets PTX, which the driver compiles.

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char};
use std::sync::{Arc, Mutex, PoisonError};

use cudarc::nvrtc::{result, sys};

use crate::model::BN_EPSILON;

/// The oldest GPUs that CUDA 13 supports. Newer drivers compile its PTX for every newer GPU.
const OLDEST: &str = "compute_75";

/// The kernels for a GPU of this compute capability (9.0 is 90), compiled once per process.
///
/// # Errors
/// NVRTC's message.
pub fn compiled(capability: i32) -> Result<Arc<[u8]>, String> {
    static COMPILED: Mutex<BTreeMap<String, Arc<[u8]>>> = Mutex::new(BTreeMap::new());
    let architecture = architecture(capability);
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(kernels) = compiled.get(&architecture) {
        return Ok(Arc::clone(kernels));
    }
    let kernels: Arc<[u8]> = Program::compile(&architecture)?
        .output(&architecture)?
        .into();
    compiled.insert(architecture, Arc::clone(&kernels));
    Ok(kernels)
}

/// `sm_90` for machine code if NVRTC can produce it for this GPU, otherwise the oldest PTX.
fn architecture(capability: i32) -> String {
    if supported().is_ok_and(|supported| supported.contains(&capability)) {
        format!("sm_{capability}")
    } else {
        OLDEST.to_owned()
    }
}

/// The compute capabilities for which NVRTC has machine code.
fn supported() -> Result<Vec<i32>, result::NvrtcError> {
    let mut count = 0;
    // SAFETY: NVRTC writes a number, then as many numbers as it announced.
    unsafe {
        sys::nvrtcGetNumSupportedArchs(&raw mut count).result()?;
        let mut all = vec![0; count as usize];
        sys::nvrtcGetSupportedArchs(all.as_mut_ptr()).result()?;
        Ok(all)
    }
}

/// A compiled program.
struct Program(sys::nvrtcProgram);

impl Program {
    fn compile(architecture: &str) -> Result<Self, String> {
        let source = format!(
            "#define EPSILON {BN_EPSILON:e}f\n{}",
            include_str!("kernels.cu")
        );
        let program = Self(result::create_program(source).map_err(failed)?);
        let options = [format!("--gpu-architecture={architecture}")];
        // SAFETY: the program exists until it is dropped.
        let compiled = unsafe { result::compile_program(program.0, &options) };
        match compiled {
            Ok(()) => Ok(program),
            Err(error) => Err(format!("{}: {}", failed(error), program.log())),
        }
    }

    /// The compiler's messages.
    fn log(&self) -> String {
        // SAFETY: the program exists until it is dropped.
        let log = unsafe { result::get_program_log(self.0) }.unwrap_or_default();
        let log: Vec<u8> = log.into_iter().map(|byte| byte as u8).collect();
        let log = CStr::from_bytes_until_nul(&log).unwrap_or_default();
        log.to_string_lossy().trim().to_owned()
    }

    /// Machine code, or PTX with its final zero, as `architecture` says.
    fn output(&self, architecture: &str) -> Result<Vec<u8>, String> {
        // SAFETY: the program exists until it is dropped; NVRTC writes as many bytes as it announced.
        let output: Result<Vec<c_char>, _> = unsafe {
            if architecture == OLDEST {
                result::get_ptx(self.0)
            } else {
                let mut bytes = 0;
                let size = sys::nvrtcGetCUBINSize(self.0, &raw mut bytes).result();
                size.and_then(|()| {
                    let mut binary = vec![0; bytes];
                    sys::nvrtcGetCUBIN(self.0, binary.as_mut_ptr()).result()?;
                    Ok(binary)
                })
            }
        };
        let output = output.map_err(failed)?;
        Ok(output.into_iter().map(|byte| byte as u8).collect())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // SAFETY: nothing uses the program after this. A failure leaks it.
        let _ = unsafe { result::destroy_program(self.0) };
    }
}

fn failed(error: result::NvrtcError) -> String {
    format!("NVRTC cannot compile the kernels: {error:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gpu_that_nvrtc_has_gets_machine_code_and_any_other_gets_ptx() {
        for capability in supported().expect("a list") {
            let kernels = compiled(capability).expect("machine code");
            assert!(kernels.starts_with(b"\x7fELF"), "sm_{capability}");
        }
        let ptx = compiled(990).expect("PTX");
        let ptx = String::from_utf8_lossy(&ptx);
        assert!(ptx.contains(".target sm_75"), "{ptx:.300}");
    }
}
