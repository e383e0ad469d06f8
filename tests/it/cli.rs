//! Runs the real program on real files.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde_json::Value;

use crate::support::workplace::{ChildGuard, Workplace};

/// A sweep of four small networks that trains in seconds.
const SWEEP: &str = r#"
[sweep]
name = "tiny"

[model]
width = 2
image_size = 8

[train]
iterations = 7
batch_size = 16
lr = 0.05
lr_drops = [4]
log_every = 3
eval_every = 5

[axes]
depth = [8, 14]
shortcut = ["none", "B"]
"#;

#[test]
fn restyled_figure_never_replaces_another_figure() {
    let figures = "[[figure]]\nname = \"one\"\n[[figure]]\nname = \"one-dark\"\n";
    let place = Workplace::new("tiny.toml", &format!("{SWEEP}\n{figures}"));
    let refused = place
        .resweep(&["plot", "tiny.toml", "--theme", "dark"])
        .assert();
    let output = refused.code(2).get_output().clone();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("`one-dark`, the figure `one` in another style"),
        "{said}"
    );
}

#[test]
fn sweep_is_trained_recorded_drawn_and_then_skipped() {
    let place = Workplace::new("tiny.toml", SWEEP);
    let printed = place.stdout(&["run", "tiny.toml"]);
    assert!(printed.contains("results/tiny/figure.png"), "{printed}");
    let png = fs::read(place.path().join("results/tiny/figure.png")).expect("the figure");
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");

    // log_every = 3 and eval_every = 5 of 7 iterations: 3, 6, 7 and 5, 7 for each of four runs
    let first = place.metrics("results");
    assert_eq!(first.len(), 4 * (3 + 2));

    let runs = place.json(&["status", "tiny", "--json"]);
    for run in runs.as_array().expect("an array") {
        assert_eq!(run["status"], "finished", "{run}");
        assert_eq!(run["iteration"], 7, "{run}");
        assert_eq!(run["attempts"], 1, "{run}");
    }

    let dark = [
        "plot",
        "tiny.toml",
        "--theme",
        "dark",
        "--palette",
        "okabe-ito",
    ];
    let printed = place.stdout(&dark);
    assert!(
        printed.contains("results/tiny/figure-dark-okabe-ito.png"),
        "{printed}"
    );
    let read = |name: &str| fs::read(place.path().join("results/tiny").join(name)).expect(name);
    assert_eq!(read("figure.png"), png, "the figure as declared is kept");
    let svg = String::from_utf8(read("figure-dark-okabe-ito.svg")).expect("text");
    assert!(svg.contains("#181A1F") && svg.contains("last measured 2"));

    place.resweep(&["run", "tiny.toml"]).assert().success();
    assert_eq!(place.metrics("results"), first);
    let runs = place.json(&["status", "tiny", "--json"]);
    assert_eq!(runs[0]["attempts"], 1);
}

#[test]
fn workers_and_threads_do_not_change_any_bit() {
    let place = Workplace::new("tiny.toml", SWEEP);
    place.stdout(&[
        "run",
        "tiny.toml",
        "-j",
        "1",
        "--threads",
        "3",
        "--results",
        "one",
    ]);
    place.stdout(&["run", "tiny.toml", "-j", "4", "--results", "four"]);
    let one = place.metrics("one");
    assert!(!one.is_empty());
    assert_eq!(one, place.metrics("four"));
}

/// A sweep with a value other than the default for most keys.
const MANY_KEYS: &str = r#"
[sweep]
name = "ids"

[data]
augmentation = "none"
normalisation = "per-channel"
validation = 100

[model]
depth = 14
decay = "weights"
width = 8
image_size = 16

[train]
iterations = 40
batch_size = 16
lr = 0.05
lr_drops = [20]
momentum = 0.8
nesterov = true
weight_decay = 5e-4
warmup = { lr = 0.01, iterations = 10 }
eval_every = 10
log_every = 5

[axes]
shortcut = ["none", "B", "C"]
init = ["he-fan-in", { from = { depth = 8 }, deepen = "identity" }]
"#;

