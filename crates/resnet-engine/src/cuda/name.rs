//! Reads a GPU's name from the driver.

use std::ffi::CStr;

use cudarc::driver::result::{DriverError, device, init};
use cudarc::driver::sys::cuDeviceGetName;

/// The GPU's name as the driver reports it: `NVIDIA H100 80GB HBM3`.
///
/// # Errors
/// When there is no driver or no such GPU.
pub fn gpu_name(ordinal: usize) -> Result<String, DriverError> {
    init()?;
    let device = device::get(ordinal as i32)?;
    let mut name = [0; 256];
    // SAFETY: the driver writes at most this many bytes, the last of them a zero.
    unsafe { cuDeviceGetName(name.as_mut_ptr(), name.len() as i32, device) }.result()?;
    let name = name.map(|byte| byte as u8);
    let name = CStr::from_bytes_until_nul(&name).unwrap_or_default();
    Ok(name.to_string_lossy().trim().to_owned())
}
