//! Decides which run starts next. Pure: no threads, no clock; time is an argument.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::domain::{DeviceKind, Outcome, Run, Slot, SweepTally};

/// The pause before a run leased by another process is claimed again.
const POLL: Duration = Duration::from_millis(250);
/// The pause before a run's second attempt; it doubles before each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The workers of a sweep: the only place where the machine is divided between runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerPool {
    /// One for each worker, GPUs first, because they get the longest runs.
    pub slots: Vec<Slot>,
}

/// The machine's resources, and the options for dividing them.
#[derive(Debug, Clone, Copy)]
pub struct Resources<'a> {
    pub devices: &'a [DeviceKind],
    pub runs_per_gpu: usize,
    pub cores: usize,
    /// CPU threads of each run.
    pub threads: usize,
}

impl WorkerPool {
    /// `workers` concurrent runs on the CPU with `threads` threads each.
    pub fn on_cpu(workers: usize, threads: usize) -> Self {
        let device = DeviceKind::Cpu;
        let slot = |worker| Slot {
            worker,
            device,
            threads,
        };
        Self {
            slots: (0..workers).map(slot).collect(),
        }
    }

    /// Slots for `pending` runs: `runs_per_gpu` on each GPU and, if the CPU is among the devices,
    /// as many on the CPU as there are cores left. A sweep is fastest with one single-threaded run
    /// per core. `requested` limits the number of slots, as does the number of runs.
    pub fn new(resources: Resources<'_>, pending: usize, requested: Option<usize>) -> Self {
        let Resources {
            devices,
            runs_per_gpu,
            cores,
            threads,
        } = resources;
        let gpus = devices.iter().filter(|device| **device != DeviceKind::Cpu);
        // One run on each GPU before a second on any, in case there are few runs.
        let on_gpus: Vec<DeviceKind> = (0..runs_per_gpu)
            .flat_map(|_| gpus.clone())
            .copied()
            .collect();
        let has_cpu = devices.contains(&DeviceKind::Cpu);
        let rest = match requested {
            Some(all) => all.saturating_sub(on_gpus.len()),
            None => (cores / threads).saturating_sub(on_gpus.len()).max(1),
        };
        let on_cpu = std::iter::repeat_n(DeviceKind::Cpu, if has_cpu { rest } else { 0 });
        let most = pending.min(requested.unwrap_or(usize::MAX)).max(1);
        let devices = on_gpus.into_iter().chain(on_cpu).take(most);
        let slot = |(worker, device)| Slot {
            worker,
            device,
            threads,
        };
        Self {
            slots: devices.enumerate().map(slot).collect(),
        }
    }
}

/// Limits for failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// After this many failures no further run starts.
    pub max_fails: Option<usize>,
    /// The maximum number of attempts at a run with transient failures.
    pub max_attempts: u32,
}

/// Sorts runs by estimated time, the longest first, so that the workers finish together. A stable
/// sort.
pub fn longest_first(runs: &mut [Run], estimate: impl Fn(&Run) -> Duration) {
    runs.sort_by_cached_key(|run| std::cmp::Reverse(estimate(run)));
}

/// The state of a sweep in progress.
#[derive(Debug)]
pub struct Policy {
    waiting: VecDeque<usize>,
    /// Runs to claim again, and when.
    later: Vec<(Instant, usize)>,
    /// No run starts before this time, because the disk was full.
    disk_full_until: Option<Instant>,
    /// The number of such pauses since a run finished.
    disk_full_pauses: u32,
    /// The children of each run, which wait for its end.
    dependents: Vec<Vec<usize>>,
    /// Runs that cannot start, each with its parent.
    blocked: Vec<(usize, usize)>,
    running: usize,
    stopping: bool,
    limits: Limits,
    /// The number of attempts at each run by this process.
    attempts: Vec<u32>,
    tally: SweepTally,
}

impl Policy {
    /// A policy for as many runs as there are `needs`, in this order; each waits for its parent, if
    /// it has one.
    pub fn new(needs: &[Option<usize>], limits: Limits) -> Self {
        let runs = needs.len();
        let mut dependents = vec![Vec::new(); runs];
        for (run, need) in needs.iter().enumerate() {
            if let Some(need) = need {
                dependents[*need].push(run);
            }
        }
        Self {
            waiting: (0..runs).filter(|run| needs[*run].is_none()).collect(),
            later: Vec::new(),
            disk_full_until: None,
            disk_full_pauses: 0,
            dependents,
            blocked: Vec::new(),
            running: 0,
            stopping: false,
            limits,
            attempts: vec![0; runs],
            tally: SweepTally::default(),
        }
    }

