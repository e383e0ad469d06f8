//! The store's public interface: recorded data are read back.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::record_fixture::{
    SLOT, begin, begin_as, begun, finish, measure, provenance, record, run, start, start_from,
    start_in, test_point, train_point,
};
use resweep_core::domain::*;
use resweep_store::{AttemptStatus, Participation, Recorder, RunImages, RunStatus, Store};
use rusqlite::Connection;

fn database() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("results/resweep.db");
    (folder, path)
}

fn status_of(store: &Store, run: &Run) -> RunStatus {
    let mut statuses = store.statuses(std::slice::from_ref(&run.id)).unwrap();
    statuses.remove(&run.id).unwrap()
}

fn curves_of(store: &Store, run: &Run) -> Curves {
    let mut curves = store.curves(std::slice::from_ref(&run.id)).unwrap();
    curves.remove(&run.id).unwrap()
}

fn error_point(point: TrainPoint) -> ErrorPoint {
    ErrorPoint {
        iteration: point.iteration,
        error_percent: point.error_percent,
        loss: point.loss,
    }
}

fn failed(error: &str) -> Outcome {
    Outcome::Failed {
        error: error.into(),
        transient: false,
        out_of_memory: false,
        disk_full: false,
        device_lost: false,
    }
}

#[test]
fn a_store_that_does_not_exist_is_empty_and_is_not_created() {
    let (_folder, path) = database();
    let store = Store::open_read_only(&path).unwrap();
    let ids = [run(20, Shortcut::None, 1).id];
    assert!(store.statuses(&ids).unwrap().is_empty());
    assert!(store.curves(&ids).unwrap().is_empty());
    assert!(store.attempts(&ids[0]).unwrap().is_empty());
    assert!(store.members("fig6").unwrap().is_empty());
    assert!(store.sweeps().unwrap().is_empty());
    assert!(store.observed_times("cpu", "a CPU", 1).unwrap().is_empty());
    assert!(!path.exists());
}

#[test]
fn a_finished_run_is_read_back_as_it_was_recorded() {
    let (_folder, path) = database();
    let run = run(20, Shortcut::None, 1);
    let mut recorder = begun(&path, "fig6", std::slice::from_ref(&run));
    start(&mut recorder, &run);
    measure(&mut recorder, &run, 1000, 41.2, 38.75);
    measure(&mut recorder, &run, 3000, 9.1, 12.4);
    finish(&mut recorder, &run, &Outcome::Finished);
    drop(recorder);

    let store = Store::open_read_only(&path).unwrap();
    let trained = [train_point(1000, 41.2), train_point(3000, 9.1)];
    assert_eq!(store.measurements(&run.id).unwrap().train, trained);
    let recorded = Curves {
        train: trained.map(error_point).to_vec(),
        eval: vec![test_point(1000, 38.75), test_point(3000, 12.4)],
        measured: curves_of(&store, &run).measured,
        diverged: None,
        guess_error_percent: curves_of(&store, &run).guess_error_percent,
        train_images: curves_of(&store, &run).train_images,
    };
    assert_eq!(curves_of(&store, &run), recorded);
    let is_day = |day: &str| day.len() == 10 && day.as_bytes()[4] == b'-' && day > "2020";
    assert!(
        recorded.measured.as_deref().is_some_and(is_day),
        "{recorded:?}"
    );
    let status = RunStatus {
        status: AttemptStatus::Finished,
        attempts: 1,
        error: None,
        transient: false,
        diverged_iteration: None,
        iteration: 3000,
        wall: Some(Duration::from_secs(60)),
        train: Some(train_point(3000, 9.1)),
        test: Some(test_point(3000, 12.4)),
        validation: None,
        sweeps: vec!["fig6".into()],
    };
    assert_eq!(status_of(&store, &run), status);
    let attempt = &store.attempts(&run.id).unwrap()[0];
    assert_eq!((attempt.threads, attempt.workers), (1, 2));
    assert_eq!(attempt.git_commit, provenance().git_commit);
    assert_eq!(attempt.device, "cpu");
    assert!(attempt.ended_unix_ms.unwrap() >= attempt.started_unix_ms);
}

