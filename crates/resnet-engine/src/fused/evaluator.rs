//! Evaluation: a few images at a time through all layers, so that what goes from layer to layer
//! stays in the cache. BN has its running statistics, so that images do not depend on each other.

use std::io;
use std::sync::Arc;

use dfdx::prelude::Cpu;

use super::batch_norm::{GammaBeta, Normalisation};
use super::buffer::Buffer;
use super::chunk::{Forward, Input, Pool};
use super::forward::subsample;
use super::geometry::{Block, Convolution, Grid, Join, Trunk, chunk_images};
use super::kernels::{InstructionSet, Sums};
use super::prepared::{Pass, Prepared};
use super::scratch::Scratch;
use super::sources::{Joined, Shortcut};
use super::team::Team;
use super::tensors::Tensors;
use super::workspace::total;
use crate::Moments;
use crate::model::{Architecture, Network};

/// What evaluation needs of a network, and the threads' memory.
pub struct Evaluator {
    trunk: Arc<Trunk>,
    /// Images that it has room for.
    capacity: usize,
    images: Vec<f32>,
    kernels: Prepared,
    /// The entries that each of `kernels` is made of. All are zero at first, and so is what zeros
    /// are prepared to.
    entries: Vec<Vec<f32>>,
    /// The BN after each convolution.
    norms: Vec<Normalisation>,
    team: Team<Lane>,
}

impl Evaluator {
    /// Memory for batches of `capacity` images and `threads` threads.
    ///
    /// # Errors
    /// When the system has no room for it.
    pub fn new(
        trunk: Arc<Trunk>,
        capacity: usize,
        set: InstructionSet,
        threads: usize,
    ) -> io::Result<Self> {
        let lanes = (0..threads).map(|_| Lane::new(&trunk));
        Ok(Self {
            capacity,
            images: vec![0.0; capacity * trunk.stem.input.len()],
            kernels: Prepared::new(&trunk, set, threads)?,
            entries: trunk
                .convolutions()
                .map(|conv| vec![0.0; conv.parameters()])
                .collect(),
            norms: vec![Normalisation::default(); trunk.convolutions().count()],
            team: Team::new(set, lanes.collect::<Result<_, _>>()?),
            trunk,
        })
    }

    /// Bytes of an evaluator for batches of `capacity` images and `threads` threads.
    pub fn bytes(trunk: &Trunk, capacity: usize, threads: usize) -> usize {
        let kernels = Prepared::floats(trunk, threads);
        let images = capacity * trunk.stem.input.len();
        let entries: usize = trunk.convolutions().map(Convolution::parameters).sum();
        let floats = images + kernels + entries + threads * Lane::floats(trunk);
        floats * size_of::<f32>()
    }

    /// Whether it has the memory for a batch of `batch` images through `trunk`.
    pub fn fits(&self, trunk: &Trunk, batch: usize) -> bool {
        batch <= self.capacity && *self.trunk == *trunk
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
        moments(&self.trunk, &network.architecture, batch, &sums)
    }

