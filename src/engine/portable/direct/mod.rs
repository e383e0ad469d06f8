//! The CPU's shorter way: convolution and batch normalisation each as one operation on dfdx's
//! tape, in plain loops over rows. dfdx's own gather and broadcasts compute an index for every
//! element on the CPU.

mod convolution;
mod normaliser;

use dfdx::prelude::{Cpu, Gradients, HasErr, HasShape, PutTape, SplitTape, TensorFromVec};

use super::batch_norm::{Normalised, Statistics};
use super::operations::{Composed, Operations, Recording};
use crate::engine::Matrix;
use crate::model::{ConvBn, Vector};
use convolution::Convolution;
use normaliser::Normaliser;

type CpuResult<T> = Result<T, <Cpu as HasErr>::Err>;

/// Operations in plain loops on the CPU. They give what [`Composed`] gives, to rounding.
pub struct Direct {
    composed: Composed<Cpu>,
}

impl Direct {
    /// Operations on `device`.
    pub fn new(device: &Cpu) -> Self {
        Self {
            composed: Composed::new(device),
        }
    }
}

impl Operations<Cpu> for Direct {
    fn conv<T: Recording<Cpu>>(
        &mut self,
        x: Matrix<Cpu, T>,
        kernel: &Vector<Cpu>,
        layer: &ConvBn,
    ) -> CpuResult<Matrix<Cpu, T>> {
        let (x, mut tape) = x.split_tape();
        let conv = Convolution::new(layer);
        let out = conv.forward(&x, kernel)?;
        let (kernel, result) = (kernel.clone(), out.clone());
        tape.add_backward_op(move |gradients| {
            let d_out = take_gradient(gradients, &result)?;
            conv.backward(&x, &kernel, &d_out, gradients)
        });
        Ok(out.put_tape(tape))
    }

    fn batch_norm<T: Recording<Cpu>>(
        &mut self,
        x: Matrix<Cpu, T>,
        gamma: &Vector<Cpu>,
        beta: &Vector<Cpu>,
    ) -> CpuResult<Normalised<Cpu, T>> {
        let (x, mut tape) = x.split_tape();
        let device = x.device().clone();
        let (rows, channels) = *x.shape();
        let mut values = read(&x);
        let (normaliser, variance) = Normaliser::measure(&values, channels);
        let statistics = Statistics {
            mean: device.try_tensor_from_vec(normaliser.mean().to_vec(), (channels,))?,
            variance: device.try_tensor_from_vec(variance, (channels,))?,
            rows,
        };
        normaliser.apply(&mut values, &read_vector(gamma), &read_vector(beta));
        let out = device.try_tensor_from_vec(values, (rows, channels))?;
        let (gamma, beta, result) = (gamma.clone(), beta.clone(), out.clone());
        tape.add_backward_op(move |gradients| {
            let d_out = take_gradient(gradients, &result)?;
            normaliser.backward(&x, &gamma, &beta, d_out, gradients)
        });
        Ok((out.put_tape(tape), statistics))
    }

    fn batch_norm_running<T: Recording<Cpu>>(
        &mut self,
        x: Matrix<Cpu, T>,
        gamma: &Vector<Cpu>,
        beta: &Vector<Cpu>,
        mean: &Vector<Cpu>,
        variance: &Vector<Cpu>,
    ) -> CpuResult<Matrix<Cpu, T>> {
        let (x, tape) = x.split_tape();
        let normaliser = Normaliser::new(read_vector(mean), &read_vector(variance));
        let mut values = read(&x);
        normaliser.apply(&mut values, &read_vector(gamma), &read_vector(beta));
        let out = x.device().try_tensor_from_vec(values, *x.shape())?;
        Ok(out.put_tape(tape))
    }

    fn subsample_and_pad<T: Recording<Cpu>>(
        &mut self,
        x: Matrix<Cpu, T>,
        layer: &ConvBn,
    ) -> CpuResult<Matrix<Cpu, T>> {
        self.composed.subsample_and_pad(x, layer)
    }
}

/// A copy of a matrix's elements, row by row.
fn read(x: &Matrix<Cpu>) -> Vec<f32> {
    let (rows, columns) = *x.shape();
    let mut values = vec![0.0; rows * columns];
    x.copy_into(&mut values);
    values
}

/// A copy of a vector's elements.
fn read_vector(x: &Vector<Cpu>) -> Vec<f32> {
    let mut values = vec![0.0; x.shape().0];
    x.copy_into(&mut values);
    values
}

/// The gradient of `out`, which no earlier operation needs again.
fn take_gradient(gradients: &mut Gradients<f32, Cpu>, out: &Matrix<Cpu>) -> CpuResult<Vec<f32>> {
    Ok(std::mem::take(&mut **gradients.get_or_alloc_mut(out)?))
}

/// Adds one slice to another, element by element.
fn add(to: &mut [f32], from: &[f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += from;
    }
}

/// `f` of each pair of elements.
fn zip_with(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> Vec<f32> {
    a.iter().zip(b).map(|(&a, &b)| f(a, b)).collect()
}