#[test]
fn a_gpu_is_recorded_with_its_name() {
    let (_folder, path) = database();
    let run = run(20, Shortcut::None, 1);
    let mut recorder = begun(&path, "fig6", std::slice::from_ref(&run));
    let slot = Slot {
        device: DeviceKind::Cuda(1),
        ..SLOT
    };
    let beginning = StartPoint {
        iteration: 0,
        from: None,
    };
    start_in(&mut recorder, &run, slot, beginning);
    let store = Store::open_read_only(&path).unwrap();
    let attempt = &store.attempts(&run.id).unwrap()[0];
    assert_eq!(attempt.device, "cuda:1 (Example GPU)");
}

#[test]
fn validation_and_test_points_of_one_iteration_are_kept_apart() {
    let (_folder, path) = database();
    let run = run(20, Shortcut::None, 1);
    let mut recorder = begun(&path, "fig6", std::slice::from_ref(&run));
    start(&mut recorder, &run);
    let test = test_point(3000, 12.4);
    let validation = EvalPoint {
        set: EvalSet::Validation,
        error_percent: 13.0,
        ..test
    };
    for point in [validation, test] {
        let event = RunEvent::Evaluated(point);
        record(&mut recorder, &run, event);
    }
    let store = Store::open_read_only(&path).unwrap();
    assert_eq!(curves_of(&store, &run).eval, [test, validation]);
    let status = status_of(&store, &run);
    assert_eq!(
        (status.test, status.validation),
        (Some(test), Some(validation))
    );
}

#[test]
fn a_sweep_can_be_read_while_it_is_written() {
    let (_folder, path) = database();
    let run = run(56, Shortcut::A, 1);
    let mut recorder = begun(&path, "fig6", std::slice::from_ref(&run));
    let store = Store::open_read_only(&path).unwrap();
    start(&mut recorder, &run);
    for point in 1..=50 {
        measure(&mut recorder, &run, point * 10, 90.0, 90.0);
        assert_eq!(curves_of(&store, &run).train.len() as u64, point);
    }
    let status = status_of(&store, &run);
    assert_eq!(status.status, AttemptStatus::Running);
    assert_eq!(status.iteration, 500);
}

#[test]
fn attempt_of_a_dead_process_is_interrupted() {
    let (_folder, path) = database();
    let run = run(20, Shortcut::None, 1);
    let mut recorder = begun(&path, "fig6", std::slice::from_ref(&run));
    start(&mut recorder, &run);
    measure(&mut recorder, &run, 1000, 41.2, 38.75);
    drop(recorder);

    let seen = || -> Vec<AttemptStatus> {
        let store = Store::open_read_only(&path).unwrap();
        let attempts = store.attempts(&run.id).unwrap();
        attempts.iter().map(|attempt| attempt.status).collect()
    };
    // Before and after another writer opens the database.
    assert_eq!(seen(), [AttemptStatus::Interrupted]);
    let mut recorder = begun(&path, "fig6", std::slice::from_ref(&run));
    start(&mut recorder, &run);
    assert_eq!(seen(), [AttemptStatus::Interrupted, AttemptStatus::Running]);
    // The new attempt has no points, including those of the dead process.
    let store = Store::open_read_only(&path).unwrap();
    let curves = curves_of(&store, &run);
    assert!(curves.train.is_empty() && curves.eval.is_empty());
}

