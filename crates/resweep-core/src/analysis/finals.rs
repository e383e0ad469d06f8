//! Computes the final errors of a run from its curves.

use super::chance::is_chance;
use crate::domain::{Curves, EvalSet, ResultStatus, Run, TrainConfig, Validation};

/// A run with its recorded results.
#[derive(Debug, Clone, Copy)]
pub struct Recorded<'a> {
    pub run: &'a Run,
    pub status: ResultStatus,
    /// `None` if nothing is recorded.
    pub curves: Option<&'a Curves>,
}

/// The final errors of a run, in percent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Finals {
    /// Of the final iterate, on the test set or the held-out images.
    pub test: f64,
    /// See [`train_error`].
    pub train: f64,
}

impl Recorded<'_> {
    /// The final errors; `None` unless the run is finished and both are recorded and finite.
    pub fn finals(&self) -> Option<Finals> {
        if self.status != ResultStatus::Finished {
            return None;
        }
        let configuration = &self.run.config.configuration;
        let curves = self.curves?;
        let finals = Finals {
            test: test_error(curves, configuration.data.validation)?,
            train: train_error(curves, &configuration.train)?,
        };
        (finals.test.is_finite() && finals.train.is_finite()).then_some(finals)
    }
}

impl Recorded<'_> {
    /// Whether the run finished no better than guessing; see [`is_chance`].
    pub fn is_chance(&self) -> bool {
        let run = self.run;
        let guess = self.curves.and_then(|curves| curves.guess_error_percent);
        let configuration = &run.config.configuration;
        self.finals()
            .is_some_and(|finals| is_chance(finals.test, guess, configuration, &run.cost))
    }

    /// The iteration at which the run diverged, if it did and the iteration is recorded.
    pub fn diverged_at(&self) -> Option<u64> {
        self.curves.and_then(|curves| curves.diverged)
    }
}

/// The error of the last evaluation: that of the final iterate, not of the best one, which would be
/// selected on the test set.
pub fn test_error(curves: &Curves, validation: Validation) -> Option<f64> {
    let set = match validation {
        Validation::None => EvalSet::Test,
        Validation::Images(_) => EvalSet::Validation,
    };
    let points = curves.eval.iter().filter(|point| point.set == set);
    let last = points.max_by_key(|point| point.iteration)?;
    Some(last.error_percent)
}

/// The final training error: the mean over the last 10/64 of the iterations, which is from 54,000
/// on in the paper's run of 64,000. If the learning rate drops later, the mean starts there; it
/// includes at least the last point. Each point is weighted by the number of iterations that it
/// averages.
pub fn train_error(curves: &Curves, train: &TrainConfig) -> Option<f64> {
    let last = curves.train.last()?;
    let first = stretch_start(train);
    let starts = std::iter::once(0).chain(curves.train.iter().map(|point| point.iteration));
    let mut weighted = (0.0, 0.0);
    for (start, point) in starts.zip(&curves.train) {
        if start >= first || point.iteration == last.iteration {
            let iterations = point.iteration.saturating_sub(start) as f64;
            weighted.0 += point.error_percent * iterations;
            weighted.1 += iterations;
        }
    }
    (weighted.1 > 0.0).then(|| weighted.0 / weighted.1)
}

/// The iteration after which the averaging starts.
fn stretch_start(train: &TrainConfig) -> u64 {
    let last_drop = train.lr_drops.last().copied().unwrap_or(0);
    last_drop.max(train.iterations.saturating_mul(54) / 64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Configuration, ErrorPoint, Shortcut};

    fn curves(points: &[(u64, f64)]) -> Curves {
        let train = points.iter().map(|&(iteration, error_percent)| ErrorPoint {
            iteration,
            error_percent,
            loss: 1.0,
        });
        Curves {
            train: train.collect(),
            ..Curves::default()
        }
    }

    #[test]
    fn train_error_of_the_paper_run_is_the_mean_from_54000_on() {
        let train = Configuration::paper(20, Shortcut::A).train;
        assert_eq!(stretch_start(&train), 54_000);
        let points: Vec<(u64, f64)> = (1..=64)
            .map(|thousand| (thousand * 1000, if thousand > 54 { 2.0 } else { 50.0 }))
            .collect();
        assert_eq!(train_error(&curves(&points), &train), Some(2.0));
    }

    #[test]
    fn late_lr_drop_shortens_the_averaging_window() {
        let mut train = Configuration::paper(20, Shortcut::A).train;
        train.iterations = 100;
        train.lr_drops = vec![50, 92];
        assert_eq!(stretch_start(&train), 92);
        let curve = curves(&[(90, 30.0), (92, 20.0), (96, 10.0), (100, 4.0)]);
        assert_eq!(train_error(&curve, &train), Some(7.0));
        assert_eq!(train_error(&curves(&[(80, 9.0)]), &train), Some(9.0));
        assert_eq!(train_error(&curves(&[]), &train), None);
    }

    #[test]
    fn points_are_weighted_by_their_iterations() {
        let mut train = Configuration::paper(20, Shortcut::A).train;
        train.iterations = 640;
        train.lr_drops = vec![];
        let curve = curves(&[(540, 50.0), (630, 4.0), (640, 14.0)]);
        assert_eq!(train_error(&curve, &train), Some(5.0));
    }
}
