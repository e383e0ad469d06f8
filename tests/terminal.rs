//! What the program does at its edges with the system: standard streams, signals, terminals, shells.

#![cfg(target_os = "linux")]

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

mod workplace;

use workplace::{Mortal, Workplace, write_images};

/// Two tiny networks.
const SWEEP: &str = r#"
[sweep]
name = "tiny"
[model]
image_size = 8
width = 2
depth = 8
[data]
dataset = "folder"
path = "images"
[train]
iterations = 7
batch_size = 7
eval_every = 7
[axes]
shortcut = ["none", "A"]
"#;

fn untrained() -> Workplace {
    let place = Workplace::new("tiny.toml", SWEEP);
    write_images(&place.path().join("images"));
    place
}

/// A trained sweep.
fn trained() -> Workplace {
    let place = untrained();
    place.stdout(&["run", "tiny.toml"]);
    place
}

/// The program, to be started with streams that `assert_cmd` would take.
fn program(place: &Workplace, args: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("resweep"));
    command
        .current_dir(place.path())
        .env_remove("RESWEEP_RESULTS")
        .args(args);
    command
}

/// A stream that takes nothing, as a full disk does.
fn full() -> Stdio {
    let full = File::options().write(true).open("/dev/full");
    full.expect("/dev/full").into()
}

const LOST: &str = "error: cannot write to standard output: No space left on device";

#[test]
fn a_full_standard_output_is_one_error_and_code_3_in_every_command() {
    let place = trained();
    let commands = [
        "status",
        "status --json",
        "status tiny",
        "status tiny --attempts",
        "plan tiny.toml",
        "plan tiny.toml --json",
        "table tiny.toml",
        "table tiny.toml --format csv",
        "plot tiny.toml",
        "doctor",
        "gc --dry-run",
        "verify results/tiny/figure.png",
        "report tiny.toml",
        "export tiny.toml",
        "data preview tiny.toml",
        "run tiny.toml --dry-run",
        "completions bash",
        "--help",
        "run --help",
        "--version",
    ];
    for command in commands {
        let args: Vec<&str> = command.split(' ').collect();
        let output = program(&place, &args).stdout(full()).output();
        let output = output.expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{command}: {said}");
        assert_eq!(said.lines().count(), 1, "{command}: {said}");
        assert!(said.starts_with(LOST), "{command}: {said}");
    }
}

#[test]
fn a_sweep_with_a_full_standard_output_is_trained_and_drawn_and_ends_with_code_3() {
    for progress in ["plain", "json"] {
        let place = untrained();
        let args = ["run", "tiny.toml", "--progress", progress];
        let output = program(&place, &args).stdout(full()).output();
        let output = output.expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert_eq!(said.matches(LOST).count(), 1, "{said}");
        assert!(place.path().join("results/tiny/figure.png").is_file());
    }
}

#[test]
fn a_full_standard_error_changes_no_code_but_that_of_success() {
    let place = trained();
    for (command, code) in [
        ("plan none.toml", 2),
        ("nonsense", 2),
        ("status", 0),
        ("run tiny.toml --fresh", 3),
        ("run tiny.toml --fresh --isolate", 3),
    ] {
        let args: Vec<&str> = command.split(' ').collect();
        let mut program = program(&place, &args);
        let ended = program.stdout(Stdio::null()).stderr(full()).status();
        assert_eq!(ended.expect("it starts").code(), Some(code), "{command}");
    }
}

#[test]
fn a_pipe_whose_reader_is_gone_is_no_error() {
    let place = trained();
    for command in ["status", "plan tiny.toml --json", "--help", "run tiny.toml"] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let args: Vec<&str> = command.split(' ').collect();
        let output = program(&place, &args).stdout(writer).output();
        let output = output.expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{command}: {said}");
        assert!(!said.contains("error"), "{command}: {said}");
    }
}

/// Trains for days.
const ENDLESS: &str = "run tiny.toml -j 1 --progress plain --set train.iterations=100000000 \
     --set train.eval_every=1000000 --set train.log_every=1000";

/// Starts a sweep, perhaps with ignored signals, and waits until it trains.
fn training(place: &Workplace, ignored: &str, more: &str) -> Mortal {
    let program = assert_cmd::cargo::cargo_bin("resweep");
    let script = format!(
        "trap '' {ignored}; exec '{}' {ENDLESS} {more}",
        program.display()
    );
    let mut command = Command::new("sh");
    command.current_dir(place.path()).args(["-c", &script]);
    command.env_remove("RESWEEP_RESULTS").stderr(Stdio::piped());
    let mut process = Mortal(command.spawn().expect("it starts"));
    let stderr = process.0.stderr.as_mut().expect("a pipe");
    let mut lines = BufReader::new(stderr).lines();
    let started = |line: &std::io::Result<String>| {
        let line = line.as_ref().expect("UTF-8");
        line.contains("started") || line.contains("resumes")
    };
    assert!(lines.any(|line| started(&line)), "it does not train");
    process
}

/// Why the last attempt ended, by `status --attempts`.
fn reason(place: &Workplace) -> String {
    let attempts = place.json(&["status", "tiny", "--attempts", "--json"]);
    let last = attempts.as_array().and_then(|rows| rows.last());
    let last = last.expect("an attempt");
    assert_eq!(last["status"], "stopped", "{last}");
    last["error"].as_str().expect("a reason").to_owned()
}

#[test]
fn every_signal_of_a_batch_system_stops_with_a_checkpoint_and_is_recorded() {
    let place = untrained();
    for (name, more) in [
        ("HUP", ""),
        ("TERM", "--isolate"),
        ("INT", ""),
        ("QUIT", ""),
        ("USR1", "--isolate"),
        ("USR2", ""),
        ("XCPU", ""),
    ] {
        let mut process = training(&place, "TTOU", more);
        process.signal(name);
        let ended = process.0.wait().expect("the end");
        assert_eq!(ended.code(), Some(130), "{name}");
        assert_eq!(reason(&place), format!("stopped by SIG{name}"));
        let runs = place.json(&["status", "tiny", "--json"]);
        assert!(runs[0]["checkpoint_iteration"].is_u64(), "{name}: {runs}");
    }
    let shown = place.stdout(&["status", "tiny", "--attempts"]);
    assert!(shown.contains("stopped: by SIGHUP"), "{shown}");
}

#[test]
fn a_signal_that_was_ignored_at_the_start_stays_ignored() {
    let place = untrained();
    let mut process = training(&place, "HUP INT USR1", "");
    for name in ["HUP", "INT", "USR1"] {
        process.signal(name);
    }
    std::thread::sleep(Duration::from_millis(500));
    assert!(process.0.try_wait().expect("a state").is_none());
    process.signal("TERM");
    assert_eq!(process.0.wait().expect("the end").code(), Some(130));
    assert_eq!(reason(&place), "stopped by SIGTERM");
}
