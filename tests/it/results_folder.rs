//! The files in the results folder during and after runs of the real program.

use crate::support::workplace;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::workplace::{ChildGuard, Workplace};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

const SMALL: &str = r#"
[sweep]
name = "s"
[model]
image_size = 8
width = 2
depth = 8
[train]
iterations = 4
eval_every = 4
batch_size = 16
[axes]
shortcut = ["none", "A"]
"#;

const RUN: [&str; 4] = ["run", "small.toml", "--progress", "none"];
const ENDLESS: [&str; 10] = [
    "run",
    "small.toml",
    "--progress",
    "plain",
    "--set",
    "train.iterations=1000000",
    "--set",
    "train.eval_every=5000",
    "--checkpoint-every",
    "0.05",
];

fn place() -> Workplace {
    Workplace::new("small.toml", SMALL)
}

/// Waits until `done`, at most five minutes.
#[track_caller]
fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(300), "{what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Starts an endless sweep and waits for its first checkpoint.
fn start_endless(place: &Workplace) -> ChildGuard {
    let process = place.start(&ENDLESS);
    wait_until("a checkpoint", || {
        let files = workplace::files(&place.path().join("results/checkpoints"));
        let whole = |file: &PathBuf| file.extension().is_some_and(|kind| kind == "safetensors");
        // A checkpoint of each run: both have been claimed then.
        let runs: std::collections::HashSet<&Path> = files
            .iter()
            .filter(|file| whole(file))
            .filter_map(|file| file.parent())
            .collect();
        runs.len() == 2
    });
    process
}

/// Waits for the end of a process. Returns its exit code and standard error.
fn end(mut process: ChildGuard) -> (i32, String) {
    wait_until("the end", || {
        process.0.try_wait().expect("a status").is_some()
    });
    let code = process.0.wait().expect("a status").code();
    (code.expect("an exit code"), process.said())
}

/// The files of the database.
fn database_files(results: &Path) -> Vec<String> {
    let entries = fs::read_dir(results).expect("the results folder").flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names
        .filter(|name| name.starts_with("resweep.db"))
        .collect();
    names.sort();
    names
}

#[track_caller]
fn assert_one_file(results: &Path) {
    assert_eq!(database_files(results), ["resweep.db"]);
}