    /// The features, and each chunk's sums over the outputs of each convolution, which are empty if
    /// nobody wants to `measure` them.
    fn evaluate(
        &mut self,
        network: &Network<Cpu>,
        batch: usize,
        fill: impl FnOnce(&mut [f32]),
        measure: bool,
    ) -> (Vec<f32>, Vec<Vec<Sums>>) {
        let trunk = Arc::clone(&self.trunk);
        let tensors = Tensors::of(network);
        self.prepare(&trunk, &tensors);
        let images = &mut self.images[..batch * trunk.stem.input.len()];
        fill(images);
        let mut features = vec![0.0; batch * trunk.features];
        let few = images_together(&trunk);
        let chunk = chunk_images(batch);
        // Only sums need the training's chunks; smaller jobs keep all threads busy to the end.
        let chunk = if measure { chunk } else { chunk.min(few) };
        let layers = trunk.convolutions().map(|conv| match measure {
            true => Sums::new(conv.output.channels),
            false => Sums::default(),
        });
        let layers: Vec<_> = layers.collect();
        let mut sums = vec![layers; batch.div_ceil(chunk)];

        let (kernels, norms) = (&self.kernels, &self.norms);
        let jobs = images
            .chunks(chunk * trunk.stem.input.len())
            .zip(features.chunks_mut(chunk * trunk.features))
            .zip(&mut sums);
        self.team
            .share(jobs.collect(), |set, ((images, features), sums), lane| {
                let images = images.chunks(few * trunk.stem.input.len());
                for (images, features) in images.zip(features.chunks_mut(few * trunk.features)) {
                    let mut passage = Passage {
                        set,
                        trunk: &trunk,
                        kernels,
                        norms,
                        images: images.len() / trunk.stem.input.len(),
                        measure,
                        sums,
                        scratch: &mut lane.scratch,
                    };
                    passage.run(images, features, &mut lane.activations);
                }
            });
        (features, sums)
    }

