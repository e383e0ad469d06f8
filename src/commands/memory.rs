//! Estimates the CPU memory of a sweep's runs, and reads the free memory.

use std::process;

use resnet_engine::{fused_memory_bytes, portable_memory_bytes};
use resweep_core::architecture::Architecture;
use resweep_core::domain::{Configuration, EngineKind, Validation};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use super::known_images::KnownImages;
use super::table::binary;

/// The program's memory besides runs and images, including a figure and a report of hundreds of
/// curves. With it, `alone` was above every measured peak at depths 8 to 1202, widths 2 to 64, images
/// of 8 to 128 pixels and batches of 2 to 128.
const PROGRAM_BYTES: u64 = 96 << 20;

/// The assumed number of training images of an unread data set: that of the published ones.
const IMAGES_UNSEEN: u64 = 50_000;

/// The memory of one run, the memory that all runs share, and the memory for decoding the images
/// before them, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    pub run: u64,
    pub shared: u64,
    pub decoding: u64,
}

impl Need {
    /// An upper bound for one run of a configuration with `threads` threads.
    pub fn of(config: &Configuration, images: &KnownImages, threads: usize) -> Need {
        let (architecture, batch) = (
            Architecture::new(&config.model, images.classes),
            config.train.batch_size,
        );
        let training = match config.train.engine {
            EngineKind::Fused => fused_memory_bytes(&architecture, batch, threads),
            EngineKind::Portable => {
                let bytes = portable_memory_bytes(&architecture, batch);
                // The portable engine's estimate is up to a tenth too small.
                bytes + bytes / 8
            }
        };
        Need {
            run: training + checkpoint_bytes(config, images.classes),
            shared: PROGRAM_BYTES + image_bytes(config, images),
            decoding: images.seen.as_ref().map_or(0, |facts| facts.decoding_bytes),
        }
    }

    /// The peak of a process that decodes the images and trains one run.
    pub fn alone(self) -> u64 {
        self.shared + self.run.max(self.decoding)
    }

    /// A warning if `workers` runs of this size may not fit into `free` bytes.
    pub fn warning(self, workers: usize, free: u64) -> Option<String> {
        let all = self.shared + self.run * workers as u64;
        if all <= free {
            return None;
        }
        let fitting = free.saturating_sub(self.shared) / self.run.max(1);
        let advice = match fitting {
            0 => "a smaller `train.batch_size` needs less".to_owned(),
            fitting => format!("`--workers {fitting}` fits"),
        };
        let runs = if workers == 1 { "run" } else { "runs at once" };
        Some(format!(
            "{workers} {runs} may need {} of memory and {} are free; {advice}",
            binary(all),
            binary(free)
        ))
    }
}

/// A checkpoint is assembled in memory: parameters, velocities and statistics.
fn checkpoint_bytes(config: &Configuration, classes: usize) -> u64 {
    let architecture = resweep_core::architecture::Architecture::new(&config.model, classes);
    3 * architecture.parameters() * size_of::<f32>() as u64
}

/// One byte per channel and pixel. Held-out images exist twice for a while.
fn image_bytes(config: &Configuration, images: &KnownImages) -> u64 {
    let seen = images.seen.as_ref();
    let train = seen.map_or(IMAGES_UNSEEN, |facts| facts.train_images as u64);
    let labels = seen.and_then(|facts| facts.labels.as_ref());
    let test = labels.map_or(train, |labels| labels.test.len() as u64);
    let held_out = match config.data.validation {
        Validation::None => 0,
        Validation::Images(_) => train,
    };
    let image = 3 * config.model.image_size as u64 * config.model.image_size as u64;
    (train + test + held_out) * (image + size_of::<u16>() as u64)
}

/// Bytes that this process may still allocate: the machine's free memory, limited by the control
/// group and by what is left of the address space. `None` if unknown.
pub fn free_bytes() -> Option<u64> {
    let mut system = System::new().ok()?;
    system.refresh_memory();
    let own = Pid::from_u32(process::id());
    let all = ProcessesToUpdate::Some(&[own]);
    let memory = ProcessRefreshKind::nothing().with_memory();
    system.refresh_processes_specifics(all, false, memory);
    let own = system.process(own);
    let group = own.and_then(|own| own.cgroup_limits());
    let mapped = own.map_or(0, |own| own.virtual_memory());
    let addresses = address_space().map(|limit| limit.saturating_sub(mapped));
    let limits = [group.map(|group| group.total_memory), addresses];
    let limits = limits.into_iter().flatten();
    Some(limits.fold(system.available_memory(), u64::min))
}

/// `ulimit -v`.
#[cfg(unix)]
fn address_space() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::As).current
}

#[cfg(not(unix))]
fn address_space() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use resweep_core::domain::Shortcut;
    use resweep_data::{DatasetInfo, Labels};

    use super::*;

    fn need(depth: usize, width: usize, size: usize, batch: usize, shortcut: Shortcut) -> Need {
        let mut config = Configuration::paper(depth, shortcut);
        config.model.width = width;
        config.model.image_size = size;
        config.train.batch_size = batch;
        // The built-in images.
        let labels = Labels {
            train: vec![0; 10_000],
            test: vec![0; 2_000],
        };
        let images = KnownImages {
            fingerprint: String::new(),
            classes: 10,
            seen: Some(DatasetInfo {
                fingerprint: String::new(),
                classes: 10,
                train_images: 10_000,
                labels: Some(Arc::new(labels)),
                decoding_bytes: 0,
                warnings: Vec::new(),
            }),
        };
        Need::of(&config, &images, 1)
    }

    #[test]
    fn estimate_is_a_tight_upper_bound_of_measured_peaks() {
        for (depth, width, size, batch, shortcut, measured_mib) in [
            (8, 2, 8, 16, Shortcut::None, 59),
            (8, 16, 32, 128, Shortcut::A, 172),
            (20, 16, 32, 16, Shortcut::A, 120),
            (20, 16, 32, 128, Shortcut::A, 268),
            (20, 16, 32, 128, Shortcut::B, 277),
            (20, 64, 32, 32, Shortcut::A, 540),
            (56, 16, 32, 128, Shortcut::A, 555),
            (110, 16, 32, 16, Shortcut::A, 260),
            (110, 16, 32, 128, Shortcut::None, 973),
        ] {
            let mib = need(depth, width, size, batch, shortcut).alone() >> 20;
            let expected = measured_mib..measured_mib + 96;
            assert!(expected.contains(&mib), "{depth} {batch}: {mib}");
        }
    }

    #[test]
    fn too_many_workers_for_the_memory_give_a_warning() {
        let need = Need {
            run: 900 << 20,
            shared: 100 << 20,
            decoding: 0,
        };
        assert_eq!(need.warning(2, 2000 << 20), None);
        let said = |workers, mib: u64| need.warning(workers, mib << 20).expect("a warning");
        assert_eq!(
            said(3, 2000),
            "3 runs at once may need 2.8 GiB of memory and 2.0 GiB are free; `--workers 2` fits"
        );
        assert_eq!(
            said(1, 900),
            "1 run may need 1.0 GiB of memory and 900 MiB are free; a smaller `train.batch_size` \
             needs less"
        );
    }
}
