//! Where a run computes.

use std::fmt;
use std::str::FromStr;

/// A dfdx device by name: `cpu`, `cuda` (the first GPU) or `cuda:N`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceKind {
    #[default]
    Cpu,
    /// The GPU with this ordinal.
    Cuda(usize),
}

/// Why a device cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    #[error("unknown device `{0}`: expected `cpu`, `cuda` or `cuda:N`")]
    Unknown(String),
    #[error(
        "this program was built without CUDA: build it with `cargo build --release --features cuda` or use `--device cpu`"
    )]
    NotBuilt,
    #[error("cannot use GPU {ordinal}: {message}")]
    Unavailable { ordinal: usize, message: String },
}

impl FromStr for DeviceKind {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        match text.split_once(':') {
            None if text == "cpu" => Ok(Self::Cpu),
            None if text == "cuda" => Ok(Self::Cuda(0)),
            Some(("cuda", ordinal)) => ordinal
                .parse()
                .map(Self::Cuda)
                .map_err(|_| DeviceError::Unknown(text.to_owned())),
            _ => Err(DeviceError::Unknown(text.to_owned())),
        }
    }
}

impl fmt::Display for DeviceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(ordinal) => write!(f, "cuda:{ordinal}"),
        }
    }
}

impl DeviceKind {
    /// Whether this program can use the device at all, before any run starts.
    ///
    /// # Errors
    /// When the program was built without CUDA or the GPU does not answer.
    pub fn check(self) -> Result<(), DeviceError> {
        match self {
            Self::Cpu => Ok(()),
            #[cfg(feature = "cuda")]
            Self::Cuda(ordinal) => cuda(ordinal).map(drop),
            #[cfg(not(feature = "cuda"))]
            Self::Cuda(_) => Err(DeviceError::NotBuilt),
        }
    }
}

/// The GPU with this ordinal.
#[cfg(feature = "cuda")]
pub fn cuda(ordinal: usize) -> Result<dfdx::prelude::Cuda, DeviceError> {
    dfdx::prelude::Cuda::try_build(ordinal, 0).map_err(|error| DeviceError::Unavailable {
        ordinal,
        message: format!("{error:?}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_parsed_and_shown_by_name() {
        for name in ["cpu", "cuda:0", "cuda:3"] {
            assert_eq!(name.parse::<DeviceKind>().expect(name).to_string(), name);
        }
        assert_eq!(
            "cuda".parse::<DeviceKind>().expect("cuda"),
            DeviceKind::Cuda(0)
        );
        for name in ["gpu", "cuda:", "cuda:x", "cpu:0", ""] {
            assert!(name.parse::<DeviceKind>().is_err(), "{name}");
        }
    }
}
