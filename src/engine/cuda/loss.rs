//! The loss on the GPU.

use cudarc::driver::CudaSlice;
use dfdx::prelude::{
    Cuda, CudaError, HasShape, OwnedTape, PutTape, Rank0, SplitTape, Tape, Tensor,
};

use super::kernels::Kernels;
use super::slot::{Slot, gradients_of, load, zeros};
use crate::engine::Matrix;

/// Mean cross-entropy of `logits` (batch, classes), on the tape.
pub fn cross_entropy(
    logits: Matrix<Cuda, OwnedTape<f32, Cuda>>,
    labels: &[usize],
) -> Result<Tensor<Rank0, f32, Cuda, OwnedTape<f32, Cuda>>, CudaError> {
    let (mut logits, mut tape) = logits.split_tape();
    let (batch, classes) = *logits.shape();
    assert_eq!(labels.len(), batch);
    let device = logits.device().clone();
    let mut values = zeros(&device, batch * classes)?;
    load(&mut logits, &mut values, &zeros(&device, batch * classes)?)?;
    let kernels = Kernels::new(values.device())?;
    let (losses, gradient) = (kernels.zeros(batch)?, kernels.zeros(batch * classes)?);
    let mut mean = Slot::new(&device, ())?;
    let out = [(&losses).into(), mean.floats()?, (&gradient).into()];
    kernels.cross_entropy(classes, (&*values).into(), labels, out)?;
    let loss = mean.tensor();
    let (of_loss, of_logits) = (loss.clone(), logits.clone());
    tape.add_backward_op(move |gradients| {
        // There is one number of the loss's gradient; it is copied to reach it beside the logits'.
        let factor = gradients.get_or_alloc_mut(&of_loss)?;
        let factor: CudaSlice<f32> = factor.try_clone()?;
        let [of_logits] = gradients_of(gradients, [&of_logits])?;
        kernels.add_scaled((&gradient).into(), (&factor).into(), of_logits)
    });
    Ok(loss.put_tape(tape))
}