#[test]
fn run_ids_are_those_of_released_versions() {
    let place = Workplace::new("ids.toml", MANY_KEYS);
    let quickstart = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/quickstart.toml");
    fs::copy(quickstart, place.path().join("quickstart.toml")).expect("a sweep file");
    let ids = |file: &str| -> Vec<String> {
        let plan = place.json(&["plan", file, "--json"]);
        let runs = plan["runs"].as_array().expect("runs");
        let id = |run: &Value| run["id"].as_str().expect("an id")[..16].to_owned();
        runs.iter().map(id).collect()
    };
    // Those of commit 11f710a, with today's `NUMERICS_VERSION`.
    assert_eq!(
        ids("ids.toml"),
        [
            "0a09a8b0a6d723bd",
            "f466d17e8a675d02",
            "0f38ea0d1d0d2b1b",
            "65e18854ff0ec7b7",
            "570546c277e1311c",
            "648e6488c24f9a37",
            "3670d2231dd68f18",
            "53813d5d71ffc626",
            "4968db3ed037c9a5",
        ]
    );
    assert_eq!(
        ids("quickstart.toml"),
        [
            "166e3bf13128605a",
            "9c457ad2c426c8d8",
            "d4fdee13374e37bb",
            "97c6e73767dda666",
        ]
    );
}

#[test]
fn a_run_is_shared_between_sweeps() {
    let place = Workplace::new("tiny.toml", SWEEP);
    place.stdout(&["run", "tiny.toml"]);
    let other = SWEEP.replace("\"tiny\"", "\"other\"");
    let other = other.replace("depth = [8, 14]", "depth = [8, 20]");
    fs::write(place.path().join("other.toml"), other).expect("the sweep file");
    let plan = place.json(&["plan", "other.toml", "--json"]);
    let states: Vec<&str> = plan["runs"]
        .as_array()
        .expect("an array")
        .iter()
        .map(|run| run["state"].as_str().expect("a word"))
        .collect();
    assert_eq!(states, ["finished", "finished", "new", "new"]);
    assert_eq!(plan["runs"][0]["shared_with"][0], "tiny");
    assert_eq!(plan["pending"], 2);
    assert!(plan["estimated_s"].as_f64().expect("an estimate") > 0.0);
}

#[test]
fn an_override_makes_other_runs_and_the_old_ones_are_stale() {
    let place = Workplace::new("tiny.toml", SWEEP);
    place.stdout(&["run", "tiny.toml"]);
    let plan = place.json(&["plan", "tiny.toml", "--json", "--set", "train.lr=0.01"]);
    assert_eq!(plan["pending"], 4);
    assert_eq!(plan["stale"].as_array().expect("an array").len(), 4);
}

/// Starts a sweep that would train for days and waits for its first measurement.
fn start_endless(place: &Workplace) -> ChildGuard {
    let args = ["run", "tiny.toml", "--set", "train.iterations=1000000000"];
    let mut process = place.start(&args);
    let mut lines = BufReader::new(process.0.stderr.take().expect("a pipe")).lines();
    assert!(lines.any(|line| line.expect("UTF-8").contains("iteration")));
    process
}

#[test]
fn killed_sweep_keeps_its_results_and_lists_unfinished_runs() {
    let place = Workplace::new("tiny.toml", SWEEP);
    let mut process = start_endless(&place);
    let running = place.stdout(&["status", "tiny", "--json"]);
    assert!(running.contains("\"running\""), "{running}");
    process.kill();

    let runs = place.json(&["status", "tiny", "--json"]);
    let interrupted = |run: &&Value| run["status"] == "interrupted";
    let interrupted: Vec<&Value> = runs
        .as_array()
        .expect("runs")
        .iter()
        .filter(interrupted)
        .collect();
    assert!(!interrupted.is_empty(), "{runs}");
    assert!(
        interrupted
            .iter()
            .any(|run| run["iteration"].as_u64() > Some(0)),
        "{runs}"
    );
    let args = [
        "plan",
        "tiny.toml",
        "--json",
        "--set",
        "train.iterations=1000000000",
    ];
    let plan = place.json(&args);
    assert_eq!(plan["pending"], 4, "{plan}");
    assert!(
        plan["runs"]
            .as_array()
            .expect("runs")
            .iter()
            .any(|run| run["state"] == "unfinished")
    );
    // another sweep with the same results folder runs to its end
    place.resweep(&["run", "tiny.toml"]).assert().success();
}

