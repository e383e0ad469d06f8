//! Random networks, and what engines compute for them.

use dfdx::prelude::{Backward, Cpu, Device, SampleTensor};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use resnet_engine::model::{Architecture, Network};
use resnet_engine::{Engine, Matrix};
use resweep_core::domain::{DecayScope, Init, ModelConfig, Shortcut};

pub const SEED: u64 = 20_151_210;
pub const CLASSES: usize = 7;
/// The number of random networks, divided between the shortcut types.
pub const CASES: usize = 12;
/// The most multiply-adds of a forward pass, to keep a case short.
const MAX_FLOPS: u64 = 2_000_000;
/// The fewest values per BN. With fewer, the rounding error in the variance of a nearly constant
/// channel is amplified too much.
const MIN_BN_VALUES: usize = 16;
/// Both engines compute in float32, in different order and with different formulas.
const TOLERANCE: f32 = 1e-4;
/// Gradients of deep plain nets are worse conditioned.
const TOLERANCE_GRADIENT: f32 = 1e-3;
/// Random draws of images per case. If the input of a ReLU is so close to zero that the engines get
/// different signs, gradients differ by more than rounding; with other images they agree.
pub const DRAWS: usize = 5;

/// A tensor's name and values.
pub type Named = (String, Vec<f32>);

pub struct Batch {
    images: Matrix<Cpu>,
    labels: Vec<usize>,
}

impl Batch {
    pub fn random(rng: &mut ChaCha8Rng, device: &Cpu, model: &ModelConfig, images: usize) -> Self {
        let rows = images * model.image_size * model.image_size;
        Self {
            images: device.sample_normal_like(&(rows, 3)),
            labels: (0..images).map(|_| rng.random_range(0..CLASSES)).collect(),
        }
    }

    pub fn images<D: Device<f32>>(&self, device: &D) -> Matrix<D> {
        let shape = (self.images.as_vec().len() / 3, 3);
        device.tensor_from_vec(self.images.as_vec(), shape)
    }
}

/// What an engine computes.
#[derive(Default)]
pub struct Computed {
    /// Logits in training, losses, running statistics, logits in evaluation.
    pub forward: Vec<Named>,
    pub gradients: Vec<Named>,
}

/// Computes steps of one engine without changing the parameters.
pub fn steps<D: Device<f32>>(
    device: &D,
    mut engine: impl Engine<D>,
    network: &Network<D>,
    batches: &[Batch],
) -> Computed {
    let mut network = network.clone();
    let mut computed = Computed::default();
    for (step, batch) in batches.iter().enumerate() {
        let mut forward = |name: &str, values: Vec<f32>| {
            computed
                .forward
                .push((format!("step {step}: {name}"), values));
        };
        let logits = engine.train(&mut network, batch.images(device));
        let logits = logits.expect("forward");
        forward("logits", logits.as_vec());
        let loss = engine.loss(logits, &batch.labels).expect("loss");
        forward("loss", loss.as_vec());
        let gradients = loss.backward();
        for buffer in &network.buffers {
            forward(&buffer.name, buffer.tensor.as_vec());
        }
        let logits = engine.eval(&network, batch.images(device));
        forward("evaluation", logits.expect("evaluation").as_vec());
        for parameter in &network.parameters {
            let name = format!("step {step}: gradient of {}", parameter.name);
            let gradient = gradients.get(&parameter.tensor).as_vec();
            computed.gradients.push((name, gradient));
        }
    }
    computed
}

/// A network and the sizes of the batches that it is tried on, the second one smaller or as large.
pub fn random_case(rng: &mut ChaCha8Rng, shortcut: Shortcut) -> (ModelConfig, [usize; 3]) {
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
    // Some gradients are zero up to rounding: those of a scale that the next BN cancels.
    let all = expected.iter().map(|(_, values)| largest(values));
    let least = 1e-2 * all.fold(0f32, f32::max);
    let mut tensors = actual.iter().zip(expected);
    tensors.find_map(|((name, actual), (_, expected))| {
        assert_eq!(actual.len(), expected.len(), "{name}");
        let scale = largest(expected).max(least);
        // NaN counts as a difference
        let close = |(a, e): &(&f32, &f32)| (*a - *e).abs() <= tolerance * scale;
        let (a, e) = actual.iter().zip(expected).find(|pair| !close(pair))?;
        Some(format!("{name}: {a} against {e}, of at most {scale}"))
    })
}

/// Whether the gradients agree; asserts that the forward passes do.
pub fn agree(context: &str, actual: &Computed, expected: &Computed) -> bool {
    let forward = difference(&actual.forward, &expected.forward, TOLERANCE);
    assert_eq!(forward, None, "{context}");
    let gradients = difference(&actual.gradients, &expected.gradients, TOLERANCE_GRADIENT);
    if let Some(difference) = &gradients {
        println!("{context}: {difference}");
    }
    gradients.is_none()
}

pub fn bits(computed: Computed) -> Vec<Vec<u32>> {
    let to_bits = |(_, values): Named| values.into_iter().map(f32::to_bits).collect();
    let tensors = computed.forward.into_iter().chain(computed.gradients);
    tensors.map(to_bits).collect()
}
