//! Resuming: the real program, after stops, kills and damage, gives the same results as an
//! undisturbed run.

#![cfg(unix)]

use crate::support::workplace;
use sha2::Digest;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::workplace::{ChildGuard, Workplace, assert_same, signal};

/// Two nets on a few tiny images.
const SWEEP: &str = r#"
[sweep]
name = "tiny"

[data]
dataset = "folder"
path = "images"

[model]
width = 2
image_size = 8
depth = 8

[train]
iterations = 40
batch_size = 7
lr = 0.05
lr_drops = [25]
log_every = 3
eval_every = 10
warmup = { lr = 0.01, iterations = 4 }

[axes]
shortcut = ["none", "B"]
"#;

/// The workplace, and the artifacts of an undisturbed run of the sweep in `undisturbed`.
fn place() -> (Workplace, Vec<String>) {
    let place = Workplace::with_images("tiny.toml", SWEEP);
    place.stdout(&["run", "tiny.toml", "--results", "undisturbed"]);
    let artifacts = place.artifacts("undisturbed", "tiny");
    // 13 whole intervals and a shorter one, and 4 evaluations, of each of two runs
    assert_eq!(place.metrics("undisturbed").len(), 2 * (14 + 4));
    (place, artifacts)
}

/// Waits until `text` appears on a program's standard error.
fn wait_for(process: &mut ChildGuard, text: &str) {
    let stderr = process.0.stderr.as_mut().expect("a pipe");
    let mut line = String::new();
    let mut reader = BufReader::new(stderr);
    while !line.contains(text) {
        line.clear();
        let read = reader.read_line(&mut line).expect("UTF-8");
        assert!(read > 0, "it ended without saying `{text}`");
    }
}

/// A sweep that would train for days.
const ENDLESS: [&str; 6] = [
    "run",
    "tiny.toml",
    "--set",
    "train.iterations=100000000",
    "--set",
    "train.lr_drops=[]",
];

#[test]
fn signal_stops_with_a_checkpoint_and_the_same_command_resumes() {
    let place = Workplace::with_images("tiny.toml", SWEEP);
    // Long enough to be stopped in the middle, with a checkpoint at the stop only.
    let run = [
        "run",
        "tiny.toml",
        "-j",
        "1",
        "--set",
        "train.iterations=600",
    ];
    place.stdout(&[&run[..], &["--results", "undisturbed"]].concat());
    for (name, progress) in [("INT", "iteration 40/"), ("TERM", "iteration 90/")] {
        let mut process = place.start(&run);
        wait_for(&mut process, progress);
        process.signal(name);
        let signalled = Instant::now();
        let status = process.0.wait().expect("the end");
        assert!(signalled.elapsed() < Duration::from_secs(2));
        assert_eq!(status.code(), Some(130), "{name}");
        let runs = place.json(&["status", "tiny", "--json"]);
        let stopped = runs.as_array().expect("runs").iter();
        let mut stopped = stopped.filter(|run| run["status"] == "stopped");
        let saved = |run: &serde_json::Value| run["checkpoint_iteration"].as_u64() > Some(25);
        assert!(stopped.any(saved), "{name}: {runs}");
    }
    place.stdout(&run);
    let artifacts = place.artifacts("undisturbed", "tiny");
    assert_same(&place.artifacts("results", "tiny"), &artifacts);
}

#[test]
fn a_second_signal_stops_at_once() {
    let (place, _) = place();
    // A step takes longer than the two seconds after the first signal.
    let slow = ["--set", "model.depth=110", "--set", "model.image_size=64"];
    let mut process = place.start(&[&ENDLESS[..], &slow].concat());
    wait_for(&mut process, "started");
    std::thread::sleep(Duration::from_millis(500));
    let signalled = Instant::now();
    process.signal("INT");
    std::thread::sleep(Duration::from_millis(400));
    process.signal("INT");
    assert_eq!(process.0.wait().expect("the end").code(), Some(130));
    assert!(signalled.elapsed() < Duration::from_millis(1400));
}

