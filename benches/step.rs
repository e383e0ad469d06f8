//! Times the training steps and the evaluation of one network, and prints them as one JSON line.
//!
//! A step is what `train::run_loop` does with a batch that is ready: forward pass, loss, backward
//! pass, update. The images are random; the same options give the same parameters and images.
//! `benches/side_by_side.py` runs this beside `benches/pytorch.py`, which takes the same options
//! and prints the same line; docs/benchmarks.md says what is measured.

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use clap::{Parser, ValueEnum};
use dfdx::prelude::{Backward, Cpu, Device, PutTape, SplitTape};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use resnet_engine::model::Network;
use resnet_engine::{
    BatchLoss, Engine, EngineError, Fused, InstructionSet, Matrix, Sgd, SgdOptions,
};
use resweep_core::domain::{ModelConfig, Shortcut};
use safetensors::tensor::{Dtype, TensorView};
use serde_json::json;

/// As the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CLASSES: usize = 10;
/// Of the initial parameters and of the images.
const SEED: u64 = 1;

/// Times the training steps of one network.
#[derive(Parser)]
struct Options {
    /// Layers, 6n+2.
    #[arg(long, default_value_t = 20)]
    depth: usize,
    #[arg(long, value_enum, default_value_t = ShortcutName::A)]
    shortcut: ShortcutName,
    /// Channels of the first stage.
    #[arg(long, default_value_t = 16)]
    width: usize,
    /// Pixels of an image's side.
    #[arg(long, default_value_t = 32)]
    image_size: usize,
    /// Images in a batch.
    #[arg(long, default_value_t = 128)]
    batch: usize,
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// The CPU, or the first GPU.
    #[arg(long, value_enum, default_value_t = DeviceName::Cpu)]
    device: DeviceName,
    /// Steps before those that are timed.
    #[arg(long, default_value_t = 3)]
    warmup: usize,
    /// Timed turns of steps.
    #[arg(long, default_value_t = 10)]
    steps: usize,
    /// Timed turns of evaluations of the batch.
    #[arg(long, default_value_t = 10)]
    evaluations: usize,
    #[arg(long, default_value_t = 0.01)]
    lr: f64,
    /// AVX-512, AVX2, NEON or portable, as far as this CPU has it; by default its fastest.
    #[arg(long)]
    instruction_set: Option<String>,
    /// Prints `ready` and waits for a line before each timed turn, so that several programs can
    /// take turns, or start together.
    #[arg(long)]
    wait: bool,
    /// Steps, or evaluations, one after the other in a timed turn; their mean time is one number.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    per_turn: u32,
    /// Writes the initial parameters and the batch to this safetensors file and does nothing
    /// else. Parameters have PyTorch's names and dimensions; `images` is (batch, 3, size, size),
    /// `labels` is (batch) of int64.
    #[arg(long, value_name = "FILE")]
    write_start: Option<PathBuf>,
    /// Passed by `cargo bench`; changes nothing.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Where the network is trained.
#[derive(Clone, Copy, ValueEnum)]
enum DeviceName {
    Cpu,
    #[cfg(feature = "cuda")]
    Cuda,
}

/// [`Shortcut`] as an option's value.
#[derive(Clone, Copy, ValueEnum)]
enum ShortcutName {
    #[value(name = "none")]
    None,
    #[value(name = "A")]
    A,
    #[value(name = "B")]
    B,
    #[value(name = "C")]
    C,
}

impl From<ShortcutName> for Shortcut {
    fn from(name: ShortcutName) -> Self {
        match name {
            ShortcutName::None => Self::None,
            ShortcutName::A => Self::A,
            ShortcutName::B => Self::B,
            ShortcutName::C => Self::C,
        }
    }
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let model = ModelConfig {
        width: options.width,
        image_size: options.image_size,
        ..ModelConfig::paper(options.depth, options.shortcut.into())
    };
    let batch = Batch::random(options.batch, model.image_size);
    if let Some(path) = &options.write_start {
        return write_start(path, &model, &batch);
    }
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads)
        .build()?;
    let line = pool.install(|| match options.device {
        DeviceName::Cpu => on_cpu(&options, &model, &batch),
        #[cfg(feature = "cuda")]
        DeviceName::Cuda => on_gpu(&options, &model, &batch),
    })?;
    println!("{line}");
    Ok(())
}

