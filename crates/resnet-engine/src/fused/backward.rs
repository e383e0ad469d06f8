//! The backward pass, layer by layer over the whole batch.

use std::sync::Arc;

use dfdx::prelude::{Cpu, Gradients, Storage};

use super::buffer::Buffer;
use super::chunk::{Backward, Input, Output, Reduce, Unpool};
use super::forward::Feed;
use super::geometry::{Convolution, Join};
use super::kernels::Sums;
use super::packing;
use super::prepared::Pass;
use super::sinks::Centred;
use super::tensors::Tensors;
use super::workspace::{Workspace, clear, total};
use crate::model::Vector;

/// dfdx's error on the CPU.
type CpuError = <Cpu as dfdx::prelude::HasErr>::Err;

/// Where a convolution's gradient of its inputs goes.
enum Target<'a> {
    /// Nobody wants it.
    None,
    /// As it is.
    Kept(&'a mut Buffer),
    /// To the gradient of the BN before, after the convolution with this index.
    Inner(usize, &'a mut Buffer),
    /// To the gradient of the sum that ends the block before the one with index `block`.
    Outer {
        block: usize,
        /// The gradient that came down the block's shortcut.
        shortcut: Option<&'a Buffer>,
        gradient: &'a mut Buffer,
    },
}

impl Workspace {
    /// Adds the gradients of all parameters to `all`, from those of the features
    /// (batch, features).
    ///
    /// # Errors
    /// When dfdx has no memory for the gradients.
    pub fn backward(
        &mut self,
        tensors: &Tensors,
        features: &[f32],
        all: &mut Gradients<f32, Cpu>,
    ) -> Result<(), CpuError> {
        let trunk = Arc::clone(&self.trunk);
        self.kernels.prepare(&trunk, tensors, Pass::Backward);
        let mut buffers = std::mem::take(&mut self.gradients);
        let [outer, inner, next, shortcut] = &mut buffers[..] else {
            unreachable!("a workspace has four buffers of gradients")
        };
        let (mut outer, mut next) = (outer, next);
        let mut sums = self.unpool(features, outer);
        for (index, block) in trunk.blocks.iter().enumerate().rev() {
            let first = Feed::Activated(block.first.index);
            let target = Target::Inner(block.first.index, inner);
            let inner_sums = self.layer_back(
                (tensors, all),
                &block.second,
                (outer, &sums, None),
                first,
                target,
            )?;
            let shortcut = match &block.join {
                Join::None | Join::SubsampleAndPad => None,
                Join::Identity => Some(&*outer),
                Join::Projection(conv) => {
                    let sums = self.reduce(conv, outer);
                    let target = Target::Kept(shortcut);
                    let input = Feed::Joint(index);
                    let gradient = (&*outer, &sums, None);
                    self.layer_back((tensors, all), conv, gradient, input, target)?;
                    Some(&*shortcut)
                }
            };
            let target = Target::Outer {
                block: index,
                shortcut,
                gradient: next,
            };
            let residual = (block.join == Join::SubsampleAndPad).then_some(&*outer);
            let (input, gradient) = (Feed::Joint(index), (&*inner, &inner_sums, residual));
            sums = self.layer_back((tensors, all), &block.first, gradient, input, target)?;
            std::mem::swap(&mut outer, &mut next);
        }
        let gradient = (&*outer, &sums, None);
        self.layer_back(
            (tensors, all),
            &trunk.stem,
            gradient,
            Feed::Images,
            Target::None,
        )?;
        self.gradients = buffers;
        Ok(())
    }

    /// One convolution and the BN after it, whose output has the gradient `gradient`; the sums
    /// for the BN that `target` leads to. The third of `gradient` is that of the block's sum, if
    /// option A's shortcut takes it to the inputs.
    fn layer_back(
        &mut self,
        (tensors, all): (&Tensors, &mut Gradients<f32, Cpu>),
        conv: &Convolution,
        (gradient, sums, residual): (&Buffer, &Sums, Option<&Buffer>),
        feed: Feed,
        target: Target<'_>,
    ) -> Result<Sums, CpuError> {
        let values = self.batch * conv.output.size * conv.output.size;
        let norm = self.norms[conv.index].gradient(sums, values);
        add(all, tensors.gamma(conv), &norm.gamma)?;
        add(all, tensors.beta(conv), &norm.beta)?;

        let (chunk, in_channels) = (self.chunk(), conv.input.channels);
        let (in_chunk, out_chunk) = (chunk * conv.input.len(), chunk * conv.output.len());
        let Self {
            trunk,
            batch,
            images,
            outputs,
            joints,
            norms,
            kernels,
            kernel_gradients,
            sums,
            team,
            ..
        } = self;
        let (in_len, out_len) = (*batch * conv.input.len(), *batch * conv.output.len());
        let input = match feed {
            Feed::Images => Input::Stored(&images[..in_len]),
            Feed::Joint(index) | Feed::Joined(index) => Input::Stored(&joints[index][..in_len]),
            Feed::Activated(index) => Input::Activated {
                x: &outputs[index][..in_len],
                norm: &norms[index],
            },
        };
        let output = match target {
            Target::None => Output::None,
            Target::Kept(gradient) => Output::Kept(&mut gradient[..in_len]),
            Target::Inner(index, gradient) => Output::Inner {
                norm: &norms[index],
                x: &outputs[index][..in_len],
                gradient: &mut gradient[..in_len],
            },
            Target::Outer {
                block,
                shortcut,
                gradient,
            } => {
                let before = block.checked_sub(1).map(|last| &trunk.blocks[last].second);
                let before = before.unwrap_or(&trunk.stem).index;
                Output::Outer {
                    output: &joints[block][..in_len],
                    shortcut: shortcut.map(|shortcut| &shortcut[..in_len]),
                    centred: Centred {
                        x: &outputs[before][..in_len],
                        mean: &norms[before].mean,
                    },
                    gradient: &mut gradient[..in_len],
                }
            }
        };
        clear(sums, in_channels);
        let inputs = input.chunks(in_chunk);
        let chunks = inputs.len();
        let parts = &mut kernel_gradients[..chunks * conv.kernel_len()];
        let kernel = kernels.of(conv);
        let residuals = (0..chunks).map(|chunk| {
            let range = chunk * out_chunk..((chunk + 1) * out_chunk).min(out_len);
            residual.map(|residual| &residual[range])
        });
        let jobs = inputs
            .into_iter()
            .zip(output.chunks(chunks, in_chunk))
            .zip(gradient[..out_len].chunks(out_chunk))
            .zip(outputs[conv.index][..out_len].chunks(out_chunk))
            .zip(residuals)
            .zip(parts.chunks_mut(conv.kernel_len()))
            .zip(sums.iter_mut());
        team.share(
            jobs.collect(),
            |set,
             ((((((input, output), gradient), x), residual), kernel_gradient), sums),
             scratch| {
                set.run(Backward {
                    conv,
                    kernel,
                    gradient,
                    x,
                    norm: &norm,
                    input,
                    residual,
                    output,
                    kernel_gradient,
                    sums,
                    scratch,
                });
            },
        );
        let gradient = all.get_or_alloc_mut(tensors.kernel(conv))?;
        packing::add_gradients(conv, parts, gradient);
        Ok(total(&*sums, in_channels))
    }

    /// The gradient of the last block's sum from that of the features, and its sums.
    fn unpool(&mut self, features: &[f32], gradient: &mut Buffer) -> Sums {
        let (chunk, last) = (self.chunk(), self.trunk.last());
        let Self {
            trunk,
            batch,
            outputs,
            joints,
            norms,
            sums,
            team,
            ..
        } = self;
        let conv = trunk
            .blocks
            .last()
            .map_or(&trunk.stem, |block| &block.second);
        let len = *batch * last.len();
        let output = Output::Outer {
            output: &joints[trunk.blocks.len()][..len],
            shortcut: None,
            centred: Centred {
                x: &outputs[conv.index][..len],
                mean: &norms[conv.index].mean,
            },
            gradient: &mut gradient[..len],
        };
        clear(sums, last.channels);
        let features = features.chunks(chunk * trunk.features);
        let outputs = output.chunks(features.len(), chunk * last.len());
        let jobs = features.zip(outputs).zip(sums.iter_mut());
        team.share(jobs.collect(), |set, ((features, output), sums), _| {
            set.run(Unpool {
                grid: last,
                features,
                channels: trunk.features,
                output,
                sums,
            });
        });
        total(&*sums, last.channels)
    }

    /// The sums for the gradient of a projection's BN, which has the gradient `gradient`.
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

/// Adds `values` to the gradient of `parameter`, whose channels are not rounded up.
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
