//! The fused engine's backward pass: layer by layer over the whole batch.

use std::sync::Arc;

use dfdx::prelude::{Cpu, Gradients, Storage};

use super::batch_norm::Normalisation;
use super::buffer::Buffer;
use super::chunk::{Backward, Input, Output, Reduce, Unpool};
use super::forward::LayerInput;
use super::geometry::{Backbone, Convolution, ShortcutKind};
use super::kernels::Sums;
use super::packing;
use super::prepared::Pass;
use super::sinks::Centred;
use super::tensors::Tensors;
use super::workspace::{Workspace, clear, total};
use crate::model::Vector;

/// dfdx's error on the CPU.
type CpuError = <Cpu as dfdx::prelude::HasErr>::Err;

/// Where the gradient of a convolution's input is written.
enum Target<'a> {
    /// Nowhere: the gradient is not needed.
    None,
    /// Unchanged.
    Kept(&'a mut Buffer),
    /// Through ReLU to the gradient of the preceding BN, which follows the convolution with this
    /// index.
    Inner(usize, &'a mut Buffer),
    /// Through ReLU to the gradient of the sum at the end of the block before `block`.
    Outer {
        block: usize,
        /// The gradient that arrived through the block's shortcut.
        shortcut: Option<&'a Buffer>,
        gradient: &'a mut Buffer,
    },
}

/// The gradient of a BN's output.
#[derive(Clone, Copy)]
struct OutputGradient<'a> {
    values: &'a Buffer,
    /// Sums that the gradient of the BN needs.
    sums: &'a Sums,
    /// The gradient of the block's sum, if an option A shortcut passes it to the input.
    residual: Option<&'a Buffer>,
}

/// One chunk of a layer's backward pass.
struct ChunkJob<'a> {
    input: Input<'a>,
    output: Output<'a>,
    gradient: &'a [f32],
    x: &'a [f32],
    residual: Option<&'a [f32]>,
    kernel_gradient: &'a mut [f32],
    sums: &'a mut Sums,
}

impl Workspace {
    /// Adds the gradients of all parameters to `all`, given those of the features (batch,
    /// features).
    ///
    /// # Errors
    /// When dfdx cannot allocate the gradients.
    pub fn backward(
        &mut self,
        tensors: &Tensors,
        features: &[f32],
        all: &mut Gradients<f32, Cpu>,
    ) -> Result<(), CpuError> {
        let backbone = Arc::clone(&self.backbone);
        self.kernels.prepare(&backbone, tensors, Pass::Backward);
        let mut buffers = std::mem::take(&mut self.gradients);
        let [outer, inner, next, shortcut] = &mut buffers[..] else {
            unreachable!("a workspace has four buffers of gradients")
        };
        let (mut outer, mut next) = (outer, next);
        let mut sums = self.unpool(features, outer);
        for (index, block) in backbone.blocks.iter().enumerate().rev() {
            let inner_sums = self.layer_backward(
                tensors,
                all,
                &block.second,
                OutputGradient {
                    values: outer,
                    sums: &sums,
                    residual: None,
                },
                LayerInput::Activated(block.first.index),
                Target::Inner(block.first.index, inner),
            )?;
            let shortcut = match &block.shortcut {
                ShortcutKind::None | ShortcutKind::SubsampleAndPad => None,
                ShortcutKind::Identity => Some(&*outer),
                ShortcutKind::Projection(conv) => {
                    let gradient = OutputGradient {
                        values: outer,
                        sums: &self.reduce(conv, outer),
                        residual: None,
                    };
                    let input = LayerInput::BlockOutput(index);
                    self.layer_backward(
                        tensors,
                        all,
                        conv,
                        gradient,
                        input,
                        Target::Kept(shortcut),
                    )?;
                    Some(&*shortcut)
                }
            };
            let takes_residual = block.shortcut == ShortcutKind::SubsampleAndPad;
            sums = self.layer_backward(
                tensors,
                all,
                &block.first,
                OutputGradient {
                    values: inner,
                    sums: &inner_sums,
                    residual: takes_residual.then_some(&*outer),
                },
                LayerInput::BlockOutput(index),
                Target::Outer {
                    block: index,
                    shortcut,
                    gradient: next,
                },
            )?;
            std::mem::swap(&mut outer, &mut next);
        }
        let gradient = OutputGradient {
            values: outer,
            sums: &sums,
            residual: None,
        };
        let (stem, images) = (&backbone.stem, LayerInput::Images);
        self.layer_backward(tensors, all, stem, gradient, images, Target::None)?;
        self.gradients = buffers;
        Ok(())
    }

