//! Estimates training times: a model of the work, calibrated with the times of finished runs.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use crate::architecture::{Architecture, ConvBn};
use crate::domain::{Configuration, EngineKind};

/// Nanoseconds of a training step per image on one core of an x86-64 server CPU with AVX-512: for a
/// multiply-add of a convolution, an output value of a convolution, and an input pixel
/// (augmentation and normalisation). Fitted to the timings in the tests below.
const FLOP_NS: f64 = 0.012;
const OUTPUT_NS: f64 = 7.4;
const PIXEL_NS: f64 = 95.0;
/// Nanoseconds per step and layer, independent of the batch size.
const LAYER_NS: f64 = 56_000.0;
/// Overhead of a run: threads, first batch, last checkpoint.
const RUN_NS: f64 = 30_000_000.0;
/// The ratio of a training step to the evaluation of a batch.
const EVALUATION_SHARE: f64 = 3.3;
/// The ratio of the portable engine's time to the fused one's: 4.3 to 14.7 in the tests below.
const PORTABLE_FACTOR: f64 = 8.0;
/// The largest correction taken from runs of another shape: larger deviations from the model are
/// due to the shape.
const FACTOR_MAX: f64 = 3.0;

/// The remaining work of a training.
#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    pub configuration: Configuration,
    pub classes: usize,
    /// Images per evaluation.
    pub eval_images: usize,
    /// The iteration that it starts from.
    pub from_iteration: u64,
}

impl Work {
    /// The model's time in nanoseconds; a GPU or another CPU differs from it by a factor.
    fn modelled(&self) -> f64 {
        let train = &self.configuration.train;
        let steps = train.iterations.saturating_sub(self.from_iteration) as f64;
        let evaluations = self.evaluations() as f64;
        let (image, layers) = self.image_and_layers();
        let step = train.batch_size as f64 * image + layers * LAYER_NS;
        let batches = self.eval_images as f64 / train.batch_size.max(1) as f64;
        let evaluation = batches * step / EVALUATION_SHARE;
        let factor = match train.engine {
            EngineKind::Fused => 1.0,
            EngineKind::Portable => PORTABLE_FACTOR,
        };
        (factor * (steps * step + evaluations * evaluation) + RUN_NS) / 1e9
    }

    /// Evaluations from the start to the end; there is always one at the end.
    fn evaluations(&self) -> u64 {
        let train = &self.configuration.train;
        let until = |iteration: u64| iteration / train.eval_every.max(1);
        let off_grid = !train.iterations.is_multiple_of(train.eval_every.max(1));
        let on_grid = until(train.iterations).saturating_sub(until(self.from_iteration));
        on_grid.max(u64::from(!off_grid)) + u64::from(off_grid)
    }

    /// Nanoseconds of a training step per image, and the number of layers.
    fn image_and_layers(&self) -> (f64, f64) {
        let model = &self.configuration.model;
        let architecture = Architecture::new(model, self.classes);
        let layers = || architecture.layers();
        let outputs = |layer: &ConvBn| layer.out_size().pow(2) * layer.out_channels;
        let all_outputs: usize = layers().map(outputs).sum();
        let flops = architecture.forward_flops() as f64;
        let pixels = model.image_size.pow(2) as f64;
        let image = flops * FLOP_NS + all_outputs as f64 * OUTPUT_NS + pixels * PIXEL_NS;
        (image, layers().count() as f64)
    }
}

/// A finished attempt and its duration.
#[derive(Debug, Clone, PartialEq)]
pub struct ObservedTime {
    pub work: Work,
    pub wall: Duration,
}

/// Observed times on one kind of device.
#[derive(Debug, Clone, Default)]
pub struct Times(Vec<ObservedTime>);

impl Times {
    /// From any number of observations.
    pub fn new(observed: Vec<ObservedTime>) -> Self {
        Self(observed)
    }

    /// Whether a run with the same engine, width and image size was observed; otherwise the
    /// estimate is a guess.
    pub fn observed(&self, work: &Work) -> bool {
        self.of_engine(work).any(|seen| same_shape(seen, work))
    }

