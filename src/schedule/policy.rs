//! What to do next: pure decisions over a list of runs. Time comes in as an argument.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::domain::{Outcome, Run, SweepTally};

/// How long a run that another process has is left alone before it is asked for again.
const POLL: Duration = Duration::from_millis(250);
/// How long a run waits before its second attempt; twice as long before each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

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

/// When a sweep gives up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// After so many failures no further run starts.
    pub max_fails: Option<usize>,
    /// A run whose failure may pass is started so often at most.
    pub max_attempts: u32,
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
    /// Runs to ask for again, and when.
    later: Vec<(Instant, usize)>,
    running: usize,
    stopping: bool,
    limits: Limits,
    /// How often each run was started here.
    attempts: Vec<u32>,
    tally: SweepTally,
}

impl Policy {
    /// Runs `0..runs` in this order.
    pub fn new(runs: usize, limits: Limits) -> Self {
        Self {
            waiting: (0..runs).collect(),
            later: Vec::new(),
            running: 0,
            stopping: false,
            limits,
            attempts: vec![0; runs],
            tally: SweepTally::default(),
        }
    }

    /// The run that an idle worker is to ask for, if any.
    pub fn next(&mut self, now: Instant) -> Option<usize> {
        if let Some(run) = self.waiting.pop_front() {
            return Some(run);
        }
        let due = self.later.iter().position(|(when, _)| *when <= now)?;
        Some(self.later.remove(due).1)
    }

    /// When to ask again, where nothing happens before.
    pub fn wake_at(&self) -> Option<Instant> {
        self.later.iter().map(|(when, _)| *when).min()
    }

    /// The run is ours and starts.
    pub fn started(&mut self, run: usize) {
        self.running += 1;
        self.attempts[run] += 1;
    }

    /// Another process has the run.
    pub fn held(&mut self, run: usize, now: Instant) {
        if self.stopping {
            self.tally.skipped += 1;
        } else {
            self.later.push((now + POLL, run));
        }
    }

    /// Another process has brought the run to its end.
    pub fn settled(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Failed { .. } => self.tally.failed += 1,
            _ => self.tally.elsewhere += 1,
        }
    }

    /// Takes note of how a run ended here; says after what pause it is started again.
    pub fn ended(&mut self, run: usize, outcome: &Outcome, now: Instant) -> Option<Duration> {
        self.running -= 1;
        match outcome {
            Outcome::Finished => self.tally.finished += 1,
            Outcome::Diverged { .. } => self.tally.diverged += 1,
            Outcome::Stopped => self.tally.stopped += 1,
            Outcome::Failed { transient, .. } => {
                let attempts = self.attempts[run];
                if *transient && !self.stopping && attempts < self.limits.max_attempts {
                    let pause = FIRST_PAUSE.saturating_mul(1 << (attempts - 1).min(10));
                    let pause = pause.min(LONGEST_PAUSE);
                    self.later.push((now + pause, run));
                    return Some(pause);
                }
                self.tally.failed += 1;
            }
        }
        if self
            .limits
            .max_fails
            .is_some_and(|max| self.tally.failed >= max)
        {
            self.stop();
        }
        None
    }

    /// The run was taken over by another process while it trained here, and has stopped.
    pub fn lost(&mut self, run: usize, now: Instant) {
        self.running -= 1;
        self.held(run, now);
    }

    /// Starts no further run.
    pub fn stop(&mut self) {
        self.stopping = true;
        self.tally.skipped += self.waiting.len() + self.later.len();
        self.waiting.clear();
        self.later.clear();
    }

    /// Whether nothing runs and nothing waits.
    pub fn done(&self) -> bool {
        self.running == 0 && self.waiting.is_empty() && self.later.is_empty()
    }

    /// The ends so far.
    pub fn tally(&self) -> SweepTally {
        self.tally
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(transient: bool) -> Outcome {
        Outcome::Failed {
            error: "no".to_owned(),
            transient,
        }
    }

    fn policy(runs: usize, max_fails: Option<usize>, max_attempts: u32) -> Policy {
        let limits = Limits {
            max_fails,
            max_attempts,
        };
        Policy::new(runs, limits)
    }

    fn start(policy: &mut Policy, now: Instant) -> Option<usize> {
        let run = policy.next(now)?;
        policy.started(run);
        Some(run)
    }

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
        let now = Instant::now();
        let mut policy = policy(5, Some(2), 1);
        assert_eq!(start(&mut policy, now), Some(0));
        assert_eq!(start(&mut policy, now), Some(1));
        policy.ended(0, &failed(true), now);
        assert_eq!(start(&mut policy, now), Some(2));
        policy.ended(1, &failed(false), now);
        assert_eq!(start(&mut policy, now), None);
        assert!(!policy.done());
        policy.ended(2, &Outcome::Finished, now);
        assert!(policy.done());
        let tally = policy.tally();
        assert_eq!((tally.finished, tally.failed, tally.skipped), (1, 2, 2));
    }

    #[test]
    fn what_may_pass_is_tried_again_after_longer_and_longer_pauses() {
        let mut now = Instant::now();
        let mut policy = policy(1, None, 4);
        for pause in [1, 2, 4] {
            assert_eq!(start(&mut policy, now), Some(0));
            let said = policy.ended(0, &failed(true), now);
            assert_eq!(said, Some(Duration::from_secs(pause)));
            assert_eq!(start(&mut policy, now), None);
            now = policy.wake_at().expect("a time");
        }
        assert_eq!(start(&mut policy, now), Some(0));
        assert_eq!(policy.ended(0, &failed(true), now), None);
        assert!(policy.done());
        assert_eq!(policy.tally().failed, 1);
    }

    #[test]
    fn what_would_fail_again_is_not_tried_again() {
        let now = Instant::now();
        let mut policy = policy(1, None, 4);
        start(&mut policy, now);
        assert_eq!(policy.ended(0, &failed(false), now), None);
        assert!(policy.done());
    }

    #[test]
    fn runs_of_other_processes_are_asked_for_until_they_are_settled() {
        let now = Instant::now();
        let mut policy = policy(2, None, 1);
        for _ in 0..2 {
            let run = policy.next(now).expect("a run");
            policy.held(run, now);
        }
        assert_eq!(policy.next(now), None);
        assert!(!policy.done());
        let later = policy.wake_at().expect("a time");
        assert_eq!(policy.next(later), Some(0));
        policy.settled(&Outcome::Finished);
        assert_eq!(start(&mut policy, later), Some(1));
        policy.ended(1, &Outcome::Finished, later);
        let tally = policy.tally();
        assert_eq!((tally.elsewhere, tally.finished), (1, 1));
        assert!(policy.done());
    }
}
