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
    #[error("the results cannot be recorded: {0}")]
    Recorder(#[source] SinkError),
    #[error("cannot start a worker thread: {0}")]
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

/// Trains `runs` in their order, `shared` runs of the sweep being done already, and tells
/// `recorder` and then `sinks` of everything that happens.
///
/// A run that fails or panics ends alone. After `max_fails` failures no further run starts, and
/// those that run go on to their end.
///
/// # Errors
/// When the recorder fails: the runs in progress are stopped first.
pub fn run(
    runs: &[Run],
    shared: usize,
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
                .name(format!("{}{}", panics::WORKER_NAME, slot.worker))
                .spawn_scoped(scope, move || worker.work(&job))
                .map_err(ScheduleError::Spawn)?;
        }
        let dispatch = Dispatch {
            runs,
            policy: Policy::new(runs.len(), max_fails),
            threads: workforce.threads_per_run,
            jobs,
            audience: Audience { recorder, sinks },
        };
        let result = dispatch.run(shared, &messages);
        // on an error the workers are still at it, and the scope waits for them
        stop.store(true, Ordering::Relaxed);
        result
    })
}

/// Hears every event, the recorder first. What a display cannot show is lost on it alone.
struct Audience<'a> {
    recorder: &'a mut dyn EventSink,
    sinks: &'a mut [Box<dyn EventSink>],
}

impl Audience<'_> {
    fn tell(&mut self, event: &Event<'_>) -> Result<(), ScheduleError> {
        self.recorder
            .handle(event)
            .map_err(ScheduleError::Recorder)?;
        for sink in self.sinks.iter_mut() {
            let _ = sink.handle(event);
        }
        Ok(())
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
        shared: usize,
        messages: &Receiver<Message>,
    ) -> Result<SweepTally, ScheduleError> {
        let start = Instant::now();
        self.audience.tell(&Event::SweepStarted {
            pending: self.runs,
            shared,
            workers: self.jobs.len(),
            threads_per_run: self.threads,
        })?;
        for worker in 0..self.jobs.len() {
            self.start_next(worker)?;
        }
        while !self.policy.done() {
            match messages.recv().expect("a worker that runs holds a sender") {
                Message::Event { run, event } => {
                    let run = &self.runs[run];
                    self.audience.tell(&Event::Run { run, event })?;
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
                    })?;
                    self.start_next(worker)?;
                }
            }
        }
        let tally = self.policy.tally();
        self.audience.tell(&Event::SweepFinished {
            tally,
            wall: start.elapsed(),
        })?;
        Ok(tally)
    }

    fn start_next(&mut self, worker: usize) -> Result<(), ScheduleError> {
        let Some(run) = self.policy.start_next() else {
            return Ok(());
        };
        let slot = Slot {
            worker,
            threads: self.threads,
        };
        self.audience.tell(&Event::RunStarted {
            run: &self.runs[run],
            slot,
        })?;
        self.jobs[worker]
            .send(run)
            .expect("a worker lives as long as its channel");
        Ok(())
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
