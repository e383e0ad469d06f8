//! The scheduler with scripted trainers.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use crossbeam::channel::{Receiver, Sender, never};
use resweep_core::domain::{
    Claim, Configuration, Cost, DeviceKind, Event, EventSink, Job, Lease, Ledger, Outcome,
    ParentRun, Run, RunConfig, RunEvent, RunId, Shortcut, SinkError, Slot, StopReason, SweepTally,
    TrainError, TrainPoint, Trainer, TrainingId, TrajectoryId,
};
use resweep_core::files::Place;
use resweep_core::schedule::{self, Limits, RunBatch, ScheduleError, WorkerPool};

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
        trajectories: Vec::new(),
        parent: None,
        cost: Cost {
            parameters: 1,
            forward_flops: 1,
            training_flops: number as u64,
        },
    }
}

/// Reports three points; then run 3 panics, run 5 fails, run 7 diverges, those from 40 on train
/// without end, and the rest finish.
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
        job: &Job<'_>,
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
        if job.run.config.seed >= 40 {
            train_without_end(job.run.config.seed, report);
            self.running.fetch_sub(1, Ordering::SeqCst);
            return Ok(Outcome::Stopped);
        }
        self.running.fetch_sub(1, Ordering::SeqCst);
        match job.run.config.seed {
            3 => in_a_pool(|| panic!("index out of bounds, say")),
            5 => Err(TrainError::permanent("no such file, say")),
            7 => Ok(Outcome::Diverged { iteration: 2 }),
            _ => Ok(Outcome::Finished),
        }
    }
}

/// Trains until it is stopped; with seeds from 50 on it never returns, as in a long step.
fn train_without_end(seed: u64, report: &mut (dyn FnMut(RunEvent) -> ControlFlow<()> + Send)) {
    loop {
        let progress = RunEvent::Progress {
            iteration: 3,
            train_error_percent: Some(90.0),
        };
        if report(progress).is_break() && seed < 50 {
            return;
        }
        thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// Runs `work` on other threads, as real trainers do.
fn in_a_pool<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let name = thread::current().name().unwrap_or_default().to_owned();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1);
    let pool = pool.thread_name(move |_| name.clone()).build();
    pool.expect("a pool").install(work)
}

/// Records events, and fails at the event with the number `fails_at`.
#[derive(Clone, Default)]
struct Listener {
    events: Arc<Mutex<Vec<String>>>,
    fails_at: Option<usize>,
    /// The result of the first claim of a run.
    claims: HashMap<RunId, Claim>,
    lost: Vec<RunId>,
    stop_at_first_report: Option<Sender<StopReason>>,
}

impl Listener {
    fn events(&self) -> Vec<String> {
        self.events.lock().expect("not poisoned").clone()
    }
}

impl EventSink for Listener {
    fn handle(&mut self, event: &Event<'_>) -> Result<(), SinkError> {
        let mut events = self.events.lock().expect("not poisoned");
        if self.fails_at == Some(events.len()) {
            return Err(SinkError("disk full".to_owned()));
        }
        events.push(match event {
            Event::SweepStarted { .. } => "sweep started".to_owned(),
            Event::RunStarted { run, .. } => format!("{} started", run.label),
            Event::Run { run, .. } => {
                if let Some(stop) = self.stop_at_first_report.take() {
                    stop.send("SIGTERM").expect("somebody listens");
                }
                format!("{} reported", run.label)
            }
            Event::RunFinished { run, outcome, .. } => {
                if let Outcome::Failed { error, .. } = outcome
                    && run.config.seed == 3
                {
                    assert!(error.contains("index out of bounds, say at "), "{error}");
                }
                format!("{} {}", run.label, outcome.into_str())
            }
            Event::RunEndedElsewhere { run, .. } => format!("{} settled", run.label),
            Event::RunBlocked { run, .. } => format!("{} blocked", run.label),
            Event::SlotRetired { slot, left } => {
                format!("{} continues with {left}", slot.device)
            }
            Event::DeviceLost { device, left } => format!("{device} lost, {left} left"),
            Event::StopRequested { by } => format!("{by} asked to stop"),
            Event::SweepFinished { .. } => "sweep finished".to_owned(),
        });
        Ok(())
    }
}