#[test]
fn attempts_share_one_training_until_fresh_starts_another() {
    let (_folder, path) = database();
    let run = run(20, Shortcut::None, 1);
    let runs = std::slice::from_ref(&run);
    let mut recorder = begun(&path, "fig6", runs);
    let outcomes = [
        failed("cannot read data_batch_1.bin\nno such file"),
        Outcome::Stopped,
        Outcome::Finished,
    ];
    for (number, outcome) in outcomes.iter().enumerate() {
        start(&mut recorder, &run);
        measure(&mut recorder, &run, 1000, number as f64, 50.0);
        finish(&mut recorder, &run, outcome);
        let store = Store::open_read_only(&path).unwrap();
        let status = status_of(&store, &run);
        // Points of the previous attempt are deleted if they are measured again.
        let trained = store.measurements(&run.id).unwrap().train;
        assert_eq!(trained, [status.train.unwrap()]);
        assert_eq!(status.train.unwrap().error_percent, number as f64);
        assert_eq!(status.attempts, number as u64 + 1);
    }
    let settled = recorder.claim(&run, SLOT).unwrap();
    assert_eq!(settled, Claim::EndedElsewhere(Outcome::Finished));
    drop(recorder);

    let mut recorder = Recorder::open(&path).unwrap();
    let fresh = Participation {
        fresh: true,
        ..Participation::default()
    };
    begin_as(&mut recorder, "fig6", runs, fresh);
    start(&mut recorder, &run);
    measure(&mut recorder, &run, 1000, 77.0, 50.0);
    let store = Store::open_read_only(&path).unwrap();
    assert_eq!(status_of(&store, &run).status, AttemptStatus::Running);
    assert_eq!(
        store.measurements(&run.id).unwrap().train,
        [train_point(1000, 77.0)]
    );
    finish(&mut recorder, &run, &Outcome::Finished);
    // A fresh training runs once.
    let settled = recorder.claim(&run, SLOT).unwrap();
    assert_eq!(settled, Claim::EndedElsewhere(Outcome::Finished));
    let attempts = store.attempts(&run.id).unwrap();
    let numbers: Vec<_> = attempts.iter().map(|a| (a.number, a.training)).collect();
    assert_eq!(numbers, [(1, 1), (2, 1), (3, 1), (4, 2)]);
    let error = "cannot read data_batch_1.bin\nno such file";
    assert_eq!(attempts[0].error.as_deref(), Some(error));
    let history: i64 = Connection::open(&path)
        .unwrap()
        .query_row("SELECT count(*) FROM train_metrics", [], |row| row.get(0))
        .unwrap();
    assert_eq!(history, 2);
}

#[test]
fn points_after_the_checkpoint_are_deleted_on_resume() {
    let (_folder, path) = database();
    let run = run(20, Shortcut::None, 1);
    let mut recorder = begun(&path, "fig6", std::slice::from_ref(&run));
    let lease = start(&mut recorder, &run);
    for iteration in [500, 1000, 1500] {
        measure(&mut recorder, &run, iteration, 50.0, 40.0);
    }
    drop(recorder);

    let mut recorder = begun(&path, "fig6", std::slice::from_ref(&run));
    start_from(&mut recorder, &run, 1000, Some(lease.training));
    let store = Store::open_read_only(&path).unwrap();
    let trained = store.measurements(&run.id).unwrap().train;
    assert_eq!(trained, [train_point(500, 50.0)]);
    let evaluated = curves_of(&store, &run).eval;
    assert_eq!(evaluated, [test_point(500, 40.0)]);
    let attempts = store.attempts(&run.id).unwrap();
    let seen: Vec<_> = attempts
        .iter()
        .map(|a| (a.status, a.from_iteration))
        .collect();
    let (died, lives) = (AttemptStatus::Interrupted, AttemptStatus::Running);
    assert_eq!(seen, [(died, 0), (lives, 1000)]);
}

