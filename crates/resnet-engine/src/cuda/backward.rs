//! The CUDA engine's backward pass: layer by layer over the whole batch.

use dfdx::prelude::{Cuda, CudaError, Gradients};

use super::pass::{Pass, last_two, of_layer};
use super::shared_tensor::gradients_of;
use super::sizes::{product, rows};
use super::values::{Floats, Norm};
use crate::model::{Architecture, BlockShortcut, ConvBn, ResidualBlock, Vector};

/// The backward pass that follows a training forward pass.
pub struct Backward<'a> {
    pub pass: Pass<'a>,
    /// The network's parameters as dfdx tensors; dfdx stores gradients under their ids.
    pub tensors: &'a [Vector<Cuda>],
}

/// Where the gradient of a layer's input is written.
enum Target<'a> {
    /// Nowhere: the input is the images.
    Nothing,
    /// Overwrites the memory.
    Place(Floats<'a>),
    /// Adds to the memory.
    Sum(Floats<'a>),
}

impl<'a> Backward<'a> {
    /// Adds the gradients of all parameters to dfdx's gradients.
    pub fn gradients(
        &self,
        architecture: &Architecture,
        images: Floats<'a>,
        features: Floats,
        of_logits: Floats,
        gradients: &mut Gradients<f32, Cuda>,
    ) -> Result<(), CudaError> {
        self.last_layer(architecture, features, of_logits, gradients)?;
        // From here on `features` is their gradient.
        let [mut gradient, mut other] =
            (self.pass.shared.gradients.each_ref()).map(|one| Floats::of(one));
        let pixels = architecture.out_size.pow(2);
        let shape = (self.pass.batch, pixels, architecture.features);
        self.pass
            .kernels
            .average_backward(shape, features, gradient)?;
        for (at, block) in architecture.blocks.iter().enumerate().rev() {
            let before = match at.checked_sub(1) {
                Some(before) => &architecture.blocks[before].second,
                None => &architecture.stem,
            };
            let swaps = self.block(block, self.pass.y(before), [gradient, other], gradients)?;
            if swaps {
                std::mem::swap(&mut gradient, &mut other);
            }
        }
        let stem = &architecture.stem;
        self.layer(stem, images, (gradient, true), Target::Nothing, gradients)
    }

    /// Replaces the gradient of the logits by that of the features.
    fn last_layer(
        &self,
        architecture: &Architecture,
        features: Floats,
        of_logits: Floats,
        gradients: &mut Gradients<f32, Cuda>,
    ) -> Result<(), CudaError> {
        let shape = (self.pass.batch, architecture.features, architecture.classes);
        let [weight, _] = self.pass.last_parameters();
        let tensors = last_two(self.tensors).each_ref();
        let [of_weight, of_bias] = gradients_of(gradients, tensors)?;
        let partial = self.pass.partial();
        let of_rows = (self.pass.batch, architecture.classes);
        self.pass
            .kernels
            .bias_gradient(of_rows, of_logits, partial, of_bias)?;
        self.pass
            .products
            .weights_gradient(shape, features, of_logits, of_weight)?;
        self.pass
            .products
            .inputs_gradient(shape, of_logits, weight, features)
    }

    /// Computes the gradient of a block's input `x` from that of its output, which is in the first
    /// of the two buffers. Returns whether the result is in the second one.
    fn block(
        &self,
        block: &ResidualBlock,
        x: Floats<'a>,
        [gradient, other]: [Floats; 2],
        gradients: &mut Gradients<f32, Cuda>,
    ) -> Result<bool, CudaError> {
        let (first, second) = (&block.first, &block.second);
        let between = self.pass.y(first);
        self.layer(
            second,
            between,
            (gradient, true),
            Target::Place(other),
            gradients,
        )?;
        // From here on `gradient` is that of the sum of both branches.
        match &block.shortcut {
            BlockShortcut::None => {
                self.layer(first, x, (other, true), Target::Place(gradient), gradients)?;
                Ok(false)
            }
            BlockShortcut::Identity => {
                self.layer(first, x, (other, true), Target::Sum(gradient), gradients)?;
                Ok(false)
            }
            BlockShortcut::SubsampleAndPad => {
                self.layer(first, x, (other, true), Target::Place(other), gradients)?;
                self.pass
                    .kernels
                    .subsample_backward(first, self.pass.batch, gradient, other)?;
                Ok(true)
            }
            BlockShortcut::Projection(projection) => {
                self.layer(first, x, (other, true), Target::Place(other), gradients)?;
                self.layer(
                    projection,
                    x,
                    (gradient, false),
                    Target::Sum(other),
                    gradients,
                )?;
                Ok(true)
            }
        }
    }

    /// Computes the gradient of a layer's input `x` from that of its output, which passed through
    /// ReLU or not. The output gradient is masked in place by ReLU and is free afterwards.
    fn layer(
        &self,
        layer: &ConvBn,
        x: Floats,
        (gradient, relu): (Floats, bool),
        to: Target,
        gradients: &mut Gradients<f32, Cuda>,
    ) -> Result<(), CudaError> {
        let (pass, memory) = (&self.pass, self.pass.memory(layer));
        let (kernels, batch) = (pass.kernels, pass.batch);
        let shape = (rows(layer, batch), layer.out_channels);
        let [columns, of_z] = [&pass.shared.columns, &pass.shared.spare].map(|one| Floats::of(one));
        let [kernel, gamma, beta] = pass.parameters(layer);
        let tensors = of_layer(self.tensors, layer);
        let [of_kernel, of_gamma, of_beta] = gradients_of(gradients, tensors)?;
        let norm = Norm {
            mean: Floats::of(&memory.mean),
            variance: Floats::of(&memory.variance),
            gamma,
            beta,
        };
        let means = (pass.shared.means.each_ref()).map(|one| Floats::of(one));
        kernels.normalise_backward(
            shape,
            (gradient, relu.then(|| pass.y(layer))),
            (Floats::of(&memory.z), norm),
            (pass.partial(), means),
            [of_gamma, of_beta],
            of_z,
        )?;
        kernels.im2col(layer, batch, x, columns)?;
        self.pass
            .products
            .weights_gradient(product(layer, batch), columns, of_z, of_kernel)?;
        let (adds, of_x) = match to {
            Target::Nothing => return Ok(()),
            Target::Place(of_x) => (false, of_x),
            Target::Sum(of_x) => (true, of_x),
        };
        self.pass
            .products
            .inputs_gradient(product(layer, batch), of_z, kernel, columns)?;
        kernels.col2im(layer, batch, columns, adds, of_x)
    }
}