/// The number of attempts with a status, from an immutable copy of `resweep.db` alone.
fn attempts_in_copy(results: &Path, status: &str) -> i64 {
    let mailed = tempfile::tempdir().expect("a temporary folder");
    let copy = mailed.path().join("resweep.db");
    fs::copy(results.join("resweep.db"), &copy).expect("a copy");
    let name = format!("file:{}?immutable=1", copy.display());
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(name, flags).expect("a database");
    let count = "SELECT count(*) FROM attempts WHERE status = ?1";
    connection
        .query_row(count, [status], |row| row.get(0))
        .expect("a count")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn after_the_last_process_one_file_has_the_whole_database() {
    let place = place();
    let results = place.path().join("results");
    for round in 1..=2 {
        let seeds = format!("sweep.repeats={round}");
        let args = [&RUN[..], &["--report", "--set", &seeds]].concat();
        place.resweep(&args).assert().success();
        assert_one_file(&results);
        assert_eq!(attempts_in_copy(&results, "finished"), 2 * round);
    }
    fs::create_dir(place.path().join("mailed")).expect("a folder");
    let copy = place.path().join("mailed/resweep.db");
    fs::copy(results.join("resweep.db"), &copy).expect("a copy");
    let status = place.stdout(&["status", "s", "--results", "mailed"]);
    assert_eq!(status.matches("finished").count(), 4, "{status}");
    let plot = ["plot", "small.toml", "--results", "mailed"];
    place.resweep(&plot).assert().success();
    assert_one_file(&place.path().join("mailed"));
}

#[test]
fn after_ctrl_c_one_file_has_the_whole_database() {
    let place = place();
    let process = start_endless(&place);
    process.signal("INT");
    assert_eq!(end(process).0, 130);
    let results = place.path().join("results");
    assert_one_file(&results);
    assert_eq!(attempts_in_copy(&results, "stopped"), 2);
}

#[test]
fn the_command_after_a_kill_leaves_one_file() {
    let place = place();
    let results = place.path().join("results");
    start_endless(&place).kill();
    assert!(database_files(&results).len() > 1, "a log is left");
    place.stdout(&["status"]);
    assert_one_file(&results);
    assert_eq!(attempts_in_copy(&results, "running"), 2);
}

#[test]
fn readers_that_end_with_or_after_a_run_leave_one_file() {
    let place = place();
    let results = place.path().join("results");
    for round in 0..3 {
        let seeds = format!("sweep.seeds=[{round}]");
        let run = place.start(&[&RUN[..], &["--set", &seeds]].concat());
        wait_until("a sweep", || {
            let sweeps = "SELECT count(*) FROM sweeps";
            let database = results.join("resweep.db");
            database.is_file()
                && Connection::open(database)
                    .and_then(|database| database.query_row(sweeps, [], |row| row.get(0)))
                    .is_ok_and(|sweeps: i64| sweeps > 0)
        });
        // A reader that is still open when the run ends, and that does not remove the log itself.
        let reader = place.database("results");
        let keeps_log = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        reader.set_db_config(keeps_log, true).expect("a setting");
        let begin = "BEGIN; SELECT count(*) FROM sweeps";
        reader.execute_batch(begin).expect("a read");
        let (code, said) = end(run);
        assert_eq!(code, 0, "{said}");
        let late: Vec<ChildGuard> = (0..4).map(|_| place.start(&["status"])).collect();
        drop(reader);
        for reader in late {
            let (code, said) = end(reader);
            assert_eq!(code, 0, "{said}");
        }
        assert_one_file(&results);
        assert_eq!(attempts_in_copy(&results, "finished"), 2 * (round + 1));
    }
}

/// Asserts exit code 3 within two seconds and an unchanged folder.
#[track_caller]
fn assert_refused(place: &Workplace, mut command: Command, expected: &[&str]) {
    let before = workplace::files(place.path());
    let start = Instant::now();
    let Output { status, stderr, .. } = command.output().expect("the program starts");
    let stderr = text(&stderr);
    assert!(start.elapsed() < Duration::from_secs(4), "{stderr}");
    assert_eq!(status.code(), Some(3), "{stderr}");
    for part in expected {
        assert!(stderr.contains(part), "{part}: {stderr}");
    }
    assert_eq!(workplace::files(place.path()), before, "{stderr}");
}

fn command(place: &Workplace, args: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("resweep"));
    command
        .args(args)
        .current_dir(place.path())
        .env_remove("RESWEEP_RESULTS");
    command
}

const READERS: [&[&str]; 7] = [
    &["status"],
    &["doctor"],
    &["gc"],
    &["plot", "small.toml"],
    &["table", "small.toml"],
    &["report", "small.toml"],
    &["export", "small.toml"],
];

#[test]
fn missing_or_invalid_results_folder_is_an_error() {
    let place = place();
    fs::write(place.path().join("afile"), "").expect("a file");
    std::os::unix::fs::symlink("nowhere", place.path().join("link")).expect("a link");
    let long = ["d".repeat(200), "d".repeat(200), "d".repeat(200)].join("/");
    fs::create_dir_all(place.path().join(&long)).expect("a folder");
    for reader in READERS {
        for (folder, expected) in [
            (
                "no-such-folder",
                "the results folder no-such-folder does not exist",
            ),
            ("afile", "afile is a file, not a results folder"),
            ("link", "link is a link to nowhere, which does not exist"),
            (&long, "bytes long and SQLite opens paths of up to 504"),
        ] {
            let args = [reader, &["--results", folder]].concat();
            assert_refused(&place, command(&place, &args), &[expected]);
        }
    }
    for writer in [&["run", "small.toml"][..], &["plan", "small.toml"]] {
        for (folder, expected) in [
            ("afile", "afile is a file, not a results folder"),
            ("link", "link is a link to nowhere, which does not exist"),
            (&long, "bytes long and SQLite opens paths of up to 504"),
        ] {
            let args = [writer, &["--results", folder]].concat();
            assert_refused(&place, command(&place, &args), &[expected]);
        }
    }
    // Before the first run this is not an error.
    let status = place.stdout(&["status"]);
    assert!(status.contains("nothing has been run yet"), "{status}");
}

