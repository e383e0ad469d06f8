//! What to do next: pure decisions over a list of runs.

use std::collections::VecDeque;
use std::time::Duration;

use crate::domain::{Outcome, Run, SweepTally};

/// How many runs train at once, and on how many threads each: the one place where the machine's
/// cores are shared out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Workforce {
    pub workers: usize,
    pub threads_per_run: usize,
}

impl Workforce {
    /// Shares `cores` among `pending` runs of `threads_per_run` threads each: as many workers as
    /// the cores allow, or as `requested`, but no more than there are runs. As many
    /// single-threaded runs as cores is the fastest way through a sweep.
    pub fn new(
        cores: usize,
        pending: usize,
        threads_per_run: usize,
        requested: Option<usize>,
    ) -> Self {
        let workers = requested.unwrap_or(cores / threads_per_run);
        Self {
            workers: workers.clamp(1, pending.max(1)),
            threads_per_run,
        }
    }
}

/// Sorts runs so that the batch ends early: the longest first, by estimated time. Equal runs keep
/// their order.
pub fn longest_first(runs: &mut [Run], estimate: impl Fn(&Run) -> Duration) {
    runs.sort_by_cached_key(|run| std::cmp::Reverse(estimate(run)));
}

/// The state of a sweep in progress.
#[derive(Debug)]
pub struct Policy {
    waiting: VecDeque<usize>,
    running: usize,
    max_fails: Option<usize>,
    tally: SweepTally,
}

impl Policy {
    /// Runs `0..runs` in this order; after `max_fails` failures no further run starts.
    pub fn new(runs: usize, max_fails: Option<usize>) -> Self {
        Self {
            waiting: (0..runs).collect(),
            running: 0,
            max_fails,
            tally: SweepTally::default(),
        }
    }

    /// The run that an idle worker is to start, if any.
    pub fn start_next(&mut self) -> Option<usize> {
        let next = self.waiting.pop_front()?;
        self.running += 1;
        Some(next)
    }

    /// Takes note of how a run ended.
    pub fn ended(&mut self, outcome: &Outcome) {
        self.running -= 1;
        match outcome {
            Outcome::Finished => self.tally.finished += 1,
            Outcome::Diverged { .. } => self.tally.diverged += 1,
            Outcome::Failed { .. } => self.tally.failed += 1,
            Outcome::Stopped => self.tally.stopped += 1,
        }
        if self.max_fails.is_some_and(|max| self.tally.failed >= max) {
            self.stop();
        }
    }

    /// Starts no further run.
    pub fn stop(&mut self) {
        self.tally.skipped += self.waiting.len();
        self.waiting.clear();
    }

    /// Whether nothing runs and nothing waits.
    pub fn done(&self) -> bool {
        self.running == 0 && self.waiting.is_empty()
    }

    /// The ends so far.
    pub fn tally(&self) -> SweepTally {
        self.tally
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_shared_out_in_one_place() {
        let workers = |cores, pending, threads, requested| {
            Workforce::new(cores, pending, threads, requested).workers
        };
        assert_eq!(workers(8, 100, 1, None), 8);
        assert_eq!(workers(8, 100, 2, None), 4);
        assert_eq!(workers(8, 3, 1, None), 3);
        assert_eq!(workers(2, 12, 1, Some(4)), 4);
        assert_eq!(workers(2, 12, 4, None), 1);
        assert_eq!(workers(2, 0, 1, None), 1);
    }

    #[test]
    fn after_max_fails_the_rest_is_skipped_but_running_runs_end() {
        let failed = Outcome::Failed {
            error: "no".to_owned(),
        };
        let mut policy = Policy::new(5, Some(2));
        assert_eq!(policy.start_next(), Some(0));
        assert_eq!(policy.start_next(), Some(1));
        policy.ended(&failed);
        assert_eq!(policy.start_next(), Some(2));
        policy.ended(&failed);
        assert_eq!(policy.start_next(), None);
        assert!(!policy.done());
        policy.ended(&Outcome::Finished);
        assert!(policy.done());
        let tally = policy.tally();
        assert_eq!((tally.finished, tally.failed, tally.skipped), (1, 2, 2));
    }
}
