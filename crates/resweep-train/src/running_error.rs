//! Accumulates error and loss over the images since the last point.

use serde::{Deserialize, Serialize};

/// Sums over images.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct RunningError {
    errors: usize,
    loss_sum: f64,
    images: usize,
}

/// Means over images.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanError {
    pub error_percent: f64,
    pub loss: f64,
}

impl RunningError {
    /// Adds `images` images with `errors` errors and a summed loss of `loss_sum`.
    pub fn add(&mut self, errors: usize, loss_sum: f64, images: usize) {
        self.errors += errors;
        self.loss_sum += loss_sum;
        self.images += images;
    }

    /// Whether these can be the sums over some of the first `iterations` batches.
    pub fn can_be_of(&self, iterations: u64, batch_size: usize) -> bool {
        let batches = (self.images / batch_size.max(1)) as u64;
        let whole = self.images.is_multiple_of(batch_size.max(1));
        let loss = self.loss_sum.is_finite() && self.loss_sum >= 0.0;
        whole && batches <= iterations && self.errors <= self.images && loss
    }

    /// The means so far; NaN when no image was added.
    pub fn mean(&self) -> MeanError {
        MeanError {
            error_percent: 100.0 * self.errors as f64 / self.images as f64,
            loss: self.loss_sum / self.images as f64,
        }
    }

    /// The means so far; `None` without images.
    pub fn mean_so_far(&self) -> Option<MeanError> {
        (self.images > 0).then(|| self.mean())
    }

    /// Returns the means so far and resets the sums.
    pub fn take(&mut self) -> MeanError {
        std::mem::take(self).mean()
    }
}
