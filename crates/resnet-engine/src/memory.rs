//! Estimates the memory of a training run before it starts.

use super::fused;
use crate::model::{Architecture, ConvBn};

/// Peak memory in bytes of a training with the fused CPU engine on `threads` threads: parameters,
/// activations and gradients. The images and the program itself are not in it.
pub fn fused_memory_bytes(architecture: &Architecture, batch: usize, threads: usize) -> u64 {
    parameters(architecture) + fused::memory_bytes(architecture, batch, threads) as u64
}

/// Peak memory in bytes of a training with the portable engine on one thread, as
/// [`fused_memory_bytes`].
pub fn portable_memory_bytes(architecture: &Architecture, batch: usize) -> u64 {
    parameters(architecture) + (portable(architecture, batch) * size_of::<f32>()) as u64
}

/// Bytes of each parameter, its gradient and its velocity.
fn parameters(architecture: &Architecture) -> u64 {
    3 * architecture.parameters() * size_of::<f32>() as u64
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
    use resnet_architecture::{ModelConfig, Shortcut};

    use super::*;

    fn architecture(depth: usize, shortcut: Shortcut) -> Architecture {
        Architecture::new(&ModelConfig::paper(depth, shortcut), 10)
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
            let bytes = portable_memory_bytes(&architecture(depth, shortcut), batch);
            let ratio = (bytes >> 20) as f64 / f64::from(measured);
            assert!(
                (0.9..1.25).contains(&ratio),
                "{depth} {shortcut:?}: {ratio}"
            );
        }
    }

    #[test]
    fn estimates_grow_with_the_batch_and_the_portable_engine_takes_more() {
        for depth in [8, 20] {
            let architecture = architecture(depth, Shortcut::A);
            let fused = fused_memory_bytes(&architecture, 128, 1);
            assert!(fused_memory_bytes(&architecture, 256, 1) > fused);
            assert!(portable_memory_bytes(&architecture, 128) > fused);
        }
    }
}