#[test]
fn a_longer_run_resumes_from_the_end_of_a_shorter_one() {
    let (place, artifacts) = place();
    place.stdout(&["run", "tiny.toml", "--set", "train.iterations=29"]);
    place.stdout(&["run", "tiny.toml"]);
    let begun = "SELECT from_iteration FROM current_attempts
                 JOIN runs ON runs.id = run_id
                 WHERE json_extract(config_json, '$.train.iterations') = 40";
    assert_eq!(place.rows("results", begun), ["Integer(29)", "Integer(29)"]);
    let of_long_runs = |lines: Vec<String>| -> Vec<String> {
        let ids: Vec<&str> = artifacts
            .iter()
            .filter_map(|line| line.split(' ').next())
            .collect();
        lines
            .into_iter()
            .filter(|line| ids.contains(&line.split(' ').next().expect("a word")))
            // The checkpoint at the drop is the shorter run's.
            .filter(|line| !line.contains(" Integer(25) ") && !line.contains("/25.safetensors"))
            .collect()
    };
    let expected = of_long_runs(artifacts.clone());
    assert_same(&of_long_runs(place.artifacts("results", "tiny")), &expected);
    // A drop before the end of the shorter run gives another trajectory.
    place.stdout(&["run", "tiny.toml", "--set", "train.lr_drops=[20]"]);
    let begun = "SELECT from_iteration FROM attempts JOIN runs ON runs.id = run_id
                 WHERE json_extract(config_json, '$.train.lr_drops[0]') = 20";
    assert_eq!(place.rows("results", begun), ["Integer(0)", "Integer(0)"]);
}

/// One net on the tiny images, with every interval by default.
const MEASURED: &str = r#"
[sweep]
name = "measured"

[data]
dataset = "folder"
path = "images"

[model]
width = 2
image_size = 8
depth = 8

[train]
iterations = 100
batch_size = 7

[axes]
shortcut = ["none"]
"#;

fn measured() -> Workplace {
    Workplace::with_images("measured.toml", MEASURED)
}

/// Runs or plans the sweep in a results folder, with some settings.
fn with(place: &Workplace, command: &str, results: &str, settings: &[&str]) -> String {
    let set = settings.iter().flat_map(|setting| ["--set", *setting]);
    let head = [command, "measured.toml", "--results", results];
    place.stdout(&head.into_iter().chain(set).collect::<Vec<_>>())
}

/// The status and start iteration of the last attempt, and all measurements with all bits.
fn rows_of(place: &Workplace, results: &str, settings: &[&str]) -> (String, Vec<String>) {
    with(place, "run", results, settings);
    let of_sweep = "SELECT run_id FROM sweep_runs";
    let begun =
        format!("SELECT status, from_iteration FROM current_attempts WHERE run_id IN ({of_sweep})");
    let mut rows = Vec::new();
    for query in [
        "SELECT 'train', iteration, error_percent, loss, lr FROM train_metrics",
        "SELECT evaluated_on, iteration, error_percent, loss FROM eval_metrics",
        "SELECT layer, name, std FROM layer_stats",
        // The file of the final checkpoint.
        "SELECT max(iteration), sha256 FROM checkpoints",
    ] {
        rows.extend(place.rows(
            results,
            &format!(
                "{query} WHERE training_id = (SELECT id FROM current_trainings
                     WHERE run_id IN ({of_sweep}))"
            ),
        ));
    }
    (place.rows(results, &begun).join(""), rows)
}

#[test]
fn longer_run_with_other_measurements_resumes_with_identical_rows() {
    let place = measured();
    let long = "train.iterations=200";
    for (number, (settings, from)) in [
        (vec!["train.lr_drops=[50]"], 100),
        (
            vec![
                "train.lr_drops=[]",
                "train.eval_every=10",
                "train.layer_stats=true",
            ],
            100,
        ),
        // Fractions: the shorter run drops at 50 and 75, the longer one at 100 and 150.
        (vec![], 50),
    ]
    .into_iter()
    .enumerate()
    {
        let results = format!("results-{number}");
        with(&place, "run", &results, &settings);
        let long: Vec<&str> = settings.iter().copied().chain([long]).collect();
        let plan = with(&place, "plan", &results, &long);
        assert!(
            plan.contains(&format!("resumes at {from} of 200")),
            "{plan}"
        );
        let why = "resumes at 50, although the recorded run has 100 iterations: its learning rate \
                   drops at 50, now it drops at 100\n";
        assert_eq!(plan.contains(why), from == 50, "{plan}");
        let (begun, resumed) = rows_of(&place, &results, &long);
        assert_eq!(begun, format!("finished Integer({from})"), "{settings:?}");
        let (_, undisturbed) = rows_of(&place, &format!("{results}-undisturbed"), &long);
        assert_same(&resumed, &undisturbed);
    }
}

