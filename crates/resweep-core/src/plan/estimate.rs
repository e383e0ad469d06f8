//! How long runs take, from the speeds of runs that are done.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use crate::domain::{EngineKind, ModelConfig, Run};

/// About what one core of an x86-64 server CPU does with the fused engine.
const GUESSED_FLOPS_PER_SECOND: f64 = 4e10;

/// What a finished training tells of this machine.
#[derive(Debug, Clone, PartialEq)]
pub struct ObservedSpeed {
    pub model: ModelConfig,
    pub batch_size: usize,
    pub engine: EngineKind,
    /// [`crate::domain::Cost::training_flops`] by the seconds that the training took.
    pub flops_per_second: f64,
}

/// Speeds seen so far on one kind of device.
#[derive(Debug, Clone, Default)]
pub struct Speeds(Vec<ObservedSpeed>);

impl Speeds {
    /// From any number of observations.
    pub fn new(observed: Vec<ObservedSpeed>) -> Self {
        Self(observed)
    }

    /// Whether a run of the same engine was observed; if not, the estimate of `run` is a guess.
    pub fn observed(&self, run: &Run) -> bool {
        self.of_engine(run).next().is_some()
    }

    /// What was observed of the run's engine. The engines' speeds are too far apart to tell
    /// anything of each other.
    fn of_engine(&self, run: &Run) -> impl Iterator<Item = &ObservedSpeed> {
        let engine = run.config.configuration.train.engine;
        self.0.iter().filter(move |seen| seen.engine == engine)
    }

    /// How long `run` takes: by the mean speed of the same network and batch size, else of the
    /// nearest depth at the same width and image size, else of everything seen of its engine, else
    /// by a guess.
    pub fn estimate(&self, run: &Run) -> Duration {
        let configuration = &run.config.configuration;
        let same_net = |seen: &&ObservedSpeed| {
            seen.model == configuration.model && seen.batch_size == configuration.train.batch_size
        };
        let same_shape = |seen: &&ObservedSpeed| {
            seen.model.width == configuration.model.width
                && seen.model.image_size == configuration.model.image_size
        };
        let speed = mean(self.of_engine(run).filter(same_net))
            .or_else(|| {
                let distance =
                    |seen: &ObservedSpeed| seen.model.depth.abs_diff(configuration.model.depth);
                let nearest = self.of_engine(run).filter(same_shape).map(distance).min()?;
                let at_nearest =
                    |seen: &&ObservedSpeed| same_shape(seen) && distance(seen) == nearest;
                mean(self.of_engine(run).filter(at_nearest))
            })
            .or_else(|| mean(self.of_engine(run)))
            .unwrap_or(GUESSED_FLOPS_PER_SECOND);
        let seconds = run.cost.training_flops as f64 / speed;
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }
}

fn mean<'a>(seen: impl Iterator<Item = &'a ObservedSpeed>) -> Option<f64> {
    let (sum, count) = seen.fold((0.0, 0u32), |(sum, count), speed| {
        (sum + speed.flops_per_second, count + 1)
    });
    (count > 0).then(|| sum / f64::from(count))
}

/// When the last of `durations` ends if `workers` workers take them in the given order.
pub fn makespan(durations: impl IntoIterator<Item = Duration>, workers: usize) -> Duration {
    let mut free_at: BinaryHeap<Reverse<Duration>> = (0..workers.max(1))
        .map(|_| Reverse(Duration::ZERO))
        .collect();
    let mut end = Duration::ZERO;
    for duration in durations {
        let Reverse(start) = free_at.pop().expect("there is a worker");
        let stop = start.saturating_add(duration);
        end = end.max(stop);
        free_at.push(Reverse(stop));
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Configuration, Cost, RunConfig, RunId, Shortcut};

    #[test]
    fn an_engine_that_was_not_seen_is_not_judged_by_the_other() {
        let seen = Configuration::paper(20, Shortcut::A);
        let speeds = Speeds::new(vec![ObservedSpeed {
            model: seen.model.clone(),
            batch_size: seen.train.batch_size,
            engine: EngineKind::Fused,
            flops_per_second: 1e9,
        }]);
        let run = |engine| {
            let mut configuration = seen.clone();
            configuration.train.engine = engine;
            let id = RunId(String::new());
            let config = RunConfig {
                configuration,
                seed: 1,
            };
            let cost = Cost {
                parameters: 1,
                forward_flops: 1,
                training_flops: 4_000_000_000,
            };
            Run {
                id,
                config,
                label: String::new(),
                configuration: 0,
                trajectories: Vec::new(),
                origin: None,
                cost,
            }
        };
        let fused = run(EngineKind::Fused);
        assert!(speeds.observed(&fused));
        assert_eq!(speeds.estimate(&fused), Duration::from_secs(4));
        let portable = run(EngineKind::Portable);
        assert!(!speeds.observed(&portable));
        assert_eq!(
            speeds.estimate(&portable),
            Duration::from_secs_f64(4e9 / GUESSED_FLOPS_PER_SECOND)
        );
    }

    #[test]
    fn two_workers_end_when_the_last_of_them_does() {
        let seconds = [5, 4, 3, 2].map(Duration::from_secs);
        assert_eq!(makespan(seconds, 2), Duration::from_secs(7));
        assert_eq!(makespan(seconds, 1), Duration::from_secs(14));
        assert_eq!(makespan(seconds, 9), Duration::from_secs(5));
        assert_eq!(makespan([], 2), Duration::ZERO);
    }
}
