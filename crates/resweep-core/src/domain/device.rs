//! Devices and device requests.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A device that computes a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceKind {
    #[default]
    Cpu,
    /// The GPU with this ordinal.
    Cuda(usize),
}

impl fmt::Display for DeviceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(ordinal) => write!(f, "cuda:{ordinal}"),
        }
    }
}

/// The value of `--device`: `cpu`, `cuda` (the first GPU), `cuda:0,1`, `cuda:all`, a list such as
/// `cuda:0,cpu`, or `auto`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceRequest {
    /// Every working GPU, otherwise the CPU.
    Auto,
    /// In this order, without duplicates.
    Listed(Vec<Requested>),
}

/// A part of a [`DeviceRequest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requested {
    One(DeviceKind),
    AllGpus,
}

/// An unknown device name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown device `{0}`: {help}", help = device_help(.0))]
pub struct UnknownDevice(String);

/// The device that is probably meant, or all forms.
fn device_help(text: &str) -> String {
    let named = text.replace("gpus", "gpu").replace("gpu", "cuda");
    let numbered = format!("cuda:{text}");
    let meant = [named, numbered].into_iter();
    let meant = meant.filter(|form| form != text);
    match meant
        .into_iter()
        .find(|form| form.parse::<DeviceRequest>().is_ok())
    {
        Some(form) => format!("did you mean `{form}`?"),
        None => "expected `cpu`, `cuda`, `cuda:N`, `cuda:0,1`, `cuda:all`, a list such as \
                 `cuda:0,cpu`, or `auto`"
            .to_owned(),
    }
}

impl FromStr for DeviceRequest {
    type Err = UnknownDevice;

    fn from_str(text: &str) -> Result<Self, UnknownDevice> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let mut listed: Vec<Requested> = Vec::new();
        let mut among_gpus = false;
        for name in text.split(',') {
            let ordinal = match name.strip_prefix("cuda:") {
                Some(ordinal) => Some(ordinal),
                None => among_gpus.then_some(name),
            };
            let number = ordinal.and_then(|ordinal| ordinal.parse().ok());
            let requested = match (name, number) {
                (_, Some(number)) => Requested::One(DeviceKind::Cuda(number)),
                ("cpu", None) => Requested::One(DeviceKind::Cpu),
                ("cuda", None) => Requested::One(DeviceKind::Cuda(0)),
                ("cuda:all", None) => Requested::AllGpus,
                _ => return Err(UnknownDevice(text.to_owned())),
            };
            among_gpus = number.is_some();
            if !listed.contains(&requested) {
                listed.push(requested);
            }
        }
        Ok(Self::Listed(listed))
    }
}

impl fmt::Display for DeviceRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Listed(listed) => {
                let names: Vec<String> = listed.iter().map(Requested::to_string).collect();
                f.write_str(&names.join(","))
            }
        }
    }
}

impl fmt::Display for Requested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(device) => device.fmt(f),
            Self::AllGpus => f.write_str("cuda:all"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_requests_are_parsed() {
        for (text, shown) in [
            ("cpu", "cpu"),
            ("cuda", "cuda:0"),
            ("cuda:3", "cuda:3"),
            ("cuda:0,1", "cuda:0,cuda:1"),
            ("cuda:0,2,cpu", "cuda:0,cuda:2,cpu"),
            ("cuda:all,cpu", "cuda:all,cpu"),
            ("cpu,cpu", "cpu"),
            ("auto", "auto"),
        ] {
            let request: DeviceRequest = text.parse().expect(text);
            assert_eq!(request.to_string(), shown);
        }
        for text in [
            "gpu",
            "cuda:",
            "cuda:x",
            "cpu:0",
            "",
            "0",
            "cpu,1",
            "auto,cpu",
            "cuda:0,,1",
        ] {
            assert!(text.parse::<DeviceRequest>().is_err(), "{text}");
        }
    }

    #[test]
    fn other_names_of_gpus_are_answered_with_the_right_one() {
        for (text, form) in [
            ("gpu", Some("cuda")),
            ("gpu:1", Some("cuda:1")),
            ("gpu:all,cpu", Some("cuda:all,cpu")),
            ("0", Some("cuda:0")),
            ("0,1", Some("cuda:0,1")),
            ("all", Some("cuda:all")),
            ("tpu", None),
        ] {
            let error = text.parse::<DeviceRequest>().expect_err(text).to_string();
            match form {
                Some(form) => assert!(
                    error.ends_with(&format!("did you mean `{form}`?")),
                    "{error}"
                ),
                None => assert!(error.contains("expected `cpu`"), "{error}"),
            }
        }
    }
}
