//! Kernels between PyTorch's order (out, in, height, width) and the orders of the methods, with
//! channels rounded up.

use std::io;

use dfdx::prelude::Cpu;

use super::buffer::Buffer;
use super::geometry::{Convolution, Method, Trunk};
use super::kernels::{InstructionSet, Task, Vector, Winograd};
use crate::model;

/// What a kernel is prepared for.
#[derive(Debug, Clone, Copy)]
pub enum Pass {
    /// The outputs.
    Forward,
    /// The gradient of the inputs.
    Backward,
}

/// Brings kernels into the order that their method wants; the memory for it.
pub struct Packer {
    /// One convolution's kernel in PyTorch's order.
    flat: Buffer,
    /// The same before its transform.
    packed: Buffer,
}

impl Packer {
    /// For the convolutions of `trunk`.
    ///
    /// # Errors
    /// When the system has no room for it.
    pub fn new(trunk: &Trunk) -> io::Result<Self> {
        Ok(Self {
            flat: Buffer::new(trunk.largest(Convolution::parameters))?,
            packed: Buffer::new(trunk.largest(Convolution::kernel_len))?,
        })
    }

    /// Floats of the memory for `trunk`.
    pub fn floats(trunk: &Trunk) -> usize {
        trunk.largest(Convolution::parameters) + trunk.largest(Convolution::kernel_len)
    }

    /// Writes the kernel of `conv` to `prepared` as its method wants it in a pass.
    pub fn prepare(
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

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.flat.len() + self.packed.len()
    }
}

/// [`Winograd::transform_kernel`] as a task.
struct TransformKernel<'a> {
    /// That the kernel leads to.
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

/// Calls `f` with the flat index of every entry of a kernel in PyTorch's order, and with its row,
/// column, input channel and output channel.
fn for_each_entry(conv: &Convolution, mut f: impl FnMut(usize, [usize; 4])) {
    let side = conv.kernel;
    let mut flat = 0;
    for out in 0..conv.out_channels {
        for input in 0..conv.in_channels {
            for row in 0..side {
                for column in 0..side {
                    f(flat, [row, column, input, out]);
                    flat += 1;
                }
            }
        }
    }
}

/// (height, width, in, out), for the forward pass.
fn forward(conv: &Convolution, flat: &[f32], packed: &mut [f32]) {
    let (side, from, to) = (conv.kernel, conv.input.channels, conv.output.channels);
    packed.fill(0.0);
    for_each_entry(conv, |at, [row, column, input, out]| {
        packed[((row * side + column) * from + input) * to + out] = flat[at];
    });
}

/// (height, width, out, in) turned by half a turn: the convolution that takes Winograd's gradient
/// of the outputs to that of the inputs.
fn flipped(conv: &Convolution, flat: &[f32], packed: &mut [f32]) {
    let (side, from, to) = (conv.kernel, conv.input.channels, conv.output.channels);
    packed.fill(0.0);
    for_each_entry(conv, |at, [row, column, input, out]| {
        let turned = side * side - 1 - (row * side + column);
        packed[(turned * to + out) * from + input] = flat[at];
    });
}

/// (height, out, width, in), for the direct method's gradient of the inputs.
fn transposed(conv: &Convolution, flat: &[f32], packed: &mut [f32]) {
    let (side, from, to) = (conv.kernel, conv.input.channels, conv.output.channels);
    packed.fill(0.0);
    for_each_entry(conv, |at, [row, column, input, out]| {
        packed[((row * to + out) * side + column) * from + input] = flat[at];
    });
}

/// The sum of gradients (height, width, in, out), added to one in PyTorch's order. The first of
/// them is left with the sum.
pub fn add_gradients(conv: &Convolution, gradients: &mut [f32], flat: &mut [f32]) {
    let (side, from, to) = (conv.kernel, conv.input.channels, conv.output.channels);
    let (sum, rest) = gradients.split_at_mut(conv.kernel_len());
    for gradient in rest.chunks_exact(conv.kernel_len()) {
        for (sum, value) in sum.iter_mut().zip(gradient) {
            *sum += value;
        }
    }
    for_each_entry(conv, |at, [row, column, input, out]| {
        flat[at] += sum[((row * side + column) * from + input) * to + out];
    });
}
