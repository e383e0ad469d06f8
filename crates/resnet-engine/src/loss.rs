//! Cross-entropy and the error count of a batch.

use dfdx::prelude::{Axis, Device, HasShape, MeanTo, OwnedTape, SumTo, TryMul};

use super::{EngineError, Loss, Matrix};

/// The loss and error count of a batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchLoss {
    /// Sum over the images of the cross-entropy, in nats.
    pub loss_sum: f64,
    /// Images whose largest logit is not their label's; a NaN counts as an error.
    pub errors: usize,
}

impl BatchLoss {
    /// Measures `logits` (batch, classes) against one label for each image, in float64 on the
    /// host.
    pub fn measure(logits: &[f32], labels: &[usize]) -> Self {
        let classes = logits.len() / labels.len();
        let mut measured = Self {
            loss_sum: 0.0,
            errors: 0,
        };
        for (row, &label) in logits.chunks_exact(classes).zip(labels) {
            let target = f64::from(row[label]);
            let largest = row
                .iter()
                .map(|&z| f64::from(z))
                .fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = row.iter().map(|&z| (f64::from(z) - largest).exp()).sum();
            measured.loss_sum += largest + sum.ln() - target;
            let best = row
                .iter()
                .enumerate()
                .all(|(class, &z)| class == label || f64::from(z) < target);
            measured.errors += usize::from(!best);
        }
        measured
    }
}

/// Mean cross-entropy of `logits` (batch, classes), PyTorch's `cross_entropy`, on the tape.
///
/// # Errors
/// When the device fails.
pub fn cross_entropy<D: Device<f32>>(
    logits: Matrix<D, OwnedTape<f32, D>>,
    labels: &[usize],
) -> Result<Loss<D>, EngineError> {
    let (batch, classes) = *logits.shape();
    let mut one_hot = vec![0.0; batch * classes];
    for (image, &label) in labels.iter().enumerate() {
        one_hot[image * classes + label] = -1.0;
    }
    let targets = logits
        .device()
        .try_tensor_from_vec(one_hot, (batch, classes))
        .map_err(EngineError::new)?;
    logits
        .try_log_softmax::<Axis<1>>()
        .and_then(|log_probabilities| log_probabilities.try_mul(targets))
        .and_then(|picked| picked.try_sum::<(usize,), Axis<1>>())
        .and_then(|losses| losses.try_mean())
        .map_err(EngineError::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batch_loss_matches_values_computed_by_hand() {
        // softmax(0, ln 3) = (1/4, 3/4)
        let measured = BatchLoss::measure(&[0.0, 3f32.ln(), 0.0, 3f32.ln()], &[1, 0]);
        assert_eq!(measured.errors, 1);
        let expected = -(0.75f64.ln()) - 0.25f64.ln();
        assert!((measured.loss_sum - expected).abs() < 1e-7);
    }

    #[test]
    fn a_tie_or_a_nan_is_an_error() {
        assert_eq!(BatchLoss::measure(&[1.0, 1.0], &[0]).errors, 1);
        assert_eq!(BatchLoss::measure(&[f32::NAN, 1.0], &[0]).errors, 1);
    }
}
