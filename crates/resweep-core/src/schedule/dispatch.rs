//! The dispatch loop: passes runs to workers, and their events to the ledger and the displays.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, bounded, never, select};

use super::policy::{Limits, Policy, WorkerPool};
use super::worker::{EVENTS_MAX, Message, Task, Worker};
use crate::domain::{
    Claim, Event, EventSink, Ledger, Outcome, Run, RunId, SinkError, StopReason, SweepTally,
    Trainer,
};

/// The capacity of the message queue; a worker that reports faster blocks.
const BACKLOG: usize = 16_384 / EVENTS_MAX;

/// Why a sweep was aborted.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// Recorded results are the purpose of a sweep: it stops if they cannot be written.
    #[error("the results cannot be recorded")]
    Recorder(#[source] SinkError),
    #[error("cannot start a worker thread")]
    Spawn(#[source] std::io::Error),
}

/// The runs to train, and the workers and limits.
#[derive(Debug, Clone)]
pub struct RunBatch {
    /// In the order in which they start.
    pub runs: Arc<[Run]>,
    /// The number of the sweep's runs that are done already.
    pub finished_before: usize,
    pub worker_pool: WorkerPool,
    pub limits: Limits,
    /// How long stopping runs are waited for. If a step takes longer, the run resumes from its last
    /// checkpoint next time.
    pub grace: Duration,
}

impl RunBatch {
    /// The grace if a person waits for the program to end.
    pub const GRACE: Duration = Duration::from_millis(1500);
}

/// Trains a batch of runs and sends every event to `ledger` and then to `displays`.
///
/// A child run starts when its parent has finished, and is blocked if the parent ends otherwise. Any
/// other failure or panic ends only its run. A run that another process trains is polled, and taken
/// over if that process dies. A message on `stop` stops the running runs, each with a checkpoint,
/// within the batch's grace.
///
/// # Errors
/// When the ledger fails: the running runs are stopped, and only `displays` receive their end.
pub fn run(
    batch: &RunBatch,
    trainer: &Arc<dyn Trainer>,
    ledger: &mut dyn Ledger,
    displays: &mut [Box<dyn EventSink>],
    stop: &Receiver<StopReason>,
) -> Result<SweepTally, ScheduleError> {
    let (messages_in, messages) = bounded(BACKLOG);
    let slots = &batch.worker_pool.slots;
    let mut workers = Vec::with_capacity(slots.len());
    for &slot in slots {
        let (runs, trainer) = (Arc::clone(&batch.runs), Arc::clone(trainer));
        let worker = Worker::start(slot, runs, trainer, messages_in.clone());
        workers.push(worker.map_err(ScheduleError::Spawn)?);
    }
    let dispatch = Dispatch {
        runs: &batch.runs,
        policy: Policy::new(&needs(&batch.runs), batch.limits),
        idle: (0..workers.len()).rev().collect(),
        retired: vec![false; workers.len()],
        training: workers.iter().map(|_| None).collect(),
        workers,
        sinks: Sinks {
            ledger,
            displays,
            failure: None,
        },
        grace: batch.grace,
        give_up_at: None,
    };
    dispatch.run(batch, &messages, stop.clone())
}

/// The index of each run's parent; `None` if the parent is not among `runs`, because it has
/// finished.
fn needs(runs: &[Run]) -> Vec<Option<usize>> {
    let places = runs.iter().enumerate().map(|(place, run)| (&run.id, place));
    let places: HashMap<&RunId, usize> = places.collect();
    let needs = runs.iter().map(|run| places.get(run.needs()?).copied());
    needs.collect()
}

/// Receives every event, the ledger first. Errors of displays are ignored.
struct Sinks<'a> {
    ledger: &'a mut dyn Ledger,
    displays: &'a mut [Box<dyn EventSink>],
    /// The ledger's error, after which it is not called again.
    failure: Option<SinkError>,
}

impl Sinks<'_> {
    fn send(&mut self, event: &Event<'_>) {
        self.ledger(|ledger| ledger.handle(event));
        for display in self.displays.iter_mut() {
            let _ = display.handle(event);
        }
    }

    /// Calls the ledger; returns `None` once it has failed.
    fn ledger<T>(
        &mut self,
        call: impl FnOnce(&mut dyn Ledger) -> Result<T, SinkError>,
    ) -> Option<T> {
        if self.failure.is_some() {
            return None;
        }
        match call(self.ledger) {
            Ok(result) => Some(result),
            Err(error) => {
                self.failure = Some(error);
                None
            }
        }
    }
}

fn is_out_of_memory(outcome: &Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Failed {
            out_of_memory: true,
            ..
        }
    )
}

