//! The fused engine's backward pass: layer by layer over the whole batch.

use std::sync::Arc;

use dfdx::prelude::{Cpu, Gradients, Storage};

use super::batch_norm::{Normalisation, NormalisationGradient};
use super::buffer::Buffer;
use super::chunk::{Backward, Input, Output, Reduce, Unpool};
use super::forward::LayerInput;
use super::geometry::{Backbone, Block, Convolution, ShortcutKind};
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

/// A convolution and the BN after it in the backward pass.
struct Layer<'a> {
    conv: &'a Convolution,
    gradient: OutputGradient<'a>,
    input: LayerInput,
    target: Target<'a>,
}

/// The gradients that arrive at a block and leave it.
struct BlockGradients<'a> {
    /// Of the block's output.
    outer: &'a mut Buffer,
    /// Of the first BN's output.
    inner: &'a mut Buffer,
    /// Of the block's input.
    next: &'a mut Buffer,
    /// Of the block's input through a projection.
    shortcut: &'a mut Buffer,
}

/// The parameters, and dfdx's gradients of them.
struct Parameters<'a> {
    tensors: &'a Tensors,
    gradients: &'a mut Gradients<f32, Cpu>,
}

impl Workspace {
    /// Adds the gradients of all parameters to `gradients`, given those of the features (batch,
    /// features).
    ///
    /// # Errors
    /// When dfdx cannot allocate the gradients.
    pub fn backward(
        &mut self,
        tensors: &Tensors,
        features: &[f32],
        gradients: &mut Gradients<f32, Cpu>,
    ) -> Result<(), CpuError> {
        let backbone = Arc::clone(&self.backbone);
        self.kernels.prepare(&backbone, tensors, Pass::Backward);
        let mut parameters = Parameters { tensors, gradients };
        let mut buffers = std::mem::take(&mut self.gradients);
        let [outer, inner, next, shortcut] = &mut buffers[..] else {
            unreachable!("a workspace has four buffers of gradients")
        };
        let mut passed = BlockGradients {
            outer,
            inner,
            next,
            shortcut,
        };
        let mut sums = self.unpool(features, passed.outer);
        for (index, block) in backbone.blocks.iter().enumerate().rev() {
            sums = self.block_backward((index, block), &sums, &mut passed, &mut parameters)?;
            std::mem::swap(&mut passed.outer, &mut passed.next);
        }
        let stem = Layer {
            conv: &backbone.stem,
            gradient: OutputGradient {
                values: passed.outer,
                sums: &sums,
                residual: None,
            },
            input: LayerInput::Images,
            target: Target::None,
        };
        self.layer_backward(stem, &mut parameters)?;
        self.gradients = buffers;
        Ok(())
    }

    /// Propagates the gradient of a block's output, which has these sums, to its input. Returns the
    /// sums of the gradient of its input.
    fn block_backward(
        &mut self,
        (index, block): (usize, &Block),
        sums: &Sums,
        passed: &mut BlockGradients<'_>,
        parameters: &mut Parameters<'_>,
    ) -> Result<Sums, CpuError> {
        let second = Layer {
            conv: &block.second,
            gradient: OutputGradient {
                values: passed.outer,
                sums,
                residual: None,
            },
            input: LayerInput::Activated(block.first.index),
            target: Target::Inner(block.first.index, passed.inner),
        };
        let inner_sums = self.layer_backward(second, parameters)?;
        let shortcut = match &block.shortcut {
            ShortcutKind::None | ShortcutKind::SubsampleAndPad => None,
            ShortcutKind::Identity => Some(&*passed.outer),
            ShortcutKind::Projection(conv) => {
                let projection = Layer {
                    conv,
                    gradient: OutputGradient {
                        values: passed.outer,
                        sums: &self.reduce(conv, passed.outer),
                        residual: None,
                    },
                    input: LayerInput::BlockOutput(index),
                    target: Target::Kept(passed.shortcut),
                };
                self.layer_backward(projection, parameters)?;
                Some(&*passed.shortcut)
            }
        };
        let takes_residual = block.shortcut == ShortcutKind::SubsampleAndPad;
        let first = Layer {
            conv: &block.first,
            gradient: OutputGradient {
                values: passed.inner,
                sums: &inner_sums,
                residual: takes_residual.then_some(&*passed.outer),
            },
            input: LayerInput::BlockOutput(index),
            target: Target::Outer {
                block: index,
                shortcut,
                gradient: passed.next,
            },
        };
        self.layer_backward(first, parameters)
    }