    /// The run that an idle worker should claim, if any.
    pub fn next(&mut self, now: Instant) -> Option<usize> {
        if self.disk_full_until.is_some_and(|until| now < until) {
            return None;
        }
        self.disk_full_until = None;
        if let Some(run) = self.waiting.pop_front() {
            return Some(run);
        }
        let due = self.later.iter().position(|(when, _)| *when <= now)?;
        Some(self.later.remove(due).1)
    }

    /// When to call [`Policy::next`] again if nothing happens before.
    pub fn wake_at(&self) -> Option<Instant> {
        self.disk_full_until
            .or_else(|| self.later.iter().map(|(when, _)| *when).min())
    }

    /// Records that the run was acquired and starts.
    pub fn started(&mut self, run: usize) {
        self.running += 1;
        self.attempts[run] += 1;
    }

    /// Records that another process trains the run; it will be claimed again later.
    pub fn leased_elsewhere(&mut self, run: usize, now: Instant) {
        if self.stopping {
            self.tally.skipped += 1;
        } else {
            self.later.push((now + POLL, run));
        }
    }

    /// Records the outcome of the run in another process.
    pub fn ended_elsewhere(&mut self, run: usize, outcome: &Outcome) {
        match outcome {
            Outcome::Failed { .. } => self.tally.failed += 1,
            _ => self.tally.elsewhere += 1,
        }
        self.release(run, outcome);
    }

    /// The runs that were blocked since the last call, each with its unfinished parent.
    pub fn take_blocked(&mut self) -> Vec<(usize, usize)> {
        std::mem::take(&mut self.blocked)
    }

    /// Makes the children of `run` ready, or blocks them and their descendants.
    fn release(&mut self, run: usize, outcome: &Outcome) {
        let freed = std::mem::take(&mut self.dependents[run]);
        if *outcome == Outcome::Finished {
            // Children are deeper and take longer than most of the remaining runs.
            freed
                .into_iter()
                .rev()
                .for_each(|run| self.waiting.push_front(run));
            return;
        }
        let mut gone: Vec<(usize, usize)> = freed.into_iter().map(|next| (next, run)).collect();
        while let Some((next, need)) = gone.pop() {
            self.tally.blocked += 1;
            self.blocked.push((next, need));
            let further = std::mem::take(&mut self.dependents[next]).into_iter();
            gone.extend(further.map(|after| (after, next)));
        }
    }

    /// Records the outcome of a run in this process. Returns the pause before a retry, if any.
    ///
    /// While the disk is full every run would fail: no run starts before a pause, which doubles until
    /// a run finishes.
    pub fn ended(&mut self, run: usize, outcome: &Outcome, now: Instant) -> Option<Duration> {
        self.running -= 1;
        self.rest(outcome, now);
        match outcome {
            Outcome::Finished => self.tally.finished += 1,
            Outcome::Diverged { .. } => self.tally.diverged += 1,
            Outcome::Stopped => self.tally.stopped += 1,
            Outcome::Failed { transient, .. } => {
                if *transient && let Some(pause) = self.pause_before_retry(run) {
                    self.later.push((now + pause, run));
                    return Some(pause);
                }
                self.tally.failed += 1;
            }
        }
        self.release(run, outcome);
        let max_fails = self.limits.max_fails;
        if max_fails.is_some_and(|max| self.tally.failed >= max) {
            self.stop();
        }
        None
    }

    /// The pause before another attempt at a failed run; `None` if there is none.
    fn pause_before_retry(&self, run: usize) -> Option<Duration> {
        let attempts = self.attempts[run];
        let retries = !self.stopping && attempts < self.limits.max_attempts;
        retries.then(|| nth_pause(attempts))
    }

    /// Starts a pause of all runs if the disk was full. Runs that fail during a pause had started
    /// before it.
    fn rest(&mut self, outcome: &Outcome, now: Instant) {
        if matches!(outcome, Outcome::Finished) {
            self.disk_full_pauses = 0;
        } else if is_disk_full(outcome) && self.disk_full_until.is_none() && !self.stopping {
            self.disk_full_pauses += 1;
            self.disk_full_until = Some(now + nth_pause(self.disk_full_pauses));
        }
    }

    /// Records that the run ran out of memory because of other runs on its device, which does not
    /// count as an attempt. Returns the pause before a retry, if any.
    pub fn out_of_memory(&mut self, run: usize, now: Instant) -> Option<Duration> {
        self.running -= 1;
        if self.stopping {
            self.tally.skipped += 1;
            return None;
        }
        self.attempts[run] -= 1;
        self.later.push((now + FIRST_PAUSE, run));
        Some(FIRST_PAUSE)
    }