#[test]
fn a_longer_run_on_other_intervals_keeps_the_evaluations_of_the_shorter_one() {
    let place = measured();
    let short = [
        "train.lr_drops=[]",
        "train.eval_every=7",
        "train.log_every=7",
    ];
    with(&place, "run", "results", &short);
    let long = [
        "train.lr_drops=[]",
        "train.eval_every=13",
        "train.log_every=13",
        "train.iterations=150",
    ];
    let plan = with(&place, "plan", "results", &long);
    assert!(
        plan.contains("resumes at 100 of 150 (evaluated as run"),
        "{plan}"
    );
    let (begun, resumed) = rows_of(&place, "results", &long);
    assert_eq!(begun, "finished Integer(100)");
    let (_, undisturbed) = rows_of(&place, "undisturbed", &long);
    let evaluated = |rows: &[String]| -> Vec<String> {
        let tests = rows.iter().filter(|row| row.starts_with("test "));
        let iterations = tests.filter_map(|row| row.split(['(', ')']).nth(1));
        iterations.map(str::to_owned).collect()
    };
    let sevens = (7..100).step_by(7).map(|n: u64| n.to_string());
    let expected: Vec<String> = sevens
        .chain(["104", "117", "130", "143", "150"].map(str::to_owned))
        .collect();
    assert_eq!(evaluated(&resumed), expected);
    let without_past = |rows: Vec<String>| -> Vec<String> {
        let past = |row: &String| {
            let iteration = row.split(['(', ')']).nth(1).and_then(|n| n.parse().ok());
            row.starts_with("test ") && iteration.is_some_and(|n: u64| n < 100)
        };
        rows.into_iter().filter(|row| !past(row)).collect()
    };
    assert_same(&without_past(resumed), &without_past(undisturbed));
}

#[test]
fn recorded_results_are_not_trained_or_measured_again() {
    let place = measured();
    let dense = ["train.eval_every=2", "train.log_every=2"];
    with(&place, "run", "results", &dense);
    // Every fifth evaluation.
    let sparse = ["train.eval_every=10", "train.log_every=2"];
    let plan = with(&place, "plan", "results", &sparse);
    assert!(plan.contains("same as run "), "{plan}");
    assert!(plan.contains("nothing to train"), "{plan}");
    let (begun, adopted) = rows_of(&place, "results", &sparse);
    assert_eq!(begun, "finished Integer(100)");
    let (_, undisturbed) = rows_of(&place, "undisturbed", &sparse);
    assert_same(&adopted, &undisturbed);
    // A coarser training curve, and layer responses, come from the last checkpoint.
    for more in ["train.log_every=8", "train.layer_stats=true"] {
        let settings = ["train.eval_every=10", more];
        let plan = with(&place, "plan", "results", &settings);
        assert!(plan.contains("measures only"), "{plan}");
        let (begun, measured) = rows_of(&place, "results", &settings);
        assert_eq!(begun, "finished Integer(100)");
        let (_, undisturbed) = rows_of(&place, more, &settings);
        assert_same(&measured, &undisturbed);
    }
    // Denser evaluations require training.
    let denser = ["train.eval_every=1", "train.log_every=2"];
    let plan = with(&place, "plan", "results", &denser);
    assert!(
        plan.contains("new: eval_every = 1 is denser than"),
        "{plan}"
    );
    let (begun, _) = rows_of(&place, "results", &denser);
    assert_eq!(begun, "finished Integer(0)");
    let plan = with(
        &place,
        "plan",
        "results",
        &["train.lr=0.3", "train.momentum=0.8"],
    );
    assert!(
        plan.contains("new: lr and momentum differ from run "),
        "{plan}"
    );
}

#[test]
fn sparser_evaluations_may_miss_divergence() {
    let sweep = r#"
        [sweep]
        name = "measured"
        seeds = [1]
        [model]
        image_size = 8
        width = 2
        depth = 8
        [train]
        iterations = 40
        batch_size = 16
        lr = 14
        weight_decay = 0.15
        lr_drops = []
        log_every = 10
        [axes]
        shortcut = ["none"]
    "#;
    let place = Workplace::new("measured.toml", sweep);
    let outcomes = |results: &str, every: [u64; 2]| {
        every.map(|every| rows_of(&place, results, &[&format!("train.eval_every={every}")]).0)
    };
    let (diverged, finished) = ("diverged Integer(0)", "finished Integer(0)");
    assert_eq!(outcomes("dense-first", [10, 20]), [diverged, finished]);
    assert_eq!(outcomes("sparse-first", [20, 10]), [finished, diverged]);
}