fn is_device_lost(outcome: &Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Failed {
            device_lost: true,
            ..
        }
    )
}

/// A run in progress on a worker.
struct InProgress {
    run: usize,
    started: Instant,
    /// Whether another run shared its device at any time.
    shared: bool,
    /// Whether another process has taken it over.
    lease_lost: bool,
}

/// Why a run ended, as far as the policy distinguishes it.
#[derive(Clone, Copy)]
enum EndCause {
    /// Another process has taken it over.
    LeaseLost,
    /// It ran out of memory while other runs shared its device.
    SharedMemory,
    Other,
}

impl EndCause {
    fn of(run: Option<InProgress>, outcome: &Outcome) -> Self {
        match run {
            Some(run) if run.lease_lost => Self::LeaseLost,
            Some(run) if run.shared && is_out_of_memory(outcome) => Self::SharedMemory,
            _ => Self::Other,
        }
    }
}

/// The state of the dispatch loop.
struct Dispatch<'a> {
    runs: &'a [Run],
    policy: Policy,
    workers: Vec<Worker>,
    idle: Vec<usize>,
    /// Workers that get no further run, because their device has too little memory or is lost.
    retired: Vec<bool>,
    /// The run in progress on each worker.
    training: Vec<Option<InProgress>>,
    sinks: Sinks<'a>,
    grace: Duration,
    /// When stopping runs are no longer waited for.
    give_up_at: Option<Instant>,
}

