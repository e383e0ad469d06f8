//! Tables, expectations and adaptive seeds, through the real program.

use std::fs;
use std::io::{BufRead, BufReader};

use crate::support::workplace::Workplace;

/// Two networks that train quickly on a few images.
const SWEEP: &str = r#"
[sweep]
name = "tiny"

[data]
dataset = "folder"
path = "images"

[model]
width = 2
image_size = 8
shortcut = "none"

[train]
iterations = 7
batch_size = 8
log_every = 3
eval_every = 5
lr = 0.05
lr_drops = [4]

[axes]
depth = [8, 14]
"#;

/// A workplace with this sweep file and its images.
fn place(sweep: &str) -> Workplace {
    Workplace::with_images("tiny.toml", sweep)
}

const UNTIL: &str = "sweep.repeats={ min = 2, max = 3, until = \"ordering\" }";

#[test]
fn run_and_plot_write_the_table_that_table_prints() {
    let place = place(SWEEP);
    let printed = place.stdout(&["run", "tiny.toml"]);
    let at = |name: &str| place.path().join("results/tiny").join(name);
    for name in ["table.md", "table.csv", "table.json"] {
        assert!(printed.contains(name), "{printed}");
        let written = fs::read_to_string(at(name)).expect("a table");
        let format = name.rsplit('.').next().expect("an ending");
        assert_eq!(
            place.stdout(&["table", "tiny.toml", "--format", format]),
            written
        );
    }
    let json = place.json(&["table", "tiny.toml", "--format", "json"]);
    assert_eq!(json["rows"][0]["finished"], 1, "{json}");
    // the error of the last evaluation, as the database has it
    let runs = place.json(&["status", "tiny", "--json"]);
    assert_eq!(
        json["rows"][0]["test"]["mean"], runs[0]["test_error_percent"],
        "{json}"
    );
    assert_eq!(
        json["verdicts"][0]["judgement"], "cannot-be-judged",
        "{json}"
    );

    fs::remove_file(at("table.md")).expect("a table");
    place.stdout(&["plot", "tiny.toml"]);
    assert!(at("table.md").exists());
}

#[test]
fn plot_exits_with_code_4_if_an_expectation_is_not_met() {
    let expect = "
[[expect]]
test_error = 50
tolerance = 50

[[expect]]
where = { depth = 8 }
train_error = 0
tolerance = 0.5
";
    let place = place(&format!("{SWEEP}{expect}"));
    // `run` succeeds: all runs are trained
    let printed = place.stdout(&["run", "tiny.toml"]);
    assert!(
        printed.contains("\nmet: plain-8: test error 50.00"),
        "{printed}"
    );
    let output = place
        .resweep(&["plot", "tiny.toml"])
        .assert()
        .code(4)
        .get_output()
        .clone();
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(
        printed.contains("not met: plain-8: training error 0.00"),
        "{printed}"
    );
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(said.contains("1 of 3 expectations not met"), "{said}");
    let page = fs::read_to_string(place.path().join("results/tiny/table.md")).expect("a table");
    assert!(page.contains("## Expectations"), "{page}");

    // with a second seed pending, the expectation is undecided
    let printed = place.stdout(&["plot", "tiny.toml", "--set", "sweep.repeats=2"]);
    assert!(
        printed.contains("not decided yet: plain-8: training error"),
        "{printed}"
    );
}

#[test]
fn seeds_are_added_up_to_the_maximum_and_unchanged_by_a_kill() {
    let place = place(SWEEP);
    let plan = place.json(&["plan", "tiny.toml", "--set", UNTIL, "--json"]);
    assert_eq!(plan["pending"], 4, "{plan}");

    // after 7 iterations both guess: two seeds do not decide the order
    let printed = place.stdout(&["run", "tiny.toml", "--set", UNTIL, "--results", "one"]);
    assert!(printed.contains("3 seeds (from 2, at most 3"), "{printed}");
    let one = place.metrics("one");
    let plan = place.json(&[
        "plan",
        "tiny.toml",
        "--set",
        UNTIL,
        "--json",
        "--results",
        "one",
    ]);
    assert_eq!(plan["runs"].as_array().expect("runs").len(), 6, "{plan}");
    assert_eq!(plan["pending"], 0, "{plan}");
    let seeds = plan["seeds"].as_str().expect("words");
    assert!(seeds.contains("not all are decided"), "{seeds}");
    let status = place.stdout(&["status", "tiny", "--results", "one"]);
    assert!(status.contains(seeds), "{status}");
    let page = place.stdout(&["table", "tiny.toml", "--set", UNTIL, "--results", "one"]);
    assert!(
        page.contains("- plain-8: 3, the maximum; undecided against plain-14"),
        "{page}"
    );

    let again = [
        "run",
        "tiny.toml",
        "--set",
        UNTIL,
        "--results",
        "two",
        "-j",
        "1",
    ];
    let mut process = place.start(&[&again[..], &["--progress", "plain"]].concat());
    let mut lines = BufReader::new(process.0.stderr.take().expect("a pipe")).lines();
    assert!(lines.any(|line| line.expect("UTF-8").contains("finished in")));
    process.kill();
    place.stdout(&again);
    assert_eq!(place.metrics("two"), one);
    place.stdout(&again);
    assert_eq!(place.metrics("two"), one);
}

#[test]
fn figure_with_adaptive_seeds_verifies() {
    let place = place(SWEEP);
    place.stdout(&["run", "tiny.toml", "--set", UNTIL]);
    let said = place.stdout(&["verify", "results/tiny/figure.png"]);
    assert!(said.contains("identical, byte for byte"), "{said}");
}
