//! How long runs take: a model of the work, scaled by the times that finished runs took.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use crate::architecture::{Architecture, ConvBn};
use crate::domain::{Configuration, EngineKind};

/// Nanoseconds of a training step on one core of an x86-64 server CPU with AVX-512, for each image:
/// a multiply-add of a convolution, a value that a convolution puts out, and an input pixel, which
/// is augmented and normalised.
const FLOP_NS: f64 = 0.11;
const OUTPUT_NS: f64 = 4.0;
const PIXEL_NS: f64 = 40.0;
/// The same for each step and layer, whatever the batch.
const LAYER_NS: f64 = 30_000.0;
/// What each run takes besides: its threads, its first batch, its last checkpoint.
const RUN_NS: f64 = 30_000_000.0;
/// An evaluation sees an image in so many times less time than a training step.
const EVALUATION_SHARE: f64 = 4.3;
/// The portable engine takes so many times as long as the fused one.
const PORTABLE_FACTOR: f64 = 4.0;
/// What was seen of a net of another shape counts for less than this factor between what the
/// model says and what was seen; more than that is a matter of the shape.
const FACTOR_MAX: f64 = 3.0;

/// What a training has to do from one iteration to its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    pub configuration: Configuration,
    pub classes: usize,
    /// Images of an evaluation.
    pub eval_images: usize,
    /// The iteration that it starts from.
    pub from_iteration: u64,
}

impl Work {
    /// What the model says; on a GPU or another CPU it is off by some factor.
    fn modelled(&self) -> f64 {
        let train = &self.configuration.train;
        let steps = train.iterations.saturating_sub(self.from_iteration) as f64;
        let evaluations = self.evaluations() as f64;
        let (image, layers) = self.image_and_layers();
        let step = train.batch_size as f64 * image + layers * LAYER_NS;
        let evaluation = self.eval_images as f64 * image / EVALUATION_SHARE;
        let factor = match train.engine {
            EngineKind::Fused => 1.0,
            EngineKind::Portable => PORTABLE_FACTOR,
        };
        (factor * (steps * step + evaluations * evaluation) + RUN_NS) / 1e9
    }

    /// Evaluations from the start to the end, where there is always one.
    fn evaluations(&self) -> u64 {
        let train = &self.configuration.train;
        let until = |iteration: u64| iteration / train.eval_every.max(1);
        let off_grid = !train.iterations.is_multiple_of(train.eval_every.max(1));
        let on_grid = until(train.iterations).saturating_sub(until(self.from_iteration));
        on_grid.max(u64::from(!off_grid)) + u64::from(off_grid)
    }

    /// Nanoseconds that a training step takes for an image, and the number of layers.
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

/// A finished attempt at a training, and how long it took.
#[derive(Debug, Clone, PartialEq)]
pub struct ObservedTime {
    pub work: Work,
    pub wall: Duration,
}

/// Times seen so far on one kind of device.
#[derive(Debug, Clone, Default)]
pub struct Times(Vec<ObservedTime>);

impl Times {
    /// From any number of observations.
    pub fn new(observed: Vec<ObservedTime>) -> Self {
        Self(observed)
    }

    /// Whether a run of the same engine, width and image size was observed; if not, the estimate is
    /// a guess.
    pub fn observed(&self, work: &Work) -> bool {
        self.of_engine(work).any(|seen| same_shape(seen, work))
    }

    /// What was observed of the engine. The engines' speeds are too far apart to be compared.
    fn of_engine(&self, work: &Work) -> impl Iterator<Item = &ObservedTime> {
        let engine = work.configuration.train.engine;
        let same = move |seen: &&ObservedTime| seen.work.configuration.train.engine == engine;
        self.0.iter().filter(same)
    }

    /// How long the work takes: by the model, times how far runs of the same width and image size were
    /// from it, the nearest depth first; else times how far all runs of the engine were from it,
    /// within limits.
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

/// What trainings took by what the model says of them; long ones count for more.
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

    /// Width, depth, image size, batch, iterations, evaluations of 2,000 images, and the seconds
    /// that it took on one core of a Xeon with AVX-512 while others worked beside it.
    const RECORDED: [(usize, usize, usize, usize, u64, u64, f64); 0] = [];

    fn work(width: usize, depth: usize, size: usize, batch: usize, iterations: u64) -> Work {
        let mut configuration = Configuration::paper(depth, Shortcut::A);
        configuration.model.width = width;
        configuration.model.image_size = size;
        let train = &mut configuration.train;
        train.batch_size = batch;
        train.iterations = iterations;
        train.eval_every = iterations;
        Work {
            configuration,
            classes: 10,
            eval_images: 2000,
            from_iteration: 0,
        }
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
