//! Worker threads, each of which trains one run after another.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, SendError, Sender, TrySendError, unbounded};

use super::panics;
use crate::domain::{Job, Lease, Outcome, Run, RunEvent, Slot, TrainError, Trainer};

/// The maximum number of events per message.
pub const EVENTS_MAX: usize = 256;

/// A worker's message to the dispatch loop.
pub enum Message {
    /// In the order in which they happened.
    Events { run: usize, events: Vec<RunEvent> },
    Ended {
        worker: usize,
        run: usize,
        outcome: Outcome,
        wall: Duration,
    },
}

/// A run for a worker.
pub struct Task {
    pub run: usize,
    pub lease: Lease,
}

/// The dispatch loop's handle of a worker. Dropping it ends the worker after its run.
pub struct Worker {
    pub slot: Slot,
    tasks: Sender<Task>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Worker {
    /// Starts a worker thread.
    ///
    /// # Errors
    /// When the system has no more threads.
    pub fn start(
        slot: Slot,
        runs: Arc<[Run]>,
        trainer: Arc<dyn Trainer>,
        messages: Sender<Message>,
    ) -> std::io::Result<Self> {
        let (tasks, waiting) = unbounded();
        let stop = Arc::new(AtomicBool::new(false));
        let body = Body {
            slot,
            runs,
            trainer,
            messages,
            stop: Arc::clone(&stop),
        };
        let thread = thread::Builder::new()
            .name(panics::worker_name(slot.worker))
            .spawn(move || body.work(&waiting))?;
        Ok(Self {
            slot,
            tasks,
            stop,
            thread,
        })
    }

    /// Sends the worker its next run.
    pub fn begin(&self, task: Task) {
        self.stop.store(false, Ordering::Relaxed);
        self.tasks
            .send(task)
            .expect("a worker lives as long as its channel");
    }

    /// Asks the current run to stop after its current iteration.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Waits for the end of the thread.
    pub fn join(self) {
        drop(self.tasks);
        // The panic of a run was caught in the thread.
        let _ = self.thread.join();
    }
}

/// The state of the worker's thread.
struct Body {
    slot: Slot,
    runs: Arc<[Run]>,
    trainer: Arc<dyn Trainer>,
    messages: Sender<Message>,
    stop: Arc<AtomicBool>,
}

impl Body {
    fn work(&self, tasks: &Receiver<Task>) {
        for Task { run, lease } in tasks {
            let start = Instant::now();
            let trained = panics::caught(|| self.train(run, &lease));
            let outcome = trained.unwrap_or_else(Outcome::from);
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

    fn train(&self, run: usize, lease: &Lease) -> Result<Outcome, TrainError> {
        let mut reports = Reports {
            run,
            messages: &self.messages,
            waiting: Vec::new(),
        };
        let mut report = |event| {
            let sent = reports.send(event);
            if sent.is_err() || self.stop.load(Ordering::Relaxed) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let job = Job {
            run: &self.runs[run],
            slot: self.slot,
            lease,
        };
        self.trainer.train(&job, &mut report)
    }
}

/// Buffers a run's events for the dispatch loop. If the loop falls behind, events are sent in
/// larger messages: a queue that is always full costs more than its content. Dropping the buffer,
/// also by a panic, sends the rest.
struct Reports<'a> {
    run: usize,
    messages: &'a Sender<Message>,
    waiting: Vec<RunEvent>,
}

impl Reports<'_> {
    /// # Errors
    /// When the receiver is closed.
    fn send(&mut self, event: RunEvent) -> Result<(), SendError<()>> {
        self.waiting.push(event);
        if self.waiting.len() >= EVENTS_MAX {
            return self.messages.send(self.take()).map_err(|_| SendError(()));
        }
        match self.messages.try_send(self.take()) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(Message::Events { events, .. })) => {
                self.waiting = events;
                Ok(())
            }
            Err(_) => Err(SendError(())),
        }
    }

    fn take(&mut self) -> Message {
        Message::Events {
            run: self.run,
            events: std::mem::take(&mut self.waiting),
        }
    }
}

impl Drop for Reports<'_> {
    fn drop(&mut self) {
        if !self.waiting.is_empty() {
            // A closed receiver needs no events.
            let _ = self.messages.send(self.take());
        }
    }
}
