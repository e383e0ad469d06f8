//! The direct operations against the composed ones, on networks of random shape.

use dfdx::prelude::{Backward, Cpu, SampleTensor};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use resweep::domain::{Configuration, DecayScope, Init, ModelConfig, Shortcut};
use resweep::engine::{Composed, Direct, Engine, Matrix, Operations, Portable, cross_entropy};
use resweep::model::Network;

const SEED: u64 = 20_151_210;
/// Both compute in float32 and differ in the order of their sums; relative to the largest
/// magnitude of a tensor.
const TOLERANCE: f32 = 1e-4;

/// Logits in training, every gradient, the running statistics and logits in evaluation.
fn results(
    operations: impl Operations<Cpu>,
    mut network: Network<Cpu>,
    images: &Matrix<Cpu>,
    labels: &[usize],
) -> Vec<(String, Vec<f32>)> {
    let mut engine = Portable::new(operations);
    let logits = engine.train(&mut network, images.clone()).expect("forward");
    let mut results = vec![("logits".to_owned(), logits.as_vec())];
    let gradients = cross_entropy(logits, labels).expect("loss").backward();
    for parameter in &network.parameters {
        let gradient = gradients.get(&parameter.tensor).as_vec();
        results.push((format!("gradient of {}", parameter.name), gradient));
    }
    for buffer in &network.buffers {
        results.push((buffer.name.clone(), buffer.tensor.as_vec()));
    }
    let logits = engine.eval(&network, images.clone()).expect("evaluation");
    results.push(("logits in evaluation".to_owned(), logits.as_vec()));
    results
}

#[test]
fn direct_and_composed_operations_agree_on_random_networks() {
    println!("seed {SEED}");
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    for case in 0..16 {
        let shortcuts = [Shortcut::None, Shortcut::A, Shortcut::B, Shortcut::C];
        let model = ModelConfig {
            depth: 6 * rng.random_range(1..=3) + 2,
            shortcut: shortcuts[case % 4],
            width: rng.random_range(1..=9),
            image_size: 4 * rng.random_range(1..=4),
            init: Init::HeFanIn,
            decay: DecayScope::All,
        };
        let (batch, classes) = (rng.random_range(2..=7), rng.random_range(2..=12));
        let device = Cpu::seed_from_u64(case as u64);
        let network = Network::new(&device, &model, classes, case as u64);
        let rows = batch * model.image_size * model.image_size;
        let images: Matrix<Cpu> = device.sample_normal_like(&(rows, 3));
        let labels: Vec<usize> = (0..batch).map(|_| rng.random_range(0..classes)).collect();

        let direct = results(Direct::new(&device), network.clone(), &images, &labels);
        let composed = results(Composed::new(&device), network, &images, &labels);
        for ((name, direct), (_, composed)) in direct.iter().zip(&composed) {
            let scale = composed.iter().fold(1e-3f32, |m, v| m.max(v.abs()));
            for (d, c) in direct.iter().zip(composed) {
                let error = (d - c).abs() / scale;
                assert!(
                    error < TOLERANCE,
                    "case {case}: {model:?}: {name}: {d} and {c}"
                );
            }
        }
    }
}

/// Large enough that the matrix product would share its work among threads.
#[test]
fn the_number_of_threads_leaves_every_bit_alone() {
    let model = Configuration::paper(8, Shortcut::B).model;
    let device = Cpu::seed_from_u64(1);
    let images: Matrix<Cpu> = device.sample_normal_like(&(4 * 32 * 32, 3));
    let with_threads = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.expect("a pool").install(|| {
            let network = Network::new(&device, &model, 10, 1);
            results(Direct::new(&device), network, &images, &[3, 1, 4, 1])
        })
    };
    let bits = |results: Vec<(String, Vec<f32>)>| -> Vec<Vec<u32>> {
        let to_bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect();
        results
            .into_iter()
            .map(|(_, values)| to_bits(values))
            .collect()
    };
    assert_eq!(bits(with_threads(1)), bits(with_threads(3)));
}
