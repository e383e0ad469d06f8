//! Trains a ResNet-20 on 128 random images until it has learnt them by heart.
//!
//! cargo run --release -p resnet-engine --example train_resnet20

use dfdx::prelude::{Backward, Cpu, PutTape, SplitTape, TensorFromVec};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use resnet_architecture::{ModelConfig, Shortcut};
use resnet_engine::model::Network;
use resnet_engine::{BatchLoss, Engine, EngineError, Fused, Sgd, SgdOptions};

const CLASSES: usize = 10;
const BATCH: usize = 128;

fn main() -> Result<(), EngineError> {
    let device = Cpu::default();
    let config = ModelConfig::paper(20, Shortcut::A);
    let mut network = Network::new(&device, &config, CLASSES, 1);
    let mut engine = Fused::default();
    let mut sgd = Sgd::new(SgdOptions::default());

    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let labels: Vec<usize> = (0..BATCH).map(|_| rng.random_range(0..CLASSES)).collect();
    let pixels = BATCH * config.image_size * config.image_size;
    let values: Vec<f32> = (0..pixels * 3)
        .map(|_| rng.random_range(-1.0..1.0))
        .collect();
    // One row for each pixel of each image, one column for each colour.
    let images = device.tensor_from_vec(values, (pixels, 3));

    for step in 1..=30 {
        let logits = engine.train(&mut network, images.clone())?;
        let (logits, tape) = logits.split_tape();
        let measured = BatchLoss::measure(&logits.as_vec(), &labels);
        let loss = engine.loss(logits.put_tape(tape), &labels)?;
        let mut gradients = loss.try_backward().map_err(EngineError::new)?;
        sgd.step(&mut network, &mut gradients, 0.05)?;
        let (loss, wrong) = (measured.loss_sum / BATCH as f64, measured.errors);
        println!("step {step:2}: loss {loss:.4}, {wrong} of {BATCH} wrong");
    }
    Ok(())
}
