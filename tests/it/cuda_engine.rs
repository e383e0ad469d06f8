//! Compares the CUDA engine with the portable one on random networks, checks that steps are
//! reproducible bit by bit, and compares images augmented on the GPU and on the CPU. Skipped
//! without a GPU.
#![cfg(feature = "cuda")]

use crate::support::gpu;
use std::path::Path;
use std::sync::Arc;

use crate::support::networks::{
    Batch, CASES, CLASSES, Computed, DRAWS, SEED, agree, bits, random_case, steps,
};
use dfdx::prelude::Cpu;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use resnet_engine::model::Network;
use resnet_engine::{CudaFused, Engine, Moments, Portable};
use resweep_core::domain::{
    Augmentation, Configuration, Dataset, DecayScope, Init, ModelConfig, Normalisation, Shortcut,
};
use resweep_data::{Batches, Data, EvalBatches, Part};
use resweep_train::{CudaLoader, ImageLoader};

#[test]
fn cuda_and_portable_engines_agree_on_random_networks() {
    let Some(gpu) = gpu::first() else { return };
    println!("seed {SEED}");
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    for case in 0..CASES {
        let shortcut = [Shortcut::None, Shortcut::A, Shortcut::B, Shortcut::C][case % 4];
        let (model, sizes) = random_case(&mut rng, shortcut);
        let cpu = Cpu::seed_from_u64(case as u64);
        let context = format!("case {case}, {model:?}, batches {sizes:?}");
        let agrees = (0..DRAWS).any(|_| {
            let batches = sizes.map(|images| Batch::random(&mut rng, &cpu, &model, images));
            let network = Network::new(&cpu, &model, CLASSES, case as u64);
            let expected = steps(&cpu, Portable::new(&cpu), &network, &batches);
            let network = Network::new(&gpu, &model, CLASSES, case as u64);
            let actual = steps(&gpu, CudaFused::default(), &network, &batches);
            agree(&context, &actual, &expected)
        });
        assert!(agrees, "{context}: gradients differ with any images");
    }
}

#[test]
fn engines_agree_where_each_thread_computes_several_elements() {
    let Some(gpu) = gpu::first() else { return };
    println!("seed {SEED}");
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let model = ModelConfig {
        image_size: 8,
        ..of_the_paper()
    };
    let cpu = Cpu::seed_from_u64(SEED);
    let agrees = (0..DRAWS).any(|_| {
        let batches = [128, 96].map(|images| Batch::random(&mut rng, &cpu, &model, images));
        let network = Network::new(&cpu, &model, CLASSES, SEED);
        let expected = steps(&cpu, Portable::new(&cpu), &network, &batches);
        let network = Network::new(&gpu, &model, CLASSES, SEED);
        let actual = steps(&gpu, CudaFused::default(), &network, &batches);
        agree("batch 128", &actual, &expected)
    });
    assert!(agrees, "gradients differ with any images");
}

/// A network with every kind of layer.
fn small() -> ModelConfig {
    ModelConfig {
        depth: 8,
        shortcut: Shortcut::C,
        width: 5,
        image_size: 12,
        init: Init::HeFanOut,
        decay: DecayScope::All,
    }
}

/// The channels and, on a real GPU, the images of the paper: large products, which cuBLAS splits between
/// blocks.
fn of_the_paper() -> ModelConfig {
    ModelConfig {
        width: 16,
        image_size: if gpu::is_emulated() { 8 } else { 32 },
        ..small()
    }
}

#[test]
fn the_same_steps_give_the_same_bits() {
    let Some(gpu) = gpu::first() else { return };
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    // Batches that are divided between several blocks.
    for (model, sizes) in [(small(), [40, 24]), (of_the_paper(), [128, 128])] {
        let cpu = Cpu::default();
        let batches = sizes.map(|images| Batch::random(&mut rng, &cpu, &model, images));
        let compute = || -> Computed {
            let network = Network::new(&gpu, &model, CLASSES, SEED);
            steps(&gpu, CudaFused::default(), &network, &batches)
        };
        let first = bits(compute());
        for again in 0..3 {
            assert!(first == bits(compute()), "{model:?}, repetition {again}");
        }
    }
}

#[test]
fn moments_match_the_portable_engine() {
    let Some(gpu) = gpu::first() else { return };
    let cpu = Cpu::default();
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let batch = Batch::random(&mut rng, &cpu, &small(), 9);
    let mut engine = CudaFused::default();
    let network = Network::new(&gpu, &small(), CLASSES, SEED);
    let actual = engine.moments(&network, batch.images(&gpu));
    let network = Network::new(&cpu, &small(), CLASSES, SEED);
    let expected = Portable::new(&cpu).moments(&network, batch.images(&cpu));
    let (actual, expected) = (actual.expect("moments"), expected.expect("moments"));
    assert_eq!(actual.len(), expected.len());
    for (layer, (actual, expected)) in actual.iter().zip(&expected).enumerate() {
        assert_eq!(actual.values, expected.values);
        let pairs = Moments::mean_and_variance(actual).zip(expected.mean_and_variance());
        for ((mean, variance), (expected_mean, expected_variance)) in pairs {
            let scale = expected_variance.sqrt().max(1e-3);
            assert!((mean - expected_mean).abs() < 1e-4 * scale, "layer {layer}");
            let close = (variance - expected_variance).abs() < 1e-4 * expected_variance.max(1e-6);
            assert!(close, "layer {layer}");
        }
    }
}

fn synthetic(normalisation: Normalisation) -> Arc<Data> {
    let mut configuration = Configuration::paper(8, Shortcut::None).data;
    configuration.dataset = Dataset::Synthetic;
    configuration.normalisation = normalisation;
    Arc::new(resweep_data::load(&configuration, 16, Path::new("unused")).expect("synthetic images"))
}

#[test]
fn gpu_and_cpu_augment_images_to_the_same_bits() {
    let Some(gpu) = gpu::first() else { return };
    for normalisation in [Normalisation::PerPixelMean, Normalisation::PerChannel] {
        let data = synthetic(normalisation);
        let mut loader = CudaLoader::new(&gpu);
        let mut assert_same = |batch: &resweep_data::Batch| {
            let images = loader.load(&data, batch).expect("images").as_vec();
            let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            // The CPU's padding is 0, the GPU's as well; -0 would be another.
            assert!(bits(&images) == bits(&batch.images), "{normalisation:?}");
        };
        let mut batch = resweep_data::Batch::default();
        let mut batches = Batches::new(Arc::clone(&data), Augmentation::PadCropFlip, 100, 1);
        for _ in 0..5 {
            batches.fill(&mut batch);
            assert_same(&batch);
        }
        let mut batches = EvalBatches::new(&data, Part::Eval, 300);
        while batches.fill(&mut batch) {
            assert_same(&batch);
        }
    }
}
