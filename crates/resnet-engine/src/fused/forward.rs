//! The forward pass of a training step: layer by layer over the whole batch, because BN needs the
//! statistics of the batch.

use std::sync::Arc;

use rayon::prelude::*;

use super::batch_norm::{GammaBeta, Normalisation};
use super::buffer::Buffer;
use super::chunk::{Forward, Input, Pool};
use super::geometry::{Block, Convolution, Grid, ShortcutKind};
use super::kernels::Sums;
use super::prepared::Pass;
use super::sources::{ResidualOutput, ShortcutValues};
use super::tensors::Tensors;
use super::workspace::{Workspace, clear, total};

/// The source of a convolution's input.
#[derive(Debug, Clone, Copy)]
pub enum LayerInput {
    Images,
    /// The output of the convolution with this index, normalised and activated.
    Activated(usize),
    /// The input of the block with this index, computed while it is read.
    ResidualOutput(usize),
    /// The input of the block with this index, already computed.
    BlockOutput(usize),
}

impl Workspace {
    /// Features (batch, features) of the images in `self.images`.
    pub fn forward(&mut self, tensors: &Tensors) -> Vec<f32> {
        let backbone = Arc::clone(&self.backbone);
        self.kernels.prepare(&backbone, tensors, Pass::Forward);
        self.layer(tensors, &backbone.stem, LayerInput::Images);
        for (index, block) in backbone.blocks.iter().enumerate() {
            self.layer(tensors, &block.first, LayerInput::ResidualOutput(index));
            let first = LayerInput::Activated(block.first.index);
            self.layer(tensors, &block.second, first);
            match &block.shortcut {
                ShortcutKind::Projection(conv) => {
                    self.layer(tensors, conv, LayerInput::BlockOutput(index));
                }
                ShortcutKind::SubsampleAndPad => self.subsample(index, block),
                ShortcutKind::None | ShortcutKind::Identity => {}
            }
        }
        self.pool()
    }

    /// Runs one convolution and computes the statistics of its BN.
    fn layer(&mut self, tensors: &Tensors, conv: &Convolution, layer_input: LayerInput) {
        let sums = self.convolve(conv, layer_input);
        let (gamma, beta) = (tensors.gamma(conv).as_vec(), tensors.beta(conv).as_vec());
        let parameters = GammaBeta {
            gamma: &gamma,
            beta: &beta,
        };
        let values = self.batch * conv.output.size * conv.output.size;
        self.norms[conv.index] = Normalisation::of_batch(&sums, values, parameters);
    }

    /// Convolves the batch. Returns the sums of the outputs and of their squares.
    fn convolve(&mut self, conv: &Convolution, layer_input: LayerInput) -> Sums {
        let (chunk, len) = (self.chunk(), self.batch * conv.output.len());
        let Self {
            backbone,
            batch,
            images,
            outputs,
            block_outputs,
            norms,
            shortcut,
            kernels,
            sums,
            team,
            ..
        } = self;
        let in_len = *batch * conv.input.len();
        let (before, rest) = outputs.split_at_mut(conv.index);
        let input = match layer_input {
            LayerInput::Images => Input::Stored(&images[..in_len]),
            LayerInput::BlockOutput(index) => Input::Stored(&block_outputs[index][..in_len]),
            LayerInput::Activated(index) => Input::Activated {
                x: &before[index][..in_len],
                norm: &norms[index],
            },
            LayerInput::ResidualOutput(index) => {
                let (done, block_output) = block_outputs.split_at_mut(index);
                let output = &mut block_output[0][..in_len];
                let block = index.checked_sub(1).map(|last| &backbone.blocks[last]);
                let identity = done.last().map(|block_output| &**block_output);
                Input::Residual(residual_output(
                    block,
                    (before, norms),
                    identity,
                    shortcut,
                    output,
                ))
            }
        };
        clear(sums, conv.output.channels);
        let kernel = kernels.of(conv);
        let outputs = rest[0][..len].chunks_mut(chunk * conv.output.len());
        let inputs = input.chunks(chunk * conv.input.len());
        let jobs = inputs.into_iter().zip(outputs).zip(sums.iter_mut());
        team.share(jobs.collect(), |set, ((input, output), sums), scratch| {
            set.run(Forward {
                conv,
                kernel,
                input,
                output,
                measure: true,
                sums,
                scratch,
            });
        });
        total(&*sums, conv.output.channels)
    }

