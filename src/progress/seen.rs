//! The state that a display keeps of the runs.

use std::collections::HashMap;

use crate::format::{counted, first_line};
use resweep_core::domain::{EvalPoint, Event, Outcome, Run, RunEvent, RunId};

/// The runs of a sweep by number, and their progress.
#[derive(Debug, Default)]
pub(super) struct Seen {
    runs: HashMap<RunId, SeenRun>,
    /// The number of runs that train in this sweep.
    pub total: usize,
    failures: Vec<Failures>,
    /// Whether the last run to end failed for a reason that was shown before.
    is_failing: bool,
}

/// Attempts that failed for the same reason.
#[derive(Debug)]
struct Failures {
    cause: String,
    /// The first line of the first error.
    error: String,
    count: usize,
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
            Event::RunFinished { outcome, .. } => {
                if let Outcome::Failed { error, .. } = outcome {
                    self.count(error);
                }
                self.is_failing = self.is_repeated(outcome);
            }
            _ => {}
        }
    }

    fn count(&mut self, error: &str) {
        let cause = cause(error);
        match self.failures.iter_mut().find(|seen| seen.cause == cause) {
            Some(seen) => seen.count += 1,
            None => self.failures.push(Failures {
                cause,
                error: first_line(error).to_owned(),
                count: 1,
            }),
        }
    }

    /// Whether an outcome is a failure whose cause was shown before: a full disk fails many runs, and
    /// one line says it. To be asked after [`Seen::update`].
    pub fn is_repeated(&self, outcome: &Outcome) -> bool {
        let Outcome::Failed { error, .. } = outcome else {
            return false;
        };
        let cause = cause(error);
        let mut seen = self.failures.iter();
        seen.any(|seen| seen.cause == cause && seen.count > 1)
    }

    /// Whether starts of runs are not worth a line, because one after another fails.
    pub fn is_failing(&self) -> bool {
        self.is_failing
    }

    /// A line for each cause with failures that were not shown, for the end of a sweep.
    pub fn repeated(&self) -> Vec<String> {
        let repeated = self.failures.iter().filter(|seen| seen.count > 1);
        repeated
            .map(|seen| {
                let more = counted(seen.count - 1, "more attempt");
                let error = &seen.error;
                format!("{more} failed in the same way (`status --attempts` lists them): {error}")
            })
            .collect()
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
}

/// The error without paths and numbers, to group equal failures.
fn cause(error: &str) -> String {
    let differs = |word: &&str| word.contains(['/', '\\']) || word.contains(char::is_numeric);
    let words = first_line(error).split_whitespace();
    let common: Vec<&str> = words.filter(|word| !differs(word)).collect();
    common.join(" ")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::script;
    use super::*;

    #[test]
    fn failures_that_differ_in_paths_and_numbers_have_one_cause() {
        let runs = script::runs();
        let mut seen = Seen::default();
        let mut fail = |run: usize, error: &str| {
            let outcome = Outcome::Failed {
                error: error.to_owned(),
                transient: true,
                out_of_memory: false,
                disk_full: false,
                device_lost: false,
            };
            seen.update(&Event::RunFinished {
                run: &runs[run],
                outcome: &outcome,
                wall: Duration::ZERO,
                retry_in: None,
            });
            seen.is_repeated(&outcome)
        };
        let full = |path: &str| format!("cannot write {path}: No space left on device\nmore");
        assert!(!fail(0, &full("results/ab/1.safetensors")));
        assert!(fail(1, &full("results/cd/27.safetensors")));
        assert!(!fail(2, "cannot read data/test_batch.bin"));
        assert!(fail(0, &full("results/ab/2.safetensors")));
        assert!(!seen.is_repeated(&Outcome::Stopped));
        assert_eq!(
            seen.repeated(),
            [
                "2 more attempts failed in the same way (`status --attempts` lists them): \
                 cannot write results/ab/1.safetensors: No space left on device"
            ]
        );
    }
}
