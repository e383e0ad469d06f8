//! The training curve of a run, for every iteration.
//!
//! Checkpoints contain it, so that a run that resumes from another run's checkpoint has points at
//! its own `log_every`, bit for bit.

use super::running_error::RunningError;
use resweep_core::domain::TrainPoint;

/// The longest curve that is kept, at 12 bytes per iteration. A longer run keeps only its current
/// interval, and a run that resumes from it copies the points that it recorded.
const ITERATIONS_MAX: usize = 1 << 20;

/// Errors and losses of every iteration since the first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Curve {
    /// Images per iteration: every batch is full.
    batch_size: usize,
    pub errors: Vec<u32>,
    /// Sum over the images of the cross-entropy, in nats.
    pub loss_sums: Vec<f64>,
    /// Each learning rate with its first iteration.
    pub rates: Vec<(u64, f64)>,
}

impl Curve {
    /// The curve of a run before its first iteration.
    pub fn new(batch_size: usize) -> Self {
        Self {
            batch_size,
            ..Self::default()
        }
    }

    /// The curve from a checkpoint; `None` if its parts are inconsistent.
    pub fn from_parts(
        batch_size: usize,
        errors: Vec<u32>,
        loss_sums: Vec<f64>,
        rates: Vec<(u64, f64)>,
    ) -> Option<Self> {
        let fits = errors.len() == loss_sums.len() && rates.is_empty() == errors.is_empty();
        fits.then_some(Self {
            batch_size,
            errors,
            loss_sums,
            rates,
        })
    }

    /// Adds the next iteration; returns `None` once the curve is too long to keep.
    pub fn with(mut self, errors: usize, loss_sum: f64, lr: f64) -> Option<Self> {
        if self.errors.len() == ITERATIONS_MAX {
            return None;
        }
        self.errors.push(errors as u32);
        self.loss_sums.push(loss_sum);
        if self.rates.last().is_none_or(|(_, last)| *last != lr) {
            self.rates.push((self.errors.len() as u64, lr));
        }
        Some(self)
    }

    /// The sums over the interval of `every` iterations that contains the last iteration.
    pub fn interval(&self, every: u64) -> RunningError {
        let end = self.errors.len() as u64;
        let start = end.saturating_sub(1) / every * every;
        self.sum(start, end)
    }

    /// The points at every `every` iterations, without the last iteration.
    pub fn points(&self, every: u64) -> Vec<TrainPoint> {
        let last = self.errors.len() as u64;
        let ends = (1..).map(|n| n * every).take_while(|end| *end < last);
        ends.map(|end| {
            let mean = self.sum(end - every, end).mean();
            TrainPoint {
                iteration: end,
                error_percent: mean.error_percent,
                loss: mean.loss,
                lr: self.rate(end),
            }
        })
        .collect()
    }

    /// Sums the iterations after `start` up to `end`, in order.
    fn sum(&self, start: u64, end: u64) -> RunningError {
        let mut sum = RunningError::default();
        for iteration in start as usize..end as usize {
            let (errors, loss_sum) = (self.errors[iteration], self.loss_sums[iteration]);
            sum.add(errors as usize, loss_sum, self.batch_size);
        }
        sum
    }

    /// The learning rate of an iteration.
    fn rate(&self, iteration: u64) -> f64 {
        let begun = self.rates.partition_point(|(first, _)| *first <= iteration);
        self.rates[begun - 1].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(iterations: usize) -> Curve {
        (0..iterations).fold(Curve::new(4), |curve, n| {
            let lr = if n < 5 { 0.1 } else { 0.01 };
            curve.with(n % 4, 0.1 * n as f64, lr).expect("short")
        })
    }

    #[test]
    fn points_are_means_over_intervals() {
        let points = curve(7).points(3);
        let ends: Vec<u64> = points.iter().map(|point| point.iteration).collect();
        assert_eq!(ends, [3, 6]);
        assert_eq!(points[0].error_percent, 25.0);
        assert_eq!(points[1].loss, (0.1 * 3.0 + 0.1 * 4.0 + 0.1 * 5.0) / 12.0);
        assert_eq!((points[0].lr, points[1].lr), (0.1, 0.01));
        // The resumed run measures the point at the last iteration.
        assert_eq!(curve(6).points(3).len(), 1);
        assert!(curve(0).points(3).is_empty());
    }

    #[test]
    fn interval_contains_the_last_iteration() {
        let mean = |iterations, every| curve(iterations).interval(every).mean();
        assert_eq!(mean(7, 3).loss, 0.1 * 6.0 / 4.0);
        assert_eq!(mean(6, 3).loss, (0.1 * 3.0 + 0.1 * 4.0 + 0.1 * 5.0) / 12.0);
        assert_eq!(mean(2, 3).error_percent, 12.5);
        assert_eq!(curve(0).interval(3), RunningError::default());
    }
}