#[test]
fn the_runs_of_an_older_database_stay_finished_and_are_resumed_from() {
    let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/old_results");
    let place = measured();
    let sweep = fs::read_to_string(old.join("tiny.toml")).expect("a sweep file");
    fs::write(place.path().join("tiny.toml"), sweep).expect("a sweep file");
    for file in workplace::files(&old.join("schema-4")) {
        let target = place
            .path()
            .join("results")
            .join(file.strip_prefix(old.join("schema-4")).expect("below it"));
        fs::create_dir_all(target.parent().expect("a folder")).expect("a folder");
        fs::copy(&file, target).expect("a copy");
    }
    let attempts = "SELECT count(*), sum(from_iteration) FROM attempts";
    place.stdout(&["run", "tiny.toml", "--set", "train.iterations=29"]);
    assert_eq!(place.rows("results", attempts), ["Integer(2) Integer(0)"]);
    place.stdout(&["run", "tiny.toml"]);
    assert_eq!(place.rows("results", attempts), ["Integer(4) Integer(58)"]);
    let points = "SELECT count(*), sum(iteration) FROM train_metrics
                  JOIN current_trainings ON current_trainings.id = training_id JOIN runs ON runs.id = run_id
                  WHERE config_json ->> '$.train.iterations' = 40 GROUP BY run_id";
    let on_grid = format!(
        "Integer(14) Integer({})",
        (3..40).step_by(3).sum::<u64>() + 40
    );
    assert_eq!(place.rows("results", points), [on_grid.clone(), on_grid]);
    // Old checkpoints have no curve per iteration: the points before the checkpoint are unchanged.
    let coarser = [
        "--set",
        "train.log_every=20",
        "--set",
        "train.eval_every=20",
    ];
    let longer = ["run", "tiny.toml", "--set", "train.iterations=41"];
    place.stdout(&[&longer[..], &coarser].concat());
    assert_eq!(
        place.rows(
            "results",
            "SELECT from_iteration FROM attempts WHERE number = 1 ORDER BY id DESC LIMIT 2"
        ),
        ["Integer(40)", "Integer(40)"]
    );
}

#[test]
fn runs_of_a_version_that_rounds_differently_stay_and_are_trained_again() {
    let place = measured();
    place.stdout(&["run", "measured.toml"]);
    let rows = place.metrics("results").len();
    // What a version with another NUMERICS_VERSION leaves: other ids.
    let database = place.database("results");
    let renamed = database.execute_batch(
        "PRAGMA foreign_keys = OFF; BEGIN;
         UPDATE trainings SET run_id = 'f' || substr(run_id, 2);
         UPDATE attempts SET run_id = 'f' || substr(run_id, 2);
         UPDATE sweep_runs SET run_id = 'f' || substr(run_id, 2);
         UPDATE runs SET id = 'f' || substr(id, 2), trajectory = 'f' || substr(trajectory, 2);
         UPDATE checkpoints SET trajectory = 'f' || substr(trajectory, 2);
         COMMIT",
    );
    renamed.expect("other ids");
    let plan = place.stdout(&["plan", "measured.toml"]);
    assert!(
        plan.contains("new: the version that trained run f"),
        "{plan}"
    );
    place.stdout(&["run", "measured.toml"]);
    assert_eq!(place.metrics("results").len(), 2 * rows);
}

#[test]
fn fresh_training_keeps_history_and_gives_identical_rows() {
    let (place, artifacts) = place();
    let rows = place.metrics("undisturbed").len();
    place.stdout(&["run", "tiny.toml", "--results", "undisturbed", "--fresh"]);
    let count = "SELECT (SELECT count(*) FROM train_metrics) + (SELECT count(*) FROM eval_metrics)";
    let all = place.rows("undisturbed", count);
    assert_eq!(all, [format!("Integer({})", 2 * rows)]);
    let measured = |lines: &[String]| -> Vec<String> {
        let kept = lines
            .iter()
            .filter(|line| !line.starts_with("checkpoints/"));
        kept.cloned().collect()
    };
    let again: Vec<String> = place.metrics("undisturbed");
    assert!(again.iter().all(|line| measured(&artifacts).contains(line)));
    assert_eq!(again.len(), rows);
}