    /// Computes the option A shortcut: every second pixel of every second row of a block's input.
    fn subsample(&mut self, index: usize, block: &Block) {
        let (from, to) = (block.first.input, block.second.output);
        let images = self.block_outputs[index].par_chunks_exact(from.len());
        let shortcuts = self.shortcut.par_chunks_exact_mut(to.len());
        let pairs = images.zip(shortcuts).take(self.batch);
        pairs.for_each(|(image, shortcut)| subsample((from, image), (to, shortcut)));
    }

    /// Computes the last block's output and averages each of its features over the pixels.
    fn pool(&mut self) -> Vec<f32> {
        let (chunk, last) = (self.chunk(), self.backbone.last());
        let Self {
            backbone,
            batch,
            outputs,
            block_outputs,
            norms,
            shortcut,
            team,
            ..
        } = self;
        let (done, block_output) = block_outputs.split_at_mut(backbone.blocks.len());
        let identity = done.last().map(|block_output| &**block_output);
        let output = &mut block_output[0][..*batch * last.len()];
        let residual_output = residual_output(
            backbone.blocks.last(),
            (outputs, norms),
            identity,
            shortcut,
            output,
        );
        let mut features = vec![0.0; *batch * backbone.features];
        let residual_output = residual_output.chunks(chunk * last.len());
        let chunks = features.chunks_mut(chunk * backbone.features);
        let jobs = residual_output.into_iter().zip(chunks);
        team.share(jobs.collect(), |set, (residual_output, features), _| {
            set.run(Pool {
                grid: last,
                residual_output,
                features,
                channels: backbone.features,
            });
        });
        features
    }
}

/// The output of `block`, or of the stem.
fn residual_output<'a>(
    block: Option<&Block>,
    (outputs, norms): (&'a [Buffer], &'a [Normalisation]),
    identity: Option<&'a [f32]>,
    subsampled: &'a [f32],
    output: &'a mut [f32],
) -> ResidualOutput<'a> {
    let last = block.map_or(0, |block| block.second.index);
    let len = output.len();
    let kind = block.map_or(&ShortcutKind::None, |block| &block.shortcut);
    let made = match kind {
        ShortcutKind::Projection(conv) => &outputs[conv.index],
        _ => subsampled,
    };
    // Only the stem has no block before it, and the stem has no shortcut.
    let input = identity.unwrap_or_default();
    ResidualOutput {
        x: &outputs[last][..len],
        norm: &norms[last],
        shortcut: ShortcutValues::new(kind, (input, made), norms, len),
        output,
    }
}

/// Copies every second pixel of every second row of an image; new channels are zero.
pub fn subsample((from, image): (Grid, &[f32]), (to, shortcut): (Grid, &mut [f32])) {
    shortcut.fill(0.0);
    for_each_kept_pixel(from, to, |at, kept| {
        shortcut[kept..kept + from.channels].copy_from_slice(&image[at..at + from.channels]);
    });
}

/// Calls `f` with the offsets of each pixel that option A keeps: in `from` and in `to`.
pub fn for_each_kept_pixel(from: Grid, to: Grid, mut f: impl FnMut(usize, usize)) {
    let stride = from.size / to.size;
    for row in 0..to.size {
        for column in 0..to.size {
            let at = stride * (row * from.size + column) * from.channels;
            f(at, (row * to.size + column) * to.channels);
        }
    }
}
