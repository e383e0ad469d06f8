//! The dispatch loop: workers on one side, the ledger and the sinks on the other.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, bounded, never, select};

use super::policy::{Limits, Policy, Workforce};
use super::worker::{EVENTS_MAX, Message, Task, Worker};
use crate::domain::{
    Claim, Event, EventSink, Ledger, Outcome, Run, RunId, SinkError, StopReason, SweepTally,
    Trainer,
};

/// How long runs that are asked to stop may take over it. A step can take longer; then the run
/// goes on from its last checkpoint.
const GRACE: Duration = Duration::from_millis(1500);
/// Messages that wait to be heard at most; a worker that reports faster than that waits.
const BACKLOG: usize = 16_384 / EVENTS_MAX;

/// Why a sweep could not go on.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// Rows are the product: a sweep that cannot be recorded stops.
    #[error("the results cannot be recorded")]
    Recorder(#[source] SinkError),
    #[error("cannot start a worker thread")]
    Spawn(#[source] std::io::Error),
}

/// The runs to train, and how.
#[derive(Debug, Clone)]
pub struct Batch {
    /// In the order in which they start.
    pub runs: Arc<[Run]>,
    /// Runs of the sweep that are done already.
    pub finished_before: usize,
    pub workforce: Workforce,
    pub limits: Limits,
}

/// Trains a batch and tells `ledger` and then `sinks` of everything that happens.
///
/// A run that grows from another starts when that one is finished, and never where it comes to
/// another end. Otherwise a run that fails or panics ends alone. A run that another process works on is waited for, and
/// taken over should that process die. What comes through `stop` stops the runs in progress,
/// each with a checkpoint, within two seconds.
///
/// # Errors
/// When the ledger fails: the runs in progress are stopped, and only `sinks` hear of their end.
pub fn run(
    batch: &Batch,
    trainer: &Arc<dyn Trainer>,
    ledger: &mut dyn Ledger,
    sinks: &mut [Box<dyn EventSink>],
    stop: &Receiver<StopReason>,
) -> Result<SweepTally, ScheduleError> {
    let (messages_in, messages) = bounded(BACKLOG);
    let slots = &batch.workforce.slots;
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
        audience: Audience {
            ledger,
            sinks,
            failure: None,
        },
        give_up_at: None,
    };
    dispatch.run(batch, &messages, stop.clone())
}

/// The place of the run that each run needs; none where that is not among them, for then it is
/// done.
fn needs(runs: &[Run]) -> Vec<Option<usize>> {
    let places = runs.iter().enumerate().map(|(place, run)| (&run.id, place));
    let places: HashMap<&RunId, usize> = places.collect();
    let needs = runs.iter().map(|run| places.get(run.needs()?).copied());
    needs.collect()
}

/// Hears every event, the ledger first. What a display cannot show is lost on it alone.
struct Audience<'a> {
    ledger: &'a mut dyn Ledger,
    sinks: &'a mut [Box<dyn EventSink>],
    /// Why the ledger failed; it hears nothing more.
    failure: Option<SinkError>,
}

