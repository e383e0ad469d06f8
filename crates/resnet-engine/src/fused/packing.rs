//! Converts kernels between PyTorch's order (out, in, height, width) and the methods' layouts with
//! padded channels.

use std::ops::Range;

use rayon::prelude::*;

use super::geometry::Convolution;

/// Output channels whose gradients are added up together: one cache line.
const CHANNELS_TOGETHER: usize = 16;

/// (height, width, in, out), for the forward pass.
pub fn forward(conv: &Convolution, flat: &[f32], packed: &mut [f32]) {
    let (from, to) = (conv.input.channels, conv.output.channels);
    let places = conv.kernel * conv.kernel;
    packed.fill(0.0);
    for input in 0..conv.in_channels {
        for place in 0..places {
            let row = &mut packed[(place * from + input) * to..][..conv.out_channels];
            let entries = flat[input * places + place..].iter();
            let entries = entries.step_by(places * conv.in_channels);
            for (packed, entry) in row.iter_mut().zip(entries) {
                *packed = *entry;
            }
        }
    }
}

/// (height, width, out, in), rotated by 180 degrees: the convolution that computes Winograd's
/// gradient of the input from that of the output.
pub fn flipped(conv: &Convolution, flat: &[f32], packed: &mut [f32]) {
    let (places, to) = (conv.kernel * conv.kernel, conv.output.channels);
    swapped(conv, flat, packed, |place, out| {
        (places - 1 - place) * to + out
    });
}

/// (height, out, width, in), for the direct method's gradient of the input.
pub fn transposed(conv: &Convolution, flat: &[f32], packed: &mut [f32]) {
    let (side, to) = (conv.kernel, conv.output.channels);
    swapped(conv, flat, packed, |place, out| {
        (place / side * to + out) * side + place % side
    });
}

/// The input channels of each place in the kernel and output channel, at the row `row` of these
/// two.
fn swapped(
    conv: &Convolution,
    flat: &[f32],
    packed: &mut [f32],
    row: impl Fn(usize, usize) -> usize,
) {
    let from = conv.input.channels;
    let places = conv.kernel * conv.kernel;
    packed.fill(0.0);
    let outputs = flat.chunks_exact(places * conv.in_channels);
    for (out, entries) in outputs.enumerate() {
        for place in 0..places {
            let row = &mut packed[row(place, out) * from..][..conv.in_channels];
            let entries = entries[place..].iter().step_by(places);
            for (packed, entry) in row.iter_mut().zip(entries) {
                *packed = *entry;
            }
        }
    }
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