fn on_cpu(
    options: &Options,
    model: &ModelConfig,
    batch: &Batch,
) -> anyhow::Result<serde_json::Value> {
    let set = instruction_set(options.instruction_set.as_deref())?;
    let idle_mib = memory_mib("VmRSS");
    let training = Training::new(&Cpu::default(), Fused::new(Some(set)), model, batch);
    let peak_mib = || memory_mib("VmHWM");
    let mut line = measure(options, training, peak_mib)?;
    line["computes_with"] = json!(set.name());
    line["idle_mib"] = json!(idle_mib);
    Ok(line)
}

#[cfg(feature = "cuda")]
fn on_gpu(
    options: &Options,
    model: &ModelConfig,
    batch: &Batch,
) -> anyhow::Result<serde_json::Value> {
    let gpu = resweep_train::cuda(0)?;
    let training = Training::new(&gpu, resnet_engine::CudaFused::default(), model, batch);
    let mut line = measure(options, training, || None)?;
    line["computes_with"] = json!(resnet_engine::gpu_description(0).ok());
    Ok(line)
}

/// Images and labels that are the same in each step.
struct Batch {
    /// A row for each pixel: (batch * size * size, 3).
    images: Vec<f32>,
    labels: Vec<usize>,
    size: usize,
}

impl Batch {
    /// Normally distributed images with labels that have nothing to do with them.
    fn random(len: usize, size: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(SEED);
        let labels = (0..len).map(|_| rng.random_range(0..CLASSES)).collect();
        let images = StandardNormal.sample_iter(rng);
        Self {
            images: images.take(len * size * size * 3).collect(),
            labels,
            size,
        }
    }

    /// The images in PyTorch's order: (batch, 3, size, size).
    fn planes(&self) -> Vec<f32> {
        let pixels = self.size * self.size;
        let images = self.images.chunks_exact(3 * pixels);
        let planes = images.flat_map(|image| {
            (0..3).flat_map(move |channel| image[channel..].iter().step_by(3).copied())
        });
        planes.collect()
    }
}

/// A network, its optimiser and its engine, as a run has them.
struct Training<'a, D: Device<f32>, E> {
    device: D,
    network: Network<D>,
    engine: E,
    sgd: Sgd<D>,
    batch: &'a Batch,
}

impl<'a, D: Device<f32>, E: Engine<D>> Training<'a, D, E> {
    fn new(device: &D, engine: E, model: &ModelConfig, batch: &'a Batch) -> Self {
        Self {
            device: device.clone(),
            network: Network::new(device, model, CLASSES, SEED),
            engine,
            sgd: Sgd::new(SgdOptions::default()),
            batch,
        }
    }

    fn images(&self) -> Result<Matrix<D>, EngineError> {
        let images = self.batch.images.clone();
        let rows = images.len() / 3;
        self.device
            .try_tensor_from_vec(images, (rows, 3))
            .map_err(EngineError::new)
    }

    /// One update; the mean loss before it.
    fn step(&mut self, lr: f64) -> Result<f64, EngineError> {
        let (labels, images) = (&self.batch.labels, self.images()?);
        let (logits, tape) = self.engine.train(&mut self.network, images)?.split_tape();
        let loss = self.engine.loss(logits.clone().put_tape(tape), labels)?;
        let mut gradients = loss.try_backward().map_err(EngineError::new)?;
        self.sgd.step(&mut self.network, &mut gradients, lr)?;
        Ok(self.mean_loss(&logits))
    }

    /// The mean loss of the batch, evaluated.
    fn evaluate(&mut self) -> Result<f64, EngineError> {
        let images = self.images()?;
        let logits = self.engine.eval(&self.network, images)?;
        Ok(self.mean_loss(&logits))
    }

    fn mean_loss(&self, logits: &Matrix<D>) -> f64 {
        let measured = BatchLoss::measure(&logits.as_vec(), &self.batch.labels);
        measured.loss_sum / self.batch.labels.len() as f64
    }
}