    /// Observations of the same engine. The speeds of different engines are not comparable.
    fn of_engine(&self, work: &Work) -> impl Iterator<Item = &ObservedTime> {
        let engine = work.configuration.train.engine;
        let same = move |seen: &&ObservedTime| seen.work.configuration.train.engine == engine;
        self.0.iter().filter(same)
    }

    /// Estimates the duration: the model's time, multiplied by the ratio observed for runs of the
    /// same width and image size, nearest depth first; otherwise by the ratio observed for all runs
    /// of the engine, within limits.
    pub fn estimate(&self, work: &Work) -> Duration {
        let distance = |seen: &ObservedTime| {
            let (seen, own) = (&seen.work.configuration, &work.configuration);
            let batches = seen.train.batch_size.abs_diff(own.train.batch_size);
            (seen.model.depth.abs_diff(own.model.depth), batches)
        };
        let alike = || self.of_engine(work).filter(|seen| same_shape(seen, work));
        let nearest = alike().map(distance).min();
        let factor = match nearest {
            Some(nearest) => factor(alike().filter(|seen| distance(seen) == nearest)),
            None => factor(self.of_engine(work))
                .map(|factor| factor.clamp(1.0 / FACTOR_MAX, FACTOR_MAX)),
        };
        let seconds = work.modelled() * factor.unwrap_or(1.0);
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }
}

fn same_shape(seen: &ObservedTime, work: &Work) -> bool {
    let (seen, own) = (&seen.work.configuration.model, &work.configuration.model);
    seen.width == own.width && seen.image_size == own.image_size
}