#[test]
fn database_path_that_is_not_a_file_is_reported() {
    let place = place();
    fs::create_dir_all(place.path().join("results/resweep.db")).expect("a folder");
    let expected = ["results/resweep.db is a folder, not a database"];
    assert_refused(&place, command(&place, &["status"]), &expected);
    fs::remove_dir(place.path().join("results/resweep.db")).expect("an empty folder");
    let database = place.path().join("results/resweep.db");
    std::os::unix::fs::symlink("elsewhere.db", &database).expect("a link");
    let expected = ["resweep.db is a link to elsewhere.db, which does not exist"];
    assert_refused(&place, command(&place, &["status"]), &expected);
    assert_refused(&place, command(&place, &RUN), &expected);
    fs::remove_file(&database).expect("a link");
    Command::new("mkfifo")
        .arg(&database)
        .status()
        .expect("mkfifo");
    let expected = ["resweep.db is neither a file nor a folder, not a database"];
    assert_refused(&place, command(&place, &["status"]), &expected);
}

#[test]
fn results_removed_during_a_run_are_detected_and_saved() {
    let place = place();
    let results = place.path().join("results");
    let process = start_endless(&place);
    // A worker may write a checkpoint meanwhile.
    wait_until("the removal", || {
        fs::remove_dir_all(&results).is_ok() || !results.join("resweep.db").exists()
    });
    let (code, said) = end(process);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("results/resweep.db was removed"), "{said}");
    assert!(said.contains("saved in results/resweep.db.saved"), "{said}");
    let saved = results.join("resweep.db.saved");
    fs::rename(saved, results.join("resweep.db")).expect("the saved database");
    assert_eq!(attempts_in_copy(&results, "running"), 2);
    let status = place.stdout(&["status", "s"]);
    assert_eq!(status.matches("interrupted").count(), 2, "{status}");
}

#[test]
fn results_moved_during_a_run_are_detected() {
    let place = place();
    let process = start_endless(&place);
    let moved = place.path().join("moved");
    fs::rename(place.path().join("results"), &moved).expect("a move");
    let (code, said) = end(process);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("results/resweep.db was moved to"), "{said}");
    assert!(said.contains("--results"), "{said}");
    assert_eq!(attempts_in_copy(&moved, "running"), 2);
}

#[test]
fn database_replaced_during_a_run_is_detected_and_not_touched() {
    let place = place();
    let results = place.path().join("results");
    place
        .resweep(&[&RUN[..], &["--results", "other"]].concat())
        .assert()
        .success();
    let process = start_endless(&place);
    fs::rename(
        place.path().join("other/resweep.db"),
        results.join("resweep.db"),
    )
    .expect("a move");
    let (code, said) = end(process);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("was replaced by another file"), "{said}");
    let saved = results.join("resweep.db.saved");
    assert!(saved.is_file(), "{said}");
    // The log of the old database is not applied to the new one.
    assert_eq!(attempts_in_copy(&results, "finished"), 2);
}

/// Writes a database of an older schema `version` with one sweep.
fn write_older(results: &Path, version: usize) {
    let steps = [
        include_str!("../../crates/resweep-store/src/migrations/0001-initial.sql"),
        include_str!("../../crates/resweep-store/src/migrations/0002-trainings.sql"),
        include_str!("../../crates/resweep-store/src/migrations/0003-layer-stats.sql"),
        include_str!("../../crates/resweep-store/src/migrations/0004-run-needs.sql"),
    ];
    fs::create_dir(results).expect("a folder");
    let connection = Connection::open(results.join("resweep.db")).expect("a database");
    connection
        .pragma_update(None, "journal_mode", "WAL")
        .expect("a log");
    for step in &steps[..version] {
        connection.execute_batch(step).expect("a schema");
    }
    connection
        .pragma_update(None, "user_version", version as i64)
        .expect("a version");
    let sweep = "INSERT INTO sweeps VALUES (1, 'old', NULL, NULL, '', '[]', 1, 1)";
    connection.execute_batch(sweep).expect("a sweep");
}