    /// Propagates `gradient` back through one convolution and the BN after it. Returns the sums for
    /// the BN that `target` leads to.
    fn layer_backward(
        &mut self,
        tensors: &Tensors,
        all: &mut Gradients<f32, Cpu>,
        conv: &Convolution,
        gradient: OutputGradient<'_>,
        layer_input: LayerInput,
        target: Target<'_>,
    ) -> Result<Sums, CpuError> {
        let values = self.batch * conv.output.size * conv.output.size;
        let norm = self.norms[conv.index].gradient(gradient.sums, values);
        add(all, tensors.gamma(conv), &norm.gamma)?;
        add(all, tensors.beta(conv), &norm.beta)?;

        let (chunk, in_channels) = (self.chunk(), conv.input.channels);
        let (in_chunk, out_chunk) = (chunk * conv.input.len(), chunk * conv.output.len());
        let (in_len, out_len) = (
            self.batch * conv.input.len(),
            self.batch * conv.output.len(),
        );
        let Self {
            backbone,
            images,
            outputs,
            block_outputs,
            norms,
            kernels,
            kernel_gradients,
            sums,
            team,
            ..
        } = self;
        let input = match layer_input {
            LayerInput::Images => Input::Stored(&images[..in_len]),
            LayerInput::BlockOutput(index) | LayerInput::ResidualOutput(index) => {
                Input::Stored(&block_outputs[index][..in_len])
            }
            LayerInput::Activated(index) => Input::Activated {
                x: &outputs[index][..in_len],
                norm: &norms[index],
            },
        };
        let forward = ForwardValues {
            backbone,
            outputs,
            block_outputs,
            norms,
        };
        let output = forward.output(target, in_len);
        clear(sums, in_channels);
        let inputs = input.chunks(in_chunk);
        let chunks = inputs.len();
        let parts = &mut kernel_gradients[..chunks * conv.kernel_len()];
        let kernel = kernels.of(conv);
        let own = inputs
            .into_iter()
            .zip(output.chunks(chunks, in_chunk))
            .zip(parts.chunks_mut(conv.kernel_len()).zip(sums.iter_mut()));
        let jobs = own
            .enumerate()
            .map(|(index, ((input, output), (kernel_gradient, sums)))| {
                let range = index * out_chunk..((index + 1) * out_chunk).min(out_len);
                ChunkJob {
                    input,
                    output,
                    gradient: &gradient.values[range.clone()],
                    x: &outputs[conv.index][range.clone()],
                    residual: gradient.residual.map(|residual| &residual[range]),
                    kernel_gradient,
                    sums,
                }
            });
        team.share(jobs.collect(), |set, job, scratch| {
            set.run(Backward {
                conv,
                kernel,
                gradient: job.gradient,
                x: job.x,
                norm: &norm,
                input: job.input,
                residual: job.residual,
                output: job.output,
                kernel_gradient: job.kernel_gradient,
                sums: job.sums,
                scratch,
            });
        });
        let gradient = all.get_or_alloc_mut(tensors.kernel(conv))?;
        packing::add_gradients(conv, parts, gradient);
        Ok(total(&*sums, in_channels))
    }

