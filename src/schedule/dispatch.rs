//! The dispatch loop: workers on one side, sinks on the other.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, unbounded};

use super::panics;
use super::policy::{Policy, Workforce};
use crate::domain::{
    Event, EventSink, Outcome, Run, RunEvent, SinkError, Slot, SweepTally, Trainer,
};

/// Why a sweep could not go on.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// Rows are the product: a sweep that cannot be recorded stops.
    #[error("the results cannot be recorded")]
    Recorder(#[source] SinkError),
    #[error("cannot start a worker thread")]
    Spawn(#[source] std::io::Error),
}

/// What a worker tells the dispatch loop.
enum Message {
    Event {
        run: usize,
        event: RunEvent,
    },
    Ended {
        worker: usize,
        run: usize,
        outcome: Outcome,
        wall: Duration,
    },
}

/// Trains `runs` in their order, `finished_before` runs of the sweep being done already, and
/// tells `recorder` and then `sinks` of everything that happens.
///
/// A run that fails or panics ends alone. After `max_fails` failures no further run starts, and
/// those that run go on to their end.
///
/// # Errors
/// When the recorder fails: the runs in progress are stopped, and only `sinks` hear of their end.
pub fn run(
    runs: &[Run],
    finished_before: usize,
    workforce: Workforce,
    max_fails: Option<usize>,
    trainer: &dyn Trainer,
    recorder: &mut dyn EventSink,
    sinks: &mut [Box<dyn EventSink>],
) -> Result<SweepTally, ScheduleError> {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let (messages_in, messages) = unbounded();
        let mut jobs = Vec::with_capacity(workforce.workers);
        for worker in 0..workforce.workers {
            let (job_in, job) = unbounded();
            jobs.push(job_in);
            let slot = Slot {
                worker,
                threads: workforce.threads_per_run,
            };
            let worker = Worker {
                runs,
                slot,
                trainer,
                stop: &stop,
                messages: messages_in.clone(),
            };
            thread::Builder::new()
                .name(panics::worker_name(slot.worker))
                .spawn_scoped(scope, move || worker.work(&job))
                .map_err(ScheduleError::Spawn)?;
        }
        Dispatch {
            runs,
            policy: Policy::new(runs.len(), max_fails),
            threads: workforce.threads_per_run,
            jobs,
            audience: Audience {
                recorder,
                sinks,
                failure: None,
                stop: &stop,
            },
        }
        .run(finished_before, &messages)
    })
}

/// Hears every event, the recorder first. What a display cannot show is lost on it alone; when
/// the recorder fails, the runs in progress are asked to stop.
struct Audience<'a> {
    recorder: &'a mut dyn EventSink,
    sinks: &'a mut [Box<dyn EventSink>],
    /// Why the recorder failed; it hears nothing more.
    failure: Option<SinkError>,
    stop: &'a AtomicBool,
}

impl Audience<'_> {
    fn tell(&mut self, event: &Event<'_>) {
        if self.failure.is_none()
            && let Err(error) = self.recorder.handle(event)
        {
            self.failure = Some(error);
            self.stop.store(true, Ordering::Relaxed);
        }
        for sink in self.sinks.iter_mut() {
            let _ = sink.handle(event);
        }
    }
}

/// Everything that the dispatching thread owns.
struct Dispatch<'a> {
    runs: &'a [Run],
    policy: Policy,
    threads: usize,
    /// One channel of run indices for each worker; dropping it ends the worker.
    jobs: Vec<Sender<usize>>,
    audience: Audience<'a>,
}

impl Dispatch<'_> {
    fn run(
        mut self,
        finished_before: usize,
        messages: &Receiver<Message>,
    ) -> Result<SweepTally, ScheduleError> {
        let start = Instant::now();
        self.audience.tell(&Event::SweepStarted {
            pending: self.runs,
            finished_before,
            workers: self.jobs.len(),
            threads_per_run: self.threads,
        });
        for worker in 0..self.jobs.len() {
            self.start_next(worker);
        }
        while !self.policy.done() {
            match messages.recv().expect("a worker that runs holds a sender") {
                Message::Event { run, event } => {
                    let run = &self.runs[run];
                    self.audience.tell(&Event::Run { run, event });
                }
                Message::Ended {
                    worker,
                    run,
                    outcome,
                    wall,
                } => {
                    self.policy.ended(&outcome);
                    self.audience.tell(&Event::RunFinished {
                        run: &self.runs[run],
                        outcome: &outcome,
                        wall,
                    });
                    self.start_next(worker);
                }
            }
        }
        let tally = self.policy.tally();
        self.audience.tell(&Event::SweepFinished {
            tally,
            wall: start.elapsed(),
        });
        match self.audience.failure {
            Some(error) => Err(ScheduleError::Recorder(error)),
            None => Ok(tally),
        }
    }

    fn start_next(&mut self, worker: usize) {
        if self.audience.failure.is_some() {
            self.policy.stop();
        }
        let Some(run) = self.policy.start_next() else {
            return;
        };
        let slot = Slot {
            worker,
            threads: self.threads,
        };
        self.audience.tell(&Event::RunStarted {
            run: &self.runs[run],
            slot,
        });
        self.jobs[worker]
            .send(run)
            .expect("a worker lives as long as its channel");
    }
}

/// One worker thread: trains a run after another until its channel closes.
struct Worker<'a> {
    runs: &'a [Run],
    slot: Slot,
    trainer: &'a dyn Trainer,
    stop: &'a AtomicBool,
    messages: Sender<Message>,
}

impl Worker<'_> {
    fn work(&self, jobs: &Receiver<usize>) {
        for run in jobs {
            let start = Instant::now();
            let trained = catch_unwind(AssertUnwindSafe(|| self.train(run)));
            let outcome = trained.unwrap_or_else(|payload| Outcome::Failed {
                error: panics::message(payload.as_ref()),
            });
            let ended = Message::Ended {
                worker: self.slot.worker,
                run,
                outcome,
                wall: start.elapsed(),
            };
            if self.messages.send(ended).is_err() {
                return;
            }
        }
    }

    fn train(&self, run: usize) -> Outcome {
        let mut report = |event| {
            let sent = self.messages.send(Message::Event { run, event });
            if sent.is_err() || self.stop.load(Ordering::Relaxed) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        self.trainer
            .train(&self.runs[run], self.slot, &mut report)
            .unwrap_or_else(|error| Outcome::Failed {
                error: error.to_string(),
            })
    }
}