/// Starts the sweep and kills it after a checkpoint. Returns the run and iteration of the newest
/// checkpoint of each training that was killed.
fn checkpoints_of_killed(place: &Workplace) -> Vec<String> {
    // A dead process leaves the status `running`.
    let newest = "SELECT a.run_id, max(iteration) FROM checkpoints
                  JOIN current_attempts AS a USING (training_id)
                  WHERE status = 'running' GROUP BY 1";
    // Short enough that three rounds do not finish the sweep on a fast machine; longer on a busy one.
    let mut pause = Duration::from_millis(40);
    loop {
        let mut process = place.start(&["run", "tiny.toml", "--checkpoint-every", "0"]);
        wait_for(&mut process, "started");
        std::thread::sleep(pause);
        process.kill();
        let rows = place.rows("results", newest);
        if !rows.is_empty() || pause > Duration::from_secs(5) {
            return rows;
        }
        pause *= 2;
    }
}

#[test]
fn damaged_checkpoint_falls_back_to_the_previous_one() {
    let (place, artifacts) = place();
    let mut damaged = 0;
    for damage in [
        |path: &Path| fs::write(path, b"").expect("a file"),
        |path: &Path| {
            let whole = fs::read(path).expect("a file");
            fs::write(path, &whole[..whole.len() / 2]).expect("a file");
        },
        |path: &Path| {
            let mut bytes = fs::read(path).expect("a file");
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(path, bytes).expect("a file");
        },
    ] {
        for row in checkpoints_of_killed(&place) {
            let (run, iteration) = row.split_once(' ').expect("two columns");
            let iteration: String = iteration.chars().filter(char::is_ascii_digit).collect();
            let folder = place.path().join("results/checkpoints").join(run).join("1");
            damage(&folder.join(format!("{iteration}.safetensors")));
            damaged += 1;
        }
    }
    assert!(damaged > 0);
    place.stdout(&["run", "tiny.toml"]);
    assert_same(&place.artifacts("results", "tiny"), &artifacts);
}

#[test]
fn several_processes_share_a_sweep_and_train_each_run_once() {
    let place = Workplace::with_images("tiny.toml", SWEEP);
    let args = |results| {
        let repeats = "sweep.repeats=8";
        let short = "train.iterations=5";
        let no_drops = "train.lr_drops=[]";
        [
            "run",
            "tiny.toml",
            "-j",
            "1",
            "--results",
            results,
            "--set",
            repeats,
            "--set",
            short,
            "--set",
            no_drops,
        ]
    };
    let mut processes: Vec<ChildGuard> = (0..6).map(|_| place.start(&args("shared"))).collect();
    for process in &mut processes {
        let status = process.0.wait().expect("the end");
        assert!(status.success(), "{}", process.said());
    }
    let attempts = "SELECT count(*), count(DISTINCT run_id), count(DISTINCT process_id) > 1
                    FROM attempts";
    let counted = place.rows("shared", attempts);
    assert_eq!(counted, ["Integer(16) Integer(16) Integer(1)"]);
    place.stdout(&args("alone"));
    assert_same(
        &place.artifacts("shared", "tiny"),
        &place.artifacts("alone", "tiny"),
    );
}

