//! The devices that this program and this machine have.

#[cfg(feature = "cuda")]
use resnet_engine::{EngineError, compile_kernels};
use resweep_core::domain::{DeviceKind, DeviceRequest, Requested};

/// Why a device cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    #[error(
        "this program was built without CUDA: build it with `make cuda`, or use `--device cpu`"
    )]
    NotBuilt,
    #[error("no GPU answers: {0}")]
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

/// The devices that a request comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// At least one, each once.
    pub devices: Vec<DeviceKind>,
    /// Why `auto` chose the CPU.
    pub why_cpu: Option<DeviceError>,
}

/// Finds the devices that are asked for, and sees that each GPU among them works.
///
/// # Errors
/// When one of them cannot be used; `auto` then means the CPU.
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

/// What is recorded of a device: `cpu`, or `cuda:0 (NVIDIA H100 80GB HBM3)`.
pub fn description(device: DeviceKind) -> String {
    #[cfg(feature = "cuda")]
    if let DeviceKind::Cuda(ordinal) = device
        && let Ok(name) = resnet_engine::gpu_name(ordinal)
    {
        return format!("{device} ({name})");
    }
    device.to_string()
}

/// Every GPU, each seen to work; at least one.
fn gpus() -> Result<Vec<DeviceKind>, DeviceError> {
    let devices: Vec<DeviceKind> = (0..count()?).map(DeviceKind::Cuda).collect();
    devices.iter().try_for_each(|&device| check(device))?;
    Ok(devices)
}

/// Sees that a device works.
fn check(device: DeviceKind) -> Result<(), DeviceError> {
    match device {
        DeviceKind::Cpu => Ok(()),
        #[cfg(feature = "cuda")]
        DeviceKind::Cuda(ordinal) => cuda(ordinal).map(drop),
        #[cfg(not(feature = "cuda"))]
        DeviceKind::Cuda(_) => Err(DeviceError::NotBuilt),
    }
}

/// How many GPUs the driver knows; at least one.
#[cfg(feature = "cuda")]
fn count() -> Result<usize, DeviceError> {
    use cudarc::driver::result;
    let said = |error: result::DriverError| DeviceError::NoGpus(explained(error));
    result::init().map_err(said)?;
    match result::device::get_count().map_err(said)? {
        count @ 1.. => Ok(count as usize),
        _ => Err(DeviceError::NoGpus("the driver knows of none".to_owned())),
    }
}

#[cfg(not(feature = "cuda"))]
fn count() -> Result<usize, DeviceError> {
    Err(DeviceError::NotBuilt)
}

/// What the driver says, and what to do about it where that is known.
#[cfg(feature = "cuda")]
fn explained(error: cudarc::driver::result::DriverError) -> String {
    // The error's own `Debug` asks the driver for words, which one that is missing does not have.
    let said = format!("{:?}", error.0);
    let advice = [
        (
            "STUB_LIBRARY",
            "no NVIDIA driver was installed when `make cuda-toolkit` ran; run it again where there is one",
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
            "the program was built for another kind of GPU; build it here, or with its CUDA_COMPUTE_CAP",
        ),
        (
            "INVALID_PTX",
            "the program was built for another kind of GPU; build it here, or with its CUDA_COMPUTE_CAP",
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

/// The GPU with this ordinal, which has been seen to compute.
///
/// # Errors
/// When it does not answer, or cannot run what this program was built for.
#[cfg(feature = "cuda")]
pub fn cuda(ordinal: usize) -> Result<dfdx::prelude::Cuda, DeviceError> {
    use dfdx::prelude::{AsArray, Cuda, CudaError, TensorFrom};
    // dfdx panics where there is none.
    let count = count()?;
    if ordinal >= count {
        return Err(DeviceError::NoSuchGpu { ordinal, count });
    }
    let root_of_4 = || {
        let gpu = Cuda::try_build(ordinal, 0)?;
        let root = gpu.try_tensor([4.0_f32])?.try_sqrt()?.array();
        Ok((gpu, root))
    };
    let unavailable = |message| DeviceError::Unavailable { ordinal, message };
    compile_kernels().map_err(unavailable)?;
    match root_of_4() {
        Ok((gpu, [2.0])) => Ok(gpu),
        Ok((_, [root])) => Err(unavailable(format!("it computes the root of 4 as {root}"))),
        Err(error) if EngineError::new(&error).is_out_of_memory() => {
            Err(DeviceError::OutOfMemory { ordinal })
        }
        Err(CudaError::Driver(error)) => Err(unavailable(explained(error))),
        Err(error) => Err(unavailable(format!("{error:?}"))),
    }
}

#[cfg(all(test, not(feature = "cuda")))]
mod tests {
    use super::*;

    fn found(text: &str) -> Result<Found, DeviceError> {
        find(&text.parse().expect("a request"))
    }

    #[test]
    fn without_cuda_auto_is_the_cpu_and_says_why() {
        let auto = found("auto").expect("the CPU");
        assert_eq!(auto.devices, [DeviceKind::Cpu]);
        assert_eq!(auto.why_cpu, Some(DeviceError::NotBuilt));
    }

    #[test]
    fn without_cuda_a_gpu_is_refused() {
        for text in ["cuda", "cuda:all", "cpu,cuda:1"] {
            assert_eq!(found(text), Err(DeviceError::NotBuilt));
        }
        assert_eq!(found("cpu").expect("the CPU").why_cpu, None);
    }
}