impl Dispatch<'_> {
    fn run(
        mut self,
        batch: &RunBatch,
        messages: &Receiver<Message>,
        mut stop: Receiver<StopReason>,
    ) -> Result<SweepTally, ScheduleError> {
        let start = Instant::now();
        self.sinks.send(&Event::SweepStarted {
            pending: self.runs,
            finished_before: batch.finished_before,
            slots: &batch.worker_pool.slots,
        });
        loop {
            self.start_runs();
            if self.policy.done() || self.give_up() {
                break;
            }
            // Without an idle worker, a run that is due would only keep this loop busy.
            let start_at = self.policy.wake_at().filter(|_| !self.idle.is_empty());
            let wake_at = start_at.into_iter().chain(self.give_up_at).min();
            let wake = wake_at.map_or_else(never, crossbeam::channel::at);
            select! {
                recv(messages) -> message => {
                    let rest = messages.try_iter().take(BACKLOG);
                    for message in message.into_iter().chain(rest) {
                        self.handle(message);
                    }
                }
                recv(stop) -> asked => match asked {
                    Ok(by) => {
                        self.sinks.send(&Event::StopRequested { by });
                        self.stop();
                    }
                    Err(_) => stop = never(),
                },
                recv(wake) -> _ => {}
            }
        }
        let tally = self.policy.tally();
        self.sinks.send(&Event::SweepFinished {
            tally,
            wall: start.elapsed(),
        });
        self.sinks.ledger(|ledger| ledger.commit());
        if self.training.iter().all(Option::is_none) {
            self.workers.into_iter().for_each(Worker::join);
        }
        match self.sinks.failure {
            Some(error) => Err(ScheduleError::Recorder(error)),
            None => Ok(tally),
        }
    }

    /// Starts runs on idle workers, once their claims and all earlier events are recorded.
    fn start_runs(&mut self) {
        let tasks = self.claim_runs();
        self.sinks.ledger(|ledger| ledger.commit());
        for (worker, task) in tasks {
            self.workers[worker].begin(task);
        }
        if self.sinks.failure.is_some() {
            self.stop();
        }
        self.stop_lost_runs();
    }

    /// Claims runs for idle workers.
    fn claim_runs(&mut self) -> Vec<(usize, Task)> {
        let mut tasks = Vec::new();
        while let Some(&worker) = self.idle.last()
            && let Some(index) = self.policy.next(Instant::now())
        {
            let slot = self.workers[worker].slot;
            let run = &self.runs[index];
            match self.sinks.ledger(|ledger| ledger.claim(run, slot)) {
                None => {
                    self.policy.leased_elsewhere(index, Instant::now());
                    break;
                }
                Some(Claim::LeasedElsewhere) => {
                    self.policy.leased_elsewhere(index, Instant::now());
                }
                Some(Claim::EndedElsewhere(outcome)) => {
                    self.policy.ended_elsewhere(index, &outcome);
                    let outcome = &outcome;
                    self.sinks.send(&Event::RunEndedElsewhere { run, outcome });
                    self.send_blocked();
                }
                Some(Claim::Acquired(lease)) => {
                    self.idle.pop();
                    self.policy.started(index);
                    self.note_start(worker, index);
                    self.sinks.send(&Event::RunStarted { run, slot });
                    tasks.push((worker, Task { run: index, lease }));
                }
            }
        }
        tasks
    }

    fn note_start(&mut self, worker: usize, run: usize) {
        let device = self.workers[worker].slot.device;
        let mut shared = false;
        for (other, training) in self.workers.iter().zip(&mut self.training) {
            if let Some(training) = training
                && other.slot.device == device
            {
                training.shared = true;
                shared = true;
            }
        }
        self.training[worker] = Some(InProgress {
            run,
            started: Instant::now(),
            shared,
            lease_lost: false,
        });
    }

    /// Stops runs that another process has taken over.
    fn stop_lost_runs(&mut self) {
        for id in self.sinks.ledger.lost() {
            for (worker, training) in self.training.iter_mut().enumerate() {
                if let Some(training) = training
                    && self.runs[training.run].id == id
                {
                    training.lease_lost = true;
                    self.workers[worker].stop();
                }
            }
        }
    }

    fn handle(&mut self, message: Message) {
        match message {
            Message::Events { run, events } => {
                let run = &self.runs[run];
                for event in events {
                    self.sinks.send(&Event::Run { run, event });
                }
            }
            Message::Ended {
                worker,
                run,
                outcome,
                wall,
            } => self.end_run(worker, run, &outcome, wall),
        }
    }

    /// Records the end of a run, and makes its worker idle or retires it.
    fn end_run(&mut self, worker: usize, run: usize, outcome: &Outcome, wall: Duration) {
        let cause = EndCause::of(self.training[worker].take(), outcome);
        let others = match cause {
            EndCause::SharedMemory => self.others_on(worker),
            EndCause::LeaseLost | EndCause::Other => 0,
        };
        let lost = is_device_lost(outcome) && !self.retired[worker];
        if lost {
            self.retire_all_on(worker);
        }
        if others > 0 {
            self.retired[worker] = true;
        } else if !self.retired[worker] {
            self.idle.push(worker);
        }
        let now = Instant::now();
        let retry_in = match cause {
            EndCause::LeaseLost => {
                self.policy.lease_lost(run, now);
                None
            }
            EndCause::SharedMemory => self.policy.out_of_memory(run, now),
            EndCause::Other => self.policy.ended(run, outcome, now),
        };
        self.sinks.send(&Event::RunFinished {
            run: &self.runs[run],
            outcome,
            wall,
            retry_in,
        });
        if others > 0 {
            let slot = self.workers[worker].slot;
            self.sinks.send(&Event::SlotRetired { slot, left: others });
        }
        if lost {
            let device = self.workers[worker].slot.device;
            let left = self.retired.iter().filter(|retired| !**retired).count();
            self.sinks.send(&Event::DeviceLost { device, left });
        }
        self.send_blocked();
    }

    /// Gives no further run to the workers on the device of `worker`. If no others are left, no run starts.
    fn retire_all_on(&mut self, worker: usize) {
        let device = self.workers[worker].slot.device;
        for (other, retired) in self.workers.iter().zip(&mut self.retired) {
            *retired |= other.slot.device == device;
        }
        self.idle.retain(|worker| !self.retired[*worker]);
        if self.retired.iter().all(|retired| *retired) {
            self.policy.stop();
        }
    }

    /// The number of other active workers on the device of `worker`.
    fn others_on(&self, worker: usize) -> usize {
        let device = self.workers[worker].slot.device;
        let shares = |other: &usize| {
            *other != worker && !self.retired[*other] && self.workers[*other].slot.device == device
        };
        (0..self.workers.len()).filter(shares).count()
    }

    /// Sends an event for each newly blocked run.
    fn send_blocked(&mut self) {
        for (run, needs) in self.policy.take_blocked() {
            let (run, needs) = (&self.runs[run], &self.runs[needs]);
            self.sinks.send(&Event::RunBlocked { run, needs });
        }
    }

    /// Starts no further run, and asks the running ones to stop.
    fn stop(&mut self) {
        if self.give_up_at.is_none() {
            self.give_up_at = Some(Instant::now() + self.grace);
            self.policy.stop();
            self.workers.iter().for_each(Worker::stop);
        }
    }

    /// Whether the time for stopping has elapsed; ends runs that are still in a long step.
    fn give_up(&mut self) -> bool {
        if self.give_up_at.is_none_or(|at| Instant::now() < at) {
            return false;
        }
        let now = Instant::now();
        for training in self.training.iter().flatten() {
            self.policy.ended(training.run, &Outcome::Stopped, now);
            self.sinks.send(&Event::RunFinished {
                run: &self.runs[training.run],
                outcome: &Outcome::Stopped,
                wall: now - training.started,
                retry_in: None,
            });
        }
        true
    }
}
