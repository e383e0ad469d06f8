//! Evaluation: a few images at a time through all layers, so that activations stay in the cache. BN
//! uses its running statistics, so images are independent of each other.

use std::io;
use std::sync::Arc;

use dfdx::prelude::Cpu;

use super::batch_norm::{GammaBeta, Normalisation};
use super::buffer::Buffer;
use super::chunk::{Forward, Input, Pool};
use super::forward::subsample;
use super::geometry::{Backbone, Block, Convolution, Grid, ShortcutKind, chunk_images};
use super::kernels::{InstructionSet, Sums};
use super::prepared::{Pass, Prepared};
use super::scratch::Scratch;
use super::sources::{ResidualOutput, ShortcutValues};
use super::team::Team;
use super::tensors::Tensors;
use super::workspace::total;
use crate::Moments;
use crate::model::{Architecture, Network};

/// Buffers for evaluation, and each thread's memory.
pub struct Evaluator {
    backbone: Arc<Backbone>,
    /// The largest batch that fits, in images.
    capacity: usize,
    images: Vec<f32>,
    kernels: Prepared,
    /// The parameters from which `kernels` were prepared. All are zero at first, as are the kernels
    /// prepared from zeros.
    entries: Vec<Vec<f32>>,
    /// The BN after each convolution.
    norms: Vec<Normalisation>,
    team: Team<ThreadMemory>,
}

impl Evaluator {
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
        let lanes = (0..threads).map(|_| ThreadMemory::new(&backbone));
        Ok(Self {
            capacity,
            images: vec![0.0; capacity * backbone.stem.input.len()],
            kernels: Prepared::new(&backbone, set, threads)?,
            entries: backbone
                .convolutions()
                .map(|conv| vec![0.0; conv.parameters()])
                .collect(),
            norms: vec![Normalisation::default(); backbone.convolutions().count()],
            team: Team::new(set, lanes.collect::<Result<_, _>>()?),
            backbone,
        })
    }

    /// Bytes of an evaluator for batches of `capacity` images and `threads` threads.
    pub fn bytes(backbone: &Backbone, capacity: usize, threads: usize) -> usize {
        let kernels = Prepared::floats(backbone, threads);
        let images = capacity * backbone.stem.input.len();
        let entries: usize = backbone.convolutions().map(Convolution::parameters).sum();
        let floats = images + kernels + entries + threads * ThreadMemory::floats(backbone);
        floats * size_of::<f32>()
    }

    /// Whether a batch of `batch` images through `backbone` fits.
    pub fn fits(&self, backbone: &Backbone, batch: usize) -> bool {
        batch <= self.capacity && *self.backbone == *backbone
    }

    /// Features (batch, features) of `batch` images, which `fill` writes.
    pub fn features(
        &mut self,
        network: &Network<Cpu>,
        batch: usize,
        fill: impl FnOnce(&mut [f32]),
    ) -> Vec<f32> {
        let (features, _) = self.evaluate(network, batch, fill, false);
        features
    }

    /// Moments of the outputs of each convolution for `batch` images, which `fill` writes.
    pub fn moments(
        &mut self,
        network: &Network<Cpu>,
        batch: usize,
        fill: impl FnOnce(&mut [f32]),
    ) -> Vec<Moments> {
        let (_, sums) = self.evaluate(network, batch, fill, true);
        moments(&self.backbone, &network.architecture, batch, &sums)
    }

    /// The features, and each chunk's sums over the outputs of each convolution. The sums are empty
    /// unless `measure` is set.
    fn evaluate(
        &mut self,
        network: &Network<Cpu>,
        batch: usize,
        fill: impl FnOnce(&mut [f32]),
        measure: bool,
    ) -> (Vec<f32>, Vec<Vec<Sums>>) {
        let backbone = Arc::clone(&self.backbone);
        let tensors = Tensors::of(network);
        self.prepare(&backbone, &tensors);
        let images = &mut self.images[..batch * backbone.stem.input.len()];
        fill(images);
        let mut features = vec![0.0; batch * backbone.features];
        let few = images_together(&backbone);
        let chunk = chunk_images(batch);
        // The sums need the chunks of the training pass; smaller jobs balance the threads better.
        let chunk = if measure { chunk } else { chunk.min(few) };
        let layers = backbone.convolutions().map(|conv| match measure {
            true => Sums::new(conv.output.channels),
            false => Sums::default(),
        });
        let layers: Vec<_> = layers.collect();
        let mut sums = vec![layers; batch.div_ceil(chunk)];

        let (kernels, norms) = (&self.kernels, &self.norms);
        let jobs = images
            .chunks(chunk * backbone.stem.input.len())
            .zip(features.chunks_mut(chunk * backbone.features))
            .zip(&mut sums);
        self.team
            .share(jobs.collect(), |set, ((images, features), sums), lane| {
                let images = images.chunks(few * backbone.stem.input.len());
                for (images, features) in images.zip(features.chunks_mut(few * backbone.features)) {
                    let mut pass = ForwardPass {
                        set,
                        backbone: &backbone,
                        kernels,
                        norms,
                        images: images.len() / backbone.stem.input.len(),
                        measure,
                        sums,
                        scratch: &mut lane.scratch,
                    };
                    pass.run(images, features, &mut lane.activations);
                }
            });
        (features, sums)
    }

    /// Prepares the kernels, unless they are those of the batch before, and folds the running
    /// statistics into BN's scale and shift.
    fn prepare(&mut self, backbone: &Backbone, tensors: &Tensors) {
        if !self.is_prepared(backbone, tensors) {
            self.kernels.prepare(backbone, tensors, Pass::Forward);
            for (conv, entries) in backbone.convolutions().zip(&mut self.entries) {
                tensors.kernel(conv).copy_into(entries);
            }
        }
        for (conv, norm) in backbone.convolutions().zip(&mut self.norms) {
            let (mean, variance) = tensors.running(conv);
            let (gamma, beta) = (tensors.gamma(conv).as_vec(), tensors.beta(conv).as_vec());
            let parameters = GammaBeta {
                gamma: &gamma,
                beta: &beta,
            };
            let channels = conv.output.channels;
            *norm =
                Normalisation::running(&mean.as_vec(), &variance.as_vec(), channels, parameters);
        }
    }

    /// Whether `self.kernels` were prepared from these tensors.
    fn is_prepared(&self, backbone: &Backbone, tensors: &Tensors) -> bool {
        let mut kernels = backbone.convolutions().zip(&self.entries);
        kernels.all(|(conv, entries)| tensors.kernel(conv).as_vec() == *entries)
    }
}