    /// Records that another process took over the run and that it has stopped here.
    pub fn lease_lost(&mut self, run: usize, now: Instant) {
        self.running -= 1;
        self.leased_elsewhere(run, now);
    }

    /// Starts no further run.
    pub fn stop(&mut self) {
        self.stopping = true;
        let dependents: usize = self.dependents.iter().map(Vec::len).sum();
        self.tally.skipped += self.waiting.len() + self.later.len() + dependents;
        self.dependents.iter_mut().for_each(Vec::clear);
        self.waiting.clear();
        self.later.clear();
        self.disk_full_until = None;
    }

    /// Whether nothing runs and nothing waits.
    pub fn done(&self) -> bool {
        self.running == 0 && self.waiting.is_empty() && self.later.is_empty()
    }

    /// The outcomes so far.
    pub fn tally(&self) -> SweepTally {
        self.tally
    }
}

/// The `n`th pause of a series that doubles, from 1.
fn nth_pause(n: u32) -> Duration {
    let pause = FIRST_PAUSE.saturating_mul(1 << (n - 1).min(10));
    pause.min(LONGEST_PAUSE)
}

fn is_disk_full(outcome: &Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Failed {
            disk_full: true,
            ..
        }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(transient: bool) -> Outcome {
        Outcome::Failed {
            error: "no".to_owned(),
            transient,
            out_of_memory: false,
            disk_full: false,
            device_lost: false,
        }
    }

    fn disk_full() -> Outcome {
        Outcome::Failed {
            error: "no space".to_owned(),
            transient: true,
            out_of_memory: false,
            disk_full: true,
            device_lost: false,
        }
    }

    fn policy(runs: usize, max_fails: Option<usize>, max_attempts: u32) -> Policy {
        let limits = Limits {
            max_fails,
            max_attempts,
        };
        Policy::new(&vec![None; runs], limits)
    }

    /// A policy of runs with these parents.
    fn chain(needs: &[Option<usize>]) -> Policy {
        let limits = Limits {
            max_fails: None,
            max_attempts: 2,
        };
        Policy::new(needs, limits)
    }

    fn start(policy: &mut Policy, now: Instant) -> Option<usize> {
        let run = policy.next(now)?;
        policy.started(run);
        Some(run)
    }

    const GPU: DeviceKind = DeviceKind::Cuda(0);
    const GPU_1: DeviceKind = DeviceKind::Cuda(1);
    const CPU: DeviceKind = DeviceKind::Cpu;

    fn devices(
        resources: Resources<'_>,
        pending: usize,
        requested: Option<usize>,
    ) -> Vec<DeviceKind> {
        let slots = WorkerPool::new(resources, pending, requested).slots;
        slots.iter().map(|slot| slot.device).collect()
    }

    #[test]
    fn cores_are_divided_between_runs() {
        let workers = |cores, pending, threads, requested| {
            let resources = Resources {
                devices: &[CPU],
                runs_per_gpu: 1,
                cores,
                threads,
            };
            devices(resources, pending, requested).len()
        };
        assert_eq!(workers(8, 100, 1, None), 8);
        assert_eq!(workers(8, 100, 2, None), 4);
        assert_eq!(workers(8, 3, 1, None), 3);
        assert_eq!(workers(2, 12, 1, Some(4)), 4);
        assert_eq!(workers(2, 12, 4, None), 1);
        assert_eq!(workers(2, 0, 1, None), 1);
    }

    #[test]
    fn gpus_are_assigned_before_the_cpu() {
        let resources = Resources {
            devices: &[CPU, GPU, GPU_1],
            runs_per_gpu: 2,
            cores: 6,
            threads: 1,
        };
        assert_eq!(
            devices(resources, 9, None),
            [GPU, GPU_1, GPU, GPU_1, CPU, CPU]
        );
        assert_eq!(devices(resources, 3, None), [GPU, GPU_1, GPU]);
        assert_eq!(
            devices(resources, 9, Some(5)),
            [GPU, GPU_1, GPU, GPU_1, CPU]
        );
        let gpus = Resources {
            devices: &[GPU],
            ..resources
        };
        assert_eq!(devices(gpus, 9, None), [GPU, GPU]);
        assert_eq!(devices(gpus, 9, Some(1)), [GPU]);
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
    fn transient_failures_are_retried_with_increasing_pauses() {
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
    fn while_the_disk_is_full_no_run_starts() {
        let now = Instant::now();
        let seconds = |seconds| now + Duration::from_secs(seconds);
        let mut policy = policy(9, None, 3);
        for run in 0..3 {
            assert_eq!(start(&mut policy, now), Some(run));
        }
        policy.ended(0, &disk_full(), now);
        assert_eq!(start(&mut policy, now), None);
        assert_eq!(policy.wake_at(), Some(seconds(1)));
        // It started before the pause, so its failure says nothing new.
        policy.ended(1, &disk_full(), now);
        assert_eq!(start(&mut policy, seconds(1)), Some(3));
        policy.ended(3, &disk_full(), seconds(1));
        assert_eq!(start(&mut policy, seconds(2)), None);
        assert_eq!(policy.wake_at(), Some(seconds(3)));
        // A finished run ends the series of pauses.
        assert_eq!(start(&mut policy, seconds(3)), Some(4));
        policy.ended(4, &Outcome::Finished, seconds(3));
        assert_eq!(start(&mut policy, seconds(3)), Some(5));
        policy.ended(5, &disk_full(), seconds(3));
        assert_eq!(policy.wake_at(), Some(seconds(4)));
        policy.stop();
        policy.ended(2, &disk_full(), now);
        assert!(policy.done() && policy.wake_at().is_none());
        let tally = policy.tally();
        assert_eq!((tally.finished, tally.failed, tally.skipped), (1, 1, 7));
    }

    #[test]
    fn permanent_failures_are_not_retried() {
        let now = Instant::now();
        let mut policy = policy(1, None, 4);
        start(&mut policy, now);
        assert_eq!(policy.ended(0, &failed(false), now), None);
        assert!(policy.done());
    }

    #[test]
    fn runs_of_other_processes_are_polled_until_they_end() {
        let now = Instant::now();
        let mut policy = policy(2, None, 1);
        for _ in 0..2 {
            let run = policy.next(now).expect("a run");
            policy.leased_elsewhere(run, now);
        }
        assert_eq!(policy.next(now), None);
        assert!(!policy.done());
        let later = policy.wake_at().expect("a time");
        assert_eq!(policy.next(later), Some(0));
        policy.ended_elsewhere(0, &Outcome::Finished);
        assert_eq!(start(&mut policy, later), Some(1));
        policy.ended(1, &Outcome::Finished, later);
        let tally = policy.tally();
        assert_eq!((tally.elsewhere, tally.finished), (1, 1));
        assert!(policy.done());
    }

    #[test]
    fn child_starts_when_its_parent_has_finished() {
        let now = Instant::now();
        let mut policy = chain(&[Some(1), None, Some(3), None]);
        assert_eq!(start(&mut policy, now), Some(1));
        assert_eq!(policy.next(now), Some(3));
        policy.leased_elsewhere(3, now);
        assert_eq!(start(&mut policy, now), None);
        policy.ended(1, &Outcome::Finished, now);
        assert_eq!(start(&mut policy, now), Some(0));
        let later = policy.wake_at().expect("a time");
        assert_eq!(policy.next(later), Some(3));
        policy.ended_elsewhere(3, &Outcome::Finished);
        assert_eq!(start(&mut policy, later), Some(2));
        policy.ended(0, &Outcome::Finished, later);
        policy.ended(2, &Outcome::Finished, later);
        assert!(policy.done() && policy.take_blocked().is_empty());
    }

    #[test]
    fn descendants_of_a_failed_run_are_blocked() {
        let now = Instant::now();
        let mut policy = chain(&[None, Some(0), Some(1), None, Some(3)]);
        assert_eq!(start(&mut policy, now), Some(0));
        assert_eq!(start(&mut policy, now), Some(3));
        // Children wait for the retry of a transient failure.
        policy.ended(0, &failed(true), now);
        assert!(policy.take_blocked().is_empty());
        let later = policy.wake_at().expect("a time");
        assert_eq!(start(&mut policy, later), Some(0));
        policy.ended(0, &failed(true), later);
        assert_eq!(policy.take_blocked(), [(1, 0), (2, 1)]);
        policy.ended(3, &Outcome::Diverged { iteration: 1 }, later);
        assert_eq!(policy.take_blocked(), [(4, 3)]);
        assert!(policy.done());
        let tally = policy.tally();
        assert_eq!((tally.blocked, tally.failed, tally.diverged), (3, 1, 1));
    }

    #[test]
    fn stop_skips_waiting_children() {
        let now = Instant::now();
        let mut policy = chain(&[None, Some(0), None]);
        assert_eq!(start(&mut policy, now), Some(0));
        policy.stop();
        policy.ended(0, &Outcome::Stopped, now);
        assert!(policy.done());
        let tally = policy.tally();
        assert_eq!((tally.stopped, tally.skipped, tally.blocked), (1, 2, 0));
    }
}