#[test]
fn the_runs_of_a_dead_process_are_taken_over_at_once() {
    let (place, artifacts) = place();
    let mut first = place.start(&["run", "tiny.toml", "--checkpoint-every", "0"]);
    wait_for(&mut first, "started");
    let mut second = place.start(&["run", "tiny.toml", "--lease", "600"]);
    std::thread::sleep(Duration::from_millis(200));
    first.kill();
    // Long before the lease is over.
    let killed = Instant::now();
    let ended = loop {
        match second.0.try_wait().expect("a child") {
            Some(status) => break status,
            None => assert!(killed.elapsed() < Duration::from_secs(90), "it waits"),
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(ended.success(), "{}", second.said());
    assert_same(&place.artifacts("results", "tiny"), &artifacts);
}

#[test]
fn suspended_process_loses_its_runs_and_exits_cleanly() {
    let (place, artifacts) = place();
    let lease = ["--lease", "3", "--checkpoint-every", "0"];
    let mut sleeper = place.start(&[&["run", "tiny.toml"], &lease[..]].concat());
    wait_for(&mut sleeper, "started");
    std::thread::sleep(Duration::from_millis(150));
    place.halt(&sleeper, "results");
    place.stdout(&["run", "tiny.toml", "--lease", "3"]);
    sleeper.signal("CONT");
    let status = sleeper.0.wait().expect("the end");
    assert!(status.success(), "{}", sleeper.said());
    assert_same(&place.artifacts("results", "tiny"), &artifacts);
    let taken = "SELECT count(*) > 0 FROM attempts WHERE status = 'interrupted'";
    assert_eq!(place.rows("results", taken), ["Integer(1)"]);
}

/// The child processes of a process.
fn children(parent: u32) -> Vec<u32> {
    let tasks = format!("/proc/{parent}/task");
    let tasks = fs::read_dir(tasks).into_iter().flatten().flatten();
    tasks
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|text| {
            text.split(' ')
                .filter_map(|id| id.parse().ok())
                .collect::<Vec<u32>>()
        })
        .collect()
}

#[cfg(target_os = "linux")]
#[test]
fn crash_of_an_isolated_run_ends_only_that_run() {
    let (place, artifacts) = place();
    let isolated = [&ENDLESS[..], &["--isolate", "--checkpoint-every", "0"]].concat();
    let mut process = place.start(&isolated);
    wait_for(&mut process, "iteration");
    let [first, second] = children(process.0.id())[..] else {
        panic!("two runs have two processes");
    };
    // A segmentation fault is permanent; an out-of-memory kill is transient.
    signal(first, "ABRT");
    signal(second, "KILL");
    let failed = "SELECT status, transient, error FROM attempts WHERE status = 'failed' ORDER BY 2";
    let patience = Instant::now();
    let mut attempts = place.rows("results", failed);
    while attempts.len() < 2 && patience.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(50));
        attempts = place.rows("results", failed);
    }
    assert_eq!(attempts.len(), 2, "{attempts:?}");
    assert!(attempts[0].starts_with("failed Integer(0)"), "{attempts:?}");
    assert!(attempts[0].contains("SIGABRT"), "{attempts:?}");
    assert!(attempts[1].starts_with("failed Integer(1)"), "{attempts:?}");
    assert!(attempts[1].contains("SIGKILL"), "{attempts:?}");

    // The children of a killed process end with it.
    let orphans = children(process.0.id());
    process.kill();
    let patience = Instant::now();
    let alive = |id: &u32| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        stat.contains("resweep") && !stat.contains(") Z ")
    };
    while orphans.iter().any(alive) {
        assert!(patience.elapsed() < Duration::from_secs(5), "{orphans:?}");
        std::thread::sleep(Duration::from_millis(10));
    }

    place.stdout(&["run", "tiny.toml", "--isolate", "--results", "isolated"]);
    assert_same(&place.artifacts("isolated", "tiny"), &artifacts);
}

#[test]
fn a_results_folder_can_be_moved() {
    let (place, _) = place();
    place.stdout(&["run", "tiny.toml", "--set", "train.iterations=29"]);
    fs::rename(place.path().join("results"), place.path().join("elsewhere")).expect("a move");
    let longer = ["run", "tiny.toml", "--results", "elsewhere"];
    place.stdout(&longer);
    let begun = "SELECT max(from_iteration) FROM attempts";
    assert_eq!(place.rows("elsewhere", begun), ["Integer(29)"]);
}

#[test]
fn locked_database_is_waited_for() {
    let (place, artifacts) = place();
    let process = place.start(&["run", "tiny.toml"]);
    // The program may not have created it yet.
    let database = place.path().join("results/resweep.db");
    while !database.exists() || fs::metadata(&database).expect("a file").len() == 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let other = place.database("results");
    other
        .busy_timeout(Duration::from_secs(10))
        .expect("a setting");
    other.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    std::thread::sleep(Duration::from_secs(3));
    other
        .execute_batch("ROLLBACK")
        .expect("the end of the lock");
    let mut process = process;
    assert!(process.0.wait().expect("the end").success());
    assert_same(&place.artifacts("results", "tiny"), &artifacts);
}