#[test]
fn plan_shows_the_largest_memory_estimate() {
    let place = Workplace::new("tiny.toml", SWEEP);
    let args = [
        "plan",
        "tiny.toml",
        "--set",
        "train.engine=portable",
        "--set",
        "train.batch_size=64",
    ];
    // the projections of option B add to depth 14
    let printed = place.stdout(&args);
    let line = printed.lines().find(|line| line.starts_with("memory:"));
    let said = line.expect("a line on the memory");
    assert!(said.ends_with("(ResNet-14 B, batch 64)"), "{said}");
    assert!(said.contains("program and images included"), "{said}");

    let plan = place.json(&[&args[..], &["--json"]].concat());
    let runs = plan["runs"].as_array().expect("an array");
    let bytes = |run: &Value| run["memory_bytes"].as_u64().expect("bytes");
    assert!(runs.iter().all(|run| bytes(run) > 0), "{plan}");
    let most = runs.iter().map(bytes).max();
    assert_eq!(plan["memory_bytes_max"].as_u64(), most, "{plan}");
}

#[test]
fn engine_axis_trains_runs_with_different_bits() {
    let place = Workplace::new("tiny.toml", SWEEP);
    let axis = "axes.engine=[\"fused\",\"portable\"]";
    place.stdout(&[
        "run",
        "tiny.toml",
        "--set",
        axis,
        "--set",
        "axes.depth=[8]",
        "--set",
        "axes.shortcut=[\"A\"]",
    ]);
    let runs = place.json(&["status", "tiny", "--json"]);
    let runs = runs.as_array().expect("an array");
    assert_eq!(runs.len(), 2);
    let of_engine = |engine: &str| -> Vec<&Value> {
        let named = |run: &&Value| {
            run["label"]
                .as_str()
                .is_some_and(|label| label.ends_with(engine))
        };
        runs.iter().filter(named).collect()
    };
    let (fused, portable) = (of_engine("engine=fused"), of_engine("engine=portable"));
    assert_eq!((fused.len(), portable.len()), (1, 1), "{runs:?}");
    assert!(
        runs.iter().all(|run| run["status"] == "finished"),
        "{runs:?}"
    );
    let metrics = place.metrics("results");
    let bits = |runs: &[&Value]| -> BTreeSet<&str> {
        let lines = metrics.iter().filter_map(|line| line.split_once(' '));
        let of_runs = lines.filter(|(id, _)| runs.iter().any(|run| run["id"] == *id));
        of_runs.map(|(_, measured)| measured).collect()
    };
    assert_eq!(metrics.len(), 2 * (3 + 2));
    assert!(bits(&fused) != bits(&portable), "{metrics:?}");
}

#[test]
fn a_dry_run_trains_nothing_and_writes_nothing() {
    let place = Workplace::new("tiny.toml", SWEEP);
    let printed = place.stdout(&["run", "tiny.toml", "--dry-run"]);
    assert!(printed.contains("4 to train"), "{printed}");
    assert!(!place.path().join("results").exists());
}

#[test]
fn a_diverged_run_is_a_result() {
    let place = Workplace::new("tiny.toml", SWEEP);
    // each update multiplies the weights by about 1 - lr * weight_decay = -99
    let settings = [
        "train.lr=100",
        "train.weight_decay=1",
        "train.iterations=60",
        "train.lr_drops=[]",
        "axes.depth=[8]",
    ];
    let with_settings = |start: &[&'static str]| -> Vec<&str> {
        let settings = settings.iter().flat_map(|setting| ["--set", setting]);
        start.iter().copied().chain(settings).collect()
    };
    place
        .resweep(&with_settings(&["run", "tiny.toml"]))
        .assert()
        .code(0);
    let runs = place.json(&["status", "tiny", "--json"]);
    assert_eq!(runs[0]["status"], "diverged", "{runs}");
    let plan = place.json(&with_settings(&["plan", "tiny.toml", "--json"]));
    assert_eq!(plan["pending"], 0);
    let svg = fs::read_to_string(place.path().join("results/tiny/figure.svg")).expect("the SVG");
    assert!(svg.contains("diverged at iteration"), "{svg}");
    assert!(svg.contains("all 2 runs diverged at iteration"), "{svg}");
    let table = fs::read_to_string(place.path().join("results/tiny/table.md")).expect("a table");
    assert!(table.contains("0 of 1, 1 diverged at iteration"), "{table}");
}