#[test]
fn an_older_database_is_read_without_a_change_and_copied_before_it_is_migrated() {
    for version in [1, 4] {
        let place = place();
        let results = place.path().join("results");
        write_older(&results, version);
        let before = fs::read(results.join("resweep.db")).expect("a database");
        let status = place.stdout(&["status"]);
        assert!(status.contains("old"), "{status}");
        for reader in [
            &["doctor"][..],
            &["status", "old"],
            &["plan", "small.toml"],
            &["table", "small.toml"],
            &["gc", "--dry-run"],
        ] {
            place.resweep(reader).assert().success();
        }
        let gc = command(&place, &["gc"]);
        assert_refused(&place, gc, &["was written by an older resweep"]);
        let unchanged = fs::read(results.join("resweep.db")).expect("a database");
        assert!(unchanged == before, "schema {version}");
        assert_one_file(&results);

        let run = place.resweep(&RUN).assert().success();
        let said = text(&run.get_output().stderr);
        let copy = format!("resweep.db.schema-{version}.bak");
        assert!(said.contains(&copy), "{said}");
        assert_eq!(database_files(&results), ["resweep.db", copy.as_str()]);
        let kept = Connection::open(results.join(&copy)).expect("a database");
        let kept: i64 = kept
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .expect("a version");
        assert_eq!(kept, version as i64);
        assert_eq!(attempts_in_copy(&results, "finished"), 2);
    }
}

#[test]
fn doctor_checks_the_disk_of_the_results_folder() {
    let place = place();
    let disk = place.path().join("disk");
    fs::create_dir(&disk).expect("a folder");
    for (size, problem) in [
        ("size=3m", "are free on the disk; make room"),
        (
            "size=2g,nr_inodes=40",
            "more files (its inodes are used up)",
        ),
    ] {
        let Some(_mounted) = Unmount::mount(&disk, size) else {
            return;
        };
        let run = [&RUN[..], &["--results", "disk"]].concat();
        place.resweep(&run).assert().success();
        let doctor = place.resweep(&["doctor", "--results", "disk"]).output();
        let doctor = doctor.expect("the program starts");
        let said = text(&doctor.stdout);
        assert!(said.contains(problem), "{said}");
        assert_eq!(doctor.status.code(), Some(1), "{said}");
    }
}

#[test]
fn a_disk_without_room_for_another_file_is_full_and_readable() {
    let place = place();
    let disk = place.path().join("disk");
    fs::create_dir(&disk).expect("a folder");
    let Some(_mounted) = Unmount::mount(&disk, "nr_inodes=60") else {
        return;
    };
    let run = [&RUN[..], &["--results", "disk"]].concat();
    place.resweep(&run).assert().success();
    let mut files = (0..60).map(|number| fs::write(disk.join(format!("f{number}")), ""));
    assert!(files.any(|written| written.is_err()), "files still fit");
    assert!(
        place
            .stdout(&["status", "--results", "disk"])
            .contains(" s ")
    );
    let fresh = place.resweep(&[&run[..], &["--fresh"]].concat()).output();
    let fresh = fresh.expect("the program starts");
    let said = text(&fresh.stderr);
    assert_eq!(fresh.status.code(), Some(3), "{said}");
    assert!(said.contains("the disk is full or fails"), "{said}");
}

/// Unmounts a file system when it is dropped.
struct Unmount<'a>(&'a Path);

impl<'a> Unmount<'a> {
    /// Mounts a small file system in memory; `None`, with a note, if only root can.
    fn mount(folder: &'a Path, options: &str) -> Option<Self> {
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(folder)
            .stderr(Stdio::null())
            .status();
        if mount.is_ok_and(|status| status.success()) {
            return Some(Self(folder));
        }
        eprintln!("not tried: only root can mount a small disk");
        None
    }
}

