//! The scheduler with a trainer that does what the test tells it to.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use resweep::domain::{
    Configuration, Cost, Event, EventSink, Outcome, Run, RunConfig, RunEvent, RunId, Shortcut,
    SinkError, Slot, TrainError, TrainPoint, Trainer,
};
use resweep::schedule::{self, ScheduleError, Workforce};

fn run(number: usize) -> Run {
    let configuration = Configuration::paper(20, Shortcut::A);
    Run {
        id: RunId(format!("{number:064}")),
        config: RunConfig {
            configuration,
            seed: number as u64,
        },
        label: format!("run {number}"),
        configuration: 0,
        cost: Cost {
            parameters: 1,
            forward_flops: 1,
            training_flops: number as u64,
        },
    }
}

/// Reports three points; then run 3 panics, run 5 fails, run 7 diverges, the rest finish.
struct Scripted {
    running: AtomicUsize,
    most_running: AtomicUsize,
}

impl Scripted {
    fn new() -> Self {
        Self {
            running: AtomicUsize::new(0),
            most_running: AtomicUsize::new(0),
        }
    }
}

impl Trainer for Scripted {
    fn train(
        &self,
        run: &Run,
        _slot: Slot,
        report: &mut (dyn FnMut(RunEvent) -> ControlFlow<()> + Send),
    ) -> Result<Outcome, TrainError> {
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_running.fetch_max(running, Ordering::SeqCst);
        for iteration in 1..=3 {
            let point = TrainPoint {
                iteration,
                error_percent: 90.0,
                loss: 2.3,
                lr: 0.1,
            };
            if report(RunEvent::Trained(point)).is_break() {
                self.running.fetch_sub(1, Ordering::SeqCst);
                return Ok(Outcome::Stopped);
            }
        }
        self.running.fetch_sub(1, Ordering::SeqCst);
        match run.config.seed {
            3 => in_a_pool(|| panic!("index out of bounds, say")),
            5 => Err(TrainError("out of memory, say".to_owned())),
            7 => Ok(Outcome::Diverged { iteration: 2 }),
            _ => Ok(Outcome::Finished),
        }
    }
}

/// As a trainer does that computes on threads of its own.
fn in_a_pool<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let name = thread::current().name().unwrap_or_default().to_owned();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1);
    let pool = pool.thread_name(move |_| name.clone()).build();
    pool.expect("a pool").install(work)
}

/// Keeps what it hears, and fails at the event with the number `fails_at`.
#[derive(Clone, Default)]
struct Listener {
    heard: Arc<Mutex<Vec<String>>>,
    fails_at: Option<usize>,
}

impl Listener {
    fn heard(&self) -> Vec<String> {
        self.heard.lock().expect("not poisoned").clone()
    }
}

impl EventSink for Listener {
    fn handle(&mut self, event: &Event<'_>) -> Result<(), SinkError> {
        let mut heard = self.heard.lock().expect("not poisoned");
        if self.fails_at == Some(heard.len()) {
            return Err(SinkError("disk full".to_owned()));
        }
        heard.push(match event {
            Event::SweepStarted { .. } => "sweep started".to_owned(),
            Event::RunStarted { run, .. } => format!("{} started", run.label),
            Event::Run { run, .. } => format!("{} reported", run.label),
            Event::RunFinished { run, outcome, .. } => {
                if let Outcome::Failed { error } = outcome
                    && run.config.seed == 3
                {
                    assert!(error.contains("index out of bounds, say at "), "{error}");
                }
                format!("{} {}", run.label, outcome.word())
            }
            Event::SweepFinished { .. } => "sweep finished".to_owned(),
        });
        Ok(())
    }
}

fn workforce(workers: usize) -> Workforce {
    Workforce {
        workers,
        threads_per_run: 1,
    }
}

#[test]
fn every_run_is_trained_once_and_ends_with_its_own_outcome() {
    schedule::install_hook();
    let runs: Vec<Run> = (0..20).map(run).collect();
    let trainer = Scripted::new();
    let mut recorder = Listener::default();
    let tally = schedule::run(
        &runs,
        0,
        workforce(4),
        None,
        &trainer,
        &mut recorder,
        &mut [],
    )
    .expect("the sweep runs");
    assert_eq!((tally.finished, tally.failed, tally.diverged), (17, 2, 1));
    assert!(trainer.most_running.load(Ordering::SeqCst) <= 4);

    let heard = recorder.heard();
    assert_eq!(heard.first().map(String::as_str), Some("sweep started"));
    assert_eq!(heard.last().map(String::as_str), Some("sweep finished"));
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for line in &heard {
        *counts.entry(line).or_default() += 1;
    }
    for number in 0..20 {
        let end = match number {
            3 | 5 => "failed",
            7 => "diverged",
            _ => "finished",
        };
        assert_eq!(counts[format!("run {number} started").as_str()], 1);
        assert_eq!(counts[format!("run {number} reported").as_str()], 3);
        assert_eq!(counts[format!("run {number} {end}").as_str()], 1);
    }
}

#[test]
fn a_recorder_that_fails_stops_the_sweep() {
    let runs: Vec<Run> = (10..30).map(run).collect();
    let mut recorder = Listener {
        fails_at: Some(6),
        ..Listener::default()
    };
    let trainer = Scripted::new();
    let display = Listener::default();
    let error = schedule::run(
        &runs,
        0,
        workforce(2),
        None,
        &trainer,
        &mut recorder,
        &mut [Box::new(display.clone())],
    )
    .expect_err("the disk is full");
    let heard = display.heard();
    let runs_that = |ends: &[&str]| {
        let of_run = |line: &&String| line.starts_with("run ");
        let lines = heard.iter().filter(of_run);
        lines
            .filter(|line| ends.iter().any(|end| line.ends_with(end)))
            .count()
    };
    assert_eq!(runs_that(&["started"]), runs_that(&["finished", "stopped"]));
    assert_eq!(heard.last().map(String::as_str), Some("sweep finished"));
    assert!(matches!(error, ScheduleError::Recorder(_)), "{error}");
    assert_eq!(recorder.heard().len(), 6);
}

#[test]
fn a_display_that_fails_does_not() {
    let runs: Vec<Run> = (10..14).map(run).collect();
    let display = Listener {
        fails_at: Some(0),
        ..Listener::default()
    };
    let tally = schedule::run(
        &runs,
        0,
        workforce(2),
        None,
        &Scripted::new(),
        &mut Listener::default(),
        &mut [Box::new(display)],
    )
    .expect("the sweep runs");
    assert_eq!(tally.finished, 4);
}

#[test]
fn nothing_to_train_is_a_sweep_of_two_events() {
    let mut recorder = Listener::default();
    schedule::run(
        &[],
        3,
        workforce(1),
        None,
        &Scripted::new(),
        &mut recorder,
        &mut [],
    )
    .expect("the sweep runs");
    let heard = recorder.heard();
    assert_eq!(heard, ["sweep started", "sweep finished"]);
}
