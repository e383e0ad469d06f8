//! Interaction with the system: standard streams, signals, terminals, shells.

#![cfg(target_os = "linux")]

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::workplace::{ChildGuard, Workplace, write_images};

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
    Workplace::with_images("tiny.toml", SWEEP)
}

/// A trained sweep.
fn trained() -> Workplace {
    let place = untrained();
    place.stdout(&["run", "tiny.toml"]);
    place
}

/// The program's command, for streams that `assert_cmd` would capture.
fn program(place: &Workplace, args: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("resweep"));
    command
        .current_dir(place.path())
        .env_remove("RESWEEP_RESULTS")
        .args(args);
    command
}

/// A stream on which every write fails, like a full disk.
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

/// The program with a stream that its shell closes (`>&-`) before it starts.
fn with_closed_stream(place: &Workplace, redirection: &str, args: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("exec \"$0\" \"$@\" {redirection}")])
        .arg(assert_cmd::cargo::cargo_bin("resweep"))
        .args(args)
        .current_dir(place.path())
        .env_remove("RESWEEP_RESULTS");
    command
}

#[test]
fn a_closed_standard_output_is_one_error_and_code_3_where_something_is_to_be_printed() {
    let place = untrained();
    for args in [&["status"][..], &["plan", "tiny.toml"], &["--version"]] {
        let output = with_closed_stream(&place, ">&-", args).output();
        let output = output.expect("the program ends");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{args:?}: {said}");
        let lost = "error: cannot write to standard output: it is closed";
        assert_eq!(said.matches(lost).count(), 1, "{args:?}: {said}");
    }
    // Only standard error has something to say here.
    let output = with_closed_stream(&place, ">&-", &["plan", "none.toml"]).output();
    assert_eq!(output.expect("the program ends").status.code(), Some(2));
    // Standard output that is discarded is not closed.
    let ended = with_closed_stream(&place, ">/dev/null", &["status"]).status();
    assert!(ended.expect("the program ends").success());
}

#[test]
fn a_closed_standard_error_changes_no_code_but_that_of_success() {
    let place = untrained();
    let code = |args: &[&str]| {
        let ended = with_closed_stream(&place, "2>&-", args).output();
        ended.expect("the program ends").status.code()
    };
    assert_eq!(code(&["status"]), Some(0));
    assert_eq!(code(&["plan", "none.toml"]), Some(2));
}

#[test]
fn full_standard_error_changes_only_exit_code_0() {
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
fn closed_pipe_is_not_an_error() {
    let place = trained();
    for command in ["status", "plan tiny.toml --json", "--help", "run tiny.toml"] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let args: Vec<&str> = command.split(' ').collect();
        let output = program(&place, &args).stdout(writer).output();
        let output = output.expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{command}: {said}");
        assert!(!said.contains("error:"), "{command}: {said}");
    }
}

/// A sweep that trains for days.
const ENDLESS: &str = "run tiny.toml -j 1 --progress plain --set train.iterations=100000000 \
     --set train.eval_every=1000000 --set train.log_every=1000";

/// Starts a sweep, optionally with ignored signals, and waits until it trains.
fn training(place: &Workplace, ignored: &str, more: &str) -> ChildGuard {
    let program = assert_cmd::cargo::cargo_bin("resweep");
    let script = format!(
        "trap '' {ignored}; exec '{}' {ENDLESS} {more}",
        program.display()
    );
    crate::support::workplace::restore_signals();
    let mut command = Command::new("sh");
    command.current_dir(place.path()).args(["-c", &script]);
    command.env_remove("RESWEEP_RESULTS").stderr(Stdio::piped());
    let mut process = ChildGuard(command.spawn().expect("it starts"));
    let stderr = process.0.stderr.as_mut().expect("a pipe");
    let mut lines = BufReader::new(stderr).lines();
    let started = |line: &std::io::Result<String>| {
        let line = line.as_ref().expect("UTF-8");
        line.contains("started") || line.contains("resumes")
    };
    assert!(lines.any(|line| started(&line)), "it does not train");
    // A few steps, so that there is something to save.
    std::thread::sleep(Duration::from_millis(500));
    process
}

