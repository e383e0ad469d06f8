//! A trainer that does nothing but report.

use std::ops::ControlFlow;
use std::sync::OnceLock;
use std::time::Instant;

use crossbeam::channel::Sender;
use resweep_core::domain::{
    EvalPoint, EvalSet, Job, Outcome, RunEvent, StartPoint, StopReason, TrainError, TrainPoint,
    Trainer,
};

/// Each so many training points come with an evaluation.
const EVALUATE_EVERY: u64 = 9;

/// Reports as fast as it is heard.
pub struct Fake {
    /// Rows that each run leaves: nine training points to an evaluation.
    pub rows: u64,
    /// When the first run began.
    pub first: OnceLock<Instant>,
    /// Asked to end the sweep at its first run.
    pub stop: Option<Sender<StopReason>>,
}

impl Fake {
    /// One that leaves so many rows a run.
    pub fn new(rows: u64) -> Self {
        Self {
            rows,
            first: OnceLock::new(),
            stop: None,
        }
    }
}

impl Trainer for Fake {
    fn train(
        &self,
        _job: &Job<'_>,
        report: &mut (dyn FnMut(RunEvent) -> ControlFlow<()> + Send),
    ) -> Result<Outcome, TrainError> {
        self.first.get_or_init(Instant::now);
        if let Some(stop) = &self.stop {
            // The others find it full.
            let _ = stop.try_send("the benchmark");
        }
        let began = StartPoint {
            iteration: 0,
            from: None,
        };
        let mut events = std::iter::once(RunEvent::Began(began)).chain(points(self.rows));
        if events.any(|event| report(event).is_break()) {
            return Ok(Outcome::Stopped);
        }
        Ok(Outcome::Finished)
    }
}

/// `rows` points of the two curves, in the order in which a training reports them.
fn points(rows: u64) -> impl Iterator<Item = RunEvent> {
    let both = (1..).flat_map(|iteration| {
        let loss = 2.3 / (1.0 + iteration as f64);
        let trained = RunEvent::Trained(TrainPoint {
            iteration,
            error_percent: 40.0 * loss,
            loss,
            lr: 0.1,
        });
        let evaluated = RunEvent::Evaluated(EvalPoint {
            iteration,
            set: EvalSet::Test,
            error_percent: 41.0 * loss,
            loss,
        });
        let due = iteration % EVALUATE_EVERY == 0;
        std::iter::once(trained).chain(due.then_some(evaluated))
    });
    both.take(rows as usize)
}
