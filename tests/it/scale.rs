//! Commands on folders of many runs: their cost is linear in the number of runs.

#![cfg(unix)]

#[path = "../../benches/load/fake.rs"]
mod fake;
#[path = "../../benches/load/sweep.rs"]
mod sweep;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use crossbeam::channel::never;
use fake::Fake;
use resweep_core::domain::Trainer;
use resweep_core::schedule::{self, Limits, RunBatch, WorkerPool};
use tempfile::TempDir;

/// Runs of the small and of the large folder.
const FEW: usize = 500;
const MANY: usize = 2000;
/// Rows of each run.
const ROWS: u64 = 10;

/// A results folder of so many finished runs of one sweep.
fn folder(runs: usize) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = sweep::write(folder.path(), runs).expect("the sweep file");
    let (sweep, runs) = sweep::expand(&file).expect("its runs");
    let mut recorder = sweep::begin(folder.path(), &file, &sweep, &runs).expect("a database");
    let batch = RunBatch {
        runs: runs.into(),
        finished_before: 0,
        worker_pool: WorkerPool::on_cpu(64, 1),
        limits: Limits {
            max_fails: None,
            max_attempts: 1,
        },
        grace: RunBatch::GRACE,
    };
    let trainer: Arc<dyn Trainer> = Arc::new(Fake::new(ROWS));
    schedule::run(&batch, &trainer, &mut recorder, &mut [], &never()).expect("a sweep");
    folder
}

/// CPU seconds of `resweep ARGS`, which depend little on other programs.
fn seconds(args: &str, folder: &Path) -> f64 {
    let script = format!("\"$0\" {args} >/dev/null && times");
    let output = Command::new("sh")
        .args(["-c", &script])
        .arg(assert_cmd::cargo::cargo_bin("resweep"))
        .env("RESWEEP_RESULTS", folder)
        .current_dir(folder)
        .output()
        .expect("a shell");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "resweep {args}: {said}");
    // The second line is of the shell's children: user and system time.
    let times = String::from_utf8_lossy(&output.stdout);
    let user = times.lines().nth(1).and_then(|line| line.split(' ').next());
    let (minutes, seconds) = user.and_then(|time| time.split_once('m')).expect("a time");
    let number = |text: &str| text.trim_end_matches('s').parse::<f64>().expect("a number");
    60.0 * number(minutes) + number(seconds)
}

#[test]
fn the_cost_of_each_command_is_linear_in_the_runs() {
    let [few, many] = [FEW, MANY].map(folder);
    for args in [
        "status",
        "status load",
        "status load --all",
        "status load --json",
        "status load --attempts",
        "plan load.toml",
        "table load.toml",
        "show load",
        "diff load load",
        "gc --all --dry-run",
        "doctor",
        "export load.toml",
        "run load.toml --dry-run",
    ] {
        let (one, four) = (seconds(args, few.path()), seconds(args, many.path()));
        println!("{args}: {one:.2} s, {four:.2} s");
        // Four times the runs: 4 where it is linear, 16 where it is quadratic.
        assert!(
            four < 8.0 * one.max(0.05),
            "{args}: {one:.2} s, then {four:.2} s"
        );
    }
}

#[test]
fn the_cost_of_removing_runs_with_checkpoints_is_linear() {
    let [few, many] = [FEW, MANY].map(|runs| {
        let folder = folder(runs);
        let database = rusqlite::Connection::open(folder.path().join("resweep.db"));
        let database = database.expect("the database");
        let mut ids = database.prepare("SELECT id FROM runs").expect("a query");
        for id in ids.query_map([], |row| row.get(0)).expect("rows") {
            let id: String = id.expect("an id");
            let checkpoints = folder.path().join("checkpoints").join(id).join("1");
            std::fs::create_dir_all(&checkpoints).expect("a folder");
            std::fs::write(checkpoints.join("1.safetensors"), "").expect("a file");
        }
        drop(ids);
        seconds("rm load --yes", folder.path())
    });
    assert!(many < 8.0 * few.max(0.05), "{few:.2} s, then {many:.2} s");
}

#[test]
fn pictures_and_reports_of_many_curves_stay_small() {
    let folder = folder(MANY);
    seconds("plot load.toml", folder.path());
    seconds("report load.toml", folder.path());
    let file = |name: &str| folder.path().join("load").join(name);
    let limits = [
        ("figure.png", 4_000_000),
        ("figure.svg", 3_000_000),
        ("report.html", 12_000_000),
    ];
    for (name, limit) in limits {
        let bytes = file(name).metadata().expect("the file").len();
        println!("{name}: {bytes} bytes");
        assert!(bytes < limit, "{name} has {bytes} bytes");
    }
    let svg = std::fs::read_to_string(file("figure.svg")).expect("the SVG");
    // Plain and residual nets have a panel each. The caption is broken into lines, each between two tags.
    let words: Vec<&str> = svg.lines().filter(|line| !line.starts_with('<')).collect();
    let words = words.join(" ");
    assert!(words.contains("500 of 1000 curves are drawn"), "{words}");
}

#[test]
fn the_status_of_many_runs_lists_some_and_counts_all() {
    let folder = folder(FEW);
    let lines = |args: &[&str]| {
        let output = Command::new(assert_cmd::cargo::cargo_bin("resweep"))
            .args(["status", "load"])
            .args(args)
            .env("RESWEEP_RESULTS", folder.path())
            .output()
            .expect("the program ends");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        text.lines().map(str::to_owned).collect::<Vec<String>>()
    };
    let shown = lines(&[]);
    // A header, the runs, an empty line.
    assert_eq!(shown.len(), 1 + 100 + 2, "{shown:?}");
    let last = "100 of 500 runs listed (500 finished); `--all` lists every run";
    assert_eq!(shown.last().map(String::as_str), Some(last));
    assert_eq!(lines(&["--all"]).len(), 1 + FEW);
}