/// A limit on file sizes simulates a full disk.
#[test]
fn full_disk_is_reported_and_loses_no_recorded_results() {
    let (place, artifacts) = place();
    let program = assert_cmd::cargo::cargo_bin("resweep");
    let mut command = assert_cmd::Command::new("sh");
    // In blocks of 512 bytes; the system sends SIGXFSZ beyond.
    let script = "ulimit -f 200; exec \"$0\" run tiny.toml --checkpoint-every 0";
    command.current_dir(place.path()).args(["-c", script]);
    let output = command.arg(program).assert().failure().get_output().clone();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(matches!(output.status.code(), Some(1 | 3)), "{said}");
    assert!(
        said.contains("cannot write") || said.contains("disk is full"),
        "{said}"
    );
    place.stdout(&["run", "tiny.toml"]);
    assert_same(&place.artifacts("results", "tiny"), &artifacts);
}

#[test]
fn a_full_disk_prints_one_line_for_each_cause() {
    let place = Workplace::with_images("tiny.toml", SWEEP);
    let program = assert_cmd::cargo::cargo_bin("resweep");
    // The checkpoints are larger than the limit, the database is smaller.
    let script = "trap '' XFSZ; ulimit -f 1600; exec \"$0\" \"$@\"";
    let run = "run tiny.toml -j 2 --progress plain --checkpoint-every 0 --set model.width=16 \
         --set model.depth=14 --set sweep.repeats=4 --set sweep.max_attempts=2";
    let mut command = assert_cmd::Command::new("sh");
    command
        .current_dir(place.path())
        .args(["-c", script])
        .arg(program);
    let output = command.args(run.split_whitespace()).assert().failure();
    let said = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
    let failed = said.lines().filter(|line| line.contains(" · failed after"));
    assert_eq!(failed.count(), 1, "{said}");
    // Eight runs, each of which is tried twice.
    assert!(
        said.contains("15 more attempts failed in the same way"),
        "{said}"
    );
    assert!(said.lines().count() <= 10, "{said}");
    // With room, the same command trains them.
    place.stdout(&run.split_whitespace().collect::<Vec<_>>());
}

/// The header of a safetensors file as JSON, and the tensors' bytes.
fn split(file: &[u8]) -> (serde_json::Value, Vec<u8>) {
    let length: [u8; 8] = file[..8].try_into().expect("eight bytes");
    let (header, data) = file[8..].split_at(u64::from_le_bytes(length) as usize);
    (serde_json::from_slice(header).expect("JSON"), data.to_vec())
}

fn join(header: &serde_json::Value, data: &[u8]) -> Vec<u8> {
    let mut header = header.to_string().into_bytes();
    // The tensors begin at a multiple of eight bytes.
    header.resize(header.len().next_multiple_of(8), b' ');
    let length = (header.len() as u64).to_le_bytes();
    [&length[..], &header, data].concat()
}

/// The bytes of a tensor.
fn tensor<'a>(header: &serde_json::Value, data: &'a mut [u8], name: &str) -> &'a mut [u8] {
    let offset = |at: usize| header[name]["data_offsets"][at].as_u64().expect("a number");
    &mut data[offset(0) as usize..offset(1) as usize]
}

type Forgery = fn(&mut serde_json::Value, &mut Vec<u8>);

/// Changes a number in the metadata.
fn set(header: &mut serde_json::Value, pointer: &str, number: serde_json::Value) {
    let text = header["__metadata__"]["resweep"].as_str().expect("text");
    let mut metadata: serde_json::Value = serde_json::from_str(text).expect("JSON");
    *metadata.pointer_mut(pointer).expect("a number") = number;
    header["__metadata__"]["resweep"] = metadata.to_string().into();
}

const FORGERIES: [(&str, Forgery); 11] = [
    ("an image that is none", |header, data| {
        tensor(header, data, "sampler.permutation")[..4].fill(0xff);
    }),
    ("an image twice", |header, data| {
        let order = tensor(header, data, "sampler.permutation");
        order.copy_within(..4, 4);
    }),
    ("another order", |header, data| {
        tensor(header, data, "sampler.permutation").rotate_left(4);
    }),
    ("iteration 2^60", |header, _| {
        set(header, "/iteration", (1_u64 << 60).into());
    }),
    ("an earlier iteration", |header, _| {
        set(header, "/iteration", 28.into());
    }),
    ("a reversed shape", |header, _| {
        let shape = header["fc.weight"]["shape"].as_array_mut();
        shape.expect("a shape").reverse();
    }),
    ("a parameter that is not a number", |header, data| {
        let weight = tensor(header, data, "fc.weight");
        weight[..4].copy_from_slice(&f32::NAN.to_le_bytes());
    }),
    ("another place in a random stream", |header, _| {
        set(header, "/order_words", 12.into());
    }),
    ("another place in the epoch", |header, _| {
        set(header, "/sampler_position", 1_000_000.into());
    }),
    ("more errors than images", |header, data| {
        tensor(header, data, "curve.errors")[..4].fill(0xff);
    }),
    ("another learning rate", |header, _| {
        set(header, "/lr", 0.5.into());
    }),
];

