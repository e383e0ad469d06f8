//! The state that a display keeps of the runs.

use std::collections::HashMap;

use super::words::{evaluation, percent};
use resweep_core::domain::{EvalPoint, Event, Run, RunEvent, RunId};

/// The runs of a sweep by number, and their progress.
#[derive(Debug, Default)]
pub(super) struct Seen {
    runs: HashMap<RunId, SeenRun>,
    /// The number of runs that train in this sweep.
    pub total: usize,
}

/// The state of one run.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SeenRun {
    /// Position in the starting order, from 1.
    pub number: usize,
    /// The iteration from which this attempt started.
    pub from_iteration: u64,
    /// The last reported iteration.
    pub iteration: u64,
    /// Training error of the interval so far, or of the last complete one.
    pub train_now_percent: Option<f64>,
    /// Training error of the last complete interval.
    pub train_percent: Option<f64>,
    pub eval: Option<EvalPoint>,
}

impl Seen {
    /// Updates the state by an event.
    pub fn update(&mut self, event: &Event<'_>) {
        match *event {
            Event::SweepStarted { pending, .. } => {
                self.total = pending.len();
                self.runs = pending
                    .iter()
                    .zip(1..)
                    .map(|(run, number)| (run.id.clone(), SeenRun::new(number)))
                    .collect();
            }
            Event::Run { run, ref event } => {
                if let Some(seen) = self.runs.get_mut(&run.id) {
                    seen.update(event);
                }
            }
            _ => {}
        }
    }

    /// The state of a run; the default state if the run was not announced.
    pub fn of(&self, run: &Run) -> SeenRun {
        self.runs.get(&run.id).copied().unwrap_or_default()
    }

    /// `[ 3/12] plain-20 seed 1`.
    pub fn heading(&self, run: &Run) -> String {
        let width = self.total.to_string().len();
        let number = self.of(run).number;
        format!("[{number:>width$}/{}] {}", self.total, run.label)
    }
}

impl SeenRun {
    fn new(number: usize) -> SeenRun {
        SeenRun {
            number,
            ..SeenRun::default()
        }
    }

    fn update(&mut self, event: &RunEvent) {
        match *event {
            RunEvent::Progress {
                iteration,
                train_error_percent,
            } => {
                self.iteration = iteration;
                self.train_now_percent = train_error_percent.or(self.train_now_percent);
            }
            RunEvent::Began(start_point) => {
                self.from_iteration = start_point.iteration;
                self.iteration = start_point.iteration;
            }
            RunEvent::Checkpointed(_)
            | RunEvent::CurveRestored(_)
            | RunEvent::LayersMeasured(_) => {}
            RunEvent::Trained(point) => {
                self.iteration = point.iteration;
                self.train_now_percent = Some(point.error_percent);
                self.train_percent = Some(point.error_percent);
            }
            RunEvent::Evaluated(point) => {
                self.iteration = point.iteration;
                self.eval = Some(point);
            }
        }
    }

    /// The last errors, if any: `train 12.31 %`, `test 14.02 %`.
    pub fn errors(&self) -> Vec<String> {
        let train = self.train_percent;
        let train = train.map(|value| format!("train {}", percent(value)));
        let eval = self.eval.as_ref().map(evaluation);
        train.into_iter().chain(eval).collect()
    }
}