/// Adds up the chunks of `batch` images; drops the padding channels.
fn moments(
    backbone: &Backbone,
    architecture: &Architecture,
    batch: usize,
    sums: &[Vec<Sums>],
) -> Vec<Moments> {
    let layers = backbone.convolutions().zip(architecture.layers());
    let moments = layers.map(|(conv, layer)| {
        let parts = sums.iter().map(|chunk| &chunk[conv.index]);
        let sums = total(parts, conv.output.channels);
        Moments {
            values: batch * layer.out_size() * layer.out_size(),
            sums: sums.first[..layer.out_channels].to_vec(),
            squares: sums.second[..layer.out_channels].to_vec(),
        }
    });
    moments.collect()
}

/// One thread's memory.
struct ThreadMemory {
    scratch: Scratch,
    activations: Activations,
}

/// Activations that one layer hands to the next.
struct Activations {
    /// The input of a block, and that of the block before it.
    block_output: Buffer,
    last_block_output: Buffer,
    /// The outputs of a block's convolutions.
    first: Buffer,
    second: Buffer,
    /// The output of an option A or projection shortcut.
    shortcut: Buffer,
}

impl Activations {
    /// The number of arrays.
    const COUNT: usize = 5;
}

impl ThreadMemory {
    fn new(backbone: &Backbone) -> io::Result<Self> {
        let images = images_together(backbone);
        let activation = || Buffer::new(images * backbone.largest(|conv| conv.output.len()));
        Ok(Self {
            scratch: Scratch::new(backbone)?,
            activations: Activations {
                block_output: activation()?,
                last_block_output: activation()?,
                first: activation()?,
                second: activation()?,
                shortcut: activation()?,
            },
        })
    }

    /// Floats of the memory for `backbone`.
    fn floats(backbone: &Backbone) -> usize {
        let activation = images_together(backbone) * backbone.largest(|conv| conv.output.len());
        Scratch::floats(backbone) + Activations::COUNT * activation
    }
}

/// The fewest images that fill a group of Winograd tiles in the last layer, where an image has the
/// fewest tiles.
fn images_together(backbone: &Backbone) -> usize {
    backbone.last().group_images()
}

/// The forward pass of a few images through all layers.
struct ForwardPass<'a> {
    set: InstructionSet,
    backbone: &'a Backbone,
    kernels: &'a Prepared,
    norms: &'a [Normalisation],
    images: usize,
    measure: bool,
    /// One for each convolution.
    sums: &'a mut [Sums],
    scratch: &'a mut Scratch,
}

