//! Detects the devices of this build and machine.

#[cfg(feature = "cuda")]
use dfdx::prelude::{Cuda, CudaError};
#[cfg(feature = "cuda")]
use resnet_engine::{EngineError, GpuError, keep_context, open_gpu};
use resweep_core::domain::{DeviceKind, DeviceRequest, Requested};

/// Why a device cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    #[error(
        "this program was built without CUDA: build it with `make cuda`, or use `--device cpu`"
    )]
    NotBuilt,
    #[error("no usable GPU: {0}")]
    NoGpus(String),
    #[error("there is no GPU {ordinal}: this machine has {count}, numbered from 0")]
    NoSuchGpu { ordinal: usize, count: usize },
    #[error("cannot use GPU {ordinal}: {message}")]
    Unavailable { ordinal: usize, message: String },
    #[error(
        "GPU {ordinal} has no memory left; `nvidia-smi` shows which programs take it (CUDA_ERROR_OUT_OF_MEMORY)"
    )]
    OutOfMemory { ordinal: usize },
}

/// The devices of a device request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// At least one, each once.
    pub devices: Vec<DeviceKind>,
    /// The reason why `auto` chose the CPU.
    pub why_cpu: Option<DeviceError>,
}

/// Resolves a device request and checks that each GPU in it works.
///
/// # Errors
/// When a device cannot be used; `auto` falls back to the CPU instead.
pub fn find(request: &DeviceRequest) -> Result<Found, DeviceError> {
    let listed = match request {
        DeviceRequest::Listed(listed) => listed.as_slice(),
        DeviceRequest::Auto => match gpus() {
            Ok(devices) => {
                return Ok(Found {
                    devices,
                    why_cpu: None,
                });
            }
            Err(error) => {
                return Ok(Found {
                    devices: vec![DeviceKind::Cpu],
                    why_cpu: Some(error),
                });
            }
        },
    };
    let mut devices = Vec::new();
    for requested in listed {
        let found = match *requested {
            Requested::AllGpus => gpus()?,
            Requested::One(device) => {
                check(device)?;
                vec![device]
            }
        };
        devices.extend(
            found
                .into_iter()
                .filter(|device| !devices.contains(device))
                .collect::<Vec<_>>(),
        );
    }
    Ok(Found {
        devices,
        why_cpu: None,
    })
}

/// The recorded description of a device: `cpu`, or for a GPU also what the bits of its results depend on:
/// `cuda:0 (NVIDIA H100 80GB HBM3; 132 SMs; CUDA 13.0; cuBLAS 13.0.2)`.
pub fn description(device: DeviceKind) -> String {
    #[cfg(feature = "cuda")]
    if let DeviceKind::Cuda(ordinal) = device
        && let Ok(details) = resnet_engine::gpu_description(ordinal)
    {
        return format!("{device} ({details})");
    }
    device.to_string()
}

/// Every GPU, after checking that it works; at least one.
fn gpus() -> Result<Vec<DeviceKind>, DeviceError> {
    let devices: Vec<DeviceKind> = (0..count()?).map(DeviceKind::Cuda).collect();
    devices.iter().try_for_each(|&device| check(device))?;
    Ok(devices)
}

/// Checks that a device works.
fn check(device: DeviceKind) -> Result<(), DeviceError> {
    match device {
        DeviceKind::Cpu => Ok(()),
        #[cfg(feature = "cuda")]
        DeviceKind::Cuda(ordinal) => opened(ordinal).map(drop),
        #[cfg(not(feature = "cuda"))]
        DeviceKind::Cuda(_) => Err(DeviceError::NotBuilt),
    }
}

/// The number of GPUs that the driver reports; at least one.
#[cfg(feature = "cuda")]
fn count() -> Result<usize, DeviceError> {
    use cudarc::driver::result;
    let said = |error: result::DriverError| DeviceError::NoGpus(explained(error));
    result::init().map_err(said)?;
    match result::device::get_count().map_err(said)? {
        count @ 1.. => Ok(count as usize),
        _ => Err(DeviceError::NoGpus("the driver reports none".to_owned())),
    }
}

