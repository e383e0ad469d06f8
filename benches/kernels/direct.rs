//! The direct convolutions: those with a stride of 2, and the first layer.

use resnet_engine::InstructionSet;
use resnet_engine::fused::kernels::{Direct, Vector, Winograd};

use super::timing::Work;
use super::values;

/// The steps of a direct convolution.
#[derive(Clone, Copy, PartialEq)]
pub enum DirectStep {
    Forward,
    InputGradient,
    KernelGradient,
}

impl DirectStep {
    /// In the order of the table.
    pub const ALL: [Self; 3] = [Self::Forward, Self::InputGradient, Self::KernelGradient];

    /// For the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Forward => "direct, forward",
            Self::InputGradient => "direct, gradient of the inputs",
            Self::KernelGradient => "direct, gradient of the kernel",
        }
    }
}

/// A direct 3x3 convolution of one image.
pub struct DirectImage {
    direct: Direct,
    /// (padded size, padded size, in channels)
    input: Vec<f32>,
    /// As `input`.
    input_gradient: Vec<f32>,
    /// (out size, out size, out channels)
    output: Vec<f32>,
    /// (3, 3, in, out), or (3, out, 3, in).
    kernel: Vec<f32>,
    kernel_gradient: Vec<f32>,
    scratch: Vec<f32>,
}

impl DirectImage {
    /// From `size` by `size` pixels.
    pub fn new(in_channels: usize, out_channels: usize, size: usize, stride: usize) -> Self {
        let (padded_size, out_size) = (Winograd::padded_size(size), size / stride);
        let direct = Direct {
            in_channels,
            out_channels,
            kernel: 3,
            stride,
            pitch: padded_size * in_channels,
            out_size,
        };
        let (input_len, kernel_len) = (
            padded_size * padded_size * in_channels,
            9 * in_channels * out_channels,
        );
        Self {
            direct,
            input: values(input_len),
            input_gradient: vec![0.0; input_len],
            output: values(out_size * out_size * out_channels),
            kernel: values(kernel_len),
            kernel_gradient: vec![0.0; kernel_len],
            scratch: vec![0.0; out_size * 3 * in_channels],
        }
    }

    /// Whether there is such a step: nobody wants the gradients of the first layer's inputs.
    pub fn has(&self, set: InstructionSet, step: DirectStep) -> bool {
        let whole_vectors = self.direct.in_channels.is_multiple_of(set.lanes());
        whole_vectors || step != DirectStep::InputGradient
    }
}

impl Work for DirectImage {
    type Step = DirectStep;

    #[inline(always)]
    fn once<S: Vector>(&mut self, simd: S, step: DirectStep) {
        let direct = self.direct;
        match step {
            DirectStep::Forward => {
                direct.forward(simd, &self.input, &self.kernel, &mut self.output);
            }
            DirectStep::InputGradient => direct.backward(
                simd,
                &self.output,
                &self.kernel,
                &mut self.scratch,
                &mut self.input_gradient,
            ),
            DirectStep::KernelGradient => direct.kernel_gradient(
                simd,
                &self.input,
                &self.output,
                &mut self.kernel_gradient,
                false,
            ),
        }
    }

    /// The same for each of the three.
    fn operations(&self, _: DirectStep) -> usize {
        let Direct { in_channels, .. } = self.direct;
        2 * 9 * in_channels * self.output.len()
    }

    fn images(&self, _: DirectStep) -> f64 {
        1.0
    }
}
