//! Cross-entropy on the GPU.

use dfdx::prelude::{Cuda, CudaError, HasShape, OwnedTape, PutTape, SplitTape, Tape};

use super::kernels::Kernels;
use super::shared_tensor::{SharedTensor, gradients_of, load, zeros};
use super::values::Floats;
use crate::{Loss, Matrix};

/// Mean cross-entropy of `logits` (batch, classes), on the tape.
pub fn cross_entropy(
    logits: Matrix<Cuda, OwnedTape<f32, Cuda>>,
    labels: &[usize],
) -> Result<Loss<Cuda>, CudaError> {
    let (mut logits, mut tape) = logits.split_tape();
    let (batch, classes) = *logits.shape();
    assert_eq!(labels.len(), batch);
    let device = logits.device().clone();
    let mut values = zeros(&device, batch * classes)?;
    load(&mut logits, &mut values, &zeros(&device, batch * classes)?)?;
    let kernels = Kernels::of(values.device());
    let (losses, gradient) = (zeros(&device, batch)?, zeros(&device, batch * classes)?);
    let mut mean = SharedTensor::new(&device, ())?;
    let out = [Floats::of(&losses), mean.floats()?, Floats::of(&gradient)];
    kernels.cross_entropy(classes, Floats::of(&values), labels, out)?;
    let loss = mean.tensor();
    let (of_loss, of_logits) = (loss.clone(), logits.clone());
    tape.add_backward_op(move |gradients| {
        // The gradient of the loss is a single number; copying it keeps it alive beside the logits'
        // gradient.
        let factor = gradients.get_or_alloc_mut(&of_loss)?.try_clone()?;
        let [of_logits] = gradients_of(gradients, [&of_logits])?;
        kernels.add_scaled(Floats::of(&gradient), Floats::of(&factor), of_logits)
    });
    Ok(loss.put_tape(tape))
}
