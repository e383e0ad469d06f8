//! Worker threads: each trains one run after another.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, SendError, Sender, TrySendError, unbounded};

use super::panics;
use crate::domain::{Grant, Job, Outcome, Run, RunEvent, Slot, TrainError, Trainer};

/// Events of a message at most.
pub const EVENTS_MAX: usize = 256;

/// What a worker tells the dispatch loop.
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
    pub grant: Grant,
}

/// The dispatch loop's end of a worker. Dropping it lets the worker end after its run.
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

    /// Hands the worker its next run.
    pub fn begin(&self, task: Task) {
        self.stop.store(false, Ordering::Relaxed);
        self.tasks
            .send(task)
            .expect("a worker lives as long as its channel");
    }

    /// Asks the run in progress to stop after its current iteration.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Waits until the thread has ended.
    pub fn join(self) {
        drop(self.tasks);
        // A panic of a run was caught there.
        let _ = self.thread.join();
    }
}

/// What lives on the worker's thread.
struct Body {
    slot: Slot,
    runs: Arc<[Run]>,
    trainer: Arc<dyn Trainer>,
    messages: Sender<Message>,
    stop: Arc<AtomicBool>,
}

impl Body {
    fn work(&self, tasks: &Receiver<Task>) {
        for Task { run, grant } in tasks {
            let start = Instant::now();
            let trained = panics::caught(|| self.train(run, &grant));
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

    fn train(&self, run: usize, grant: &Grant) -> Result<Outcome, TrainError> {
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
            grant,
        };
        self.trainer.train(&job, &mut report)
    }
}

/// What a run reports, on its way to the dispatch loop. Where that falls behind, events wait here
/// and go together: a queue that is always full costs more than what is in it. The rest goes when
/// the value is dropped, also by a panic.
struct Reports<'a> {
    run: usize,
    messages: &'a Sender<Message>,
    waiting: Vec<RunEvent>,
}

impl Reports<'_> {
    /// # Errors
    /// When nobody listens any more.
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
            // Who does not listen any more need not hear it.
            let _ = self.messages.send(self.take());
        }
    }
}
