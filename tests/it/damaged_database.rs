//! A database with flipped bytes: no command shows a number of it or overwrites a figure, unless
//! everything it read is as it was recorded.
//!
//! `RESWEEP_DAMAGE_TRIALS` says how many databases are damaged, `RESWEEP_DAMAGE_SEED` repeats them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use serde_json::Value;

use crate::support::seed::{seeded, setting};
use crate::support::workplace::Workplace;

const SWEEP: &str = r#"
[sweep]
name = "tiny"

[data]
dataset = "folder"
path = "images"

[model]
width = 1
image_size = 8
depth = 8

[train]
iterations = 200
batch_size = 3
log_every = 1
eval_every = 2
lr_drops = []

[axes]
shortcut = ["none", "A"]
"#;

const TRIALS: u64 = 48;

const COMMANDS: [&[&str]; 6] = [
    &["plot", "tiny.toml"],
    &["table", "tiny.toml"],
    &["status", "tiny", "--json"],
    &["export", "tiny.toml", "--format", "csv"],
    &["report", "tiny.toml"],
    &["run", "tiny.toml"],
];

/// The numbers that a command shows, but for durations and dates.
fn shown(place: &Workplace, command: &[&str], stdout: &[u8]) -> Vec<String> {
    let read = |name: &str| {
        let path = place.path().join("results/tiny").join(name);
        fs::read_to_string(path).unwrap_or_default()
    };
    match command[0] {
        "table" => vec![String::from_utf8_lossy(stdout).into_owned()],
        "status" => {
            let runs: Value = serde_json::from_slice(stdout).expect("JSON");
            let keys = ["iteration", "train_error_percent", "test_error_percent"];
            let run = |run: &Value| keys.map(|key| run[key].to_string()).join(" ");
            runs.as_array().expect("runs").iter().map(run).collect()
        }
        "export" => vec![read("csv/points.csv")],
        _ => vec![curves(&read("figure.svg")), read("table.csv")],
    }
}

/// A figure without the texts that may name another day.
fn curves(svg: &str) -> String {
    let lines = svg
        .lines()
        .filter(|line| line.contains("<path") || line.contains("<polyline"));
    lines.collect()
}

/// Figures and tables, byte for byte.
fn drawn(place: &Workplace) -> Vec<Vec<u8>> {
    let folder = place.path().join("results/tiny");
    let names = ["figure.png", "figure.svg", "table.csv"];
    names
        .map(|name| fs::read(folder.join(name)).unwrap_or_default())
        .into()
}

/// Changes one to four bytes.
fn damage(sound: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = sound.to_vec();
    for _ in 0..=rng.next_u32() % 4 {
        let place = (rng.next_u64() % bytes.len() as u64) as usize;
        bytes[place] ^= (1 + rng.next_u32() % 255) as u8;
    }
    bytes
}

fn write(place: &Workplace, database: &[u8]) {
    let path = place.path().join("results/resweep.db");
    for suffix in ["-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        let _ = fs::remove_file(Path::new(&name));
    }
    fs::write(path, database).expect("a database");
}