impl Drop for Unmount<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

/// The limit is that of the address space, which counts as free memory too.
#[cfg(target_os = "linux")]
#[test]
fn more_workers_than_memory_is_a_warning_before_the_first_run_starts() {
    let wide = SMALL
        .replace("image_size = 8", "image_size = 32")
        .replace("width = 2", "width = 16")
        .replace("batch_size = 16", "batch_size = 256");
    let place = Workplace::new("wide.toml", &wide);
    let limited = |args: &str| {
        let mut command = Command::new("sh");
        let script = format!("ulimit -v 1500000; exec \"$0\" {args}");
        command
            .args(["-c", &script])
            .arg(assert_cmd::cargo::cargo_bin("resweep"))
            .current_dir(place.path())
            .env_remove("RESWEEP_RESULTS");
        command
    };
    let seeds =
        "--set sweep.repeats=6 --set train.iterations=1000000 --set train.eval_every=1000000";
    let warning = "12 runs at once may need";
    let plan = limited(&format!("plan wide.toml -j 12 {seeds}")).output();
    let said = text(&plan.expect("the program ends").stderr);
    assert!(said.contains(warning) && said.contains("fits"), "{said}");
    let run = format!("run wide.toml -j 12 --progress plain {seeds}");
    let run = limited(&run).stderr(Stdio::piped()).spawn();
    let mut run = ChildGuard(run.expect("the program starts"));
    let stderr = BufReader::new(run.0.stderr.take().expect("a pipe"));
    let mut lines = stderr.lines().map(|line| line.expect("UTF-8"));
    let first = lines.find(|line| line.contains(warning) || line.contains("started"));
    assert!(first.is_some_and(|line| line.starts_with("warning: 12 runs")));
}

/// Both networks need about 120 MiB; the allocators would reserve more than the limit by default.
#[cfg(target_os = "linux")]
#[test]
fn two_workers_train_in_a_limited_address_space() {
    let wide = "[sweep]\nname = \"w\"\n[data]\ndataset = \"folder\"\npath = \"pics\"\n\
        [model]\nimage_size = 32\nwidth = 16\ndepth = 20\n\
        [train]\niterations = 1\nbatch_size = 16\n[axes]\nshortcut = [\"none\", \"A\"]\n";
    let place = Workplace::new("wide.toml", wide);
    workplace::write_images(&place.path().join("pics"));
    let script = "ulimit -v 400000; exec \"$0\" run wide.toml -j 2 --progress plain";
    let output = Command::new("sh")
        .args(["-c", script])
        .arg(assert_cmd::cargo::cargo_bin("resweep"))
        .current_dir(place.path())
        .env_remove("RESWEEP_RESULTS")
        .output();
    let output = output.expect("the program ends");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(!said.contains("out of memory"), "{said}");
}

/// From less than the program itself needs to more than a run needs.
#[cfg(target_os = "linux")]
#[test]
fn too_little_address_space_is_an_error_and_no_abort() {
    let place = Workplace::new("small.toml", SMALL);
    workplace::write_images(&place.path().join("pics"));
    for kibibytes in (70_000..120_000).step_by(5_000) {
        let script = format!(
            "ulimit -v {kibibytes}; exec \"$0\" run small.toml --fresh --set data.dataset=folder \
             --set data.path=pics --set sweep.max_attempts=1"
        );
        let output = Command::new("sh")
            .args(["-c", &script])
            .arg(assert_cmd::cargo::cargo_bin("resweep"))
            .current_dir(place.path())
            .env_remove("RESWEEP_RESULTS")
            .output();
        let output = output.expect("the program ends");
        let said = text(&output.stderr);
        // The loader itself may lack the room for the program.
        let loaded = !said.is_empty();
        assert!(
            !loaded || matches!(output.status.code(), Some(0 | 1 | 3)),
            "{kibibytes}: {}: {said}",
            output.status
        );
    }
}