impl<'a> ForwardPass<'a> {
    /// The features of `images`.
    fn run(&mut self, images: &[f32], features: &mut [f32], activations: &mut Activations) {
        let Activations {
            block_output,
            last_block_output,
            first,
            second,
            shortcut,
        } = activations;
        let (mut block_output, mut last_block_output) = (block_output, last_block_output);
        let (backbone, norms) = (self.backbone, self.norms);
        self.convolve(&backbone.stem, Input::Stored(images), second);
        let mut last = None;
        for block in &backbone.blocks {
            let residual_output =
                self.residual_output(last, second, (last_block_output, shortcut), block_output);
            self.convolve(&block.first, Input::Residual(residual_output), first);
            let activated = Input::Activated {
                x: self.of(first, block.first.output),
                norm: &norms[block.first.index],
            };
            self.convolve(&block.second, activated, second);
            let input = self.of(block_output, block.first.input);
            match &block.shortcut {
                ShortcutKind::None | ShortcutKind::Identity => {}
                ShortcutKind::SubsampleAndPad => {
                    let (from, to) = (block.first.input, block.second.output);
                    let shortcuts = shortcut.chunks_exact_mut(to.len());
                    for (image, shortcut) in input.chunks_exact(from.len()).zip(shortcuts) {
                        subsample((from, image), (to, shortcut));
                    }
                }
                ShortcutKind::Projection(conv) => {
                    self.convolve(conv, Input::Stored(input), shortcut)
                }
            }
            std::mem::swap(&mut block_output, &mut last_block_output);
            last = Some(block);
        }
        let residual_output =
            self.residual_output(last, second, (last_block_output, shortcut), block_output);
        self.set.run(Pool {
            grid: backbone.last(),
            residual_output,
            features,
            channels: backbone.features,
        });
    }

    /// The part of an array that these images use.
    fn of<'b>(&self, array: &'b [f32], grid: Grid) -> &'b [f32] {
        &array[..self.images * grid.len()]
    }

    fn convolve(&mut self, conv: &Convolution, input: Input<'_>, output: &mut [f32]) {
        self.set.run(Forward {
            conv,
            kernel: self.kernels.of(conv),
            input,
            output: &mut output[..self.images * conv.output.len()],
            measure: self.measure,
            sums: &mut self.sums[conv.index],
            scratch: self.scratch,
        });
    }

    /// The output of `block`, or of the stem, whose last convolution has the output `x`. `input` is
    /// the block's input.
    fn residual_output<'b>(
        &self,
        block: Option<&Block>,
        x: &'b [f32],
        (input, shortcut): (&'b [f32], &'b [f32]),
        output: &'b mut [f32],
    ) -> ResidualOutput<'b>
    where
        'a: 'b,
    {
        let norms = self.norms;
        let (conv, kind) = match block {
            Some(block) => (&block.second, &block.shortcut),
            None => (&self.backbone.stem, &ShortcutKind::None),
        };
        let len = self.images * conv.output.len();
        ResidualOutput {
            x: &x[..len],
            norm: &norms[conv.index],
            shortcut: ShortcutValues::new(kind, (input, shortcut), norms, len),
            output: &mut output[..len],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use resnet_architecture::{ModelConfig, Shortcut as ShortcutType};

    #[test]
    fn the_estimate_equals_the_allocated_bytes() {
        for (depth, shortcut, batch, threads) in [
            (8, ShortcutType::None, 3, 1),
            (14, ShortcutType::B, 128, 2),
            (20, ShortcutType::C, 9, 3),
        ] {
            let model = ModelConfig::paper(depth, shortcut);
            let backbone = Arc::new(Backbone::new(&Architecture::new(&model, 10)));
            let set = InstructionSet::Portable;
            let evaluator = Evaluator::new(Arc::clone(&backbone), batch, set, threads);
            let mut evaluator = evaluator.expect("enough memory");
            let lanes = evaluator.team.sum(|lane| {
                let Activations {
                    block_output,
                    last_block_output,
                    first,
                    second,
                    shortcut,
                } = &lane.activations;
                let buffers = [block_output, last_block_output, first, second, shortcut];
                let activations: usize = buffers.map(|buffer| buffer.len()).iter().sum();
                lane.scratch.len() + activations
            });
            let floats = evaluator.images.len()
                + evaluator.kernels.len()
                + evaluator.entries.iter().map(Vec::len).sum::<usize>()
                + lanes;
            assert_eq!(4 * floats, Evaluator::bytes(&backbone, batch, threads));
        }
    }
}
