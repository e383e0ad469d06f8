//! The fused engine against the portable one, on networks of random shape and with every
//! instruction set of this CPU; and the same bits from any number of threads.

use dfdx::prelude::{Backward, Cpu, SampleTensor};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use resweep::domain::{Configuration, DecayScope, Init, ModelConfig, Shortcut};
use resweep::engine::{Engine, Fused, InstructionSet, Matrix, Portable, cross_entropy};
use resweep::model::{Architecture, Network};

const SEED: u64 = 20_151_210;
const CLASSES: usize = 7;
/// Networks of random shape; each shortcut type has its share.
const CASES: usize = 12;
/// Multiply-adds of a forward pass that keep a case short.
const MAX_FLOPS: u64 = 2_000_000;
/// Values that every BN sees at least. With fewer, a rounding error in the variance of a channel
/// that is nearly constant is no longer small in what is divided by it.
const MIN_BN_VALUES: usize = 16;
/// Both compute in float32, in another order and by other formulas.
const TOLERANCE: f32 = 1e-4;
/// Gradients of deep plain nets are less well conditioned.
const TOLERANCE_GRADIENT: f32 = 1e-3;
/// Draws of images for each case. Where the input of a ReLU is so near zero that the engines see
/// different signs, gradients differ by more than rounding; with other images they do not.
const DRAWS: usize = 5;

/// A tensor's name and values.
type Named = (String, Vec<f32>);

struct Batch {
    images: Matrix<Cpu>,
    labels: Vec<usize>,
}

impl Batch {
    fn random(rng: &mut ChaCha8Rng, device: &Cpu, model: &ModelConfig, images: usize) -> Self {
        let rows = images * model.image_size * model.image_size;
        Self {
            images: device.sample_normal_like(&(rows, 3)),
            labels: (0..images).map(|_| rng.random_range(0..CLASSES)).collect(),
        }
    }
}

/// What an engine computes.
#[derive(Default)]
struct Computed {
    /// Logits in training, losses, running statistics, logits in evaluation.
    forward: Vec<Named>,
    gradients: Vec<Named>,
}

/// Steps of one engine that leave the parameters alone.
fn steps(mut engine: impl Engine<Cpu>, network: &Network<Cpu>, batches: &[Batch]) -> Computed {
    let mut network = network.clone();
    let mut computed = Computed::default();
    for (step, batch) in batches.iter().enumerate() {
        let mut forward = |name: &str, values: Vec<f32>| {
            computed
                .forward
                .push((format!("step {step}: {name}"), values));
        };
        let logits = engine.train(&mut network, batch.images.clone());
        let logits = logits.expect("forward");
        forward("logits", logits.as_vec());
        let loss = cross_entropy(logits, &batch.labels).expect("loss");
        forward("loss", loss.as_vec());
        let gradients = loss.backward();
        for buffer in &network.buffers {
            forward(&buffer.name, buffer.tensor.as_vec());
        }
        let logits = engine.eval(&network, batch.images.clone());
        forward("evaluation", logits.expect("evaluation").as_vec());
        for parameter in &network.parameters {
            let name = format!("step {step}: gradient of {}", parameter.name);
            let gradient = gradients.get(&parameter.tensor).as_vec();
            computed.gradients.push((name, gradient));
        }
    }
    computed
}

/// The instruction sets of this CPU whose vectors a network of this width fills: the engine's
/// channels come in multiples of eight.
fn instruction_sets(width: usize) -> impl Iterator<Item = InstructionSet> {
    let channels = width.next_multiple_of(8);
    let sets = InstructionSet::available().into_iter();
    sets.filter(move |set| channels.is_multiple_of(set.lanes()))
}

/// A network and the sizes of the batches that it is tried on, the second one smaller or as large.
fn random_case(rng: &mut ChaCha8Rng, shortcut: Shortcut) -> (ModelConfig, [usize; 3]) {
    loop {
        let image_size = 4 * rng.random_range(1..=8);
        let model = ModelConfig {
            depth: 6 * rng.random_range(1..=3) + 2,
            shortcut,
            width: rng.random_range(1..=20),
            image_size,
            init: Init::HeFanOut,
            decay: DecayScope::All,
        };
        let fewest = MIN_BN_VALUES.div_ceil((image_size / 4).pow(2));
        // odd and at most 19
        let full = 2 * rng.random_range(fewest / 2..=9) + 1;
        let flops = Architecture::new(&model, CLASSES).forward_flops();
        if flops * full as u64 <= MAX_FLOPS {
            return (model, [full, rng.random_range(fewest..=full), full]);
        }
    }
}

/// The first value that differs by more than `tolerance` times the largest magnitude of its tensor,
/// if there is one.
fn difference(actual: &[Named], expected: &[Named], tolerance: f32) -> Option<String> {
    assert_eq!(actual.len(), expected.len());
    let largest = |values: &[f32]| values.iter().fold(0f32, |m, v| m.max(v.abs()));
    // Some gradients are zero but for rounding: a scale that the next BN takes out again.
    let all = expected.iter().map(|(_, values)| largest(values));
    let least = 1e-2 * all.fold(0f32, f32::max);
    let mut tensors = actual.iter().zip(expected);
    tensors.find_map(|((name, actual), (_, expected))| {
        assert_eq!(actual.len(), expected.len(), "{name}");
        let scale = largest(expected).max(least);
        // NaN has to count as a difference
        let close = |(a, e): &(&f32, &f32)| (*a - *e).abs() <= tolerance * scale;
        let (a, e) = actual.iter().zip(expected).find(|pair| !close(pair))?;
        Some(format!("{name}: {a} against {e}, of at most {scale}"))
    })
}

/// Whether the gradients agree, too; the forward pass has to.
fn agree(context: &str, actual: &Computed, expected: &Computed) -> bool {
    let forward = difference(&actual.forward, &expected.forward, TOLERANCE);
    assert_eq!(forward, None, "{context}");
    let gradients = difference(&actual.gradients, &expected.gradients, TOLERANCE_GRADIENT);
    if let Some(difference) = &gradients {
        println!("{context}: {difference}");
    }
    gradients.is_none()
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
            let expected = steps(Portable::new(&device), &network, &batches);
            left.retain(|&set| {
                let context = format!("case {case}, {}, {model:?}, batches {sizes:?}", set.name());
                let actual = steps(Fused::new(Some(set)), &network, &batches);
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

fn bits(computed: Computed) -> Vec<Vec<u32>> {
    let to_bits = |(_, values): Named| values.into_iter().map(f32::to_bits).collect();
    let tensors = computed.forward.into_iter().chain(computed.gradients);
    tensors.map(to_bits).collect()
}

/// What an engine computes in pools of 1, 2, 3 and 5 threads has to be the same bits.
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
                .install(|| steps(engine(), network, batches)),
        )
    };
    let one = with_threads(1);
    for threads in [2, 3, 5] {
        assert!(one == with_threads(threads), "{name}, {threads} threads");
    }
}

/// In batches that the threads do not divide.
#[test]
fn the_number_of_threads_leaves_every_bit_alone() {
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
fn evaluation_sees_that_one_entry_of_a_kernel_has_changed() {
    let device = Cpu::default();
    let model = Configuration::paper(8, Shortcut::B).model;
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let images = Batch::random(&mut rng, &device, &model, 2).images;
    let mut network = Network::new(&device, &model, CLASSES, SEED);
    let mut engine = Fused::default();
    // A new engine holds zeros as if it had prepared them.
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

/// Layers with a BN: all convolutions.
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
