//! Batch normalisation over the rows of a matrix, as in `torch.nn.BatchNorm2d`.

use dfdx::prelude::{
    Axis, BroadcastTo, Device, HasShape, MeanTo, NoneTape, PutTape, SplitTape, TryAdd, TryDiv,
    TryMul, TrySub,
};

use crate::model::{BN_EPSILON, Buffer, Vector};
use crate::{Matrix, Moments, Recording};

const EPSILON: f32 = BN_EPSILON as f32;
/// The weight of a batch in the running statistics: PyTorch's default.
const MOMENTUM: f32 = 0.1;

/// Mean and variance of one batch.
pub struct Statistics<D: Device<f32>> {
    /// (channels)
    mean: Vector<D>,
    /// (channels), divided by the number of rows (biased).
    variance: Vector<D>,
    /// The number of values per channel.
    rows: usize,
}

impl<D: Device<f32>> Statistics<D> {
    /// Moves the running mean and (unbiased) variance in `buffers` towards this batch's.
    pub fn update(self, buffers: &mut [Buffer<D>]) -> Result<(), D::Err> {
        let unbiased = self.rows as f32 / (self.rows as f32 - 1.0).max(1.0);
        for (buffer, batch, scale) in [(0, self.mean, 1.0), (1, self.variance, unbiased)] {
            let old = buffers[buffer].tensor.clone();
            buffers[buffer].tensor = old
                .try_mul(1.0 - MOMENTUM)?
                .try_add(batch.try_mul(MOMENTUM * scale)?)?;
        }
        Ok(())
    }
}

/// A normalised matrix and the statistics used.
pub type Normalised<D, T> = (Matrix<D, T>, Statistics<D>);

/// `x` (rows, channels) normalised by its own statistics, scaled and shifted.
pub fn with_batch_statistics<D: Device<f32>, T: Recording<D>>(
    x: Matrix<D, T>,
    gamma: &Vector<D>,
    beta: &Vector<D>,
) -> Result<Normalised<D, T>, D::Err> {
    let shape = *x.shape();
    let (mean, tape) = x
        .retaped::<T>()
        .try_mean::<(usize,), Axis<0>>()?
        .split_tape();
    let batch_mean = mean.clone();
    let centred = x.try_sub(
        mean.put_tape(tape)
            .try_broadcast_like::<_, Axis<0>>(&shape)?,
    )?;
    let (variance, tape) = centred
        .retaped::<T>()
        .try_square()?
        .try_mean::<(usize,), Axis<0>>()?
        .split_tape();
    let statistics = Statistics {
        mean: batch_mean,
        variance: variance.clone(),
        rows: shape.0,
    };
    let scale = gamma
        .retaped::<T>()
        .try_div(variance.put_tape(tape).try_add(EPSILON)?.try_sqrt()?)?;
    let y = centred
        .try_mul(scale.try_broadcast_like::<_, Axis<0>>(&shape)?)?
        .try_add(
            beta.retaped::<T>()
                .try_broadcast_like::<_, Axis<0>>(&shape)?,
        )?;
    Ok((y, statistics))
}

/// The moments of `x` (rows, channels); does not record on its tape.
pub fn moments<D: Device<f32>, T: Recording<D>>(x: &Matrix<D, T>) -> Result<Moments, D::Err> {
    let x = x.retaped::<NoneTape>();
    let shape = *x.shape();
    let mean = x.clone().try_mean::<(usize,), Axis<0>>()?;
    let centred = x.try_sub(mean.clone().try_broadcast_like::<_, Axis<0>>(&shape)?)?;
    let variance = centred.try_square()?.try_mean::<(usize,), Axis<0>>()?;
    Ok(Moments::of(shape.0, &mean.as_vec(), &variance.as_vec()))
}

/// `x` (rows, channels) normalised by the running statistics, scaled and shifted.
pub fn with_running_statistics<D: Device<f32>, T: Recording<D>>(
    x: Matrix<D, T>,
    gamma: &Vector<D>,
    beta: &Vector<D>,
    mean: &Vector<D>,
    variance: &Vector<D>,
) -> Result<Matrix<D, T>, D::Err> {
    let shape = *x.shape();
    let deviation = variance.clone().try_add(EPSILON)?.try_sqrt()?;
    let scale = gamma.clone().try_div(deviation)?;
    let shift = beta.clone().try_sub(mean.clone().try_mul(scale.clone())?)?;
    x.try_mul(scale.try_broadcast_like::<_, Axis<0>>(&shape)?)?
        .try_add(shift.try_broadcast_like::<_, Axis<0>>(&shape)?)
}