/// Trains and evaluates; the line to print, but for what only the device knows.
fn measure<D: Device<f32>, E: Engine<D>>(
    options: &Options,
    mut training: Training<D, E>,
    peak_mib: impl Fn() -> Option<f64>,
) -> anyhow::Result<serde_json::Value> {
    let lr = options.lr;
    let (now, turns) = (Turns::default(), Turns::of(options));
    let (_, mut losses) = timed(options.warmup, now, || training.step(lr))?;
    let (step_ms, later) = timed(options.steps, turns, || training.step(lr))?;
    losses.extend(later);
    anyhow::ensure!(
        losses.iter().all(|loss| loss.is_finite()),
        "the loss is not finite: --lr {lr} is too large"
    );
    let peak_mib = peak_mib();
    timed(options.warmup.min(1), now, || training.evaluate())?;
    let (evaluation_ms, _) = timed(options.evaluations, turns, || training.evaluate())?;
    Ok(json!({
        "program": format!("resweep {}", env!("CARGO_PKG_VERSION")),
        "step_ms": step_ms,
        "evaluation_ms": evaluation_ms,
        "losses": losses,
        "idle_mib": null,
        "peak_mib": peak_mib,
    }))
}

/// What a turn consists of.
#[derive(Clone, Copy)]
struct Turns {
    /// Whether it waits for a line first.
    wait: bool,
    /// Steps or evaluations.
    len: u32,
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            wait: false,
            len: 1,
        }
    }
}

impl Turns {
    fn of(options: &Options) -> Self {
        Self {
            wait: options.wait,
            len: options.per_turn,
        }
    }
}

/// Does `work` in `count` turns; the mean milliseconds of each turn and all results.
fn timed(
    count: usize,
    turns: Turns,
    mut work: impl FnMut() -> Result<f64, EngineError>,
) -> anyhow::Result<(Vec<f64>, Vec<f64>)> {
    let (mut times, mut results) = (Vec::new(), Vec::new());
    for _ in 0..count {
        if turns.wait {
            wait_for_line()?;
        }
        let start = Instant::now();
        for _ in 0..turns.len {
            results.push(work()?);
        }
        times.push(start.elapsed().as_secs_f64() * 1e3 / f64::from(turns.len));
    }
    Ok((times, results))
}

/// The instruction set called `name`, or the fastest.
fn instruction_set(name: Option<&str>) -> anyhow::Result<InstructionSet> {
    let available = InstructionSet::available();
    let names: Vec<_> = available.iter().map(|set| set.name()).collect();
    available
        .iter()
        .find(|set| name.is_none_or(|name| name.eq_ignore_ascii_case(set.name())))
        .copied()
        .with_context(|| format!("--instruction-set: this CPU has {}", names.join(", ")))
}

/// Says that the next turn can start and waits for a line.
fn wait_for_line() -> anyhow::Result<()> {
    println!("ready");
    std::io::stdout().flush()?;
    let read = std::io::stdin().lock().read_line(&mut String::new())?;
    anyhow::ensure!(read > 0, "the input has ended before the last step");
    Ok(())
}

/// A line of Linux's `/proc/self/status` in MiB: `VmRSS`, what is resident, or `VmHWM`, the most
/// that ever was; `None` on other systems.
fn memory_mib(key: &str) -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with(key))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}

/// Writes what [`Options::write_start`] describes.
fn write_start(path: &Path, model: &ModelConfig, batch: &Batch) -> anyhow::Result<()> {
    let network = Network::new(&Cpu::default(), model, CLASSES, SEED);
    let mut tensors: Vec<(&str, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
    for parameter in &network.parameters {
        let values = bytes(&parameter.tensor.as_vec());
        tensors.push((&parameter.name, Dtype::F32, parameter.dims.clone(), values));
    }
    let images = bytes(&batch.planes());
    let dims = vec![batch.labels.len(), 3, batch.size, batch.size];
    tensors.push(("images", Dtype::F32, dims, images));
    let labels = batch.labels.iter();
    let labels = labels.flat_map(|&label| (label as i64).to_le_bytes());
    tensors.push((
        "labels",
        Dtype::I64,
        vec![batch.labels.len()],
        labels.collect(),
    ));
    let views = tensors.iter().map(|(name, kind, dims, values)| {
        TensorView::new(*kind, dims.clone(), values).map(|view| (*name, view))
    });
    let views = views.collect::<Result<Vec<_>, _>>()?;
    safetensors::serialize_to_file(views, None, path)
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Little-endian, as safetensors stores them.
fn bytes(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}
