//! Sweeps and runs for the tests of the store.

use std::path::{Path, PathBuf};
use std::time::Duration;

use resweep_core::domain::*;
use resweep_store::{Participation, Provenance, Recorder, RunRecord, SweepRecord};

/// A run of 3,000 iterations; its id depends on everything that is given.
pub fn run(depth: usize, shortcut: Shortcut, seed: u64) -> Run {
    let configuration = configuration(depth, shortcut);
    let label = format!("{} seed {seed}", configuration.model.name());
    let id = depth * 1000 + label.len() * 10 + seed as usize;
    Run {
        id: RunId(format!("{id:064x}")),
        config: RunConfig {
            configuration,
            seed,
        },
        label,
        configuration: 0,
        parent: None,
        trajectories: (0..3)
            .map(|stretch| TrajectoryId(format!("{id:060x}{stretch:04x}")))
            .collect(),
        cost: Cost {
            parameters: 269_722,
            forward_flops: 40_800_000,
            training_flops: 12_000_000_000,
        },
    }
}

fn configuration(depth: usize, shortcut: Shortcut) -> Configuration {
    let mut configuration = Configuration::paper(depth, shortcut);
    configuration.data.dataset = Dataset::Synthetic;
    configuration.data.path = Some(PathBuf::from("somewhere"));
    configuration.train.iterations = 3000;
    configuration.train.lr_drops = vec![1500, 2250];
    configuration
}

pub fn provenance() -> Provenance {
    Provenance {
        version: "0.1.0".into(),
        git_commit: Some("b111a02".into()),
        cpu: "Example CPU".into(),
        devices: vec![(DeviceKind::Cuda(1), "cuda:1 (Example GPU)".into())],
        host: "example".into(),
    }
}

/// A database in a folder that may not exist yet, and a sweep of `runs` begun in it.
pub fn begun(path: &Path, name: &str, runs: &[Run]) -> Recorder {
    let mut recorder = Recorder::open(path).unwrap();
    begin(&mut recorder, name, runs);
    recorder
}

pub fn begin(recorder: &mut Recorder, name: &str, runs: &[Run]) {
    begin_as(recorder, name, runs, Participation::default());
}

pub fn begin_as(recorder: &mut Recorder, name: &str, runs: &[Run], how: Participation) {
    let entries: Vec<RunRecord<'_>> = runs
        .iter()
        .map(|run| RunRecord {
            run,
            data_fingerprint: "synthetic-1",
        })
        .collect();
    let record = SweepRecord {
        later: &[],
        sweep: &sweep(name),
        spec_toml: "[sweep]\n",
        overrides: &["train.iterations=3000".into()],
        runs: &entries,
    };
    recorder.begin_sweep(&record, provenance(), how).unwrap();
    let started = Event::SweepStarted {
        pending: runs,
        finished_before: 0,
        slots: &[SLOT, SLOT],
    };
    recorder.handle(&started).unwrap();
}

fn sweep(name: &str) -> Sweep {
    Sweep {
        name: name.into(),
        title: Some("Plain and residual nets".into()),
        description: None,
        configurations: Vec::new(),
        labels: Vec::new(),
        seeds: vec![1, 2],
        adaptive: None,
        seeds_note: None,
        expectations: Vec::new(),
        max_attempts: 3,
        figures: vec![Figure {
            name: "figure".to_owned(),
            title: None,
            kind: FigureKind::ErrorVsIteration,
            axes: Axes::default(),
            grid: None,
            style: FigureStyle::default(),
            reference: Reference::None,
            smoothing: 1,
            sweeps: Vec::new(),
            declared_in: None,
            place: 0,
            panels: Vec::new(),
        }],
    }
}

pub const SLOT: Slot = Slot {
    worker: 0,
    device: DeviceKind::Cpu,
    threads: 1,
};

/// Claims a free run and starts it from scratch.
pub fn start(recorder: &mut Recorder, run: &Run) -> Lease {
    start_from(recorder, run, 0, None)
}

/// Claims a free run and resumes it from a checkpoint.
pub fn start_from(
    recorder: &mut Recorder,
    run: &Run,
    iteration: u64,
    from: Option<TrainingId>,
) -> Lease {
    start_in(recorder, run, SLOT, StartPoint { iteration, from })
}

/// The same in another slot.
pub fn start_in(recorder: &mut Recorder, run: &Run, slot: Slot, start_point: StartPoint) -> Lease {
    let claim = recorder.claim(run, slot).unwrap();
    let Claim::Acquired(lease) = claim else {
        panic!("{run} is not free: {claim:?}");
    };
    recorder.handle(&Event::RunStarted { run, slot }).unwrap();
    record(recorder, run, RunEvent::Began(start_point));
    lease
}

/// Records and commits an event of a run.
pub fn record(recorder: &mut Recorder, run: &Run, event: RunEvent) {
    recorder.handle(&Event::Run { run, event }).unwrap();
    recorder.commit().unwrap();
}

/// A point of the training curve and, at the same iteration, one of the test curve.
pub fn measure(recorder: &mut Recorder, run: &Run, iteration: u64, train: f64, test: f64) {
    let trained = RunEvent::Trained(train_point(iteration, train));
    let evaluated = RunEvent::Evaluated(test_point(iteration, test));
    for event in [trained, evaluated] {
        record(recorder, run, event);
    }
}

pub fn train_point(iteration: u64, error_percent: f64) -> TrainPoint {
    TrainPoint {
        iteration,
        error_percent,
        loss: error_percent / 40.0,
        lr: 0.1,
    }
}

pub fn test_point(iteration: u64, error_percent: f64) -> EvalPoint {
    EvalPoint {
        iteration,
        set: EvalSet::Test,
        error_percent,
        loss: error_percent / 40.0,
    }
}

pub fn finish(recorder: &mut Recorder, run: &Run, outcome: &Outcome) {
    let wall = Duration::from_secs(60);
    recorder
        .handle(&Event::RunFinished {
            run,
            outcome,
            wall,
            retry_in: None,
        })
        .unwrap();
    recorder.commit().unwrap();
}
