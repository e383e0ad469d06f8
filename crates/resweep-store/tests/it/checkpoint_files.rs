//! Files of checkpoints, and who may take up a run that has ended.

use std::fs;
use std::path::{Path, PathBuf};

use crate::record_fixture::{begin_as, begun, finish, measure, record, run, start};
use resweep_core::domain::*;
use resweep_store::{AttemptStatus, Participation, Recorder, Store, collect_garbage, find_garbage};
use rusqlite::Connection;
use sha2::Digest;

fn database() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("results/resweep.db");
    (folder, path)
}

/// Writes a checkpoint's file and row.
fn save(recorder: &mut Recorder, run: &Run, lease: &Lease, iteration: u64) -> PathBuf {
    fs::create_dir_all(&lease.folder).unwrap();
    let path = lease.folder.join(format!("{iteration}.safetensors"));
    let bytes = format!("the state of {run} at {iteration}");
    fs::write(&path, &bytes).unwrap();
    let saved = Saved {
        iteration,
        sha256: sha2::Sha256::digest(&bytes).into(),
        bytes: bytes.len() as u64,
        has_curve: true,
    };
    record(recorder, run, RunEvent::Checkpointed(saved));
    path.to_path_buf()
}

/// Trains a run to its end, with a checkpoint there.
fn train(recorder: &mut Recorder, run: &Run) -> Lease {
    let lease = start(recorder, run);
    for iteration in [1000, 2000, 3000] {
        measure(recorder, run, iteration, 50.0, 40.0);
    }
    save(recorder, run, &lease, 3000);
    finish(recorder, run, &Outcome::Finished);
    lease
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
    let names = entries.map(|entry| name(entry).into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

fn status_of(path: &Path, run: &Run) -> Option<AttemptStatus> {
    let store = Store::open_read_only(path).unwrap();
    let statuses = store.statuses(std::slice::from_ref(&run.id)).unwrap();
    statuses.get(&run.id).map(|status| status.status)
}

#[test]
fn files_without_a_row_are_removed_and_those_of_others_stay() {
    let (_folder, path) = database();
    let run = run(20, Shortcut::None, 1);
    let mut recorder = begun(&path, "fig6", std::slice::from_ref(&run));
    let lease = start(&mut recorder, &run);
    save(&mut recorder, &run, &lease, 1000);
    finish(&mut recorder, &run, &Outcome::Stopped);
    for name in ["7.safetensors", ".tmp-1-0", "best.safetensors", "notes.txt"] {
        fs::write(lease.folder.join(name), "x").unwrap();
    }
    start(&mut recorder, &run);
    let left = ["1000.safetensors", "best.safetensors", "notes.txt"];
    assert_eq!(names(&lease.folder), left);
    // An ended training leaves the checkpoint of its end, and the files of others.
    save(&mut recorder, &run, &lease, 3000);
    finish(&mut recorder, &run, &Outcome::Finished);
    let left = ["3000.safetensors", "best.safetensors", "notes.txt"];
    assert_eq!(names(&lease.folder), left);
}

#[test]
fn the_folder_of_a_diverged_run_is_removed() {
    let (_folder, path) = database();
    let run = run(20, Shortcut::None, 1);
    let mut recorder = begun(&path, "fig6", std::slice::from_ref(&run));
    let lease = start(&mut recorder, &run);
    save(&mut recorder, &run, &lease, 1000);
    finish(&mut recorder, &run, &Outcome::Diverged { iteration: 1500 });
    assert!(!lease.folder.exists() && !lease.folder.parent().unwrap().exists());
    assert!(path.with_file_name("checkpoints").exists());
}

#[test]
fn a_child_gets_its_parents_final_checkpoint_and_a_lost_one_is_trained_again() {
    let (_folder, path) = database();
    let parent = run(20, Shortcut::None, 1);
    let child = Run {
        parent: Some(ParentRun {
            run: parent.id.clone(),
            trajectory: parent.trajectory(3000).clone(),
            iteration: 3000,
        }),
        ..run(32, Shortcut::None, 1)
    };
    let mut recorder = begun(&path, "grown", &[parent.clone(), child.clone()]);
    let trained = train(&mut recorder, &parent);
    let lease = start(&mut recorder, &child);
    let offered: Vec<&Path> = lease.parent_checkpoints.iter().map(|c| &*c.path).collect();
    assert_eq!(
        offered,
        [trained.folder.join("3000.safetensors").to_path_buf()]
    );
    let ended = Claim::EndedElsewhere(Outcome::Finished);
    assert_eq!(claim(&mut recorder, &parent), ended);
    let store = Store::open_read_only(&path).unwrap();
    let both = [parent.clone(), child.clone()];
    assert_eq!(store.with_final_state(&both).unwrap().len(), 1);

    let database = Connection::open(&path).unwrap();
    database.execute("DELETE FROM checkpoints", []).unwrap();
    let again = start(&mut recorder, &parent);
    assert_eq!(again.folder.file_name().unwrap(), "2");
    assert!(store.with_final_state(&both).unwrap().is_empty());
}

fn claim(recorder: &mut Recorder, run: &Run) -> Claim {
    let claim = recorder.claim(run, crate::record_fixture::SLOT).unwrap();
    recorder.commit().unwrap();
    claim
}

#[test]
fn an_equal_run_that_measures_less_takes_results_and_checkpoint() {
    let (_folder, path) = database();
    let first = run(20, Shortcut::None, 1);
    let mut equal = run(20, Shortcut::None, 2);
    equal.trajectories.clone_from(&first.trajectories);
    equal.config.configuration.train.eval_every = 3000;
    let mut recorder = begun(&path, "fig6", std::slice::from_ref(&first));
    let lease = train(&mut recorder, &first);
    begin_as(
        &mut recorder,
        "other",
        &[first.clone(), equal.clone()],
        Participation::default(),
    );
    assert_eq!(status_of(&path, &equal), Some(AttemptStatus::Finished));
    let source = lease.folder.join("3000.safetensors");
    let copy = path.with_file_name("checkpoints").join(&equal.id.0);
    let copy = copy.join("1/3000.safetensors");
    assert_eq!(fs::read(&*source).unwrap(), fs::read(copy).unwrap());
    // Once more: it has results of its own now.
    begin_as(
        &mut recorder,
        "third",
        std::slice::from_ref(&equal),
        Participation::default(),
    );
    let trainings = "SELECT count(*) FROM trainings";
    let database = Connection::open(&path).unwrap();
    let count: i64 = database.query_row(trainings, [], |row| row.get(0)).unwrap();
    assert_eq!(count, 2);
}

#[test]
fn other_processes_learn_how_a_run_ended_and_fresh_ones_train_it_again() {
    let (_folder, path) = database();
    let failure = |transient| Outcome::Failed {
        error: "no such file".into(),
        transient,
        out_of_memory: false,
        disk_full: false,
        device_lost: false,
    };
    let diverged = Outcome::Diverged { iteration: 1500 };
    let runs: Vec<Run> = (1..=4).map(|seed| run(20, Shortcut::None, seed)).collect();
    let mut first = begun(&path, "fig6", &runs);
    let mut second = begun(&path, "fig6", &runs);
    for (run, outcome) in runs.iter().zip([
        &Outcome::Finished,
        &diverged,
        &failure(false),
        &failure(true),
    ]) {
        start(&mut first, run);
        finish(&mut first, run, outcome);
    }
    let ended = |outcome: Outcome| Claim::EndedElsewhere(outcome);
    assert_eq!(claim(&mut second, &runs[0]), ended(Outcome::Finished));
    assert_eq!(claim(&mut second, &runs[1]), ended(diverged));
    // A permanent failure would repeat, unless this process began after it or recorded it itself.
    assert_eq!(claim(&mut second, &runs[2]), ended(failure(false)));
    assert!(matches!(claim(&mut first, &runs[2]), Claim::Acquired(_)));
    assert!(matches!(claim(&mut second, &runs[3]), Claim::Acquired(_)));

    let how = Participation {
        fresh: true,
        ..Participation::default()
    };
    let mut third = Recorder::open(&path).unwrap();
    begin_as(&mut third, "fig6", &runs, how);
    for run in &runs[..2] {
        let Claim::Acquired(lease) = claim(&mut third, run) else {
            panic!("{run} is trained again");
        };
        assert_eq!(lease.folder.file_name().unwrap(), "2");
        assert!(lease.checkpoints.is_empty());
    }
}

#[test]
fn the_checkpoints_of_a_replaced_training_are_garbage() {
    let (_folder, path) = database();
    let run = run(20, Shortcut::None, 1);
    let mut recorder = begun(&path, "fig6", std::slice::from_ref(&run));
    let old = train(&mut recorder, &run);
    assert!(find_garbage(&path, false).unwrap().is_empty());
    drop(recorder);
    let fresh = Participation {
        fresh: true,
        ..Participation::default()
    };
    let mut recorder = Recorder::open(&path).unwrap();
    begin_as(&mut recorder, "fig6", std::slice::from_ref(&run), fresh);
    let new = train(&mut recorder, &run);
    drop(recorder);
    let file = old.folder.join("3000.safetensors").to_path_buf();
    let found = find_garbage(&path, false).unwrap();
    let paths: Vec<&Path> = found.iter().map(|file| &*file.path).collect();
    assert_eq!(paths, [&*file]);
    let collected = collect_garbage(&path, false).unwrap();
    assert_eq!(collected.removed.len(), 1);
    assert!(collected.failed.is_empty() && !old.folder.exists());
    assert_eq!(names(&new.folder), ["3000.safetensors"]);
    assert!(find_garbage(&path, false).unwrap().is_empty());
    // The last checkpoint of a finished run goes only if it is asked for.
    assert_eq!(collect_garbage(&path, true).unwrap().removed.len(), 1);
    assert!(!new.folder.parent().unwrap().exists());
}
