//! Describes the program and the machine.

use sysinfo::{CpuRefreshKind, RefreshKind, System};

use resweep_core::domain::DeviceKind;
use resweep_store::Provenance;

/// The version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit of this build, if known.
pub fn commit() -> Option<&'static str> {
    let commit = git_version::git_version!(
        args = ["--always", "--abbrev=12", "--exclude=*"],
        fallback = ""
    );
    Some(commit).filter(|commit| !commit.is_empty())
}

/// The provenance stored with each attempt on one of `devices`.
pub fn provenance(devices: &[DeviceKind]) -> Provenance {
    let described = |&device| (device, resweep_train::device_description(device));
    Provenance {
        version: VERSION.to_owned(),
        git_commit: commit().map(str::to_owned),
        cpu: cpu_name(),
        devices: devices.iter().map(described).collect(),
        host: System::host_name().unwrap_or_else(|_| "unknown".to_owned()),
    }
}

/// The CPU's model name, or the architecture if it has none.
pub fn cpu_name() -> String {
    let kind = RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing());
    let system = System::new_with_specifics(kind).ok();
    let name = system
        .iter()
        .flat_map(System::cpus)
        .map(|cpu| cpu.brand().trim().to_owned())
        .find(|name| !name.is_empty());
    name.unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}
