//! Errors of the store: unusable paths and files are reported and not changed.

use crate::record_fixture;
use std::fs;
use std::path::PathBuf;

use resweep_core::domain::*;
use resweep_store::{Recorder, Store, StoreError};
use rusqlite::Connection;

/// The path of a database in a folder that exists.
fn database() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("resweep.db");
    (folder, path)
}

/// The errors of the writer and of the reader.
fn errors(path: &std::path::Path) -> [StoreError; 2] {
    let errors = [
        Recorder::open(path).unwrap_err(),
        Store::open_read_only(path).unwrap_err(),
    ];
    for error in &errors {
        assert!(error.to_string().contains("resweep.db"), "{error}");
    }
    errors
}

#[test]
fn event_of_an_unregistered_run_is_an_error() {
    let (_folder, path) = database();
    let run = record_fixture::run(20, Shortcut::None, 1);
    let stranger = record_fixture::run(56, Shortcut::None, 1);
    let slot = Slot {
        worker: 0,
        device: DeviceKind::Cpu,
        threads: 1,
    };
    let mut recorder = Recorder::open(&path).unwrap();
    let error = recorder.claim(&run, slot);
    assert!(error.unwrap_err().to_string().contains("plain-20 seed 1"));
    record_fixture::begin(&mut recorder, "fig1", &[run]);
    let error = recorder.claim(&stranger, slot);
    assert!(error.unwrap_err().to_string().contains("plain-56 seed 1"));
    let event = RunEvent::Began(StartPoint {
        iteration: 0,
        from: None,
    });
    let run = &stranger;
    let error = recorder.handle(&Event::Run { run, event });
    assert!(error.unwrap_err().to_string().contains("plain-56 seed 1"));
}

#[test]
fn a_file_that_is_not_a_database_is_named() {
    let (_folder, path) = database();
    fs::write(&path, "error,iteration\n".repeat(100)).unwrap();
    for error in errors(&path) {
        assert!(matches!(error, StoreError::NotADatabase { .. }), "{error}");
    }
}

#[test]
fn a_folder_in_the_place_of_the_database_is_named() {
    let (_folder, path) = database();
    fs::create_dir_all(&path).unwrap();
    for error in errors(&path) {
        assert!(matches!(error, StoreError::NotAFile { .. }), "{error}");
    }
}

#[test]
fn a_file_in_the_place_of_the_results_folder_is_named() {
    let (folder, _) = database();
    let file = folder.path().join("results");
    fs::write(&file, "").unwrap();
    let error = Recorder::open(&file.join("resweep.db")).unwrap_err();
    assert!(matches!(error, StoreError::NotAFolder { .. }), "{error}");
    assert!(error.to_string().contains("--results"), "{error}");
}

#[test]
fn an_empty_file_is_a_store_without_sweeps() {
    let (_folder, path) = database();
    fs::write(&path, "").unwrap();
    let store = Store::open_read_only(&path).unwrap();
    assert!(store.sweeps().unwrap().is_empty());
    Recorder::open(&path).unwrap();
}

#[test]
fn database_of_another_program_is_not_touched() {
    let (_folder, path) = database();
    let other = Connection::open(&path).unwrap();
    let table = "CREATE TABLE bookmarks (url TEXT)";
    other.execute_batch(table).unwrap();
    drop(other);
    let before = fs::read(&path).unwrap();
    for error in errors(&path) {
        let expected = matches!(error, StoreError::OfAnotherProgram { .. });
        assert!(expected, "{error}");
    }
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_database_of_a_newer_version_is_refused() {
    let (_folder, path) = database();
    set_version(&path, 1000);
    for error in errors(&path) {
        let expected = matches!(error, StoreError::Newer { found: 1000, .. });
        assert!(expected, "{error}");
        assert!(error.to_string().contains("update resweep"), "{error}");
    }
}

fn set_version(path: &std::path::Path, version: i64) {
    drop(Recorder::open(path).unwrap());
    let connection = Connection::open(path).unwrap();
    connection
        .pragma_update(None, "user_version", version)
        .unwrap();
}

/// Root may write everywhere, so as root this tests only reading.
#[cfg(unix)]
#[test]
fn a_read_only_folder_can_be_read_and_is_refused_for_writing() {
    use std::os::unix::fs::PermissionsExt;
    let allow = |path: &std::path::Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let (folder, path) = database();
    let run = record_fixture::run(20, Shortcut::None, 1);
    drop(record_fixture::begun(&path, "fig6", &[run]));
    allow(&path, 0o444);
    allow(&path.with_extension("lock"), 0o444);
    allow(folder.path(), 0o555);
    let may_write_anyway = fs::write(folder.path().join("probe"), "").is_ok();
    let sweeps = Store::open_read_only(&path).and_then(|store| store.sweeps());
    let opened = Recorder::open(&path);
    allow(folder.path(), 0o755);

    assert_eq!(sweeps.unwrap().len(), 1);
    if !may_write_anyway {
        let error = opened.unwrap_err();
        assert!(matches!(error, StoreError::NotWritable { .. }), "{error}");
    }
}