#[test]
fn checkpoints_are_shared_by_runs_with_the_same_trajectory() {
    let (_folder, path) = database();
    let short = run(20, Shortcut::None, 1);
    let mut long = run(20, Shortcut::None, 2);
    long.config.configuration.train.iterations = 6000;
    // The second drop of the learning rate is at another iteration.
    long.config.configuration.train.lr_drops = vec![1500, 4500];
    long.trajectories[..2].clone_from_slice(&short.trajectories[..2]);
    let mut recorder = begun(&path, "fig6", &[short.clone(), long.clone()]);
    let lease = start(&mut recorder, &short);
    assert!(lease.checkpoints.is_empty());
    for iteration in [1000, 2000, 3000] {
        measure(&mut recorder, &short, iteration, 50.0, 40.0);
        let saved = Saved {
            iteration,
            sha256: [7; 32],
            bytes: 10,
            has_curve: true,
        };
        record(&mut recorder, &short, RunEvent::Checkpointed(saved));
    }
    // Only the last two are kept, and the one after 2,250 iterations has another trajectory.
    let acquired = start_from(&mut recorder, &long, 2000, Some(lease.training));
    let offered: Vec<u64> = acquired.checkpoints.iter().map(|c| c.iteration).collect();
    assert_eq!(offered, [2000]);
    assert_eq!(acquired.checkpoints[0].sha256, [7; 32]);
    assert!(acquired.checkpoints[0].path.starts_with(&lease.folder));
    let store = Store::open_read_only(&path).unwrap();
    assert_eq!(
        store.measurements(&long.id).unwrap().train,
        [train_point(1000, 50.0)]
    );

    finish(&mut recorder, &short, &Outcome::Finished);
    let kept: Vec<i64> = Connection::open(&path)
        .unwrap()
        .prepare("SELECT iteration FROM checkpoints")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(kept, [3000]);
}

#[test]
fn run_is_leased_to_one_process_until_it_dies_or_the_lease_ends() {
    let (_folder, path) = database();
    let run = run(20, Shortcut::None, 1);
    let runs = std::slice::from_ref(&run);
    let mut first = begun(&path, "fig6", runs);
    let mut second = begun(&path, "fig6", runs);
    start(&mut first, &run);
    assert_eq!(second.claim(&run, SLOT).unwrap(), Claim::LeasedElsewhere);
    second.commit().unwrap();
    // A third process waits for no heartbeat: it takes over what has not changed since it first looked.
    let connection = Connection::open(&path).unwrap();
    connection
        .execute("UPDATE processes SET beat_ms = 0", [])
        .unwrap();
    drop(connection);
    let mut third = Recorder::open(&path).unwrap();
    let hasty = Participation {
        lease: Duration::ZERO,
        ..Participation::default()
    };
    begin_as(&mut third, "fig6", runs, hasty);
    start(&mut third, &run);
    measure(&mut third, &run, 1000, 41.2, 38.75);
    // The first one is notified and records no further events of the run.
    measure(&mut first, &run, 1000, 99.0, 99.0);
    assert_eq!(first.lost(), std::slice::from_ref(&run.id));
    finish(&mut first, &run, &Outcome::Stopped);
    let store = Store::open_read_only(&path).unwrap();
    assert_eq!(
        store.measurements(&run.id).unwrap().train,
        [train_point(1000, 41.2)]
    );
    let statuses = || -> Vec<AttemptStatus> {
        let attempts = store.attempts(&run.id).unwrap();
        attempts.iter().map(|attempt| attempt.status).collect()
    };
    let (died, lives) = (AttemptStatus::Interrupted, AttemptStatus::Running);
    assert_eq!(statuses(), [died, lives]);
    // A dead process is detected at once, whatever the lease.
    drop(third);
    start(&mut second, &run);
    assert_eq!(statuses(), [died, died, lives]);
}

#[test]
fn a_diverged_run_keeps_its_iteration_and_a_loss_that_is_not_a_number() {
    let (_folder, path) = database();
    let run = run(56, Shortcut::None, 1);
    let mut recorder = begun(&path, "fig6", std::slice::from_ref(&run));
    start(&mut recorder, &run);
    let event = RunEvent::Trained(TrainPoint {
        loss: f64::NAN,
        ..train_point(312, 90.0)
    });
    record(&mut recorder, &run, event);
    finish(&mut recorder, &run, &Outcome::Diverged { iteration: 312 });
    let status = status_of(&Store::open_read_only(&path).unwrap(), &run);
    assert_eq!(status.status, AttemptStatus::Diverged);
    assert_eq!(status.diverged_iteration, Some(312));
    assert!(status.train.unwrap().loss.is_nan());
}