    /// Propagates a gradient back through one layer and adds those of its parameters. Returns the
    /// sums for the BN that the layer's target leads to.
    fn layer_backward(
        &mut self,
        layer: Layer<'_>,
        parameters: &mut Parameters<'_>,
    ) -> Result<Sums, CpuError> {
        let conv = layer.conv;
        let values = self.batch * conv.output.size * conv.output.size;
        let norm = self.norms[conv.index].gradient(layer.gradient.sums, values);
        parameters.add_norm(conv, &norm)?;
        let sums = self.share_chunks(layer, &norm);
        let chunks = self.batch.div_ceil(self.chunk());
        let parts = &self.kernel_gradients[..chunks * conv.kernel_len()];
        parameters.add_kernel(conv, parts)?;
        Ok(sums)
    }

    /// Computes a layer's gradients chunk by chunk on all threads: that of its input, which goes to
    /// the target, and each chunk's part of that of the kernel. Returns the target's sums.
    fn share_chunks(&mut self, layer: Layer<'_>, norm: &NormalisationGradient) -> Sums {
        let Layer { conv, gradient, .. } = layer;
        let (chunk, in_channels) = (self.chunk(), conv.input.channels);
        let (in_chunk, out_chunk) = (chunk * conv.input.len(), chunk * conv.output.len());
        let in_len = self.batch * conv.input.len();
        let out_len = self.batch * conv.output.len();
        let forward = ForwardValues {
            backbone: &self.backbone,
            images: &self.images,
            outputs: &self.outputs,
            block_outputs: &self.block_outputs,
            norms: &self.norms,
        };
        clear(&mut self.sums, in_channels);
        let inputs = forward.input(layer.input, in_len).chunks(in_chunk);
        let outputs = forward.output(layer.target, in_len);
        let outputs = outputs.chunks(inputs.len(), in_chunk);
        let parts = self.kernel_gradients.chunks_mut(conv.kernel_len());
        let own = (inputs.into_iter().zip(outputs)).zip(parts.zip(self.sums.iter_mut()));
        let jobs = own
            .enumerate()
            .map(|(index, ((input, output), (kernel_gradient, sums)))| {
                let range = index * out_chunk..((index + 1) * out_chunk).min(out_len);
                ChunkJob {
                    input,
                    output,
                    gradient: &gradient.values[range.clone()],
                    x: &forward.outputs[conv.index][range.clone()],
                    residual: gradient.residual.map(|residual| &residual[range]),
                    kernel_gradient,
                    sums,
                }
            });
        let kernel = self.kernels.of(conv);
        self.team.share(jobs.collect(), |set, job, scratch| {
            set.run(Backward {
                conv,
                kernel,
                gradient: job.gradient,
                x: job.x,
                norm,
                input: job.input,
                residual: job.residual,
                output: job.output,
                kernel_gradient: job.kernel_gradient,
                sums: job.sums,
                scratch,
            });
        });
        total(&self.sums, in_channels)
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
    images: &'a [f32],
    outputs: &'a [Buffer],
    block_outputs: &'a [Buffer],
    norms: &'a [Normalisation],
}

impl<'a> ForwardValues<'a> {
    /// A layer's input, `len` floats of it.
    fn input(&self, input: LayerInput, len: usize) -> Input<'a> {
        match input {
            LayerInput::Images => Input::Stored(&self.images[..len]),
            LayerInput::BlockOutput(index) | LayerInput::ResidualOutput(index) => {
                Input::Stored(&self.block_outputs[index][..len])
            }
            LayerInput::Activated(index) => Input::Activated {
                x: &self.outputs[index][..len],
                norm: &self.norms[index],
            },
        }
    }

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

impl Parameters<'_> {
    /// Adds the gradients of a BN's parameters.
    fn add_norm(
        &mut self,
        conv: &Convolution,
        norm: &NormalisationGradient,
    ) -> Result<(), CpuError> {
        self.add(self.tensors.gamma(conv), &norm.gamma)?;
        self.add(self.tensors.beta(conv), &norm.beta)
    }

    /// Adds `values` to the gradient of `parameter`; ignores the padding channels of `values`.
    fn add(&mut self, parameter: &Vector<Cpu>, values: &[f32]) -> Result<(), CpuError> {
        let gradient: &mut <Cpu as Storage<f32>>::Vec =
            self.gradients.get_or_alloc_mut(parameter)?;
        for (gradient, value) in gradient.iter_mut().zip(values) {
            *gradient += value;
        }
        Ok(())
    }

    /// Adds each chunk's part of the gradient of a kernel.
    fn add_kernel(&mut self, conv: &Convolution, parts: &[f32]) -> Result<(), CpuError> {
        let gradient = self.gradients.get_or_alloc_mut(self.tensors.kernel(conv))?;
        packing::add_gradients(conv, parts, gradient);
        Ok(())
    }
}