impl Audience<'_> {
    fn tell(&mut self, event: &Event<'_>) {
        self.ask(|ledger| ledger.handle(event));
        for sink in self.sinks.iter_mut() {
            let _ = sink.handle(event);
        }
    }

    /// What the ledger answers; `None` once it has failed.
    fn ask<T>(
        &mut self,
        question: impl FnOnce(&mut dyn Ledger) -> Result<T, SinkError>,
    ) -> Option<T> {
        if self.failure.is_some() {
            return None;
        }
        match question(self.ledger) {
            Ok(answer) => Some(answer),
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

/// A run that a worker trains.
struct InProgress {
    run: usize,
    started: Instant,
    /// Whether another run was in progress on its device at any time.
    shared: bool,
    /// Whether another process has it now.
    lost: bool,
}

/// Everything that the dispatching thread owns.
struct Dispatch<'a> {
    runs: &'a [Run],
    policy: Policy,
    workers: Vec<Worker>,
    idle: Vec<usize>,
    /// The workers that get no further run, for want of memory on their device.
    retired: Vec<bool>,
    /// What each worker that is not idle works on.
    training: Vec<Option<InProgress>>,
    audience: Audience<'a>,
    /// When runs that were asked to stop are no longer waited for.
    give_up_at: Option<Instant>,
}

impl Dispatch<'_> {
    fn run(
        mut self,
        batch: &Batch,
        messages: &Receiver<Message>,
        mut stop: Receiver<StopReason>,
    ) -> Result<SweepTally, ScheduleError> {
        let start = Instant::now();
        self.audience.tell(&Event::SweepStarted {
            pending: self.runs,
            finished_before: batch.finished_before,
            slots: &batch.workforce.slots,
        });
        loop {
            self.start_runs();
            if self.policy.done() || self.give_up() {
                break;
            }
            let wake_at = self
                .policy
                .wake_at()
                .into_iter()
                .chain(self.give_up_at)
                .min();
            let wake = wake_at.map_or_else(never, crossbeam::channel::at);
            select! {
                recv(messages) -> message => {
                    let rest = messages.try_iter().take(BACKLOG);
                    for message in message.into_iter().chain(rest) {
                        self.hear(message);
                    }
                }
                recv(stop) -> asked => match asked {
                    Ok(by) => {
                        self.audience.tell(&Event::StopAsked { by });
                        self.stop();
                    }
                    Err(_) => stop = never(),
                },
                recv(wake) -> _ => {}
            }
        }
        let tally = self.policy.tally();
        self.audience.tell(&Event::SweepFinished {
            tally,
            wall: start.elapsed(),
        });
        self.audience.ask(|ledger| ledger.commit());
        if self.training.iter().all(Option::is_none) {
            self.workers.into_iter().for_each(Worker::join);
        }
        match self.audience.failure {
            Some(error) => Err(ScheduleError::Recorder(error)),
            None => Ok(tally),
        }
    }

    /// Finds runs for idle workers. They begin once their claims are recorded, with all that was
    /// heard before.
    fn start_runs(&mut self) {
        let mut tasks = Vec::new();
        while let Some(&worker) = self.idle.last()
            && let Some(run) = self.policy.next(Instant::now())
        {
            let slot = self.workers[worker].slot;
            let subject = &self.runs[run];
            match self.audience.ask(|ledger| ledger.claim(subject, slot)) {
                None => {
                    self.policy.held(run, Instant::now());
                    break;
                }
                Some(Claim::Held) => self.policy.held(run, Instant::now()),
                Some(Claim::Settled(outcome)) => {
                    self.policy.settled(run, &outcome);
                    let (run, outcome) = (subject, &outcome);
                    self.audience.tell(&Event::RunSettled { run, outcome });
                    self.tell_blocked();
                }
                Some(Claim::Granted(grant)) => {
                    self.idle.pop();
                    self.policy.started(run);
                    self.note_start(worker, run);
                    self.audience
                        .tell(&Event::RunStarted { run: subject, slot });
                    tasks.push((worker, Task { run, grant }));
                }
            }
        }
        self.audience.ask(|ledger| ledger.commit());
        for (worker, task) in tasks {
            self.workers[worker].begin(task);
        }
        if self.audience.failure.is_some() {
            self.stop();
        }
        self.stop_lost_runs();
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
            lost: false,
        });
    }

    /// Stops runs that another process has taken over.
    fn stop_lost_runs(&mut self) {
        for id in self.audience.ledger.lost() {
            for (worker, training) in self.training.iter_mut().enumerate() {
                if let Some(training) = training
                    && self.runs[training.run].id == id
                {
                    training.lost = true;
                    self.workers[worker].stop();
                }
            }
        }
    }

    fn hear(&mut self, message: Message) {
        match message {
            Message::Events { run, events } => {
                let run = &self.runs[run];
                for event in events {
                    self.audience.tell(&Event::Run { run, event });
                }
            }
            Message::Ended {
                worker,
                run,
                outcome,
                wall,
            } => {
                let training = self.training[worker].take();
                let lost = training.as_ref().is_some_and(|training| training.lost);
                let shared = training.is_some_and(|training| training.shared);
                // The others on its device left it too little memory.
                let crowded = shared && is_out_of_memory(&outcome);
                let left = if crowded { self.others_on(worker) } else { 0 };
                if left > 0 {
                    self.retired[worker] = true;
                } else {
                    self.idle.push(worker);
                }
                let now = Instant::now();
                let retry_in = if lost {
                    self.policy.lost(run, now);
                    None
                } else if crowded {
                    self.policy.crowded_out(run, now)
                } else {
                    self.policy.ended(run, &outcome, now)
                };
                self.audience.tell(&Event::RunFinished {
                    run: &self.runs[run],
                    outcome: &outcome,
                    wall,
                    retry_in,
                });
                if left > 0 {
                    let slot = self.workers[worker].slot;
                    self.audience.tell(&Event::SlotRetired { slot, left });
                }
                self.tell_blocked();
            }
        }
    }

    /// How many other workers on the device of `worker` are not retired.
    fn others_on(&self, worker: usize) -> usize {
        let device = self.workers[worker].slot.device;
        let shares = |other: &usize| {
            *other != worker && !self.retired[*other] && self.workers[*other].slot.device == device
        };
        (0..self.workers.len()).filter(shares).count()
    }

    /// Tells of the runs that cannot start any more.
    fn tell_blocked(&mut self) {
        for (run, needs) in self.policy.take_blocked() {
            let (run, needs) = (&self.runs[run], &self.runs[needs]);
            self.audience.tell(&Event::RunBlocked { run, needs });
        }
    }

    /// Starts no further run, and asks those in progress to stop.
    fn stop(&mut self) {
        if self.give_up_at.is_none() {
            self.give_up_at = Some(Instant::now() + GRACE);
            self.policy.stop();
            self.workers.iter().for_each(Worker::stop);
        }
    }

    /// Whether the time to stop is over; runs that are in the middle of a long step end there.
    fn give_up(&mut self) -> bool {
        if self.give_up_at.is_none_or(|at| Instant::now() < at) {
            return false;
        }
        let now = Instant::now();
        for training in self.training.iter().flatten() {
            self.policy.ended(training.run, &Outcome::Stopped, now);
            self.audience.tell(&Event::RunFinished {
                run: &self.runs[training.run],
                outcome: &Outcome::Stopped,
                wall: now - training.started,
                retry_in: None,
            });
        }
        true
    }
}