    /// Brings the kernels into the order that their methods want, where they are not those of the
    /// batch before, and the running statistics into that of BN.
    fn prepare(&mut self, trunk: &Trunk, tensors: &Tensors) {
        if !self.is_prepared(trunk, tensors) {
            self.kernels.prepare(trunk, tensors, Pass::Forward);
            for (conv, entries) in trunk.convolutions().zip(&mut self.entries) {
                tensors.kernel(conv).copy_into(entries);
            }
        }
        for (conv, norm) in trunk.convolutions().zip(&mut self.norms) {
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

    /// Whether `self.kernels` are made of these tensors.
    fn is_prepared(&self, trunk: &Trunk, tensors: &Tensors) -> bool {
        let mut kernels = trunk.convolutions().zip(&self.entries);
        kernels.all(|(conv, entries)| tensors.kernel(conv).as_vec() == *entries)
    }
}

/// The sums of the chunks of `batch` images, without the channels that round up.
fn moments(
    trunk: &Trunk,
    architecture: &Architecture,
    batch: usize,
    sums: &[Vec<Sums>],
) -> Vec<Moments> {
    let layers = trunk.convolutions().zip(architecture.layers());
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
struct Lane {
    scratch: Scratch,
    activations: Activations,
}

/// What goes from layer to layer.
struct Activations {
    /// A block's input, and that of the block before it.
    joint: Buffer,
    last_joint: Buffer,
    /// The outputs of a block's convolutions.
    first: Buffer,
    second: Buffer,
    /// What an option A or a projection brings to a block's end.
    shortcut: Buffer,
}

impl Activations {
    /// How many arrays these are.
    const COUNT: usize = 5;
}

impl Lane {
    fn new(trunk: &Trunk) -> io::Result<Self> {
        let images = images_together(trunk);
        let activation = || Buffer::new(images * trunk.largest(|conv| conv.output.len()));
        Ok(Self {
            scratch: Scratch::new(trunk)?,
            activations: Activations {
                joint: activation()?,
                last_joint: activation()?,
                first: activation()?,
                second: activation()?,
                shortcut: activation()?,
            },
        })
    }

    /// Floats of the memory for `trunk`.
    fn floats(trunk: &Trunk) -> usize {
        let activation = images_together(trunk) * trunk.largest(|conv| conv.output.len());
        Scratch::floats(trunk) + Activations::COUNT * activation
    }
}

/// As few as fill a group of Winograd's tiles in the last layer, where an image has the fewest.
fn images_together(trunk: &Trunk) -> usize {
    trunk.last().group_images()
}

/// The way of a few images through the layers.
struct Passage<'a> {
    set: InstructionSet,
    trunk: &'a Trunk,
    kernels: &'a Prepared,
    norms: &'a [Normalisation],
    images: usize,
    measure: bool,
    /// Of each convolution.
    sums: &'a mut [Sums],
    scratch: &'a mut Scratch,
}

impl<'a> Passage<'a> {
    /// The features of `images`.
    fn run(&mut self, images: &[f32], features: &mut [f32], activations: &mut Activations) {
        let Activations {
            joint,
            last_joint,
            first,
            second,
            shortcut,
        } = activations;
        let (mut joint, mut last_joint) = (joint, last_joint);
        let (trunk, norms) = (self.trunk, self.norms);
        self.convolve(&trunk.stem, Input::Stored(images), second);
        let mut last = None;
        for block in &trunk.blocks {
            let joined = self.joined(last, second, (last_joint, shortcut), joint);
            self.convolve(&block.first, Input::Joined(joined), first);
            let activated = Input::Activated {
                x: self.of(first, block.first.output),
                norm: &norms[block.first.index],
            };
            self.convolve(&block.second, activated, second);
            let input = self.of(joint, block.first.input);
            match &block.join {
                Join::None | Join::Identity => {}
                Join::SubsampleAndPad => {
                    let (from, to) = (block.first.input, block.second.output);
                    let shortcuts = shortcut.chunks_exact_mut(to.len());
                    for (image, shortcut) in input.chunks_exact(from.len()).zip(shortcuts) {
                        subsample((from, image), (to, shortcut));
                    }
                }
                Join::Projection(conv) => self.convolve(conv, Input::Stored(input), shortcut),
            }
            std::mem::swap(&mut joint, &mut last_joint);
            last = Some(block);
        }
        let joined = self.joined(last, second, (last_joint, shortcut), joint);
        self.set.run(Pool {
            grid: trunk.last(),
            joined,
            features,
            channels: trunk.features,
        });
    }

    /// The images' part of an array.
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

    /// The output of `block`, or that of the stem, of whose last convolution `x` is the output.
    /// `input` is the block's input.
    fn joined<'b>(
        &self,
        block: Option<&Block>,
        x: &'b [f32],
        (input, shortcut): (&'b [f32], &'b [f32]),
        output: &'b mut [f32],
    ) -> Joined<'b>
    where
        'a: 'b,
    {
        let norms = self.norms;
        let (conv, join) = match block {
            Some(block) => (&block.second, &block.join),
            None => (&self.trunk.stem, &Join::None),
        };
        let len = self.images * conv.output.len();
        Joined {
            x: &x[..len],
            norm: &norms[conv.index],
            shortcut: Shortcut::new(join, (input, shortcut), norms, len),
            output: &mut output[..len],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use resweep_core::domain::{Configuration, Shortcut as ShortcutType};

    #[test]
    fn its_bytes_are_those_that_are_foretold() {
        for (depth, shortcut, batch, threads) in [
            (8, ShortcutType::None, 3, 1),
            (14, ShortcutType::B, 128, 2),
            (20, ShortcutType::C, 9, 3),
        ] {
            let model = Configuration::paper(depth, shortcut).model;
            let trunk = Arc::new(Trunk::new(&Architecture::new(&model, 10)));
            let set = InstructionSet::Portable;
            let evaluator = Evaluator::new(Arc::clone(&trunk), batch, set, threads);
            let mut evaluator = evaluator.expect("room");
            let lanes = evaluator.team.sum(|lane| {
                let Activations {
                    joint,
                    last_joint,
                    first,
                    second,
                    shortcut,
                } = &lane.activations;
                let buffers = [joint, last_joint, first, second, shortcut];
                let activations: usize = buffers.map(|buffer| buffer.len()).iter().sum();
                lane.scratch.len() + activations
            });
            let floats = evaluator.images.len()
                + evaluator.kernels.len()
                + evaluator.entries.iter().map(Vec::len).sum::<usize>()
                + lanes;
            assert_eq!(4 * floats, Evaluator::bytes(&trunk, batch, threads));
        }
    }
}
