//! The progress bar of the whole sweep.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use super::text::{Room, style, sweep_text};
use crate::output::Stream;
use resweep_core::domain::{Run, RunId};

/// The length of the bar; it shows the fraction of operations done.
const STEPS: u64 = 1000;

/// Progress is counted in operations, because runs differ in size.
#[derive(Debug)]
pub(super) struct SweepBar {
    pub bar: ProgressBar,
    colour: bool,
    started: Instant,
    flops: f64,
    /// Operations done by earlier attempts, from which these resume.
    before_flops: f64,
    /// Operations of the runs that have ended.
    ended_flops: f64,
    /// Operations of each running run so far.
    running_flops: HashMap<RunId, f64>,
    ended: usize,
    total: usize,
}

impl SweepBar {
    pub fn new(bar: ProgressBar, colour: bool, pending: &[Run]) -> SweepBar {
        bar.set_length(STEPS);
        SweepBar {
            bar,
            colour,
            started: Instant::now(),
            flops: pending.iter().map(flops).sum(),
            before_flops: 0.0,
            ended_flops: 0.0,
            running_flops: HashMap::new(),
            ended: 0,
            total: pending.len(),
        }
    }

    /// Records that a run resumes from an iteration reached before.
    pub fn resume(&mut self, run: &Run, iteration: u64) {
        self.before_flops += flops_until(run, iteration);
    }

    pub fn advance(&mut self, run: &Run, iteration: u64) {
        let done = flops_until(run, iteration);
        self.running_flops.insert(run.id.clone(), done);
        self.draw();
    }

    /// Counts a run as done, whatever its outcome.
    pub fn end(&mut self, run: &Run) {
        self.running_flops.remove(&run.id);
        self.ended_flops += flops(run);
        self.ended += 1;
        self.draw();
    }

    pub fn draw(&self) {
        let done = self.ended_flops + self.running_flops.values().sum::<f64>();
        let share = (done / self.flops).clamp(0.0, 1.0);
        self.bar.set_position((share * STEPS as f64) as u64);
        let trained = done - self.before_flops;
        let left = self.started.elapsed().as_secs_f64() * (self.flops - done) / trained;
        let left = Duration::try_from_secs_f64(left)
            .ok()
            .filter(|_| trained > 0.0);
        let room = Room::of(Stream::Err.columns());
        let runs = (self.ended, self.total);
        let text = sweep_text(runs, share, left, self.started.elapsed(), room);
        self.bar.set_style(style(self.colour, "green", room));
        self.bar.set_message(text);
    }
}

fn flops_until(run: &Run, iteration: u64) -> f64 {
    let iterations = run.config.configuration.train.iterations.max(1);
    flops(run) * iteration as f64 / iterations as f64
}

/// At least 1, to avoid division by zero.
fn flops(run: &Run) -> f64 {
    run.cost.training_flops.max(1) as f64
}