#[test]
fn a_checkpoint_with_an_impossible_state_is_skipped_even_if_its_checksum_is_right() {
    let one = SWEEP.replace("\n[axes]\nshortcut = [\"none\", \"B\"]\n", "");
    let one = one.replace("depth = 8", "depth = 8\nshortcut = \"none\"");
    let place = Workplace::with_images("tiny.toml", &one);
    place.stdout(&["run", "tiny.toml", "--results", "undisturbed"]);
    let metrics = place.metrics("undisturbed");
    place.stdout(&["run", "tiny.toml", "--set", "train.iterations=29"]);
    let database = place.path().join("results/resweep.db");
    // All of it in one file.
    let merged = "PRAGMA journal_mode = DELETE";
    assert_eq!(place.rows("results", merged), ["delete"]);
    let sound = fs::read(&database).expect("a database");
    let run = place
        .rows("results", "SELECT run_id FROM trainings")
        .remove(0);
    let file = format!("results/checkpoints/{run}/1/29.safetensors");
    let file = place.path().join(file);
    let checkpoint = fs::read(&file).expect("a checkpoint");
    for (what, forge) in FORGERIES {
        let (mut header, mut data) = split(&checkpoint);
        forge(&mut header, &mut data);
        let forged = join(&header, &data);
        assert_ne!(forged, checkpoint, "{what}");
        fs::write(&file, &forged).expect("a file");
        place.rows("results", merged);
        fs::write(&database, &sound).expect("a database");
        let digest = resweep_core::domain::hex(&sha2::Sha256::digest(&forged));
        let changed = place.database("results").execute(
            "UPDATE checkpoints SET sha256 = ?1, bytes = ?2 WHERE iteration = 29",
            (digest, forged.len() as i64),
        );
        assert_eq!(changed.expect("a row"), 1);
        place.stdout(&["run", "tiny.toml", "-j", "1"]);
        let begun = "SELECT max(from_iteration) FROM attempts";
        // The checkpoint at the drop of the learning rate is sound.
        assert_eq!(place.rows("results", begun), ["Integer(25)"], "{what}");
        let of_long_run = |line: &String| !line.starts_with(&run);
        let trained: Vec<String> = place.metrics("results");
        let trained: Vec<String> = trained.into_iter().filter(of_long_run).collect();
        assert_same(&trained, &metrics);
    }
    // The file as it was is used.
    fs::write(&file, &checkpoint).expect("a file");
    place.rows("results", merged);
    fs::write(&database, &sound).expect("a database");
    place.stdout(&["run", "tiny.toml", "-j", "1"]);
    let begun = "SELECT max(from_iteration) FROM attempts";
    assert_eq!(place.rows("results", begun), ["Integer(29)"]);
}

#[test]
fn a_lease_that_is_too_short_is_refused_with_the_shortest_one() {
    let place = Workplace::new("tiny.toml", SWEEP);
    for lease in ["0", "1", "2.9", "-5", "nan"] {
        let argument = format!("--lease={lease}");
        let output = place.resweep(&["run", "tiny.toml", &argument]).assert();
        let output = output.code(2).get_output().clone();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let shortest = said.contains("--lease 3") || said.contains("number of seconds");
        assert!(shortest, "{said}");
    }
}

/// One process trains both runs and the other waits for one, for longer than two leases. On a machine
/// that is very slow, a beat may come too late once.
#[test]
fn two_processes_with_the_shortest_lease_leave_each_other_their_runs() {
    let place = Workplace::with_images("tiny.toml", SWEEP);
    let args = [&ENDLESS[..], &["--lease", "3", "-j", "2"]].concat();
    let mut first = place.start(&args);
    wait_for(&mut first, "started");
    let second = place.start(&args);
    std::thread::sleep(Duration::from_secs(7));
    let attempts: i64 = place
        .database("results")
        .query_row("SELECT count(*) FROM attempts", [], |row| row.get(0))
        .expect("a number");
    assert!((2..=3).contains(&attempts), "{attempts} attempts");
    drop((first, second));
}