/// The ratio of observed to modelled times, weighted by duration.
fn factor<'a>(seen: impl Iterator<Item = &'a ObservedTime>) -> Option<f64> {
    let (taken, modelled) = seen.fold((0.0, 0.0), |(taken, modelled), one| {
        (
            taken + one.wall.as_secs_f64(),
            modelled + one.work.modelled(),
        )
    });
    (modelled > 0.0 && taken > 0.0).then(|| taken / modelled)
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
    use crate::domain::Shortcut;

    /// Image size, width, depth and batch size, and the milliseconds of a step and of an evaluation
    /// of 2,000 images, of ResNets on one core of a Xeon with AVX-512.
    const RECORDED: [(usize, usize, usize, usize, f64, f64); 13] = [
        (8, 2, 8, 16, 0.514, 14.41),
        (8, 2, 20, 16, 1.53, 45.85),
        (8, 4, 20, 64, 4.0, 41.14),
        (16, 4, 8, 16, 1.318, 41.5),
        (16, 8, 8, 64, 6.812, 58.99),
        (16, 8, 20, 64, 12.897, 119.84),
        (16, 8, 56, 64, 40.505, 482.59),
        (16, 8, 20, 16, 6.768, 230.19),
        (32, 16, 20, 128, 241.87, 1122.8),
        (32, 8, 20, 64, 52.475, 482.73),
        (32, 4, 8, 64, 15.94, 208.0),
        (32, 16, 8, 32, 21.511, 488.34),
        (16, 16, 20, 128, 56.593, 310.39),
    ];

    /// Image size, width, depth and batch size, and the milliseconds of a step of the fused and of the
    /// portable engine on that core.
    const BOTH_ENGINES: [(usize, usize, usize, usize, f64, f64); 6] = [
        (8, 2, 8, 16, 0.49, 2.10),
        (16, 4, 8, 12, 0.98, 8.01),
        (16, 8, 20, 12, 5.49, 46.24),
        (32, 4, 8, 12, 3.41, 31.92),
        (32, 16, 8, 12, 11.29, 123.70),
        (32, 16, 20, 12, 32.49, 476.69),
    ];

    #[test]
    fn guess_for_the_portable_engine_is_within_a_factor_of_two() {
        for (size, width, depth, batch, fused_ms, portable_ms) in BOTH_ENGINES {
            let ratio = portable_ms / fused_ms / PORTABLE_FACTOR;
            let case = format!("size {size}, width {width}, depth {depth}, batch {batch}");
            assert!((0.5..2.0).contains(&ratio), "{case}: {ratio}");
        }
    }

    /// The training of a recorded net with these iterations and evaluations, and its time in
    /// seconds.
    fn recorded(index: usize, iterations: u64, evaluations: u64) -> ObservedTime {
        let (size, width, depth, batch, step_ms, evaluation_ms) = RECORDED[index];
        let mut configuration = Configuration::paper(depth, Shortcut::A);
        configuration.model.width = width;
        configuration.model.image_size = size;
        configuration.train.batch_size = batch;
        configuration.train.iterations = iterations;
        configuration.train.eval_every = iterations / evaluations;
        let ms = iterations as f64 * step_ms + evaluations as f64 * evaluation_ms;
        ObservedTime {
            work: Work {
                configuration,
                classes: 10,
                eval_images: 2000,
                from_iteration: 0,
            },
            wall: Duration::from_secs_f64(ms / 1e3),
        }
    }

    #[track_caller]
    fn assert_within_a_factor_of_two(times: &Times, one: &ObservedTime) {
        let ratio = times.estimate(&one.work).as_secs_f64() / one.wall.as_secs_f64();
        assert!(
            (0.5..2.0).contains(&ratio),
            "{ratio}: {one:?} from {times:?}"
        );
    }

    #[test]
    fn a_guess_is_within_a_factor_of_two_of_recorded_times() {
        for index in 0..RECORDED.len() {
            assert_within_a_factor_of_two(&Times::default(), &recorded(index, 1000, 1));
            assert_within_a_factor_of_two(&Times::default(), &recorded(index, 1000, 500));
        }
    }

    #[test]
    fn an_estimate_from_a_run_of_any_other_shape_is_within_a_factor_of_two() {
        for seen in 0..RECORDED.len() {
            for index in 0..RECORDED.len() {
                let times = Times::new(vec![recorded(seen, 400, 40)]);
                assert_within_a_factor_of_two(&times, &recorded(index, 4000, 40));
            }
        }
    }

    #[test]
    fn runs_of_the_same_shape_take_precedence() {
        let mut slow = recorded(5, 1000, 10);
        slow.wall *= 30;
        let times = Times::new(vec![recorded(0, 1000, 10), slow.clone()]);
        assert!(times.observed(&recorded(6, 10, 1).work));
        assert!(!times.observed(&recorded(8, 10, 1).work));
        let ratio = times.estimate(&slow.work).as_secs_f64() / slow.wall.as_secs_f64();
        assert!((0.99..1.01).contains(&ratio), "{ratio}");
        let mut portable = slow.work;
        portable.configuration.train.engine = EngineKind::Portable;
        assert!(!times.observed(&portable));
        assert!(times.estimate(&portable) < slow.wall);
    }

    #[test]
    fn only_remaining_work_is_estimated() {
        let times = Times::default();
        let whole = recorded(5, 1000, 10).work;
        let rest = Work {
            from_iteration: 900,
            ..whole.clone()
        };
        let share = times.estimate(&rest).as_secs_f64() / times.estimate(&whole).as_secs_f64();
        assert!((0.09..0.12).contains(&share), "{share}");
        let end = Work {
            from_iteration: 1000,
            ..whole
        };
        assert_eq!((rest.evaluations(), end.evaluations()), (1, 1));
    }

    #[test]
    fn makespan_is_that_of_the_last_worker() {
        let seconds = [5, 4, 3, 2].map(Duration::from_secs);
        assert_eq!(makespan(seconds, 2), Duration::from_secs(7));
        assert_eq!(makespan(seconds, 1), Duration::from_secs(14));
        assert_eq!(makespan(seconds, 9), Duration::from_secs(5));
        assert_eq!(makespan([], 2), Duration::ZERO);
    }
}