/// Why the last attempt ended, by `status --attempts`.
fn reason(place: &Workplace) -> String {
    let attempts = place.json(&["status", "tiny", "--attempts", "--json"]);
    let rows = attempts.as_array().expect("rows");
    let last = rows
        .iter()
        .max_by_key(|row| row["started_unix_ms"].as_i64());
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

/// Compiles a library to preload.
fn signal_at_open(place: &Workplace) -> PathBuf {
    let library = place.path().join("signal.so");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(&library);
    compiler.args(["tests/it/terminal/signal_at_open.c", "-ldl"]);
    assert!(compiler.status().expect("a C compiler").success());
    library
}

#[test]
fn signals_are_handled_before_any_file_is_opened() {
    let place = untrained();
    let library = signal_at_open(&place);
    let mut run = program(&place, &["run", "tiny.toml"]);
    run.env("LD_PRELOAD", library)
        .env("SIGNAL_ROOT", place.path());
    let output = run.output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert_eq!(said, "stopped by SIGTERM\n");
    assert!(!place.path().join("results").exists());
}

#[test]
fn a_signal_in_the_first_moments_ends_with_130_and_leaves_nothing_half_written() {
    let place = untrained();
    let args = ["run", "tiny.toml", "--set", "train.iterations=100000000"];
    let names = ["INT", "TERM", "HUP"];
    for (milliseconds, name) in (0..=50).step_by(5).zip(names.into_iter().cycle()) {
        let mut process = place.start(&args);
        std::thread::sleep(Duration::from_millis(milliseconds));
        process.signal(name);
        let ended = process.0.wait().expect("the end");
        // Until the loader has started the program, signals have their default action.
        let unloaded = ended.signal().is_some();
        assert!(
            unloaded || ended.code() == Some(130),
            "{milliseconds} ms: {ended}: {}",
            process.said()
        );
        if place.path().join("results").exists() {
            place.stdout(&["doctor"]);
        }
    }
    let finished = ["run", "tiny.toml"];
    place.stdout(&finished);
    place.stdout(&["doctor"]);
}

#[test]
fn a_signal_before_the_first_run_starts_leaves_one_database_file() {
    let place = untrained();
    let log = place.path().join("results/resweep.db-wal");
    for milliseconds in [0, 10, 30] {
        // The built-in images take long to draw.
        let mut process = place.start(&["run", "tiny.toml", "--set", "data={}"]);
        while !log.exists() {
            let ended = process.0.try_wait().expect("a state");
            assert!(ended.is_none(), "{}", process.said());
            std::thread::yield_now();
        }
        std::thread::sleep(Duration::from_millis(milliseconds));
        process.signal("TERM");
        assert_eq!(process.0.wait().expect("the end").code(), Some(130));
        assert!(!log.exists(), "after {milliseconds} ms");
        assert!(place.stdout(&["status"]).contains("tiny"));
    }
}

#[test]
fn a_home_folder_and_variables_in_paths_are_expanded() {
    let place = trained();
    let run = |args: &[&str], results: &str| {
        let mut command = program(&place, args);
        command.env("HOME", place.path().join("home"));
        command
            .env("RESWEEP_RESULTS", results)
            .output()
            .expect("it starts")
    };
    let images = place.path().join("home/pics");
    write_images(&images);
    for (args, results) in [
        (
            ["plan", "tiny.toml", "--set", "data.path=~/pics"].as_slice(),
            "results",
        ),
        (&["run", "tiny.toml"], "~/r"),
        (&["run", "tiny.toml", "--results=$HOME/r"], "results"),
        (&["export", "tiny.toml", "--to=${HOME}/csv"], "results"),
        (&["status", "--results=~/r"], "results"),
    ] {
        let output = run(args, results);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {said}");
    }
    assert!(place.path().join("home/r/tiny/figure.png").is_file());
    assert!(place.path().join("home/csv").is_dir());
    for args in [
        ["status", "--results=~nobody/r"].as_slice(),
        &["status", "--results=$UNSET_BY_ALL/r"],
        &["plan", "tiny.toml", "--set", "data.path=~nobody/x"],
    ] {
        let output = run(args, "results");
        assert_eq!(output.status.code(), Some(2), "{args:?}");
    }
    let literal = |name: &str| place.path().join(name).exists();
    assert!(!literal("~") && !literal("$HOME") && !literal("${HOME}"));
}

/// The output of a program on a pseudo-terminal, and its exit code.
fn on_a_terminal(mut command: Command) -> (String, Option<i32>) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&controller).expect("access");
    unlockpt(&controller).expect("unlocked");
    let name = ptsname(&controller, Vec::new()).expect("a name");
    let name = name.to_str().expect("UTF-8").to_owned();
    let end = || -> Stdio {
        let file = File::options().read(true).write(true).open(&name);
        file.expect("the terminal").into()
    };
    command.stdout(end()).stderr(end()).stdin(Stdio::null());
    let mut process = ChildGuard(command.spawn().expect("it starts"));
    // Reading fails when the other end of the terminal is closed.
    drop(command);
    let mut printed = Vec::new();
    let _ = File::from(controller).read_to_end(&mut printed);
    let ended = process.0.wait().expect("the end");
    (String::from_utf8_lossy(&printed).into_owned(), ended.code())
}