/// Users that do not exist, so that no file but those of the test is theirs.
#[cfg(target_os = "linux")]
const USERS: [&str; 2] = ["65531", "65532"];
#[cfg(target_os = "linux")]
const GROUP: &str = "65531";

/// The program as another user of the same group, whose umask lets the group write. `None` where the
/// test cannot be another user, with the reason printed.
#[cfg(target_os = "linux")]
fn as_user(place: &Workplace, user: &str, args: &[&str]) -> Option<Command> {
    let program = |args: &[&str]| {
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid", user, "--regid", GROUP, "--clear-groups"])
            .args(["sh", "-c", "umask 002; exec \"$0\" \"$@\""])
            .arg(assert_cmd::cargo::cargo_bin("resweep"))
            .args(args)
            .current_dir(place.path())
            .env_remove("RESWEEP_RESULTS");
        command
    };
    let tried = program(&["--version"]).output();
    if tried.is_ok_and(|tried| tried.status.success()) {
        return Some(program(args));
    }
    println!("skipped: it needs root, setpriv and a program that every user may run");
    None
}

#[cfg(target_os = "linux")]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
}

#[cfg(target_os = "linux")]
#[test]
fn a_results_folder_of_another_user_is_not_an_empty_one() {
    let place = place();
    set_mode(place.path(), 0o755);
    fs::create_dir(place.path().join("results")).expect("a folder");
    set_mode(&place.path().join("results"), 0o700);
    for args in [&["status"][..], &["table", "small.toml"], &["doctor"], &RUN] {
        let Some(command) = as_user(&place, USERS[0], args) else {
            return;
        };
        assert_refused(
            &place,
            command,
            &["cannot read results", "Permission denied"],
        );
    }
}

