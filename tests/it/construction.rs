//! Networks initialised from shallower ones, through the real program: the order of runs, the
//! evaluation at the start, and resuming.

#![cfg(unix)]

use std::fs;
use std::time::Duration;

use crate::support::workplace::{ChildGuard, Workplace, assert_same, files};

/// Each shortcut type at depth 14, initialised from depth 8.
const SWEEP: &str = r#"
[sweep]
name = "tiny"

[data]
dataset = "folder"
path = "images"

[model]
width = 2
image_size = 8
depth = 14
init = { from = { depth = 8, iterations = 12 }, deepen = "identity" }

[train]
iterations = 20
batch_size = 7
lr = 0.05
log_every = 5
eval_every = 10

[axes]
shortcut = ["none", "A", "B", "C"]
"#;

const PLAIN: [&str; 2] = ["--set", "axes.shortcut=[\"none\"]"];

fn place() -> Workplace {
    Workplace::with_images("tiny.toml", SWEEP)
}

fn run(place: &Workplace, more: &[&str]) -> String {
    place.stdout(&[&["run", "tiny.toml"], more].concat())
}

/// The command's exit code, standard output and standard error.
fn outcome(place: &Workplace, args: &[&str]) -> (Option<i32>, String, String) {
    let output = place.resweep(args).output().expect("the program");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// Waits until `text` appears on a program's standard error.
fn wait_for(process: &mut ChildGuard, text: &str) {
    use std::io::Read;
    let stderr = process.0.stderr.as_mut().expect("a pipe");
    let (mut said, mut byte) = (Vec::new(), [0]);
    while !String::from_utf8_lossy(&said).contains(text) {
        assert!(stderr.read(&mut byte).expect("a pipe") > 0, "no `{text}`");
        said.push(byte[0]);
    }
}

#[test]
fn parent_trains_first_and_the_deeper_net_starts_with_the_same_evaluation() {
    let place = place();
    let plan = place.json(&["plan", "tiny.toml", "--json"]);
    let runs = plan["runs"].as_array().expect("runs");
    assert_eq!(runs.len(), 8);
    for run in runs {
        let needed = runs.iter().find(|other| other["id"] == run["needs"]);
        match run["depth"].as_u64() {
            Some(14) => {
                let needed = needed.expect("the run that it grows from");
                assert_eq!(
                    (&needed["depth"], &needed["iterations"]),
                    (&8.into(), &12.into())
                );
                assert_eq!(needed["shortcut"], run["shortcut"]);
            }
            _ => assert!(run["needs"].is_null()),
        }
    }
    let shown = place.stdout(&["plan", "tiny.toml"]);
    assert!(shown.contains("new, grows from plain-8"), "{shown}");

    run(&place, &["-j", "2"]);
    let order = "SELECT count(*), sum(shallow.ended_unix_ms <= grown.started_unix_ms)
                 FROM run_needs AS n
                 JOIN attempts AS grown ON grown.run_id = n.run_id
                 JOIN attempts AS shallow ON shallow.run_id = n.needs";
    assert_eq!(place.rows("results", order), ["Integer(4) Integer(4)"]);
    let database = place.database("results");
    let mut pairs = database
        .prepare(
            "SELECT grown.error_percent - shallow.error_percent,
                 abs(grown.loss - shallow.loss) / shallow.loss
             FROM run_needs AS n
             JOIN current_trainings AS g ON g.run_id = n.run_id
             JOIN current_trainings AS s ON s.run_id = n.needs
             JOIN eval_metrics AS grown ON grown.training_id = g.id AND grown.iteration = 0
             JOIN eval_metrics AS shallow ON shallow.training_id = s.id AND shallow.iteration = 12",
        )
        .expect("a query");
    let pairs = pairs.query_map([], |row| Ok((row.get::<_, f64>(0)?, row.get::<_, f64>(1)?)));
    let pairs: Vec<(f64, f64)> = pairs
        .expect("rows")
        .map(|row| row.expect("a row"))
        .collect();
    assert_eq!(pairs.len(), 4);
    for (error, loss) in pairs {
        assert!(error == 0.0 && loss < 1e-5, "{error} {loss}");
    }
    let shown = place.stdout(&["run", "tiny.toml"]);
    assert!(!shown.contains("started"), "{shown}");
}

#[test]
fn portable_engine_deepens_networks() {
    let place = place();
    run(
        &place,
        &[
            "--set",
            "train.engine=portable",
            "--set",
            "axes.shortcut=[\"none\", \"C\"]",
        ],
    );
    let begun = "SELECT count(*) FROM eval_metrics WHERE iteration = 0";
    assert_eq!(place.rows("results", begun), ["Integer(2)"]);
}

#[test]
fn kills_concurrent_processes_and_isolation_change_no_bit() {
    let place = place();
    run(&place, &["--results", "undisturbed"]);
    let artifacts = place.artifacts("undisturbed", "tiny");
    // The deeper runs are evaluated at all three, the others at 10.
    let points = "SELECT count(*) FROM eval_metrics WHERE iteration IN (0, 10, 20)";
    assert_eq!(place.rows("undisturbed", points), ["Integer(16)"]);

    for pause in [30, 120, 250, 400] {
        let mut process = place.start(&["run", "tiny.toml", "--checkpoint-every", "0"]);
        wait_for(&mut process, "to train");
        std::thread::sleep(Duration::from_millis(pause));
        process.kill();
    }
    run(&place, &[]);
    assert_same(&place.artifacts("results", "tiny"), &artifacts);

    let shared = ["run", "tiny.toml", "--results", "shared", "-j", "1"];
    let mut processes: Vec<ChildGuard> = (0..3).map(|_| place.start(&shared)).collect();
    for process in &mut processes {
        let status = process.0.wait().expect("the end");
        assert!(status.success(), "{}", process.said());
    }
    let attempts = "SELECT count(*) FROM attempts";
    assert_eq!(place.rows("shared", attempts), ["Integer(8)"]);
    assert_same(&place.artifacts("shared", "tiny"), &artifacts);

    run(&place, &["--results", "isolated", "--isolate"]);
    assert_same(&place.artifacts("isolated", "tiny"), &artifacts);
}

#[test]
fn parent_run_of_another_sweep_is_not_trained_again() {
    let place = place();
    let shallow = SWEEP.replace("\"tiny\"", "\"shallow\"");
    let shallow = shallow.replace(
        "depth = 14\ninit = { from = { depth = 8, iterations = 12 }, deepen = \"identity\" }",
        "depth = 8",
    );
    fs::write(
        place.path().join("shallow.toml"),
        shallow.replace("= 20", "= 12"),
    )
    .expect("a file");
    place.stdout(&["run", "shallow.toml"]);
    run(&place, &[]);
    assert_eq!(
        place.rows("results", "SELECT count(*) FROM runs"),
        ["Integer(8)"]
    );
    assert_eq!(
        place.rows("results", "SELECT count(*) FROM attempts"),
        ["Integer(8)"]
    );
}

#[test]
fn children_of_a_diverged_run_are_blocked_and_reported() {
    let place = place();
    let from = "model.init={ from = { depth = 8, lr = 100, weight_decay = 1, iterations = 60 }, \
                deepen = \"identity\" }";
    let sweep = [&["--set", from], &PLAIN[..]].concat();
    let (code, said, error) = outcome(
        &place,
        &[&["run", "tiny.toml", "--progress", "json"], &sweep[..]].concat(),
    );
    assert_eq!(code, Some(1), "{error}");
    let blocked: Vec<&str> = said.lines().filter(|l| l.contains("run-blocked")).collect();
    assert_eq!(blocked.len(), 1, "{said}");
    assert!(blocked[0].contains("plain-8"), "{blocked:?}");
    assert!(
        said.contains("\"diverged\":1") && said.contains("\"blocked\":1"),
        "{said}"
    );

    let shown = place.stdout(&[&["plan", "tiny.toml"], &sweep[..]].concat());
    assert!(
        shown.contains("blocked: grows from plain-8, which diverged"),
        "{shown}"
    );
    let shown = place.stdout(&["status", "tiny"]);
    assert!(shown.contains("grows from plain-8 (diverged)"), "{shown}");
    let (code, _, error) = outcome(&place, &[&["run", "tiny.toml"], &sweep[..]].concat());
    assert_eq!(code, Some(1));
    assert!(error.contains("1 run cannot start"), "{error}");
    assert_eq!(
        place.rows("results", "SELECT count(*) FROM attempts"),
        ["Integer(1)"]
    );
}

#[test]
fn gc_keeps_needed_parents_and_missing_parents_are_retrained() {
    let place = place();
    run(
        &place,
        &[&["--results", "undisturbed"], &PLAIN[..]].concat(),
    );
    let last = "SELECT iteration FROM checkpoints ORDER BY 1";
    let endless = [
        "--set",
        "train.iterations=100000000",
        "--set",
        "train.lr_drops=[]",
    ];
    let mut process = place.start(&[&["run", "tiny.toml"], &PLAIN[..], &endless].concat());
    // The end of the other run is recorded by then.
    wait_for(&mut process, "plain-14 · iteration 0/");
    process.kill();
    place.stdout(&["gc", "--all"]);
    assert!(
        place
            .rows("results", last)
            .contains(&"Integer(12)".to_owned())
    );

    // Without pending children, it is removed.
    run(&place, &PLAIN);
    place
        .database("results")
        .execute("DELETE FROM sweep_runs", [])
        .expect("a deletion");
    place.stdout(&["gc", "--all"]);
    assert!(
        !place
            .rows("results", last)
            .contains(&"Integer(12)".to_owned())
    );
    let again = [&["run", "tiny.toml", "--set", "train.lr=0.04"], &PLAIN[..]].concat();
    let again = [&again[..], &["--set", "model.init={ from = { depth = 8, iterations = 12, lr = 0.05 }, deepen = \"identity\" }"]].concat();
    let shown = place.stdout(&[&["plan"], &again[1..]].concat());
    assert!(shown.contains("finished, will be retrained"), "{shown}");
    place.stdout(&again);
    let trainings = "SELECT max(number) FROM trainings";
    assert_eq!(place.rows("results", trainings), ["Integer(2)"]);
    let of_shallow = |results| {
        place.rows(
            results,
            "SELECT sha256 FROM checkpoints WHERE iteration = 12",
        )
    };
    assert_eq!(of_shallow("results"), of_shallow("undisturbed"));
}

#[test]
fn missing_parent_checkpoint_is_reported_with_a_remedy() {
    let place = place();
    run(&place, &PLAIN);
    for file in files(&place.path().join("results/checkpoints")) {
        fs::remove_file(file).expect("a removal");
    }
    let deeper = [&["run", "tiny.toml", "--set", "model.depth=20"], &PLAIN[..]].concat();
    let (code, _, error) = outcome(&place, &deeper);
    assert_eq!(code, Some(1), "{error}");
    let shown = place.stdout(&["status", "tiny"]);
    assert!(shown.contains("the final checkpoint of plain-8"), "{shown}");
    let failed = "SELECT error FROM attempts WHERE status = 'failed'";
    let failed = place.rows("results", failed);
    assert!(
        failed.len() == 1 && failed[0].contains("--fresh"),
        "{failed:?}"
    );
    place.stdout(&[&deeper[..], &["--fresh"]].concat());
}
