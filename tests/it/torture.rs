//! The torture test: disturbs a sweep at random moments until it is finished, and compares the
//! results with those of an undisturbed sweep.
//!
//! - Processes are killed with SIGKILL; one or two train at once, some with `--isolate`.
//! - Some find the disk full, some have their clock set back, and in some rounds two users share the
//!   results folder (where the test runs as root).
//! - `gc`, `doctor` and `plot` run at the same time.
//! - The newest checkpoint or SQLite's log is damaged.
//! - Every round starts with a database of the first schema version. The sweep has plain runs, runs
//!   that grow from others, or adaptive seeds.
//! - Processes are suspended with SIGSTOP until another one has taken over their runs.
//!
//! `RESWEEP_TORTURE_KILLS` sets the number of events (`make torture`: 50; one SIGSTOP for every ten);
//! `RESWEEP_TORTURE_SEED` repeats a test as far as timing allows.

#![cfg(unix)]

mod round;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::seed::{seeded, setting};
use crate::support::workplace::{Workplace, assert_same, files, write_images};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use round::Round;
use rusqlite::Connection;

const EVENTS: u64 = 10;

/// What all sweeps have in common. Every run ends at iteration 60.
const COMMON: &str = r#"
[data]
dataset = "folder"
path = "images"

[train]
iterations = 60
batch_size = 5
lr = 0.05
lr_drops = [40]
log_every = 4
eval_every = 15
"#;

/// The sweeps, by name.
const SWEEPS: [(&str, &str); 3] = [
    (
        "plain",
        r#"
[model]
width = 2
image_size = 8
[axes]
depth = [8, 14]
shortcut = ["none", "A"]
"#,
    ),
    (
        "grown",
        r#"
[model]
width = 2
image_size = 8
depth = 14
init = { from = { depth = 8 }, deepen = "identity" }
[axes]
shortcut = ["none", "A"]
"#,
    ),
    (
        "seeds",
        r#"
repeats = { min = 2, max = 3, until = "ordering" }
[model]
width = 2
image_size = 8
shortcut = "none"
[axes]
depth = [8, 14]
"#,
    ),
];

/// The schema of the first version.
const FIRST_SCHEMA: &str =
    include_str!("../../crates/resweep-store/src/migrations/0001-initial.sql");

fn below(rng: &mut ChaCha8Rng, bound: u64) -> u64 {
    rng.next_u64() % bound
}

/// A workplace with the sweep files, their images and the library that sets clocks back.
fn workplace() -> Workplace {
    let (name, rest) = SWEEPS[0];
    let place = Workplace::new(&file(name), &text(name, rest));
    for (name, rest) in &SWEEPS[1..] {
        fs::write(place.path().join(file(name)), text(name, rest)).expect("a sweep file");
    }
    write_images(&place.path().join("images"));
    let library = clock(&place);
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(library);
    compiler.args(["tests/it/torture/clock.c", "-ldl"]);
    assert!(compiler.status().expect("a C compiler").success());
    place
}

fn file(sweep: &str) -> String {
    format!("{sweep}.toml")
}

fn text(name: &str, rest: &str) -> String {
    let (head, rest) = match rest.trim_start().starts_with("repeats") {
        true => rest.split_once("[model]").expect("a model"),
        false => ("", rest.split_once("[model]").expect("a model").1),
    };
    format!("[sweep]\nname = \"{name}\"\n{head}\n{COMMON}\n[model]{rest}")
}

fn clock(place: &Workplace) -> PathBuf {
    place.path().join("clock.so")
}

#[test]
fn randomly_killed_sweep_gives_identical_results() {
    let wanted = setting("RESWEEP_TORTURE_KILLS").unwrap_or(EVENTS);
    println!("RESWEEP_TORTURE_KILLS={wanted}");
    let mut rng = seeded("RESWEEP_TORTURE_SEED");

    let place = workplace();
    let mut undisturbed: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut expected = |sweep: &'static str| {
        let train = || {
            let results = format!("undisturbed-{sweep}");
            place.stdout(&["run", &file(sweep), "--results", &results]);
            place.artifacts(&results, sweep)
        };
        undisturbed.entry(sweep).or_insert_with(train).clone()
    };

    for number in 0..wanted.div_ceil(10) {
        let results = format!("stopped-{number}");
        stop_until_the_lease_is_over(&place, &results, &mut rng);
        compare(&place, &results, "plain", &expected("plain"));
    }
    let mut events = 0;
    let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
    for number in 0.. {
        if events >= wanted {
            break;
        }
        let (sweep, _) = SWEEPS[below(&mut rng, SWEEPS.len() as u64) as usize];
        let mut round = Round::begin(&place, sweep, number, &mut rng);
        while events < wanted && !round.is_done() {
            events += round.disturb(&mut rng);
        }
        round.finish();
        compare(&place, &round.results, sweep, &expected(sweep));
        for (kind, count) in round.seen {
            *seen.entry(kind).or_default() += count;
        }
    }
    println!("{events} events: {seen:?}");
    // Fewer may miss one by chance.
    assert!(wanted < 200 || seen.len() == round::KINDS.len(), "{seen:?}");
}

/// Compares the results with those of an undisturbed sweep; no training may have finished twice.
fn compare(place: &Workplace, results: &str, sweep: &str, undisturbed: &[String]) {
    // A kill between the end of a run and the removal of its files leaves some for `gc`.
    place.remove_leftovers(results);
    assert_same(&place.artifacts(results, sweep), undisturbed);
    assert_eq!(place.rows(results, "PRAGMA integrity_check"), ["ok"]);
    let finished = "SELECT max(finished) FROM (SELECT count(*) AS finished FROM attempts
                    WHERE status = 'finished' GROUP BY training_id)";
    assert_eq!(place.rows(results, finished), ["Integer(1)"]);
    place.stdout(&["doctor", "--results", results]);
}

/// Suspends a training process until another one has taken over and finished its runs, then lets it
/// continue: it must not record anything more.
fn stop_until_the_lease_is_over(place: &Workplace, results: &str, rng: &mut ChaCha8Rng) {
    let run = ["run", "plain.toml", "--results", results, "--lease", "3"];
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

fn create_first_version(place: &Workplace, results: &str) {
    let folder = place.path().join(results);
    fs::create_dir_all(&folder).expect("a folder");
    let database = Connection::open(folder.join("resweep.db")).expect("a database");
    database.execute_batch(FIRST_SCHEMA).expect("the schema");
    database
        .pragma_update(None, "user_version", 1)
        .expect("the version");
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
    damage(newest, rng);
    1
}

/// Flips a bit of a file, or truncates it.
fn damage(path: &std::path::Path, rng: &mut ChaCha8Rng) {
    let mut bytes = fs::read(path).expect("a file");
    let place = below(rng, bytes.len() as u64) as usize;
    if below(rng, 2) == 0 {
        bytes.truncate(place);
    } else {
        bytes[place] ^= 1 << below(rng, 8);
    }
    fs::write(path, bytes).expect("a file");
}
