//! Computes the learning rate of each iteration.

use serde::{Deserialize, Serialize};

use super::running_error::RunningError;
use resweep_core::domain::{TrainConfig, Warmup, WarmupEnd};

/// The number of iterations whose mean training error decides the end of a warm-up.
const WARMUP_WINDOW: u64 = 100;

/// A step schedule with an optional warm-up (paper, section 4.2). Drops are counted from the first
/// iteration, with or without a warm-up.
pub struct LrSchedule<'a> {
    config: &'a TrainConfig,
    state: LrState,
}

/// The schedule's state, derived from the training so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct LrState {
    warmup_over: bool,
    window: RunningError,
}

impl<'a> LrSchedule<'a> {
    /// The schedule in a given state; the default state is that before the first iteration.
    pub fn new(config: &'a TrainConfig, state: LrState) -> Self {
        Self { config, state }
    }

    /// The state that a checkpoint needs.
    pub fn state(&self) -> LrState {
        self.state
    }

    /// Whether a training can be in this state after `iteration`, whose update had the rate `lr`.
    pub fn can_be(config: &'a TrainConfig, state: LrState, iteration: u64, lr: f64) -> bool {
        let window = match config.warmup.map(|warmup| warmup.until) {
            Some(WarmupEnd::TrainError(_)) if !state.warmup_over => iteration % WARMUP_WINDOW,
            _ => 0,
        };
        let phase = match config.warmup.map(|warmup| warmup.until) {
            None => !state.warmup_over,
            Some(WarmupEnd::Iterations(n)) => state.warmup_over == (iteration > n),
            Some(WarmupEnd::TrainError(_)) => true,
        };
        let rate = iteration == 0 || Self::has_rate(config, iteration, lr);
        phase && rate && state.window.can_be_of(window, config.batch_size)
    }

    /// Whether `iteration` can have the rate `lr`: the one of the warm-up, or the one after it.
    pub fn has_rate(config: &'a TrainConfig, iteration: u64, lr: f64) -> bool {
        let over = LrState {
            warmup_over: true,
            ..LrState::default()
        };
        let usual = Self::new(config, over).lr(iteration);
        // Numbers in JSON may come back with another last digit.
        let is = |rate: f64| (lr - rate).abs() <= 1e-9 * rate.abs();
        is(usual) || config.warmup.is_some_and(|warmup| is(warmup.lr))
    }

    fn warmup(&self) -> Option<Warmup> {
        self.config.warmup.filter(|_| !self.state.warmup_over)
    }

    /// The learning rate of `iteration`, which counts from 1.
    pub fn lr(&mut self, iteration: u64) -> f64 {
        if let Some(warmup) = self.warmup() {
            let over = matches!(warmup.until, WarmupEnd::Iterations(n) if iteration > n);
            if !over {
                return warmup.lr;
            }
            self.state.warmup_over = true;
        }
        let drops = self
            .config
            .lr_drops
            .iter()
            .filter(|&&drop| drop < iteration)
            .count();
        self.config.lr * self.config.lr_gamma.powi(drops as i32)
    }

    /// Whether the learning rate of the next iteration depends on the errors up to `iteration`.
    pub fn waits_for(&self, iteration: u64) -> bool {
        let until = self.warmup().map(|warmup| warmup.until);
        matches!(until, Some(WarmupEnd::TrainError(_))) && iteration.is_multiple_of(WARMUP_WINDOW)
    }

    /// Records the errors of `iteration`, which may end a warm-up.
    pub fn observe(&mut self, iteration: u64, errors: usize, images: usize) {
        let Some(Warmup {
            until: WarmupEnd::TrainError(threshold),
            ..
        }) = self.warmup()
        else {
            return;
        };
        self.state.window.add(errors, 0.0, images);
        if iteration.is_multiple_of(WARMUP_WINDOW) {
            self.state.warmup_over = self.state.window.take().error_percent < threshold;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use resweep_core::domain::{Configuration, Shortcut};

    fn config(warmup: Option<Warmup>) -> TrainConfig {
        TrainConfig {
            warmup,
            ..Configuration::paper(110, Shortcut::A).train
        }
    }

    #[track_caller]
    fn assert_lr(schedule: &mut LrSchedule, iteration: u64, expected: f64) {
        let lr = schedule.lr(iteration);
        assert!((lr - expected).abs() < 1e-12, "iteration {iteration}: {lr}");
    }

    #[test]
    fn lr_drops_after_32k_and_48k_iterations() {
        let config = config(None);
        let mut schedule = LrSchedule::new(&config, LrState::default());
        for (iteration, lr) in [
            (1, 0.1),
            (32_000, 0.1),
            (32_001, 0.01),
            (48_000, 0.01),
            (48_001, 0.001),
            (64_000, 0.001),
        ] {
            assert_lr(&mut schedule, iteration, lr);
        }
    }

    #[test]
    fn warmup_ends_when_the_training_error_is_low_enough() {
        let config = config(Some(Warmup {
            lr: 0.01,
            until: WarmupEnd::TrainError(80.0),
        }));
        let mut schedule = LrSchedule::new(&config, LrState::default());
        for iteration in 1..=400 {
            assert_lr(&mut schedule, iteration, 0.01);
            let errors = if iteration <= 300 { 110 } else { 100 };
            assert_eq!(schedule.waits_for(iteration), iteration % 100 == 0);
            schedule.observe(iteration, errors, 128);
        }
        assert_lr(&mut schedule, 401, 0.1);
        assert!(!schedule.waits_for(500));
    }

    #[test]
    fn warmup_ends_after_its_iterations() {
        let config = config(Some(Warmup {
            lr: 0.01,
            until: WarmupEnd::Iterations(400),
        }));
        let mut schedule = LrSchedule::new(&config, LrState::default());
        assert_lr(&mut schedule, 400, 0.01);
        assert_lr(&mut schedule, 401, 0.1);
    }
}