#[cfg(not(feature = "cuda"))]
fn count() -> Result<usize, DeviceError> {
    Err(DeviceError::NotBuilt)
}

/// The driver's error, with advice for known errors.
#[cfg(feature = "cuda")]
fn explained(error: cudarc::driver::result::DriverError) -> String {
    // The error's own `Debug` asks the driver for the text, which a missing driver does not have.
    let said = format!("{:?}", error.0);
    let advice = [
        (
            "STUB_LIBRARY",
            "`libcuda.so.1` is a stub for linking; install the NVIDIA driver, and remove the stub's folder from LD_LIBRARY_PATH",
        ),
        (
            "NO_DEVICE",
            "the driver sees none; is one hidden by CUDA_VISIBLE_DEVICES?",
        ),
        (
            "UNSUPPORTED_PTX_VERSION",
            "the NVIDIA driver is older than the CUDA toolkit that built this program; update it",
        ),
        (
            "NO_BINARY_FOR_GPU",
            "the GPU is older than those that this program supports, from compute capability 7.5 (RTX 20, T4)",
        ),
        (
            "INVALID_PTX",
            "the GPU is older than those that this program supports, from compute capability 7.5 (RTX 20, T4)",
        ),
        (
            "SYSTEM_DRIVER_MISMATCH",
            "the driver was updated while in use; restart the machine",
        ),
    ];
    match advice.iter().find(|(name, _)| said.contains(name)) {
        Some((_, advice)) => format!("{advice} ({said})"),
        None => said,
    }
}

/// The GPU with this ordinal, after a trial computation. The process keeps the GPU's context from then on, so that
/// later runs need not create it again.
///
/// # Errors
/// When the GPU fails, or cannot run the code of this build.
#[cfg(feature = "cuda")]
pub fn cuda(ordinal: usize) -> Result<Cuda, DeviceError> {
    let gpu = opened(ordinal)?;
    keep_context(&gpu).map_err(|error| unavailable(ordinal, format!("{error:?}")))?;
    Ok(gpu)
}

#[cfg(feature = "cuda")]
fn opened(ordinal: usize) -> Result<Cuda, DeviceError> {
    // dfdx panics if there is no driver.
    let count = count()?;
    if ordinal >= count {
        return Err(DeviceError::NoSuchGpu { ordinal, count });
    }
    open_gpu(ordinal).map_err(|error| match error {
        GpuError::Cuda(error) if EngineError::new(&error).is_out_of_memory() => {
            DeviceError::OutOfMemory { ordinal }
        }
        GpuError::Cuda(CudaError::Driver(error)) => unavailable(ordinal, explained(error)),
        GpuError::Cuda(error) => unavailable(ordinal, format!("{error:?}")),
        GpuError::Kernels(message) | GpuError::Wrong(message) => unavailable(ordinal, message),
    })
}

#[cfg(feature = "cuda")]
fn unavailable(ordinal: usize, message: String) -> DeviceError {
    DeviceError::Unavailable { ordinal, message }
}

#[cfg(all(test, not(feature = "cuda")))]
mod tests {
    use super::*;

    fn found(text: &str) -> Result<Found, DeviceError> {
        find(&text.parse().expect("a request"))
    }

    #[test]
    fn auto_without_cuda_is_the_cpu_with_a_reason() {
        let auto = found("auto").expect("the CPU");
        assert_eq!(auto.devices, [DeviceKind::Cpu]);
        assert_eq!(auto.why_cpu, Some(DeviceError::NotBuilt));
    }

    #[test]
    fn gpu_without_cuda_is_rejected() {
        for text in ["cuda", "cuda:all", "cpu,cuda:1"] {
            assert_eq!(found(text), Err(DeviceError::NotBuilt));
        }
        assert_eq!(found("cpu").expect("the CPU").why_cpu, None);
    }
}
