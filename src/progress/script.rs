//! A scripted sweep of four runs, one for each outcome, for the tests of the sinks.

use std::time::Duration;

use resweep_core::domain::*;

/// Sends the whole script to `sink`.
pub fn play(sink: &mut dyn EventSink) {
    for event in events(&runs()) {
        sink.handle(&event).unwrap();
    }
}

pub fn runs() -> Vec<Run> {
    let labels = ["plain-56 seed 1", "ResNet-56 seed 1"];
    let labels = labels.into_iter().chain(["plain-20 lr=10", "ResNet-20"]);
    labels.zip(1..).map(|(label, n)| run(label, n)).collect()
}

pub const SLOTS: [Slot; 2] = [slot(0), slot(1)];

const fn slot(worker: usize) -> Slot {
    Slot {
        worker,
        device: DeviceKind::Cpu,
        threads: 1,
    }
}

pub fn events(runs: &[Run]) -> Vec<Event<'_>> {
    let mut events = vec![Event::SweepStarted {
        pending: runs,
        finished_before: 3,
        slots: &SLOTS,
    }];
    events.extend(finished(&runs[0]));
    events.extend(ended(&runs[1], &Outcome::Stopped));
    events.extend(ended(&runs[2], &Outcome::Diverged { iteration: 312 }));
    events.extend(ended(&runs[3], failure()));
    events.push(Event::SweepFinished {
        tally: SweepTally {
            finished: 1,
            diverged: 1,
            failed: 1,
            stopped: 1,
            skipped: 0,
            elsewhere: 0,
            blocked: 0,
        },
        wall: Duration::from_millis(7_204_400),
    });
    events
}

fn finished(run: &Run) -> Vec<Event<'_>> {
    let progress = RunEvent::Progress {
        iteration: 3990,
        train_error_percent: Some(12.4),
    };
    let trained = RunEvent::Trained(TrainPoint {
        iteration: 4000,
        error_percent: 12.308,
        loss: 0.3512,
        lr: 0.1,
    });
    let evaluated = RunEvent::Evaluated(EvalPoint {
        iteration: 4000,
        set: EvalSet::Test,
        error_percent: 14.02,
        loss: 0.4403,
    });
    let began = RunEvent::Began(StartPoint {
        iteration: 3000,
        from: Some(TrainingId(1)),
    });
    let saved = RunEvent::Checkpointed(Saved {
        iteration: 4000,
        sha256: [0; 32],
        bytes: 6_900_000,
        has_curve: true,
    });
    let layers = RunEvent::LayersMeasured(vec![LayerStat {
        layer: 1,
        name: "conv1".to_owned(),
        std: 1.82,
    }]);
    let measured =
        [began, progress, trained, evaluated, saved, layers].map(|event| Event::Run { run, event });
    let mut events = vec![started(run, 0)];
    events.extend(measured);
    events.push(Event::RunFinished {
        run,
        outcome: &Outcome::Finished,
        wall: Duration::from_millis(123_400),
        retry_in: None,
    });
    events
}

fn ended<'a>(run: &'a Run, outcome: &'a Outcome) -> Vec<Event<'a>> {
    let event = RunEvent::Trained(TrainPoint {
        iteration: 100,
        error_percent: 90.0,
        loss: f64::NAN,
        lr: 0.1,
    });
    let wall = Duration::from_millis(3200);
    vec![
        started(run, 1),
        Event::Run { run, event },
        Event::RunFinished {
            run,
            outcome,
            wall,
            retry_in: None,
        },
    ]
}

fn started(run: &Run, worker: usize) -> Event<'_> {
    let slot = SLOTS[worker];
    Event::RunStarted { run, slot }
}

/// Static, so that it outlives the tests.
fn failure() -> &'static Outcome {
    static FAILURE: std::sync::OnceLock<Outcome> = std::sync::OnceLock::new();
    FAILURE.get_or_init(|| Outcome::Failed {
        error: "cannot read data/test_batch.bin\nno such file".into(),
        transient: false,
        out_of_memory: false,
        disk_full: false,
        device_lost: false,
    })
}

fn run(label: &str, number: u64) -> Run {
    Run {
        id: RunId(format!("run-{number}")),
        config: RunConfig {
            configuration: Configuration::paper(56, Shortcut::None),
            seed: 1,
        },
        label: label.into(),
        configuration: 0,
        trajectories: Vec::new(),
        parent: None,
        cost: Cost {
            parameters: 853_018,
            forward_flops: 125_000_000,
            training_flops: 3_072_000_000_000_000,
        },
    }
}
