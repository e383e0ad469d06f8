//! Worker threads: each trains one run after another.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, unbounded};

use super::panics;
use crate::domain::{Grant, Job, Outcome, Run, RunEvent, Slot, TrainError, Trainer};

/// What a worker tells the dispatch loop.
pub enum Message {
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
            let outcome = trained.unwrap_or_else(|error| Outcome::Failed {
                error: error.message,
                transient: error.transient,
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

    fn train(&self, run: usize, grant: &Grant) -> Result<Outcome, TrainError> {
        let mut report = |event| {
            let sent = self.messages.send(Message::Event { run, event });
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
