//! Direct convolution, for layers that Winograd's method does not fit: the first layer, strides of
//! 2 and 1x1 kernels. A row of outputs is one matrix product, whose left operand is the rows of the
//! image as they are in memory.

use super::Vector;
use super::gemm::{Operand, Product, multiply};
use super::prefetch::Prefetch;

/// The geometry of one convolution. Kernels are (height, width, in, out). Inputs are padded if the
/// kernel is larger than 1x1; outputs are not.
#[derive(Debug, Clone, Copy)]
pub struct Direct {
    /// Channels of the input; any number.
    pub in_channels: usize,
    pub out_channels: usize,
    /// Height and width of the kernel.
    pub kernel: usize,
    pub stride: usize,
    /// Floats between two rows of the input.
    pub pitch: usize,
    /// Height and width of the output in pixels.
    pub out_size: usize,
}

impl Direct {
    /// Floats of the input that one row of the kernel covers.
    fn run(&self) -> usize {
        self.kernel * self.in_channels
    }

    /// Computes the outputs of one image.
    #[inline(always)]
    pub fn forward<S: Vector>(&self, simd: S, input: &[f32], kernel: &[f32], output: &mut [f32]) {
        let product = Product {
            rows: self.out_size,
            columns: self.out_channels,
            steps: self.run(),
            segments: self.kernel,
            a_row: self.stride * self.in_channels,
            a: Operand {
                step: 1,
                segment: self.pitch,
            },
            b: Operand {
                step: self.out_channels,
                segment: self.run() * self.out_channels,
            },
            c_row: self.out_channels,
            accumulate: false,
        };
        let rows = output.chunks_exact_mut(self.out_size * self.out_channels);
        for (row, output) in rows.enumerate() {
            let input = &input[row * self.stride * self.pitch..];
            multiply(
                simd,
                &product,
                (input, kernel),
                output,
                &mut Prefetch::default(),
            );
        }
    }

    /// Adds one image's gradient of the input to `input`. `transposed` is the kernel with its last
    /// two dimensions swapped in each row: (height, out, width, in). The number of input channels
    /// must be a multiple of the vector length; `scratch` holds one row of outputs times one row of
    /// the kernel.
    #[inline(always)]
    pub fn backward<S: Vector>(
        &self,
        simd: S,
        output: &[f32],
        transposed: &[f32],
        scratch: &mut [f32],
        input: &mut [f32],
    ) {
        let run = self.run();
        let product = Product {
            rows: self.out_size,
            columns: run,
            steps: self.out_channels,
            segments: 1,
            a_row: self.out_channels,
            a: Operand {
                step: 1,
                segment: 0,
            },
            b: Operand {
                step: run,
                segment: 0,
            },
            c_row: run,
            accumulate: false,
        };
        let rows = output.chunks_exact(self.out_size * self.out_channels);
        for (row, output) in rows.enumerate() {
            for line in 0..self.kernel {
                let kernel = &transposed[line * run * self.out_channels..];
                multiply(
                    simd,
                    &product,
                    (output, kernel),
                    scratch,
                    &mut Prefetch::default(),
                );
                let input = &mut input[(row * self.stride + line) * self.pitch..];
                for (pixel, gradient) in scratch.chunks_exact(run).take(self.out_size).enumerate() {
                    let input = &mut input[pixel * self.stride * self.in_channels..][..run];
                    for at in (0..run).step_by(S::LANES) {
                        let sum = simd.add_f32s(simd.load(input, at), simd.load(gradient, at));
                        simd.store(input, at, sum);
                    }
                }
            }
        }
    }

    /// Adds one image's gradient of the kernel to `kernel`, or overwrites it.
    #[inline(always)]
    pub fn kernel_gradient<S: Vector>(
        &self,
        simd: S,
        input: &[f32],
        output: &[f32],
        kernel: &mut [f32],
        accumulate: bool,
    ) {
        let product = Product {
            rows: self.run(),
            columns: self.out_channels,
            steps: self.out_size,
            segments: self.out_size,
            a_row: 1,
            a: Operand {
                step: self.stride * self.in_channels,
                segment: self.stride * self.pitch,
            },
            b: Operand {
                step: self.out_channels,
                segment: self.out_size * self.out_channels,
            },
            c_row: self.out_channels,
            accumulate,
        };
        let lines = kernel.chunks_exact_mut(self.run() * self.out_channels);
        for (line, kernel) in lines.enumerate() {
            multiply(
                simd,
                &product,
                (&input[line * self.pitch..], output),
                kernel,
                &mut Prefetch::default(),
            );
        }
    }
}