/// Every claim succeeds, except first claims listed in `claims`.
impl Ledger for Listener {
    fn claim(&mut self, run: &Run, _slot: Slot) -> Result<Claim, SinkError> {
        if let Some(claim) = self.claims.remove(&run.id) {
            return Ok(claim);
        }
        Ok(Claim::Acquired(Lease {
            training: TrainingId(1),
            attempt: 1,
            folder: Place::root(Path::new("unused")),
            checkpoints: Vec::new(),
            parent_checkpoints: Vec::new(),
        }))
    }

    fn commit(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    fn lost(&mut self) -> Vec<RunId> {
        std::mem::take(&mut self.lost)
    }
}

fn sweep(
    numbers: impl Iterator<Item = usize>,
    workers: usize,
    trainer: &Arc<Scripted>,
    ledger: &mut Listener,
    display: &Listener,
    stop: &Receiver<StopReason>,
) -> Result<SweepTally, ScheduleError> {
    let runs = numbers.map(run).collect();
    sweep_of(runs, workers, trainer, ledger, display, stop)
}

fn batch(runs: Arc<[Run]>, worker_pool: WorkerPool, max_attempts: u32) -> RunBatch {
    RunBatch {
        runs,
        finished_before: 0,
        worker_pool,
        limits: Limits {
            max_fails: None,
            max_attempts,
        },
        grace: RunBatch::GRACE,
    }
}

fn sweep_of(
    runs: Arc<[Run]>,
    workers: usize,
    trainer: &Arc<Scripted>,
    ledger: &mut Listener,
    display: &Listener,
    stop: &Receiver<StopReason>,
) -> Result<SweepTally, ScheduleError> {
    let batch = batch(runs, WorkerPool::on_cpu(workers, 1), 3);
    let trainer: Arc<dyn Trainer> = Arc::clone(trainer) as Arc<dyn Trainer>;
    let mut sinks: [Box<dyn EventSink>; 1] = [Box::new(display.clone())];
    schedule::run(&batch, &trainer, ledger, &mut sinks, stop)
}

#[test]
fn every_run_is_trained_once_and_ends_with_its_own_outcome() {
    schedule::install_hook();
    let trainer = Arc::new(Scripted::new());
    let mut ledger = Listener::default();
    let display = Listener::default();
    let tally = sweep(0..20, 4, &trainer, &mut ledger, &display, &never());
    let tally = tally.expect("the sweep runs");
    assert_eq!((tally.finished, tally.failed, tally.diverged), (17, 2, 1));
    assert!(trainer.most_running.load(Ordering::SeqCst) <= 4);

    let events = ledger.events();
    assert_eq!(events, display.events());
    assert_eq!(events.first().map(String::as_str), Some("sweep started"));
    assert_eq!(events.last().map(String::as_str), Some("sweep finished"));
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for line in &events {
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
fn a_ledger_that_fails_stops_the_sweep() {
    let mut ledger = Listener {
        fails_at: Some(6),
        ..Listener::default()
    };
    let trainer = Arc::new(Scripted::new());
    let display = Listener::default();
    let error =
        sweep(10..30, 2, &trainer, &mut ledger, &display, &never()).expect_err("the disk is full");
    let events = display.events();
    let runs_that = |ends: &[&str]| {
        let of_run = |line: &&String| line.starts_with("run ");
        let lines = events.iter().filter(of_run);
        lines
            .filter(|line| ends.iter().any(|end| line.ends_with(end)))
            .count()
    };
    assert_eq!(runs_that(&["started"]), runs_that(&["finished", "stopped"]));
    assert_eq!(events.last().map(String::as_str), Some("sweep finished"));
    assert!(matches!(error, ScheduleError::Recorder(_)), "{error}");
    assert_eq!(ledger.events().len(), 6);
}

#[test]
fn a_display_that_fails_does_not() {
    let display = Listener {
        fails_at: Some(0),
        ..Listener::default()
    };
    let trainer = Arc::new(Scripted::new());
    let tally = sweep(
        10..14,
        2,
        &trainer,
        &mut Listener::default(),
        &display,
        &never(),
    );
    assert_eq!(tally.expect("the sweep runs").finished, 4);
}

#[test]
fn nothing_to_train_is_a_sweep_of_two_events() {
    let mut ledger = Listener::default();
    let trainer = Arc::new(Scripted::new());
    let display = Listener::default();
    sweep(0..0, 1, &trainer, &mut ledger, &display, &never()).expect("the sweep runs");
    assert_eq!(ledger.events(), ["sweep started", "sweep finished"]);
}

#[test]
fn runs_of_other_processes_are_awaited_or_taken_over() {
    let trainer = Arc::new(Scripted::new());
    let claims = [
        (run(10).id, Claim::EndedElsewhere(Outcome::Finished)),
        (run(11).id, Claim::LeasedElsewhere),
    ];
    let mut ledger = Listener {
        claims: claims.into(),
        ..Listener::default()
    };
    let display = Listener::default();
    let tally = sweep(10..13, 1, &trainer, &mut ledger, &display, &never());
    let tally = tally.expect("the sweep runs");
    assert_eq!((tally.finished, tally.elsewhere), (2, 1));
    let ends: Vec<String> = ledger
        .events()
        .into_iter()
        .filter(|line| line.ends_with("finished") || line.ends_with("settled"))
        .collect();
    let expected = [
        "run 10 settled",
        "run 12 finished",
        "run 11 finished",
        "sweep finished",
    ];
    assert_eq!(ends, expected);
}

#[test]
fn stop_does_not_wait_for_unresponsive_runs() {
    let trainer = Arc::new(Scripted::new());
    let (ask, asked) = crossbeam::channel::bounded(1);
    let mut ledger = Listener {
        stop_at_first_report: Some(ask),
        ..Listener::default()
    };
    let display = Listener::default();
    let numbers = [40, 41, 50, 10, 11].into_iter();
    let tally = sweep(numbers, 3, &trainer, &mut ledger, &display, &asked);
    let tally = tally.expect("the sweep runs");
    assert_eq!((tally.stopped, tally.skipped, tally.finished), (3, 2, 0));
    assert_eq!(
        ledger.events().last().map(String::as_str),
        Some("sweep finished")
    );
}

#[test]
fn run_taken_over_by_another_process_stops_and_is_polled() {
    let trainer = Arc::new(Scripted::new());
    let mut ledger = Listener {
        lost: vec![run(40).id],
        ..Listener::default()
    };
    let (ask, asked) = crossbeam::channel::bounded(1);
    let stopper = thread::spawn(move || {
        thread::sleep(std::time::Duration::from_secs(1));
        ask.send("SIGTERM").expect("somebody listens");
    });
    let display = Listener::default();
    let numbers = std::iter::once(40);
    let tally = sweep(numbers, 1, &trainer, &mut ledger, &display, &asked);
    stopper.join().expect("it only sleeps");
    assert_eq!(tally.expect("the sweep runs").stopped, 1);
    let started = ledger
        .events()
        .iter()
        .filter(|line| *line == "run 40 started")
        .count();
    assert_eq!(started, 2);
}

/// Reports without pauses; runs with an odd seed panic at the end.
struct Flood;

const FLOOD: u64 = 3000;

impl Trainer for Flood {
    fn train(
        &self,
        job: &Job<'_>,
        report: &mut (dyn FnMut(RunEvent) -> ControlFlow<()> + Send),
    ) -> Result<Outcome, TrainError> {
        for iteration in 1..=FLOOD {
            let progress = RunEvent::Progress {
                iteration,
                train_error_percent: Some(90.0),
            };
            assert!(report(progress).is_continue());
        }
        assert!(job.run.config.seed.is_multiple_of(2), "an odd seed");
        Ok(Outcome::Finished)
    }
}

/// Counts each run's events, which must arrive in order and before the run's end.
#[derive(Default)]
struct Order(HashMap<RunId, u64>);

impl EventSink for Order {
    fn handle(&mut self, event: &Event<'_>) -> Result<(), SinkError> {
        match event {
            Event::Run {
                run,
                event: RunEvent::Progress { iteration, .. },
            } => {
                let last = self.0.entry(run.id.clone()).or_default();
                *last += 1;
                assert_eq!(last, iteration, "{run}");
            }
            Event::RunFinished { run, .. } => assert_eq!(self.0[&run.id], FLOOD, "{run}"),
            _ => {}
        }
        Ok(())
    }
}

impl Ledger for Order {
    fn claim(&mut self, run: &Run, slot: Slot) -> Result<Claim, SinkError> {
        Listener::default().claim(run, slot)
    }

    fn commit(&mut self) -> Result<(), SinkError> {
        // So that the queue fills up.
        thread::sleep(std::time::Duration::from_millis(1));
        Ok(())
    }

    fn lost(&mut self) -> Vec<RunId> {
        Vec::new()
    }
}

#[test]
fn fast_reporting_runs_lose_no_events() {
    schedule::install_hook();
    let batch = batch((0..64).map(run).collect(), WorkerPool::on_cpu(32, 1), 1);
    let trainer: Arc<dyn Trainer> = Arc::new(Flood);
    let mut ledger = Order::default();
    let tally = schedule::run(&batch, &trainer, &mut ledger, &mut [], &never());
    let tally = tally.expect("the sweep runs");
    assert_eq!((tally.finished, tally.failed), (32, 32));
}

/// Counts how often the dispatch loop commits.
struct Counting(Listener, usize);

impl EventSink for Counting {
    fn handle(&mut self, event: &Event<'_>) -> Result<(), SinkError> {
        self.0.handle(event)
    }
}

impl Ledger for Counting {
    fn claim(&mut self, run: &Run, slot: Slot) -> Result<Claim, SinkError> {
        self.0.claim(run, slot)
    }

    fn commit(&mut self) -> Result<(), SinkError> {
        self.1 += 1;
        self.0.commit()
    }

    fn lost(&mut self) -> Vec<RunId> {
        self.0.lost()
    }
}

/// Trains for longer than the pause before a run of another process is claimed again.
struct Silent;

impl Trainer for Silent {
    fn train(
        &self,
        _: &Job<'_>,
        _: &mut (dyn FnMut(RunEvent) -> ControlFlow<()> + Send),
    ) -> Result<Outcome, TrainError> {
        thread::sleep(std::time::Duration::from_millis(700));
        Ok(Outcome::Finished)
    }
}

#[test]
fn a_run_that_is_due_does_not_keep_the_scheduler_busy_while_all_workers_train() {
    let batch = batch((0..2).map(run).collect(), WorkerPool::on_cpu(1, 1), 1);
    let claims = HashMap::from([(run(0).id, Claim::LeasedElsewhere)]);
    let listener = Listener {
        claims,
        ..Listener::default()
    };
    let mut ledger = Counting(listener, 0);
    let trainer: Arc<dyn Trainer> = Arc::new(Silent);
    let tally = schedule::run(&batch, &trainer, &mut ledger, &mut [], &never());
    assert_eq!(tally.expect("the sweep runs").finished, 2);
    assert!(ledger.1 < 20, "{} commits", ledger.1);
}

#[test]
fn children_wait_for_their_parent_and_are_blocked_if_it_fails() {
    schedule::install_hook();
    let grown = |number: usize, needs: usize| {
        let source = run(needs);
        Run {
            parent: Some(ParentRun {
                run: source.id,
                trajectory: TrajectoryId(String::new()),
                iteration: 1,
            }),
            ..run(number)
        }
    };
    // Run 5 fails, which blocks its descendants.
    let runs = [grown(12, 11), grown(11, 5), grown(14, 13), run(5), run(13)];
    let trainer = Arc::new(Scripted::new());
    let mut ledger = Listener::default();
    let display = Listener::default();
    let tally = sweep_of(runs.into(), 4, &trainer, &mut ledger, &display, &never());
    let tally = tally.expect("the sweep runs");
    assert_eq!((tally.finished, tally.failed, tally.blocked), (2, 1, 2));
    let events = ledger.events();
    let place = |line: &str| events.iter().position(|events| events == line);
    assert!(
        place("run 13 finished") < place("run 14 started"),
        "{events:?}"
    );
    assert!(
        place("run 5 failed") < place("run 11 blocked"),
        "{events:?}"
    );
    assert!(
        place("run 11 blocked") < place("run 12 blocked"),
        "{events:?}"
    );
    assert!(
        place("run 11 started")
            .or(place("run 12 started"))
            .is_none()
    );
}

/// A device with memory for some concurrent runs; those wait until `failures` others have failed,
/// by an error or, as with dfdx's copies of tensors, by a panic.
struct SmallDevice {
    room: usize,
    failures: usize,
    /// The number of runs with memory, and of failed allocations.
    state: Mutex<(usize, usize)>,
    /// The recorded events of all runs.
    events: Arc<Mutex<Vec<String>>>,
}

impl SmallDevice {
    fn new(room: usize, failures: usize) -> Arc<Self> {
        Arc::new(Self {
            room,
            failures,
            state: Mutex::default(),
            events: Arc::default(),
        })
    }

    fn failed(&self) -> usize {
        let events = self.events.lock().expect("not poisoned");
        events
            .iter()
            .filter(|line| line.ends_with("failed"))
            .count()
    }
}

impl Trainer for SmallDevice {
    fn train(
        &self,
        _: &Job<'_>,
        _: &mut (dyn FnMut(RunEvent) -> ControlFlow<()> + Send),
    ) -> Result<Outcome, TrainError> {
        let mut state = self.state.lock().expect("not poisoned");
        if state.0 == self.room {
            state.1 += 1;
            let panics = state.1.is_multiple_of(2);
            drop(state);
            assert!(!panics, "CUDA_ERROR_OUT_OF_MEMORY");
            return Err(TrainError::out_of_memory("CUDA_ERROR_OUT_OF_MEMORY, say"));
        }
        state.0 += 1;
        drop(state);
        while self.failed() < self.failures {
            thread::sleep(std::time::Duration::from_millis(1));
        }
        self.state.lock().expect("not poisoned").0 -= 1;
        Ok(Outcome::Finished)
    }
}

/// Trains `runs` runs on a device with `slots` workers. Returns the events and the tally.
fn on(
    device: DeviceKind,
    trainer: Arc<SmallDevice>,
    runs: usize,
    slots: usize,
) -> (Vec<String>, SweepTally) {
    let slot = |worker| Slot {
        worker,
        device,
        threads: 1,
    };
    let worker_pool = WorkerPool {
        slots: (0..slots).map(slot).collect(),
    };
    let batch = batch((10..10 + runs).map(run).collect(), worker_pool, 2);
    let mut ledger = Listener {
        events: Arc::clone(&trainer.events),
        ..Listener::default()
    };
    let trainer: Arc<dyn Trainer> = trainer;
    let tally = schedule::run(&batch, &trainer, &mut ledger, &mut [], &never());
    (ledger.events(), tally.expect("the sweep runs"))
}

const DEVICES: [DeviceKind; 2] = [DeviceKind::Cuda(0), DeviceKind::Cpu];

#[test]
fn a_device_without_memory_for_all_its_runs_gets_fewer_at_once() {
    for device in DEVICES {
        let (events, tally) = on(device, SmallDevice::new(2, 2), 6, 4);
        assert_eq!((tally.finished, tally.failed), (6, 0), "{events:?}");
        let continues = |left| format!("{device} continues with {left}");
        let retired = events.iter().filter(|line| line.contains("continues with"));
        let retired: Vec<&String> = retired.collect();
        assert_eq!(retired, [&continues(3), &continues(2)]);
        // Running out of shared memory does not count as an attempt: two are allowed here.
        let failed = events.iter().filter(|line| line.ends_with("failed"));
        assert_eq!(failed.count(), 2);
    }
}

/// A GPU that fails once a run has started on each of its workers; the CPU trains everything.
struct LostGpu(std::sync::Barrier);

impl Trainer for LostGpu {
    fn train(
        &self,
        job: &Job<'_>,
        _: &mut (dyn FnMut(RunEvent) -> ControlFlow<()> + Send),
    ) -> Result<Outcome, TrainError> {
        if job.slot.device == DeviceKind::Cpu {
            return Ok(Outcome::Finished);
        }
        self.0.wait();
        Err(TrainError::device_lost("CUDA_ERROR_ILLEGAL_ADDRESS, say"))
    }
}

/// Trains six runs on these devices, the GPU's workers of which fail together.
fn on_lost_gpu(devices: &[DeviceKind]) -> (Vec<String>, SweepTally) {
    let slots = devices.iter().enumerate().map(|(worker, &device)| Slot {
        worker,
        device,
        threads: 1,
    });
    let worker_pool = WorkerPool {
        slots: slots.collect(),
    };
    let batch = batch((10..16).map(run).collect(), worker_pool, 2);
    let gpus = devices.iter().filter(|device| **device != DeviceKind::Cpu);
    let trainer: Arc<dyn Trainer> = Arc::new(LostGpu(std::sync::Barrier::new(gpus.count())));
    let mut ledger = Listener::default();
    let tally = schedule::run(&batch, &trainer, &mut ledger, &mut [], &never());
    (ledger.events(), tally.expect("the sweep runs"))
}

#[test]
fn lost_gpu_gets_no_further_run_and_its_runs_are_retried_on_the_cpu() {
    let gpu = DeviceKind::Cuda(0);
    let (events, tally) = on_lost_gpu(&[gpu, gpu, DeviceKind::Cpu]);
    assert_eq!((tally.finished, tally.failed), (6, 0), "{events:?}");
    let count = |text: &str| events.iter().filter(|line| line.contains(text)).count();
    assert_eq!((count("cuda:0 lost, 1 left"), count("lost")), (1, 1));
    assert_eq!(count("failed"), 2);
}

#[test]
fn sweep_ends_when_its_only_gpu_is_lost() {
    let gpu = DeviceKind::Cuda(0);
    let (events, tally) = on_lost_gpu(&[gpu, gpu]);
    let ends = (tally.finished, tally.failed, tally.skipped);
    assert_eq!(ends, (0, 2, 4), "{events:?}");
    assert!(events.contains(&"cuda:0 lost, 0 left".to_owned()));
}

/// A device with memory for one run; failures are reported after both have started.
struct RoomForOne(std::sync::Barrier, Mutex<usize>);

impl Trainer for RoomForOne {
    fn train(
        &self,
        _: &Job<'_>,
        _: &mut (dyn FnMut(RunEvent) -> ControlFlow<()> + Send),
    ) -> Result<Outcome, TrainError> {
        let place = {
            let mut started = self.1.lock().expect("not poisoned");
            *started += 1;
            *started
        };
        if place > 2 {
            return Ok(Outcome::Finished);
        }
        self.0.wait();
        Err(TrainError::out_of_memory("out of memory"))
    }
}

#[test]
fn two_runs_that_take_each_other_s_memory_train_one_after_the_other() {
    let trainer = RoomForOne(std::sync::Barrier::new(2), Mutex::new(0));
    let batch = batch((10..12).map(run).collect(), WorkerPool::on_cpu(2, 1), 1);
    let trainer: Arc<dyn Trainer> = Arc::new(trainer);
    let mut ledger = Listener::default();
    let tally = schedule::run(&batch, &trainer, &mut ledger, &mut [], &never());
    let tally = tally.expect("the sweep runs");
    let events = ledger.events();
    assert_eq!((tally.finished, tally.failed), (2, 0), "{events:?}");
    assert!(
        events.contains(&"cpu continues with 1".to_owned()),
        "{events:?}"
    );
}

#[test]
fn run_that_does_not_fit_alone_fails_without_retiring_workers() {
    for device in DEVICES {
        let (events, tally) = on(device, SmallDevice::new(0, 0), 1, 3);
        assert_eq!((tally.finished, tally.failed), (0, 1));
        let count = |end: &str| events.iter().filter(|line| line.ends_with(end)).count();
        assert_eq!(count("run 10 failed"), 2, "{events:?}");
        assert!(!events.iter().any(|line| line.contains("continues with")));
    }
}
