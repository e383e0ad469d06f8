//! How a step is timed, and the peak that it is held against.

use std::hint::black_box;
use std::time::{Duration, Instant};

use resnet_engine::InstructionSet;
use resnet_engine::fused::kernels::{Task, Vector};

/// Samples of each step, each beside one of the peak: a clock that changes changes both.
const SAMPLES: usize = 31;
/// The least time of one sample.
const SAMPLE_TIME: Duration = Duration::from_millis(2);

/// Something whose steps are timed one by one.
pub trait Work {
    type Step: Copy;

    /// Does one step once. Has to be `#[inline(always)]`, as [`Task::run`] says.
    fn once<S: Vector>(&mut self, simd: S, step: Self::Step);

    /// Additions and multiplications of one step done once.
    fn operations(&self, step: Self::Step) -> usize;

    /// Images that one step done once takes care of.
    fn images(&self, step: Self::Step) -> f64;
}

/// Does a step `repetitions` times and keeps the time.
struct Timed<'a, W: Work> {
    work: &'a mut W,
    step: W::Step,
    repetitions: u32,
    elapsed: &'a mut Duration,
}

impl<W: Work> Task for Timed<'_, W> {
    #[inline(always)]
    fn run<S: Vector>(self, simd: S) {
        let start = Instant::now();
        for _ in 0..self.repetitions {
            self.work.once(simd, self.step);
        }
        *self.elapsed = start.elapsed();
    }
}

/// One step of a work with the repetitions that make a sample long enough.
struct Sampler<'a, W: Work> {
    set: InstructionSet,
    work: &'a mut W,
    step: W::Step,
    repetitions: u32,
}

impl<'a, W: Work> Sampler<'a, W> {
    fn new(set: InstructionSet, work: &'a mut W, step: W::Step) -> Self {
        let mut sampler = Self {
            set,
            work,
            step,
            repetitions: 1,
        };
        // Twice, since an interruption can make one look long enough.
        while sampler.elapsed().min(sampler.elapsed()) < SAMPLE_TIME {
            sampler.repetitions *= 2;
        }
        sampler
    }

    fn elapsed(&mut self) -> Duration {
        let mut elapsed = Duration::ZERO;
        self.set.run(Timed {
            work: &mut *self.work,
            step: self.step,
            repetitions: self.repetitions,
            elapsed: &mut elapsed,
        });
        elapsed
    }

    /// Seconds that the step takes once, by one sample.
    fn seconds(&mut self) -> f64 {
        self.elapsed().as_secs_f64() / f64::from(self.repetitions)
    }

    /// Operations per second, by one sample.
    fn rate(&mut self) -> f64 {
        self.work.operations(self.step) as f64 / self.seconds()
    }
}

/// The median of some numbers.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// What is measured of one step; medians of the samples.
pub struct Row {
    seconds_per_image: f64,
    operations_per_second: f64,
    /// Of the peak in the same moment.
    share: f64,
}

impl Row {
    /// Times one step, each sample beside one of `peak`.
    pub fn new<W: Work>(set: InstructionSet, work: &mut W, step: W::Step, peak: &mut Peak) -> Self {
        let (operations, images) = (work.operations(step) as f64, work.images(step));
        let mut sampler = Sampler::new(set, work, step);
        let mut peak = Sampler::new(set, peak, set.lanes());
        let samples = (0..SAMPLES).map(|_| {
            let seconds = sampler.seconds();
            (seconds, operations / seconds / peak.rate())
        });
        let (seconds, shares): (Vec<_>, Vec<_>) = samples.unzip();
        let seconds = median(seconds);
        Self {
            seconds_per_image: seconds / images,
            operations_per_second: operations / seconds,
            share: median(shares),
        }
    }

    /// Prints a line of the table.
    pub fn print(&self, convolution: &str, step: &str) {
        let micros = self.seconds_per_image * 1e6;
        let rate = self.operations_per_second;
        if rate > 0.0 {
            let (giga, percent) = (rate / 1e9, 100.0 * self.share);
            println!("| {convolution} | {step} | {micros:.2} | {giga:.1} | {percent:.0} |");
        } else {
            println!("| {convolution} | {step} | {micros:.2} | | |");
        }
    }
}

/// Multiply-adds of sums that do not wait for each other, and nothing else.
pub struct Peak {
    /// 4, 6, 8 or 12.
    sums: usize,
}

impl Peak {
    const ROUNDS: usize = 1000;

    /// With as many sums as are best for an instruction set: enough to hide the latency of its
    /// multiply-add, few enough for its registers. With the operations per second, the median of
    /// the samples.
    pub fn of(set: InstructionSet) -> (Self, f64) {
        let mut peaks = [4, 6, 8, 12].map(|sums| Self { sums });
        let mut samplers: Vec<_> = peaks
            .iter_mut()
            .map(|peak| Sampler::new(set, peak, set.lanes()))
            .collect();
        let mut rates = vec![Vec::new(); samplers.len()];
        for _ in 0..SAMPLES {
            for (rates, sampler) in rates.iter_mut().zip(&mut samplers) {
                rates.push(sampler.rate());
            }
        }
        let best = peaks.into_iter().zip(rates.into_iter().map(median));
        let best = best.max_by(|a, b| a.1.total_cmp(&b.1));
        best.expect("four peaks")
    }

    #[inline(always)]
    fn run<S: Vector, const SUMS: usize>(simd: S) {
        // Each sum converges to 1, far from where numbers are slow.
        let factor = simd.splat_f32s(black_box(0.5));
        let summand = simd.splat_f32s(black_box(0.5));
        let mut sums = [simd.splat_f32s(black_box(2.0)); SUMS];
        for _ in 0..Self::ROUNDS {
            for sum in &mut sums {
                *sum = simd.mul_add(*sum, factor, summand);
            }
        }
        black_box(sums);
    }
}

impl Work for Peak {
    /// Floats in a vector.
    type Step = usize;

    #[inline(always)]
    fn once<S: Vector>(&mut self, simd: S, _: usize) {
        match self.sums {
            4 => Self::run::<S, 4>(simd),
            6 => Self::run::<S, 6>(simd),
            8 => Self::run::<S, 8>(simd),
            _ => Self::run::<S, 12>(simd),
        }
    }

    fn operations(&self, lanes: usize) -> usize {
        2 * lanes * self.sums * Self::ROUNDS
    }

    fn images(&self, _: usize) -> f64 {
        1.0
    }
}