#[test]
fn no_command_shows_or_draws_numbers_that_were_not_recorded() {
    let trials = setting("RESWEEP_DAMAGE_TRIALS").unwrap_or(TRIALS);
    println!("RESWEEP_DAMAGE_TRIALS={trials}");
    let mut rng = seeded("RESWEEP_DAMAGE_SEED");

    let place = Workplace::trained("tiny.toml", SWEEP);
    // All of it in one file.
    let merged = "PRAGMA journal_mode = DELETE";
    assert_eq!(place.rows("results", merged), ["delete"]);
    let sound = fs::read(place.path().join("results/resweep.db")).expect("a database");
    let expected: Vec<Vec<String>> = COMMANDS
        .iter()
        .map(|command| shown(&place, command, place.stdout(command).as_bytes()))
        .collect();
    let mut figures = drawn(&place);
    let mut outcomes: BTreeMap<&str, u64> = BTreeMap::new();
    for trial in 0..trials {
        let which = (trial % COMMANDS.len() as u64) as usize;
        let command = COMMANDS[which];
        write(&place, &damage(&sound, &mut rng));
        let output = place.resweep(command).output().expect("the program runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!said.contains("panicked"), "trial {trial}: {said}");
        let outcome = match output.status.success() {
            false => "refused",
            true => {
                let shown = shown(&place, command, &output.stdout);
                assert_eq!(shown, expected[which], "trial {trial} {command:?} {said}");
                "unharmed"
            }
        };
        match outcome {
            "refused" => assert!(drawn(&place) == figures, "trial {trial} {command:?} {said}"),
            // A figure may name another day.
            _ => figures = drawn(&place),
        }
        *outcomes.entry(outcome).or_default() += 1;
    }
    println!("{outcomes:?}");
    assert!(trials < 20 || outcomes.len() == 2, "{outcomes:?}");
}

/// A trained sweep in which one number was changed, as by a program other than resweep.
fn changed() -> Workplace {
    let place = Workplace::with_images("tiny.toml", SWEEP);
    place.stdout(&SHORT);
    let sql = "UPDATE train_metrics SET loss = loss + 1 WHERE iteration = 4 AND training_id =
                   (SELECT id FROM current_trainings JOIN sweep_runs USING (run_id)
                    WHERE label = 'plain-8')";
    assert_eq!(place.database("results").execute(sql, []), Ok(1));
    place
}

/// The exit code of a command and everything that it says.
fn said(place: &Workplace, command: &[&str]) -> (Option<i32>, String) {
    let output = place.resweep(command).output().expect("the program runs");
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

const SHORT: [&str; 4] = ["run", "tiny.toml", "--set", "train.iterations=20"];

#[test]
fn fresh_replaces_changed_measurements() {
    let place = changed();
    let (code, text) = said(&place, &SHORT);
    assert_eq!(code, Some(3), "{text}");
    assert!(
        text.contains("the measurements of tiny/plain-8 are not"),
        "{text}"
    );
    let fresh = [&SHORT[..], &["--fresh"]].concat();
    place.stdout(&[&fresh[..], &["--dry-run"]].concat());
    place.stdout(&fresh);
    let undisturbed = [&SHORT[..], &["--results", "undisturbed"]].concat();
    place.stdout(&undisturbed);
    assert_eq!(place.metrics("results"), place.metrics("undisturbed"));
    let checked = place.stdout(&["doctor"]);
    assert!(
        checked.contains("note: an earlier training of tiny/plain-8"),
        "{checked}"
    );
}

#[test]
fn doctor_names_changed_measurements_and_the_command_that_removes_them() {
    let place = changed();
    let (code, text) = said(&place, &["doctor"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("the measurements of tiny/plain-8 are not"),
        "{text}"
    );
    let mut lines = text.lines().map(str::trim);
    assert!(
        lines.any(|line| line == "resweep rm tiny/plain-8"),
        "{text}"
    );
    place.stdout(&["rm", "tiny/plain-8", "--yes"]);
    place.stdout(&SHORT);
    place.stdout(&["doctor"]);
}

#[test]
fn a_saved_copy_does_not_pass_off_changed_measurements_as_recorded() {
    let place = changed();
    let (code, text) = said(&place, &["doctor", "--save", "saved.db"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("the measurements of tiny/plain-8 are not"),
        "{text}"
    );
    write(
        &place,
        &fs::read(place.path().join("saved.db")).expect("a file"),
    );
    for command in [
        &["table", "tiny"][..],
        &["plot", "tiny"],
        &["status", "tiny"],
    ] {
        assert_eq!(said(&place, command).0, Some(3), "{command:?}");
    }
    place.stdout(&[&SHORT[..], &["--fresh"]].concat());
}