#[test]
fn ci_and_dumb_terminals_get_plain_lines() {
    let place = trained();
    let print = |variables: &[(&str, &str)]| {
        let mut run = program(&place, &["run", "tiny.toml", "--fresh"]);
        run.env("TERM", "xterm")
            .env_remove("CI")
            .env_remove("NO_COLOR");
        run.envs(variables.iter().copied());
        let (printed, code) = on_a_terminal(run);
        assert_eq!(code, Some(0), "{printed}");
        printed
    };
    assert!(
        print(&[]).contains('\u{1b}'),
        "bars are drawn on a terminal"
    );
    for plain in [("CI", "true"), ("CI", "1"), ("TERM", ""), ("TERM", "dumb")] {
        let printed = print(&[plain]);
        assert!(!printed.contains('\u{1b}'), "{plain:?}: {printed:?}");
        assert!(printed.contains("started"), "{plain:?}: {printed:?}");
    }
}

#[test]
fn database_text_cannot_control_the_terminal() {
    let place = trained();
    let hostile = "x'||char(27)||']0;owned'||char(7)||char(155)||'31m'||char(13)||char(8238)||'=y";
    let database = place.database("results");
    for (table, column) in [
        ("sweep_runs", "label"),
        ("sweeps", "title"),
        ("attempts", "error"),
        ("attempts", "device"),
        ("attempts", "cpu"),
        ("attempts", "program_version"),
        ("processes", "host"),
    ] {
        let number = match column {
            "label" => " || run_id",
            _ => "",
        };
        let update = format!("UPDATE {table} SET {column} = '{hostile}'{number}");
        database.execute(&update, []).expect("the update");
    }
    let failed = "UPDATE attempts SET status = 'failed'";
    database.execute(failed, []).expect("the update");
    drop(database);
    for command in [
        "status",
        "status --json",
        "status tiny",
        "status tiny --json",
        "status tiny --attempts",
        "status tiny --attempts --json",
        "plan tiny.toml",
        "plan tiny.toml --json",
        "table tiny.toml",
        "table tiny.toml --format csv",
        "table tiny.toml --format json",
        "plot tiny.toml",
        "report tiny.toml",
        "export tiny.toml",
        "doctor",
        "gc --dry-run",
        "verify results/tiny/figure.png",
        "run tiny.toml --progress json",
        "run tiny.toml --dry-run",
    ] {
        let args: Vec<&str> = command.split(' ').collect();
        let mut command = program(&place, &args);
        command.env("TERM", "xterm").env("NO_COLOR", "1");
        let (printed, _) = on_a_terminal(command);
        let acts = |c: char| matches!(c, '\u{1b}' | '\u{7}' | '\u{9b}' | '\u{202e}') || c == '\r';
        let printed = printed.replace("\r\n", "\n");
        assert!(!printed.contains(acts), "{args:?}: {printed:?}");
    }
}

#[test]
fn bash_completes_sweep_files_names_and_keys() {
    let place = trained();
    std::fs::write(place.path().join("my sweep.toml"), "").expect("a file");
    let script = place.stdout(&["completions", "bash"]);
    let program = assert_cmd::cargo::cargo_bin("resweep");
    let folder = program.parent().expect("a folder").display();
    // What bash does at a <TAB> behind the last word.
    let complete = |words: &[&str]| -> Vec<String> {
        let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
        let last = words.len() - 1;
        let ask = format!(
            "PATH='{folder}':$PATH\n{script}\nCOMP_WORDS=({}); COMP_CWORD={last}\n\
             _resweep resweep '{}' '{}'\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"",
            quoted.join(" "),
            words[last],
            words[last - 1]
        );
        let mut bash = Command::new("bash");
        let bash = bash.current_dir(place.path()).args(["--norc", "-c", &ask]);
        let output = bash.env_remove("RESWEEP_RESULTS").output().expect("bash");
        let said = String::from_utf8(output.stdout).expect("UTF-8");
        said.lines()
            .map(|line| line.trim_end().to_owned())
            .collect()
    };
    let files = complete(&["resweep", "run", ""]);
    assert!(files.contains(&"tiny.toml".to_owned()), "{files:?}");
    assert!(files.contains(&"my\\ sweep.toml".to_owned()), "{files:?}");
    let begun = complete(&["resweep", "plot", "my\\ s"]);
    assert_eq!(begun, ["my\\ sweep.toml"]);
    assert_eq!(complete(&["resweep", "status", "t"]), ["tiny"]);
    let keys = complete(&["resweep", "run", "tiny.toml", "--set", "train.l"]);
    assert!(keys.contains(&"train.lr=".to_owned()), "{keys:?}");
    assert!(!keys.contains(&"tiny.toml".to_owned()), "{keys:?}");
    let keys = complete(&["resweep", "plan", "tiny.toml", "--set", "axes.d"]);
    assert!(keys.contains(&"axes.depth=".to_owned()), "{keys:?}");
}