    /// Computes the gradient of the last block's sum from that of the features. Returns its sums.
    fn unpool(&mut self, features: &[f32], gradient: &mut Buffer) -> Sums {
        let (chunk, last) = (self.chunk(), self.backbone.last());
        let Self {
            backbone,
            batch,
            outputs,
            block_outputs,
            norms,
            sums,
            team,
            ..
        } = self;
        let conv = backbone
            .blocks
            .last()
            .map_or(&backbone.stem, |block| &block.second);
        let len = *batch * last.len();
        let output = Output::Outer {
            output: &block_outputs[backbone.blocks.len()][..len],
            shortcut: None,
            centred: Centred {
                x: &outputs[conv.index][..len],
                mean: &norms[conv.index].mean,
            },
            gradient: &mut gradient[..len],
        };
        clear(sums, last.channels);
        let features = features.chunks(chunk * backbone.features);
        let outputs = output.chunks(features.len(), chunk * last.len());
        let jobs = features.zip(outputs).zip(sums.iter_mut());
        team.share(jobs.collect(), |set, ((features, output), sums), _| {
            set.run(Unpool {
                grid: last,
                features,
                channels: backbone.features,
                output,
                sums,
            });
        });
        total(&*sums, last.channels)
    }

    /// The sums for the gradient of a projection's BN, whose output has the gradient `gradient`.
    fn reduce(&mut self, conv: &Convolution, gradient: &Buffer) -> Sums {
        let (chunk, grid) = (self.chunk() * conv.output.len(), conv.output);
        let len = self.batch * grid.len();
        let mean = &self.norms[conv.index].mean;
        clear(&mut self.sums, grid.channels);
        let gradients = gradient[..len].chunks(chunk);
        let xs = self.outputs[conv.index][..len].chunks(chunk);
        let jobs = gradients.zip(xs).zip(self.sums.iter_mut());
        self.team
            .share(jobs.collect(), |set, ((gradient, x), sums), _| {
                let against = Centred { x, mean };
                set.run(Reduce {
                    grid,
                    gradient,
                    against,
                    sums,
                });
            });
        total(&self.sums, grid.channels)
    }
}

/// Values that the forward pass stored.
struct ForwardValues<'a> {
    backbone: &'a Backbone,
    outputs: &'a [Buffer],
    block_outputs: &'a [Buffer],
    norms: &'a [Normalisation],
}

impl<'a> ForwardValues<'a> {
    /// The destination of the gradient of a layer's input, `len` floats of it.
    fn output(&self, target: Target<'a>, len: usize) -> Output<'a> {
        match target {
            Target::None => Output::None,
            Target::Kept(gradient) => Output::Kept(&mut gradient[..len]),
            Target::Inner(index, gradient) => Output::Inner {
                norm: &self.norms[index],
                x: &self.outputs[index][..len],
                gradient: &mut gradient[..len],
            },
            Target::Outer {
                block,
                shortcut,
                gradient,
            } => {
                let blocks = &self.backbone.blocks;
                let before = block.checked_sub(1).map(|last| &blocks[last].second);
                let before = before.unwrap_or(&self.backbone.stem).index;
                Output::Outer {
                    output: &self.block_outputs[block][..len],
                    shortcut: shortcut.map(|shortcut| &shortcut[..len]),
                    centred: Centred {
                        x: &self.outputs[before][..len],
                        mean: &self.norms[before].mean,
                    },
                    gradient: &mut gradient[..len],
                }
            }
        }
    }
}

/// Adds `values` to the gradient of `parameter`; ignores the padding channels of `values`.
fn add(
    all: &mut Gradients<f32, Cpu>,
    parameter: &Vector<Cpu>,
    values: &[f32],
) -> Result<(), CpuError> {
    let gradient: &mut <Cpu as Storage<f32>>::Vec = all.get_or_alloc_mut(parameter)?;
    for (gradient, value) in gradient.iter_mut().zip(values) {
        *gradient += value;
    }
    Ok(())
}
