//! Compares the fused engine with the portable one, on random networks and with every instruction
//! set of this CPU; checks that the number of threads changes no bit.

use crate::support::networks::{
    Batch, CASES, CLASSES, DRAWS, SEED, agree, bits, random_case, steps,
};
use dfdx::prelude::Cpu;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use resnet_engine::model::Network;
use resnet_engine::{Engine, Fused, InstructionSet, Matrix, Portable};
use resweep_core::domain::{Configuration, DecayScope, Init, ModelConfig, Shortcut};

/// The instruction sets of this CPU whose vector length divides the channels of a network of this
/// width; channels are padded to multiples of eight.
fn instruction_sets(width: usize) -> impl Iterator<Item = InstructionSet> {
    let channels = width.next_multiple_of(8);
    let sets = InstructionSet::available().into_iter();
    sets.filter(move |set| channels.is_multiple_of(set.lanes()))
}

#[test]
fn fused_and_portable_engines_agree_on_random_networks() {
    println!("seed {SEED}");
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    for case in 0..CASES {
        let shortcut = [Shortcut::None, Shortcut::A, Shortcut::B, Shortcut::C][case % 4];
        let (model, sizes) = random_case(&mut rng, shortcut);
        let device = Cpu::seed_from_u64(case as u64);
        let network = Network::new(&device, &model, CLASSES, case as u64);
        let mut left: Vec<InstructionSet> = instruction_sets(model.width).collect();
        for _ in 0..DRAWS {
            let batches = sizes.map(|images| Batch::random(&mut rng, &device, &model, images));
            let expected = steps(&device, Portable::new(&device), &network, &batches);
            left.retain(|&set| {
                let context = format!("case {case}, {}, {model:?}, batches {sizes:?}", set.name());
                let actual = steps(&device, Fused::new(Some(set)), &network, &batches);
                !agree(&context, &actual, &expected)
            });
            if left.is_empty() {
                break;
            }
        }
        assert!(
            left.is_empty(),
            "case {case}: gradients differ with any images"
        );
    }
}

/// Asserts that an engine computes the same bits in pools of 1, 2, 3 and 5 threads.
fn assert_same_bits<E: Engine<Cpu>>(
    name: &str,
    engine: impl Fn() -> E + Sync,
    network: &Network<Cpu>,
    batches: &[Batch],
) {
    let with_threads = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        bits(
            pool.expect("a pool")
                .install(|| steps(&Cpu::default(), engine(), network, batches)),
        )
    };
    let one = with_threads(1);
    for threads in [2, 3, 5] {
        assert!(one == with_threads(threads), "{name}, {threads} threads");
    }
}

/// With batches that the number of threads does not divide.
#[test]
fn number_of_threads_does_not_change_any_bit() {
    let model = ModelConfig {
        depth: 8,
        shortcut: Shortcut::B,
        width: 16,
        image_size: 8,
        init: Init::HeFanOut,
        decay: DecayScope::All,
    };
    let device = Cpu::seed_from_u64(1);
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let network = Network::new(&device, &model, CLASSES, 1);
    let batches = [11, 7].map(|images| Batch::random(&mut rng, &device, &model, images));
    for set in instruction_sets(model.width) {
        assert_same_bits(set.name(), || Fused::new(Some(set)), &network, &batches);
    }
    let portable = || Portable::new(&device);
    assert_same_bits("portable engine", portable, &network, &batches);
}

#[test]
fn evaluation_detects_a_changed_kernel_entry() {
    let device = Cpu::default();
    let model = Configuration::paper(8, Shortcut::B).model;
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let images = Batch::random(&mut rng, &device, &model, 2).images(&device);
    let mut network = Network::new(&device, &model, CLASSES, SEED);
    let mut engine = Fused::default();
    // A new engine's kernels count as prepared from zeros.
    let mut zeros = network.clone();
    for layer in 0..layers(&network) {
        change(&mut zeros, layer, |kernel| kernel.fill(0.0));
    }
    let mut last = eval(&mut engine, &zeros, &images);
    assert_eq!(last, eval(&mut Fused::default(), &zeros, &images));
    for layer in 0..layers(&network) {
        for end in [<[f32]>::first_mut, <[f32]>::last_mut] {
            change(&mut network, layer, |kernel| {
                *end(kernel).expect("an entry") += 1.0;
            });
            let now = eval(&mut engine, &network, &images);
            assert_eq!(now, eval(&mut Fused::default(), &network, &images));
            assert_ne!(now, last, "layer {layer}");
            change(&mut network, layer, |kernel| {
                *end(kernel).expect("an entry") += 1.0;
            });
            let moments = engine.moments(&network, images.clone());
            let expected = Fused::default().moments(&network, images.clone());
            assert_eq!(moments.expect("moments"), expected.expect("moments"));
            last = now;
        }
    }
}

/// The number of layers with a BN: all convolutions.
fn layers(network: &Network<Cpu>) -> usize {
    network.buffers.len() / 2
}

/// Changes the kernel of one layer.
fn change(network: &mut Network<Cpu>, layer: usize, change: impl FnOnce(&mut [f32])) {
    let kernel = &mut network.parameters[3 * layer].tensor;
    let mut values = kernel.as_vec();
    change(&mut values);
    kernel.copy_from(&values);
}

/// The logits.
fn eval(engine: &mut Fused, network: &Network<Cpu>, images: &Matrix<Cpu>) -> Vec<f32> {
    let logits = engine.eval(network, images.clone());
    logits.expect("evaluation").as_vec()
}
