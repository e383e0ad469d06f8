//! Speeds of this machine, from the store.

use super::provenance::cpu_name;
use crate::plan::{ObservedSpeed, Speeds};
use crate::record::Store;
use crate::train::DeviceKind;

/// The speeds that finished runs had on this device and CPU with as many threads each.
pub fn speeds(store: &Store, device: DeviceKind, threads: usize) -> anyhow::Result<Speeds> {
    let observed = store.observed_speeds(&device.to_string(), &cpu_name(), threads)?;
    let observed = observed.into_iter().map(|seen| ObservedSpeed {
        batch_size: seen.config.configuration.train.batch_size,
        model: seen.config.configuration.model,
        flops_per_second: seen.training_flops_per_s,
    });
    Ok(Speeds::new(observed.collect()))
}
