//! The bar of the whole sweep.

use std::collections::HashMap;
use std::time::Instant;

use indicatif::ProgressBar;

use super::text::sweep_text;
use crate::domain::{Run, RunId};

/// Length of the sweep's bar: the share of the operations that is done.
const STEPS: u64 = 1000;

/// The sweep's progress is counted in operations, since runs differ in size.
#[derive(Debug)]
pub(super) struct SweepBar {
    pub bar: ProgressBar,
    started: Instant,
    flops: f64,
    /// Of the runs that have ended.
    ended_flops: f64,
    /// Done so far by each running run.
    running_flops: HashMap<RunId, f64>,
    ended: usize,
    total: usize,
}

impl SweepBar {
    pub fn new(bar: ProgressBar, pending: &[Run]) -> SweepBar {
        bar.set_length(STEPS);
        SweepBar {
            bar,
            started: Instant::now(),
            flops: pending.iter().map(flops).sum(),
            ended_flops: 0.0,
            running_flops: HashMap::new(),
            ended: 0,
            total: pending.len(),
        }
    }

    pub fn advance(&mut self, run: &Run, iteration: u64) {
        let iterations = run.config.configuration.train.iterations.max(1);
        let share = iteration as f64 / iterations as f64;
        self.running_flops
            .insert(run.id.clone(), flops(run) * share);
        self.draw();
    }

    /// However a run ended, nothing of it is left to do.
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
        let text = sweep_text(self.ended, self.total, share, self.started.elapsed());
        self.bar.set_message(text);
    }
}

/// At least 1, so that shares can be taken.
fn flops(run: &Run) -> f64 {
    run.cost.training_flops.max(1) as f64
}
