//! How a step is timed, and the peak that it is held against.

use std::hint::black_box;
use std::time::{Duration, Instant};

use resweep::engine::InstructionSet;
use resweep::engine::fused::kernels::{Task, Vector};

/// The fastest of this many samples counts, so that what else the machine does does not.
const SAMPLES: usize = 7;
/// The least time of one sample.
const SAMPLE_TIME: Duration = Duration::from_millis(8);

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

/// Seconds that one step takes once, the fastest of the samples.
fn fastest<W: Work>(set: InstructionSet, work: &mut W, step: W::Step) -> f64 {
    let mut sample = |repetitions| {
        let mut elapsed = Duration::ZERO;
        set.run(Timed {
            work,
            step,
            repetitions,
            elapsed: &mut elapsed,
        });
        elapsed
    };
    let mut repetitions = 1;
    while sample(repetitions) < SAMPLE_TIME {
        repetitions *= 2;
    }
    let samples = (0..SAMPLES).map(|_| sample(repetitions));
    let fastest = samples.min().unwrap_or_default();
    fastest.as_secs_f64() / f64::from(repetitions)
}

/// What is measured of one step.
pub struct Row {
    seconds_per_image: f64,
    operations_per_second: f64,
}

impl Row {
    /// Times one step.
    pub fn new<W: Work>(set: InstructionSet, work: &mut W, step: W::Step) -> Self {
        let (operations, images) = (work.operations(step), work.images(step));
        let seconds = fastest(set, work, step);
        Self {
            seconds_per_image: seconds / images,
            operations_per_second: operations as f64 / seconds,
        }
    }

    /// Prints a line of the table; `peak` is in operations per second.
    pub fn print(&self, convolution: &str, step: &str, peak: f64) {
        let micros = self.seconds_per_image * 1e6;
        let rate = self.operations_per_second;
        if rate > 0.0 {
            let (giga, percent) = (rate / 1e9, 100.0 * rate / peak);
            println!("| {convolution} | {step} | {micros:.2} | {giga:.1} | {percent:.0} |");
        } else {
            println!("| {convolution} | {step} | {micros:.2} | | |");
        }
    }
}

/// Multiply-adds of so many sums that do not wait for each other, and nothing else.
struct Peak<const SUMS: usize>;

impl<const SUMS: usize> Peak<SUMS> {
    const ROUNDS: usize = 1000;
}

impl<const SUMS: usize> Work for Peak<SUMS> {
    /// Floats in a vector.
    type Step = usize;

    #[inline(always)]
    fn once<S: Vector>(&mut self, simd: S, _: usize) {
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

    fn operations(&self, lanes: usize) -> usize {
        2 * lanes * SUMS * Self::ROUNDS
    }

    fn images(&self, _: usize) -> f64 {
        1.0
    }
}

/// Operations per second of an instruction set's multiply-add, with as many sums as are best:
/// enough to hide its latency, few enough for the registers.
pub fn peak(set: InstructionSet) -> f64 {
    let rates = [
        Row::new(set, &mut Peak::<4>, set.lanes()),
        Row::new(set, &mut Peak::<6>, set.lanes()),
        Row::new(set, &mut Peak::<8>, set.lanes()),
        Row::new(set, &mut Peak::<12>, set.lanes()),
    ];
    let rates = rates.map(|row| row.operations_per_second);
    rates.into_iter().fold(0.0, f64::max)
}