#[test]
fn sweeps_share_runs_and_are_listed_by_last_start() {
    let (_folder, path) = database();
    let plain = run(20, Shortcut::None, 1);
    let deep = run(56, Shortcut::None, 1);
    let residual = run(56, Shortcut::A, 1);
    let all = [plain.clone(), deep.clone(), residual.clone()];
    let mut recorder = begun(&path, "fig6", &all);
    start(&mut recorder, &plain);
    finish(&mut recorder, &plain, &Outcome::Finished);
    start(&mut recorder, &deep);
    finish(&mut recorder, &deep, &failed("out of memory"));
    begin(&mut recorder, "fig1", &[plain.clone(), deep.clone()]);
    begin(&mut recorder, "fig1", &[deep.clone(), plain.clone()]);

    let store = Store::open_read_only(&path).unwrap();
    let sweeps = store.sweeps().unwrap();
    let fig6 = sweeps.iter().find(|sweep| sweep.name == "fig6").unwrap();
    assert_eq!((sweeps.len(), fig6.runs), (2, 3));
    let counts: Vec<_> = fig6.by_status.clone().into_iter().collect();
    assert_eq!(
        counts,
        [(AttemptStatus::Finished, 1), (AttemptStatus::Failed, 1)]
    );
    assert_eq!(status_of(&store, &plain).sweeps, ["fig1", "fig6"]);
    assert!(store.statuses(&[residual.id]).unwrap().is_empty());
    let members = store.members("fig1").unwrap();
    let labels: Vec<&str> = members.iter().map(|member| &*member.label).collect();
    assert_eq!(labels, ["plain-56 seed 1", "plain-20 seed 1"]);
    assert_eq!(members[0].status, Some(AttemptStatus::Failed));
}

#[test]
fn observed_times_come_from_finished_attempts_only() {
    let (_folder, path) = database();
    let runs = [run(20, Shortcut::None, 1), run(20, Shortcut::None, 2)];
    let mut recorder = begun(&path, "fig6", &runs);
    let spread = |images| Spread {
        images,
        smallest_class: images / 10,
        largest_class: images / 10,
    };
    let images = RunImages {
        counts: ImageCounts {
            classes: 10,
            train: spread(10_000),
            eval: spread(2_000),
            eval_set: EvalSet::Test,
        },
        warnings: Vec::new(),
    };
    let counted = runs.each_ref().map(|run| (&run.id, images.clone()));
    recorder.record_images(&counted).unwrap();
    for (run, outcome) in runs.iter().zip([Outcome::Finished, Outcome::Stopped]) {
        start(&mut recorder, run);
        finish(&mut recorder, run, &outcome);
    }
    let store = Store::open_read_only(&path).unwrap();
    let observed = |threads| store.observed_times("cpu", "Example CPU", threads).unwrap();
    let times = observed(1);
    assert_eq!(times.len(), 1);
    assert_eq!(times[0].config, runs[0].config);
    assert_eq!(times[0].wall, Duration::from_secs(60));
    assert_eq!(times[0].from_iteration, 0);
    assert_eq!((times[0].classes, times[0].eval_images), (10, 2_000));
    assert!(observed(2).is_empty());
}

/// The child writes until it is killed.
#[test]
fn a_killed_process_loses_nothing_that_it_reported() {
    const CHILD: &str = "RESWEEP_TEST_KILLED_WRITER";
    let run = run(56, Shortcut::None, 1);
    if let Some(path) = std::env::var_os(CHILD) {
        write_until_killed(Path::new(&path), &run);
    }
    let (_folder, path) = database();
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "record_store::a_killed_process_loses_nothing_that_it_reported",
            "--exact",
        ])
        .arg("--nocapture")
        .env(CHILD, &path)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let output = child.stdout.take().unwrap();
    let reported = last_report(output, |reported| {
        if reported == 200 {
            child.kill().unwrap();
        }
    });
    child.wait().unwrap();

    let store = Store::open_read_only(&path).unwrap();
    let recorded = curves_of(&store, &run).eval.len() as u64;
    // The last row may be committed but not reported.
    assert!(
        recorded == reported || recorded == reported + 1,
        "{reported} reported, {recorded} recorded"
    );
    let status = status_of(&store, &run).status;
    assert_eq!(status, AttemptStatus::Interrupted);
    let check: String = Connection::open(&path)
        .unwrap()
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok");
}

