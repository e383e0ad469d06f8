//! Estimates the memory of a training run before it starts.

use super::fused;
use crate::model::{Architecture, ConvBn};
use resweep_core::domain::{Configuration, EngineKind};

/// Estimates the peak memory in bytes of one training run on the CPU with `threads` threads:
/// activations and gradients in the engine that `config` names. Excludes the images, which all runs
/// share, and the program itself.
pub fn memory_bytes(config: &Configuration, classes: usize, threads: usize) -> u64 {
    let architecture = Architecture::new(&config.model, classes);
    let batch = config.train.batch_size;
    // Each parameter, its gradient and its velocity.
    let parameters = 3 * architecture.parameters() * size_of::<f32>() as u64;
    let activations = match config.train.engine {
        EngineKind::Fused => fused::memory_bytes(&architecture, batch, threads),
        EngineKind::Portable => portable(&architecture, batch) * size_of::<f32>(),
    };
    parameters + activations as u64
}

/// dfdx keeps the patches of every convolution and, until the end of the backward pass, the
/// gradients of everything on the tape. The factors are fitted to measurements on one thread at
/// depths 8 to 56, widths 4 to 32 and batches of 16 to 128: from 100 MiB on, the estimate is 0.9 to
/// 1.2 times the measured memory.
fn portable(architecture: &Architecture, batch: usize) -> usize {
    let layers = || architecture.layers();
    let all_patches: usize = layers().map(patches).sum();
    let all_outputs: usize = layers().map(outputs).sum();
    let largest = layers().map(patches).max().unwrap_or_default();
    batch * (2 * all_patches + 5 * all_outputs + largest)
}

/// Values in a convolution's patches of one image.
fn patches(layer: &ConvBn) -> usize {
    layer.out_size().pow(2) * layer.kernel.pow(2) * layer.in_channels
}

/// Values that a convolution computes for one image.
fn outputs(layer: &ConvBn) -> usize {
    layer.out_size().pow(2) * layer.out_channels
}

#[cfg(test)]
mod tests {
    use super::*;
    use resweep_core::domain::Shortcut;

    fn mib(depth: usize, shortcut: Shortcut, batch: usize) -> u64 {
        let mut config = Configuration::paper(depth, shortcut);
        config.train.engine = EngineKind::Portable;
        config.train.batch_size = batch;
        memory_bytes(&config, 10, 1) >> 20
    }

    #[test]
    fn portable_estimates_are_close_to_measurements() {
        for (depth, shortcut, batch, measured) in [
            (8, Shortcut::A, 128, 684),
            (14, Shortcut::C, 128, 1389),
            (20, Shortcut::A, 32, 481),
            (20, Shortcut::A, 128, 1672),
            (32, Shortcut::A, 128, 2732),
            (56, Shortcut::None, 32, 1284),
        ] {
            let ratio = mib(depth, shortcut, batch) as f64 / f64::from(measured);
            assert!(
                (0.9..1.25).contains(&ratio),
                "{depth} {shortcut:?}: {ratio}"
            );
        }
    }

    #[test]
    fn estimates_grow_with_the_batch_and_the_portable_engine_takes_more() {
        for depth in [8, 20] {
            let mut config = Configuration::paper(depth, Shortcut::A);
            let fused = memory_bytes(&config, 10, 1);
            config.train.batch_size *= 2;
            assert!(memory_bytes(&config, 10, 1) > fused);
            assert!(mib(depth, Shortcut::A, 128) > fused >> 20);
        }
    }
}