#[test]
fn runs_that_diverge_before_their_first_point_are_reported() {
    let place = Workplace::new("tiny.toml", SWEEP);
    let settings = [
        "train.lr=100",
        "train.weight_decay=1",
        "train.iterations=60",
        "train.log_every=60",
        "train.eval_every=60",
        "train.lr_drops=[]",
        "axes.depth=[8]",
    ];
    for command in ["run", "plot"] {
        let settings = settings.iter().flat_map(|setting| ["--set", setting]);
        let arguments: Vec<&str> = [command, "tiny.toml"].into_iter().chain(settings).collect();
        let printed = place.stdout(&arguments);
        assert!(printed.contains("All 2 runs diverged"), "{printed}");
        assert!(printed.contains("table.md"), "{printed}");
    }
    let svg = fs::read_to_string(place.path().join("results/tiny/figure.svg")).expect("the SVG");
    assert!(
        svg.contains("before the first point") && !svg.contains("no data yet"),
        "{svg}"
    );
}

#[test]
fn a_run_that_ends_no_better_than_chance_is_marked() {
    let place = Workplace::new("tiny.toml", SWEEP);
    let settings = [
        "train.lr=1e-9",
        "axes.depth=[32]",
        "axes.shortcut=[\"none\"]",
    ];
    let settings = settings.iter().flat_map(|setting| ["--set", setting]);
    let arguments: Vec<&str> = ["run", "tiny.toml"].into_iter().chain(settings).collect();
    let printed = place.stdout(&arguments);
    let hint = "32 layers may need `warmup`";
    assert!(
        printed.contains(&format!("No better than chance: plain-32; {hint}.")),
        "{printed}"
    );
    let shown = place.stdout(&["status", "tiny"]);
    assert!(
        shown.contains(&format!("no better than chance; {hint}")),
        "{shown}"
    );
    let runs = place.json(&["status", "tiny", "--json"]);
    assert_eq!(runs[0]["no_better_than_chance"], true, "{runs}");
    for (file, words) in [
        ("table.md", "1, 1 no better than chance"),
        ("figure.svg", "1 run no better than chance"),
    ] {
        let text = fs::read_to_string(place.path().join("results/tiny").join(file));
        let text = text.expect("a file of the sweep");
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn json_progress_is_one_object_per_line() {
    let place = Workplace::new("tiny.toml", SWEEP);
    let printed = place.stdout(&["run", "tiny.toml", "--progress", "json"]);
    let lines: Vec<Value> = printed
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    let last = lines.last().expect("a line");
    assert_eq!(last["event"], "sweep-finished", "{last}");
    assert_eq!(last["finished"], 4, "{last}");
}

#[test]
fn exit_codes_distinguish_usage_errors_from_other_errors() {
    let place = Workplace::new("tiny.toml", SWEEP);
    place
        .resweep(&["run", "tiny.toml", "--set", "model.width=0"])
        .assert()
        .code(2);
    place.resweep(&["run", "missing.toml"]).assert().code(2);
    place.resweep(&["no-such-command"]).assert().code(2);
    place
        .resweep(&["run", "tiny.toml", "--device", "cuda"])
        .assert()
        .code(3);
    fs::create_dir(place.path().join("results")).expect("a folder");
    fs::write(place.path().join("results/resweep.db"), "not a database").expect("a file");
    place.resweep(&["run", "tiny.toml"]).assert().code(3);
}

#[test]
fn a_character_without_a_glyph_is_named_in_one_warning() {
    let place = Workplace::new("tiny.toml", SWEEP);
    let title = "sweep.title=\"深さ vs. depth \u{211d}\"";
    let assert = place
        .resweep(&["run", "tiny.toml", "--set", title])
        .assert()
        .code(0);
    let said = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    let warnings: Vec<&str> = said.lines().filter(|line| line.contains("fonts")).collect();
    assert_eq!(warnings.len(), 1, "{said}");
    assert!(warnings[0].contains("さ 深:"), "{said}");
}

#[test]
fn a_preview_shows_every_class() {
    let place = Workplace::new("tiny.toml", SWEEP);
    let printed = place.stdout(&["data", "preview", "tiny.toml", "--columns", "3"]);
    assert!(printed.contains("results/tiny/preview.png"), "{printed}");
    let png = fs::read(place.path().join("results/tiny/preview.png")).expect("the sheet");
    let image = image::load_from_memory(&png).expect("a PNG");
    assert!(image.height() > 10 * 8, "{} rows of pixels", image.height());
}

#[test]
fn completions_are_printed_for_a_shell() {
    let place = Workplace::new("tiny.toml", SWEEP);
    assert!(place.stdout(&["completions", "bash"]).contains("complete"));
}
