//! The torture test: kills a sweep at random moments with SIGKILL, sometimes damages its newest
//! checkpoint, sometimes runs two processes, starts with a database of the first schema version,
//! and compares the results with those of an undisturbed sweep. It also suspends processes with
//! SIGSTOP until another one has taken over their runs.
//!
//! `RESWEEP_TORTURE_KILLS` sets the number of kills (`make torture`: 50; one SIGSTOP for every ten);
//! `RESWEEP_TORTURE_SEED` repeats a test as far as timing allows.

#![cfg(unix)]

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::seed::{seeded, setting};
use crate::support::workplace::{Workplace, assert_same, files, write_images};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use rusqlite::Connection;

const KILLS: u64 = 10;

const SWEEP: &str = r#"
[sweep]
name = "torture"

[data]
dataset = "folder"
path = "images"

[model]
width = 2
image_size = 8

[train]
iterations = 60
batch_size = 5
lr = 0.05
lr_drops = [40]
log_every = 4
eval_every = 15

[axes]
depth = [8, 14]
shortcut = ["none", "A"]
"#;

/// The schema of the first version.
const FIRST_SCHEMA: &str =
    include_str!("../../crates/resweep-store/src/migrations/0001-initial.sql");

fn below(rng: &mut ChaCha8Rng, bound: u64) -> u64 {
    rng.next_u64() % bound
}

#[test]
fn randomly_killed_sweep_gives_identical_results() {
    let kills = setting("RESWEEP_TORTURE_KILLS").unwrap_or(KILLS);
    println!("RESWEEP_TORTURE_KILLS={kills}");
    let mut rng = seeded("RESWEEP_TORTURE_SEED");

    let place = Workplace::new("torture.toml", SWEEP);
    write_images(&place.path().join("images"));
    place.stdout(&["run", "torture.toml", "--results", "undisturbed"]);

    for round in 0..kills.div_ceil(10) {
        let results = format!("stopped-{round}");
        stop_until_the_lease_is_over(&place, &results, &mut rng);
        compare(&place, &results);
    }
    let (mut killed, mut damaged, mut rounds) = (0, 0, 0);
    while killed < kills {
        // A finished sweep starts again, in a database of the first version.
        let results = format!("round-{rounds}");
        rounds += 1;
        create_first_version(&place, &results);
        while killed < kills && !is_done(&place, &results) {
            killed += disturb(&place, &results, &mut rng);
            if below(&mut rng, 2) == 0 {
                damaged += damage_newest(&place, &results, &mut rng);
            }
        }
        place.stdout(&["run", "torture.toml", "--results", &results]);
        compare(&place, &results);
    }
    println!("{killed} kills, {damaged} checkpoints damaged, {rounds} sweeps");
}

/// Compares the results with those of an undisturbed sweep; no training may have finished twice.
fn compare(place: &Workplace, results: &str) {
    // A kill between the end of a run and the removal of its files leaves some for `gc`.
    place.remove_leftovers(results);
    let artifacts = place.artifacts(results, "torture");
    assert_same(&artifacts, &place.artifacts("undisturbed", "torture"));
    assert_eq!(place.rows(results, "PRAGMA integrity_check"), ["ok"]);
    let finished = "SELECT max(finished) FROM (SELECT count(*) AS finished FROM attempts
                    WHERE status = 'finished' GROUP BY training_id)";
    assert_eq!(place.rows(results, finished), ["Integer(1)"]);
    place.stdout(&["doctor", "--results", results]);
}

/// Suspends a training process until another one has taken over and finished its runs, then lets it
/// continue: it must not record anything more.
fn stop_until_the_lease_is_over(place: &Workplace, results: &str, rng: &mut ChaCha8Rng) {
    let run = ["run", "torture.toml", "--results", results, "--lease", "3"];
    create_first_version(place, results);
    let mut sleeper = place.start(&[&run[..], &["--checkpoint-every", "0"]].concat());
    let is_current = "SELECT count(*) FROM pragma_table_info('processes')";
    let running = "SELECT count(*) FROM attempts WHERE status = 'running'";
    let trains = || {
        place.rows(results, is_current) != ["Integer(0)"]
            && place.rows(results, running) != ["Integer(0)"]
    };
    let patience = Instant::now();
    while !trains() {
        assert!(
            patience.elapsed() < Duration::from_secs(60),
            "no run starts"
        );
        thread::sleep(Duration::from_millis(5));
    }
    thread::sleep(Duration::from_millis(below(rng, 100)));
    place.halt(&sleeper, results);
    place.stdout(&run);
    sleeper.signal("CONT");
    let status = sleeper.0.wait().expect("the end");
    assert!(status.success(), "{}", sleeper.said());
}

/// Starts one or two processes and kills them some time later. Returns how many were killed before
/// their end.
fn disturb(place: &Workplace, results: &str, rng: &mut ChaCha8Rng) -> u64 {
    // 0: a checkpoint after every iteration, so that many kills interrupt writing one.
    let every = ["0", "0.05"][below(rng, 2) as usize];
    let mut args = vec![
        "run",
        "torture.toml",
        "--results",
        results,
        "--checkpoint-every",
        every,
    ];
    if below(rng, 4) == 0 {
        args.push("--isolate");
    }
    let together = 1 + below(rng, 2);
    let mut processes: Vec<_> = (0..together).map(|_| place.start(&args)).collect();
    // Some within the first milliseconds, while the database is created or migrated.
    let longest = [20, 400][below(rng, 2) as usize];
    let mut killed = 0;
    for process in &mut processes {
        thread::sleep(Duration::from_millis(below(rng, longest)));
        let ended = process.0.try_wait().expect("a child").is_some();
        process.kill();
        killed += u64::from(!ended);
    }
    killed
}

fn create_first_version(place: &Workplace, results: &str) {
    let folder = place.path().join(results);
    fs::create_dir_all(&folder).expect("a folder");
    let database = Connection::open(folder.join("resweep.db")).expect("a database");
    database.execute_batch(FIRST_SCHEMA).expect("the schema");
    database
        .pragma_update(None, "user_version", 1)
        .expect("the version");
}

fn is_done(place: &Workplace, results: &str) -> bool {
    let args = ["plan", "torture.toml", "--results", results, "--json"];
    let output = place.resweep(&args).output().expect("the program runs");
    // `run` migrates an older database.
    output.status.success() && {
        let plan: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        plan["pending"] == 0
    }
}

/// Flips a bit of the newest checkpoint of an unfinished run, or truncates it.
fn damage_newest(place: &Workplace, results: &str, rng: &mut ChaCha8Rng) -> u64 {
    let root = place.path().join(results);
    let mut found = files(&root.join("checkpoints"));
    found.retain(|path| {
        let name = path.file_name().expect("a name").to_string_lossy();
        let ended = path.with_file_name("60.safetensors").exists();
        name.ends_with(".safetensors") && !ended
    });
    found.sort_by_key(|path| fs::metadata(path).and_then(|data| data.modified()).ok());
    let Some(newest) = found.last() else {
        return 0;
    };
    let mut bytes = fs::read(newest).expect("a checkpoint");
    let place = below(rng, bytes.len() as u64) as usize;
    if below(rng, 2) == 0 {
        bytes.truncate(place);
    } else {
        bytes[place] ^= 1 << below(rng, 8);
    }
    fs::write(newest, bytes).expect("a checkpoint");
    1
}