/// What another user may not read is named, and is neither empty nor missing.
#[cfg(target_os = "linux")]
#[test]
fn each_unreadable_path_is_named() {
    let place = place();
    set_mode(place.path(), 0o777);
    workplace::write_images(&place.path().join("pics"));
    let folder = SMALL.replace(
        "[model]",
        "[data]\ndataset = \"folder\"\npath = \"pics\"\n[model]",
    );
    fs::write(place.path().join("pics.toml"), folder).expect("a sweep file");
    fs::write(place.path().join("secret.toml"), SMALL).expect("a sweep file");
    place.resweep(&RUN).assert().success();
    fs::create_dir(place.path().join("out")).expect("a folder");
    let export = ["export", "s", "--to", "out/tables"];
    for (path, args, code, expected) in [
        (
            "results/resweep.db",
            &["status"][..],
            3,
            "results/resweep.db",
        ),
        (
            "results/resweep.db",
            &["plot", "s"],
            3,
            "results/resweep.db",
        ),
        ("secret.toml", &["plan", "secret.toml"], 2, "secret.toml"),
        ("pics", &["plan", "pics.toml"], 3, "pics/"),
        (
            "pics/train/class-1",
            &["plan", "pics.toml"],
            3,
            "pics/train/class-1",
        ),
        (
            "pics/test/class-2/0.png",
            &["plan", "pics.toml"],
            3,
            "test/class-2/0.png",
        ),
        ("out", &export, 3, "out/tables"),
    ] {
        let path = place.path().join(path);
        let mode = fs::metadata(&path).expect("a path").permissions();
        set_mode(&path, 0o700);
        let Some(mut command) = as_user(&place, USERS[0], args) else {
            return;
        };
        let output = command.output().expect("the program ends");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        assert!(said.contains("Permission denied"), "{args:?}: {said}");
        assert!(said.contains(expected), "{args:?}: {said}");
        fs::set_permissions(&path, mode).expect("the mode before");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_database_that_cannot_be_written_is_reported_with_one_cause() {
    let place = place();
    place.resweep(&RUN).assert().success();
    set_mode(place.path(), 0o755);
    for args in [&["gc"][..], &["rename", "s", "t"], &["rm", "s", "--yes"]] {
        let Some(mut command) = as_user(&place, USERS[0], args) else {
            return;
        };
        let output = command.output().expect("the program ends");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{args:?}: {said}");
        assert!(
            said.contains("cannot write results/resweep.db; make"),
            "{said}"
        );
        assert_eq!(said.matches("because:").count(), 1, "{args:?}: {said}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_members_of_a_group_share_a_results_folder() {
    let place = place();
    let owned = std::os::unix::fs::chown(place.path(), None, GROUP.parse().ok());
    set_mode(place.path(), 0o2775);
    for (user, args) in [
        (USERS[0], &RUN[..]),
        (
            USERS[1],
            &[&RUN[..], &["--set", "sweep.repeats=2"]].concat(),
        ),
        (USERS[0], &["plot", "s"]),
        (USERS[1], &["report", "s"]),
        (USERS[0], &["gc"]),
        (USERS[1], &["gc", "--all"]),
        (USERS[0], &["status", "s"]),
    ] {
        let Some(mut command) = as_user(&place, user, args) else {
            return;
        };
        owned.as_ref().expect("root may give a folder to a group");
        let output = command.output().expect("the program ends");
        assert!(
            output.status.success(),
            "{args:?}: {}",
            text(&output.stderr)
        );
    }
    for file in workplace::files(&place.path().join("results")) {
        use std::os::unix::fs::MetadataExt;
        let data = file.metadata().expect("a file");
        assert_eq!(data.mode() & 0o777, 0o664, "{}", file.display());
        assert_eq!(data.gid().to_string(), GROUP, "{}", file.display());
    }
}

/// A shell on a machine of another name; `None` where the system does not allow that.
#[cfg(target_os = "linux")]
fn on_machine(name: &str, place: &Workplace, args: &str) -> Option<Output> {
    let program = assert_cmd::cargo::cargo_bin("resweep");
    let script = format!("hostname {name} && exec {} {args}", program.display());
    let named = Command::new("unshare")
        .args(["--uts", "hostname", name])
        .status();
    if !named.is_ok_and(|status| status.success()) {
        println!("skipped: this user cannot give a process another host name");
        return None;
    }
    let output = Command::new("unshare")
        .args(["--uts", "sh", "-c", &script])
        .current_dir(place.path())
        .env("RESWEEP_NETWORK_DRIVE", "1")
        .output();
    Some(output.expect("the program starts"))
}

#[cfg(target_os = "linux")]
#[test]
fn a_database_on_a_network_drive_is_refused_on_a_second_machine() {
    let place = place();
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("resweep"));
    command.env("RESWEEP_NETWORK_DRIVE", "1").args(ENDLESS);
    let process = command
        .current_dir(place.path())
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn();
    let mut process = ChildGuard(process.expect("the program starts"));
    let marker = place.path().join("results/resweep.machine");
    wait_until("the file with the machine", || marker.exists());
    wait_until("the database", || {
        place.path().join("results/resweep.db-wal").exists()
    });
    let here = fs::read_to_string(&marker).expect("a name");
    let Some(other) = on_machine("other-machine", &place, "status") else {
        return;
    };
    let said = String::from_utf8_lossy(&other.stderr).into_owned();
    assert_eq!(other.status.code(), Some(3), "{said}");
    assert!(said.contains(&format!("`{}`", here.trim())), "{said}");
    // On the same machine, other commands work meanwhile.
    let status = place
        .resweep(&["status"])
        .env("RESWEEP_NETWORK_DRIVE", "1")
        .output();
    assert!(status.expect("an answer").status.success());
    process.kill();
    let left = on_machine("other-machine", &place, "status").expect("as before");
    assert_eq!(left.status.code(), Some(3));
    let status = place
        .resweep(&["status"])
        .env("RESWEEP_NETWORK_DRIVE", "1")
        .output();
    assert!(status.expect("an answer").status.success());
    assert!(!marker.exists());
    let moved = on_machine("other-machine", &place, "status").expect("as before");
    let said = String::from_utf8_lossy(&moved.stderr).into_owned();
    assert!(moved.status.success(), "{said}");
}
