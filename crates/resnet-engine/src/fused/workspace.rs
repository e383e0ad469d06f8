//! The memory of a training step: everything that the backward pass needs from the forward pass.

use std::io;
use std::sync::Arc;

use dfdx::prelude::Cpu;

use super::batch_norm::Normalisation;
use super::buffer::Buffer;
use super::geometry::{Backbone, Convolution, Grid, chunk_images, most_chunks};
use super::kernels::{InstructionSet, Sums};
use super::prepared::Prepared;
use super::scratch::Scratch;
use super::team::Team;
use crate::model::Network;

/// The weight of a batch in the running statistics: PyTorch's default.
const MOMENTUM: f64 = 0.1;

/// Buffers for gradients in the backward pass.
const GRADIENTS: usize = 4;

/// A network's activations for a batch, and the threads' scratch memory.
pub struct Workspace {
    pub backbone: Arc<Backbone>,
    /// The largest batch that fits, in images.
    pub capacity: usize,
    /// Images of the current batch.
    pub batch: usize,
    pub images: Vec<f32>,
    /// The outputs of each convolution.
    pub outputs: Vec<Buffer>,
    /// The input of each block and the output of the last.
    pub block_outputs: Vec<Buffer>,
    /// The BN after each convolution.
    pub norms: Vec<Normalisation>,
    /// The output of an option A shortcut.
    pub shortcut: Buffer,
    /// Gradients: of a block's output, inside the block, of its input, and of its input through the
    /// shortcut.
    pub gradients: Vec<Buffer>,
    /// The kernels for the current pass.
    pub kernels: Prepared,
    /// Each chunk's part of the gradient of a kernel.
    pub kernel_gradients: Buffer,
    /// Each chunk's part of the sums over the batch.
    pub sums: Vec<Sums>,
    pub team: Team<Scratch>,
}

impl Workspace {
    /// Allocates memory for batches of `capacity` images and `threads` threads.
    ///
    /// # Errors
    /// When the system is out of memory.
    pub fn new(
        backbone: Arc<Backbone>,
        capacity: usize,
        set: InstructionSet,
        threads: usize,
    ) -> io::Result<Self> {
        let activation = |grid: Grid| Buffer::new(capacity * grid.len());
        let grid_len = backbone.largest(|conv| conv.output.len());
        let gradient = || Buffer::new(capacity * grid_len);
        let chunks = most_chunks(capacity);
        let scratches = (0..threads)
            .map(|_| Scratch::new(&backbone))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            capacity,
            batch: 0,
            images: vec![0.0; capacity * backbone.stem.input.len()],
            outputs: backbone
                .convolutions()
                .map(|conv| activation(conv.output))
                .collect::<Result<_, _>>()?,
            block_outputs: backbone
                .block_outputs()
                .map(activation)
                .collect::<Result<_, _>>()?,
            norms: vec![Normalisation::default(); backbone.convolutions().count()],
            shortcut: gradient()?,
            gradients: (0..GRADIENTS)
                .map(|_| gradient())
                .collect::<Result<_, _>>()?,
            kernels: Prepared::new(&backbone, set, threads)?,
            kernel_gradients: Buffer::new(chunks * backbone.largest(Convolution::kernel_len))?,
            sums: vec![Sums::default(); chunks],
            team: Team::new(set, scratches),
            backbone,
        })
    }

    /// Bytes of a workspace for batches of `capacity` images and `threads` threads.
    pub fn bytes(backbone: &Backbone, capacity: usize, threads: usize) -> usize {
        let outputs: usize = backbone.convolutions().map(|conv| conv.output.len()).sum();
        let block_outputs: usize = backbone.block_outputs().map(Grid::len).sum();
        let passing = (GRADIENTS + 1) * backbone.largest(|conv| conv.output.len());
        let image = outputs + block_outputs + passing + backbone.stem.input.len();
        let kernels = Prepared::floats(backbone, threads)
            + most_chunks(capacity) * backbone.largest(Convolution::kernel_len);
        let floats = capacity * image + kernels + threads * Scratch::floats(backbone);
        floats * size_of::<f32>()
    }

    /// Whether a batch of `batch` images through `backbone` fits.
    pub fn fits(&self, backbone: &Backbone, batch: usize) -> bool {
        batch <= self.capacity && *self.backbone == *backbone
    }

    /// Moves the running statistics of `network` towards those of the batch, as PyTorch does.
    pub fn update_running(&self, network: &mut Network<Cpu>) {
        for (conv, norm) in self.backbone.convolutions().zip(&self.norms) {
            let values = (self.batch * conv.output.size * conv.output.size) as f64;
            let unbiased = values / (values - 1.0).max(1.0);
            let mean = norm.mean.iter().map(|&mean| f64::from(mean));
            let variance = norm.variance.iter().map(|variance| variance * unbiased);
            update(&mut network.buffers[2 * conv.index], mean);
            update(&mut network.buffers[2 * conv.index + 1], variance);
        }
    }

    /// Images in each chunk of the batch but the last.
    pub fn chunk(&self) -> usize {
        chunk_images(self.batch)
    }
}

/// Moves running statistics towards those of a batch.
fn update(buffer: &mut crate::model::Buffer<Cpu>, batch: impl Iterator<Item = f64>) {
    let mut running = buffer.tensor.as_vec();
    for (running, batch) in running.iter_mut().zip(batch) {
        *running = (f64::from(*running) * (1.0 - MOMENTUM) + batch * MOMENTUM) as f32;
    }
    buffer.tensor.copy_from(&running);
}

/// Sets each chunk's sums to zero for `channels`.
pub fn clear(parts: &mut [Sums], channels: usize) {
    parts.fill_with(|| Sums::new(channels));
}

/// The sum of the chunks' sums.
pub fn total<'a>(parts: impl IntoIterator<Item = &'a Sums>, channels: usize) -> Sums {
    let mut total = Sums::new(channels);
    for part in parts {
        total.add(part);
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Architecture;
    use resnet_architecture::{ModelConfig, Shortcut};

    #[test]
    fn the_estimate_equals_the_allocated_bytes() {
        for (depth, shortcut, batch, threads) in [
            (8, Shortcut::None, 3, 1),
            (14, Shortcut::B, 128, 2),
            (20, Shortcut::C, 9, 3),
        ] {
            let model = ModelConfig::paper(depth, shortcut);
            let backbone = Arc::new(Backbone::new(&Architecture::new(&model, 10)));
            let set = InstructionSet::Portable;
            let mut workspace =
                Workspace::new(Arc::clone(&backbone), batch, set, threads).expect("room");
            let scratches = workspace.team.sum(Scratch::len);
            let single = [&workspace.shortcut, &workspace.kernel_gradients];
            let many = [
                &workspace.outputs,
                &workspace.block_outputs,
                &workspace.gradients,
            ];
            let buffers = many.into_iter().flatten().chain(single);
            let floats = buffers.map(|buffer| buffer.len()).sum::<usize>()
                + workspace.images.len()
                + workspace.kernels.len()
                + scratches;
            assert_eq!(4 * floats, Workspace::bytes(&backbone, batch, threads));
        }
    }
}
