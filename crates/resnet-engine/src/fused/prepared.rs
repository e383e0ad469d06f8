//! A network's kernels in the layout of the method that computes each convolution.

use std::io;

use dfdx::prelude::Cpu;

use super::buffer::Buffer;
use super::geometry::{Backbone, Convolution, Method};
use super::kernels::{InstructionSet, Task, Vector, Winograd};
use super::packing::{flipped, forward, transposed};
use super::team::Team;
use super::tensors::Tensors;
use crate::model;

/// The prepared kernel of every convolution for one pass.
pub struct Prepared {
    kernels: Vec<Buffer>,
    team: Team<Packer>,
}

impl Prepared {
    /// Allocates memory for the convolutions of `backbone`, prepared by `threads` threads.
    ///
    /// # Errors
    /// When the system is out of memory.
    pub fn new(backbone: &Backbone, set: InstructionSet, threads: usize) -> io::Result<Self> {
        let kernels = backbone.convolutions();
        let kernels = kernels.map(|conv| Buffer::new(conv.prepared_len()));
        let packers = (0..threads).map(|_| Packer::new(backbone));
        Ok(Self {
            kernels: kernels.collect::<Result<_, _>>()?,
            team: Team::new(set, packers.collect::<Result<_, _>>()?),
        })
    }

    /// Floats of the memory for `backbone` and `threads` threads.
    pub fn floats(backbone: &Backbone, threads: usize) -> usize {
        let kernels = backbone.convolutions().map(Convolution::prepared_len);
        kernels.sum::<usize>() + threads * Packer::floats(backbone)
    }

    /// Prepares all kernels for `pass`.
    pub fn prepare(&mut self, backbone: &Backbone, tensors: &Tensors, pass: Pass) {
        let jobs = backbone.convolutions().zip(&mut self.kernels);
        self.team
            .share(jobs.collect(), |set, (conv, prepared), packer| {
                packer.prepare(set, (conv, tensors.kernel(conv)), pass, prepared);
            });
    }

    /// The kernel of `conv`.
    pub fn of(&self, conv: &Convolution) -> &[f32] {
        &self.kernels[conv.index]
    }

    #[cfg(test)]
    pub fn len(&mut self) -> usize {
        let kernels = self.kernels.iter().map(|kernel| kernel.len());
        kernels.sum::<usize>()
            + self
                .team
                .sum(|packer| packer.flat.len() + packer.packed.len())
    }
}

/// The pass that a kernel is prepared for.
#[derive(Debug, Clone, Copy)]
pub enum Pass {
    /// Computes the outputs.
    Forward,
    /// Computes the gradient of the inputs.
    Backward,
}

/// One thread's memory for preparing a kernel.
struct Packer {
    /// One convolution's kernel in PyTorch's order.
    flat: Buffer,
    /// The same kernel before its transform.
    packed: Buffer,
}

impl Packer {
    fn new(backbone: &Backbone) -> io::Result<Self> {
        Ok(Self {
            flat: Buffer::new(backbone.largest(Convolution::parameters))?,
            packed: Buffer::new(backbone.largest(Convolution::kernel_len))?,
        })
    }

    /// Floats of the memory for `backbone`.
    fn floats(backbone: &Backbone) -> usize {
        backbone.largest(Convolution::parameters) + backbone.largest(Convolution::kernel_len)
    }

    /// Writes the kernel of `conv` to `prepared` in the method's layout for a pass.
    fn prepare(
        &mut self,
        set: InstructionSet,
        (conv, kernel): (&Convolution, &model::Vector<Cpu>),
        pass: Pass,
        prepared: &mut [f32],
    ) {
        let flat = &mut self.flat[..conv.parameters()];
        kernel.copy_into(flat);
        match conv.method() {
            Method::Winograd(_) => {
                let packed = &mut self.packed[..conv.kernel_len()];
                let channels = match pass {
                    Pass::Forward => {
                        forward(conv, flat, packed);
                        conv.output.channels
                    }
                    Pass::Backward => {
                        flipped(conv, flat, packed);
                        conv.input.channels
                    }
                };
                set.run(TransformKernel {
                    channels,
                    packed,
                    prepared,
                });
            }
            Method::Direct(_) => match pass {
                Pass::Forward => forward(conv, flat, prepared),
                Pass::Backward => transposed(conv, flat, prepared),
            },
        }
    }
}

/// [`Winograd::transform_kernel`] as a task.
struct TransformKernel<'a> {
    /// The number of output channels.
    channels: usize,
    packed: &'a [f32],
    prepared: &'a mut [f32],
}

impl Task for TransformKernel<'_> {
    #[inline(always)]
    fn run<S: Vector>(self, simd: S) {
        Winograd::transform_kernel(simd, self.channels, self.packed, self.prepared);
    }
}
