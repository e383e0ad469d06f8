//! Converts kernels between PyTorch's order (out, in, height, width) and the methods' layouts with
//! padded channels.

use std::ops::Range;

use rayon::prelude::*;

use super::geometry::Convolution;

/// Output channels whose gradients are added up together: one cache line.
const CHANNELS_TOGETHER: usize = 16;

/// Calls `f` with the flat index of every kernel entry in PyTorch's order, and with its row,
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
pub fn forward(conv: &Convolution, flat: &[f32], packed: &mut [f32]) {
    let (side, from, to) = (conv.kernel, conv.input.channels, conv.output.channels);
    packed.fill(0.0);
    for_each_entry(conv, |at, [row, column, input, out]| {
        packed[((row * side + column) * from + input) * to + out] = flat[at];
    });
}

/// (height, width, out, in), rotated by 180 degrees: the convolution that computes Winograd's
/// gradient of the input from that of the output.
pub fn flipped(conv: &Convolution, flat: &[f32], packed: &mut [f32]) {
    let (side, from, to) = (conv.kernel, conv.input.channels, conv.output.channels);
    packed.fill(0.0);
    for_each_entry(conv, |at, [row, column, input, out]| {
        let turned = side * side - 1 - (row * side + column);
        packed[(turned * to + out) * from + input] = flat[at];
    });
}

/// (height, out, width, in), for the direct method's gradient of the input.
pub fn transposed(conv: &Convolution, flat: &[f32], packed: &mut [f32]) {
    let (side, from, to) = (conv.kernel, conv.input.channels, conv.output.channels);
    packed.fill(0.0);
    for_each_entry(conv, |at, [row, column, input, out]| {
        packed[((row * to + out) * side + column) * from + input] = flat[at];
    });
}

/// Adds gradients (height, width, in, out), stored one after the other, to one in PyTorch's order.
pub fn add_gradients(conv: &Convolution, gradients: &[f32], flat: &mut [f32]) {
    let (from, to) = (conv.input.channels, conv.output.channels);
    let places = conv.kernel * conv.kernel;
    let of_output = places * conv.in_channels;
    let blocks = flat.par_chunks_mut(CHANNELS_TOGETHER * of_output);
    blocks.enumerate().for_each(|(block, flat)| {
        let (first, outputs) = (block * CHANNELS_TOGETHER, flat.len() / of_output);
        for place in 0..places {
            for input in 0..conv.in_channels {
                let start = (place * from + input) * to + first;
                let sums = sums_at(gradients, conv.kernel_len(), start..start + outputs);
                for (output, sum) in sums[..outputs].iter().enumerate() {
                    flat[output * of_output + input * places + place] += sum;
                }
            }
        }
    });
}

/// The sums of some consecutive output channels over gradients of `len` entries each.
fn sums_at(gradients: &[f32], len: usize, range: Range<usize>) -> [f32; CHANNELS_TOGETHER] {
    let mut sums = [0.0; CHANNELS_TOGETHER];
    for gradient in gradients.chunks_exact(len) {
        for (sum, value) in sums.iter_mut().zip(&gradient[range.clone()]) {
            *sum += value;
        }
    }
    sums
}