fn write_until_killed(path: &Path, run: &Run) {
    let mut recorder = begun(path, "fig6", std::slice::from_ref(run));
    start(&mut recorder, run);
    for iteration in 1.. {
        measure(&mut recorder, run, iteration, 50.0, 50.0);
        println!("recorded {iteration}");
    }
}

/// Reads the child's reports to the end; ignores an incomplete line.
fn last_report(output: impl std::io::Read, mut seen: impl FnMut(u64)) -> u64 {
    let mut reader = std::io::BufReader::new(output);
    let mut reported = 0;
    let mut line = String::new();
    while std::io::BufRead::read_line(&mut reader, &mut line).unwrap() > 0 {
        let rest = line.strip_prefix("recorded ");
        let number = rest.and_then(|rest| rest.strip_suffix('\n')?.parse().ok());
        if let Some(number) = number {
            reported = number;
            seen(reported);
        }
        line.clear();
    }
    reported
}

#[test]
fn last_point_of_an_iteration_wins() {
    let (_folder, path) = database();
    let run = run(20, Shortcut::A, 1);
    let mut recorder = begun(&path, "many", std::slice::from_ref(&run));
    start(&mut recorder, &run);
    let mut report = |event| {
        let event = Event::Run { run: &run, event };
        recorder.handle(&event).unwrap();
    };
    for error in [80.0, 40.0] {
        for iteration in 1..=200 {
            report(RunEvent::Trained(train_point(iteration, error)));
            report(RunEvent::Evaluated(test_point(iteration, error)));
        }
    }
    recorder.commit().unwrap();

    let store = Store::open_read_only(&path).unwrap();
    let trained = store.measurements(&run.id).unwrap().train;
    let evaluated = curves_of(&store, &run).eval;
    let iterations = || 1..=200;
    let train: Vec<_> = iterations().map(|k| train_point(k, 40.0)).collect();
    let eval: Vec<_> = iterations().map(|k| test_point(k, 40.0)).collect();
    assert_eq!((trained, evaluated), (train, eval));
}

#[test]
fn rows_of_a_process_of_an_older_version_are_not_damage() {
    let (_folder, path) = database();
    let run = run(20, Shortcut::None, 1);
    let mut recorder = begun(&path, "fig6", std::slice::from_ref(&run));
    start(&mut recorder, &run);
    measure(&mut recorder, &run, 100, 50.0, 60.0);
    finish(&mut recorder, &run, &Outcome::Stopped);
    drop(recorder);
    // It takes up the training, and knows no checksums.
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "INSERT INTO attempts (run_id, number, training_id, from_iteration, status, transient,
                 started_unix_ms, program_version, device, cpu, threads, workers)
             SELECT run_id, number + 1, training_id, 100, 'stopped', 0, started_unix_ms,
                 'older', device, cpu, threads, workers FROM attempts;
             INSERT INTO train_metrics (training_id, iteration, error_percent, loss, lr)
             SELECT training_id, 200, error_percent, loss, lr FROM train_metrics;",
        )
        .unwrap();
    let store = Store::open_read_only(&path).unwrap();
    assert_eq!(status_of(&store, &run).iteration, 200);
    // The next process of this version computes the sum, and finds later changes.
    drop(begun(&path, "fig6", std::slice::from_ref(&run)));
    connection
        .execute("UPDATE train_metrics SET loss = loss + 1", [])
        .unwrap();
    let ids = [run.id];
    let store = Store::open_read_only(&path).unwrap();
    let error = store.statuses(&ids).unwrap_err().to_string();
    assert!(error.contains("damaged"), "{error}");
    let skipping = Store::open_read_only(&path).unwrap();
    let skipping = skipping.skipping_changed_measurements();
    assert!(skipping.statuses(&ids).unwrap().is_empty());
}
