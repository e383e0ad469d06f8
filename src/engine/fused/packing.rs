//! Kernels between PyTorch's order (out, in, height, width) and the orders of the methods, with
//! channels rounded up.

use super::geometry::Convolution;

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
pub fn forward(conv: &Convolution, flat: &[f32], packed: &mut [f32]) {
    let (side, from, to) = (conv.kernel, conv.input.channels, conv.output.channels);
    packed.fill(0.0);
    for_each_entry(conv, |at, [row, column, input, out]| {
        packed[((row * side + column) * from + input) * to + out] = flat[at];
    });
}

/// (height, width, out, in) turned by half a turn: the convolution that takes Winograd's gradient
/// of the outputs to that of the inputs.
pub fn flipped(conv: &Convolution, flat: &[f32], packed: &mut [f32]) {
    let (side, from, to) = (conv.kernel, conv.input.channels, conv.output.channels);
    packed.fill(0.0);
    for_each_entry(conv, |at, [row, column, input, out]| {
        let turned = side * side - 1 - (row * side + column);
        packed[(turned * to + out) * from + input] = flat[at];
    });
}

/// (height, out, width, in), for the direct method's gradient of the inputs.
pub fn transposed(conv: &Convolution, flat: &[f32], packed: &mut [f32]) {
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
