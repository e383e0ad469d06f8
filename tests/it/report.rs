//! `resweep report`: one file with the content of the database, in which all text is escaped.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::workplace::{ChildGuard, Workplace};
use resweep::report::{self, Attempt, Entry, Report, Table, Tail};
use resweep_core::domain::*;
use resweep_store::AttemptStatus;
use serde_json::Value;

/// Two configurations, one of which diverges, and hostile text.
const SWEEP: &str = r##"
[sweep]
name = "tiny"
title = "</title><script>alert(1)</script> & \"quotes\" 'too'"
description = "<img src=x onerror=alert(2)>"

[data]
dataset = "synthetic"

[model]
depth = 8
image_size = 8
width = 4
shortcut = "A"

[train]
iterations = 20
batch_size = 16
eval_every = 10
log_every = 5
weight_decay = 0.5  # at a learning rate of 100, weights grow 49-fold each time

[axes]
lr = [0.05, 100]
"##;

fn report(place: &Workplace, results: &str) -> String {
    let path = place.path().join(results).join("tiny/report.html");
    fs::read_to_string(path).expect("the report")
}

const DATA: &str = "<script type=\"application/json\" id=\"data\">";

/// What the page's script reads.
fn data(html: &str) -> Value {
    let (_, rest) = html.split_once(DATA).expect("the data");
    let (json, _) = rest.split_once("</script>").expect("the data's end");
    serde_json::from_str(json).expect("JSON")
}

/// Asserts that the page has no elements from the sweep's text, and loads nothing.
#[track_caller]
fn assert_sealed(html: &str) {
    let lower = html.to_lowercase();
    assert_eq!(
        lower.matches("<script").count(),
        2,
        "its data and its script"
    );
    assert_eq!(lower.matches("</script").count(), 2);
    assert_eq!(lower.matches("<style").count(), 1);
    assert_eq!(lower.matches("</style").count(), 1);
    // The page has one title, and each figure has one beside its description.
    let described = lower.matches("<desc").count();
    assert_eq!(lower.matches("<title").count(), 1 + described);
    for element in [
        "<img", "<iframe", "<link", "<object", "<embed", "<base", "<!--",
    ] {
        assert!(!lower.contains(element), "{element}");
    }
    for attribute in [" src=", " srcset=", "href=\"http", "url(", "@import"] {
        assert!(!lower.contains(attribute), "{attribute}");
    }
    let policy = "default-src &#39;none&#39;; style-src &#39;sha256-";
    assert!(html.contains(policy) || html.contains("default-src 'none'; style-src 'sha256-"));
}

#[test]
fn report_matches_the_database_and_escapes_hostile_titles() {
    let place = Workplace::new("tiny.toml", SWEEP);
    let told = place.stdout(&["run", "tiny.toml", "--report"]);
    assert!(told.contains("wrote results/tiny/report.html"), "{told}");
    let html = report(&place, "results");
    assert_sealed(&html.replace("src=x", ""));
    assert_eq!(html.matches("<figure").count(), 1, "the figure is in it");
    let pages = ["<div class=\"light\"><svg", "<div class=\"dark\"><svg"];
    assert!(pages.iter().all(|drawn| html.contains(drawn)), "twice");
    assert!(!html.contains("Long curves are thinned"));

    let data = data(&html);
    assert_eq!(data["refresh_s"], Value::Null, "the sweep is over");
    let status = place.json(&["status", "tiny", "--json"]);
    let (finished, diverged) = (&status[0], &status[1]);
    assert_eq!(finished["status"], "finished");
    assert_eq!(diverged["status"], "diverged");
    for word in ["1 finished", "1 diverged", "2 configurations", "2 runs"] {
        assert!(html.contains(&format!(">{word}<")), "{word}");
    }
    for (run, expected) in data["runs"]
        .as_array()
        .expect("runs")
        .iter()
        .zip([finished, diverged])
    {
        assert_eq!(run["id"], expected["id"]);
        assert_eq!(run["label"], expected["label"]);
        assert_eq!(run["attempts"][0]["state"], expected["status"]);
        assert_eq!(
            run["attempts"][0]["program"].as_str().map(|p| &p[..5]),
            Some("0.1.0")
        );
        let log = run["log"]["lines"].as_array().expect("the log's end");
        let last = log.last().and_then(Value::as_str).expect("a line");
        assert!(
            last.contains(expected["status"].as_str().expect("a word")),
            "{last}"
        );
    }
    assert_curves(&place, &data["runs"][0]);
}

/// Each point of a run's curves is the one in the database, to the rounding of the page.
fn assert_curves(place: &Workplace, run: &Value) {
    let id = run["id"].as_str().expect("an id");
    let database = place.database("results");
    for (series, key) in [("train", "train"), ("test", "eval")] {
        let mut statement = database
            .prepare("SELECT iteration, error_percent FROM curves WHERE run_id = ?1 AND series = ?2 ORDER BY 1")
            .expect("a valid query");
        let rows = statement.query_map([id, series], |row| Ok((row.get(0)?, row.get(1)?)));
        let rows: Vec<(i64, f64)> = rows.expect("rows").map(|row| row.expect("a row")).collect();
        assert!(!rows.is_empty());
        let [iterations, errors] = [0, 1].map(|i| run[key][i].as_array().expect("numbers"));
        assert_eq!(iterations.len(), rows.len());
        for ((iteration, error), (i, e)) in rows.iter().zip(iterations.iter().zip(errors)) {
            assert_eq!(i.as_i64(), Some(*iteration));
            assert!((e.as_f64().expect("a number") - error).abs() < 1e-6);
        }
    }
}

#[test]
fn a_sweep_that_was_never_run_has_a_report_and_a_wrong_one_writes_nothing() {
    let place = Workplace::new("tiny.toml", SWEEP);
    place.stdout(&["report", "tiny.toml"]);
    let html = report(&place, "results");
    assert!(html.contains(">2 new<") && !html.contains("<figure"));

    fs::write(
        place.path().join("wrong.toml"),
        "[sweep]\nname = \"wrong\"\ndepht = 3\n",
    )
    .expect("written");
    let output = place.resweep(&["report", "wrong.toml"]).assert().code(2);
    let said = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
    assert!(said.contains("depht"), "{said}");
    assert!(!place.path().join("results/wrong").exists());
    place
        .resweep(&["report", "tiny.toml", "--watch=0"])
        .assert()
        .code(2);
}

/// Waits until the report satisfies a condition.
fn await_report(place: &Workplace, holds: impl Fn(&str) -> bool) -> String {
    let path = place.path().join("results/tiny/report.html");
    let begun = Instant::now();
    loop {
        // it may not be there yet; while it is replaced it is whole
        let html = fs::read_to_string(&path).unwrap_or_default();
        if holds(&html) {
            return html;
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "{html}");
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn watched_report_follows_the_sweep_until_it_ends() {
    let place = Workplace::new("tiny.toml", SWEEP);
    let endless = [
        "--set",
        "train.iterations=1000000000",
        "--set",
        "axes.lr=[0.05]",
    ];
    let mut sweep = place.start(&[&["run", "tiny.toml"], endless.as_slice()].concat());
    let mut watch =
        place.start(&[&["report", "tiny.toml", "--watch=1"], endless.as_slice()].concat());
    let running = await_report(&place, |html| html.contains(">1 running<"));
    assert_eq!(data(&running)["refresh_s"], 1.0);
    sweep.kill();
    await_report(&place, |html| html.contains(">1 interrupted<"));
    stop(&mut watch);
    let last = report(&place, "results");
    assert_eq!(data(&last)["refresh_s"], Value::Null);
}

#[test]
fn stopped_sweep_leaves_a_final_report() {
    let place = Workplace::new("tiny.toml", SWEEP);
    let endless = [
        "--set",
        "train.iterations=1000000000",
        "--set",
        "axes.lr=[0.05]",
    ];
    let mut sweep = place.start(&[&["run", "tiny.toml", "--report"], endless.as_slice()].concat());
    let running = await_report(&place, |html| html.contains("</html>"));
    assert_eq!(data(&running)["refresh_s"], 10.0);
    stop(&mut sweep);
    let last = report(&place, "results");
    assert!(last.contains(">1 stopped<") || last.contains(">1 new<"));
    assert_eq!(data(&last)["refresh_s"], Value::Null);
}

/// Sends SIGINT to a process, as Ctrl-C does, and waits for its end.
fn stop(process: &mut ChildGuard) {
    process.signal("TERM");
    process.0.wait().expect("the end");
}

fn run(number: usize, label: String) -> Run {
    let configuration = Configuration::paper(20, Shortcut::None);
    Run {
        parent: None,
        id: RunId(format!("{number:012x}{:052x}", 0)),
        config: RunConfig {
            configuration,
            seed: number as u64 + 1,
        },
        label,
        configuration: 0,
        trajectories: vec![TrajectoryId(String::new()); 3],
        cost: Cost {
            parameters: 269_722,
            forward_flops: 40_800_000,
            training_flops: 12_000_000_000,
        },
    }
}

fn sweep(label: &str) -> Sweep {
    Sweep {
        name: "many".to_owned(),
        title: Some(label.to_owned()),
        description: Some(label.to_owned()),
        configurations: vec![Configuration::paper(20, Shortcut::None)],
        labels: vec![label.to_owned()],
        seeds: vec![1],
        adaptive: None,
        seeds_note: None,
        max_attempts: 3,
        figures: Vec::new(),
        expectations: Vec::new(),
    }
}

/// An entry with the given text in every field that can contain untrusted text.
fn entry<'a>(
    run: &'a Run,
    curves: &'a Curves,
    state: Option<AttemptStatus>,
    text: &'a str,
) -> Entry<'a> {
    Entry {
        run,
        state,
        data_fingerprint: text,
        iteration: 64_000,
        wall: Some(Duration::from_secs(60)),
        attempts: vec![Attempt {
            number: 1,
            state: state.unwrap_or(AttemptStatus::Finished),
            from_iteration: 0,
            diverged_iteration: None,
            error: Some(text.to_owned()),
            started_unix_ms: 1_700_000_000_000,
            wall: Some(Duration::from_secs(60)),
            program: text.to_owned(),
            device: text.to_owned(),
            cpu: text.to_owned(),
            host: Some(text.to_owned()),
            threads: 1,
            workers: 2,
        }],
        no_better_than_chance: false,
        curves: Some(curves),
        log: Some(Tail {
            path: text.to_owned(),
            lines: vec![text.to_owned(), "the last".to_owned()],
        }),
    }
}

fn page(sweep: &Sweep, entries: Vec<Entry<'_>>) -> String {
    let report = Report {
        sweep,
        tables: vec![Table {
            title: sweep.labels[0].clone(),
            columns: vec![sweep.labels[0].clone()],
            rows: vec![vec![sweep.labels[0].clone()]],
            note: sweep.labels[0].clone(),
        }],
        entries,
        images: vec![sweep.labels[0].clone()],
        figures: Vec::new(),
        written_unix_ms: 1_700_000_000_000,
        refresh: None,
        version: "0.1.0",
    };
    report::render(&report).expect("a page")
}

#[test]
fn hostile_text_is_escaped_everywhere() {
    for hostile in [
        "<script>alert(1)</script>",
        "</script><script>alert(1)</script>",
        "</title></style><img src=x onerror=alert(1)>",
        "\"><iframe src=javascript:alert(1)>",
        "' onmouseover='alert(1)",
        "<!--<script>",
        "]]>&lt;b&gt;\\u003c\u{2028}\u{202e}",
    ] {
        let sweep = sweep(hostile);
        let runs = [run(0, hostile.to_owned())];
        let curves = Curves::default();
        let html = page(
            &sweep,
            vec![entry(
                &runs[0],
                &curves,
                Some(AttemptStatus::Failed),
                hostile,
            )],
        );
        // the data are JSON with HTML characters escaped
        let (markup, json) = html.split_once(DATA).expect("the data");
        assert!(!markup.contains(hostile), "{hostile}");
        let (json, _) = json.split_once("</script>").expect("the data's end");
        assert!(!json.contains(['<', '>', '&']), "{hostile}");
        // the text of an attribute may appear escaped, but not its quotes
        let quoted = html.replace("src=x", "").replace("src=javascript", "");
        assert_sealed(&quoted);
        let run = &data(&html)["runs"][0];
        let shown = printable(hostile);
        assert_eq!(run["label"], *shown);
        assert_eq!(run["log"]["lines"][0], *shown);
        for key in ["error", "cpu", "host", "program", "device"] {
            assert_eq!(run["attempts"][0][key], *shown, "{key}");
        }
    }
}

/// 640 points of training and 64 of evaluation, as the paper's schedule gives.
fn curves(seed: usize) -> Curves {
    let error = |i: u64| {
        90.0 / (1.0 + i as f64 / 4000.0) + ((i as usize * 7919 + seed) % 100) as f64 / 30.0
    };
    Curves {
        train_images: None,
        guess_error_percent: None,
        diverged: None,
        measured: None,
        train: (1..=640)
            .map(|i| ErrorPoint {
                iteration: i * 100,
                error_percent: error(i * 100),
                loss: 1.0,
            })
            .collect(),
        eval: (1..=64)
            .map(|i| EvalPoint {
                iteration: i * 1000,
                set: EvalSet::Test,
                error_percent: error(i * 1000) + 2.0,
                loss: 1.0,
            })
            .collect(),
    }
}

#[test]
fn a_thousand_runs_fit_into_a_file_of_a_few_megabytes() {
    let log =
        "2026-01-01T00:00:00.000000Z  INFO iteration 64000: evaluation error 8.75 %, loss 0.4122";
    let sweep = sweep("A thousand runs");
    let runs: Vec<Run> = (0..1000)
        .map(|i| run(i, format!("plain-20 seed {}", i + 1)))
        .collect();
    let curves: Vec<Curves> = (0..1000).map(curves).collect();
    let states = [
        Some(AttemptStatus::Finished),
        Some(AttemptStatus::Finished),
        Some(AttemptStatus::Diverged),
        None,
    ];
    let entries: Vec<Entry<'_>> = (0..1000)
        .map(|i| Entry {
            log: Some(Tail {
                path: format!("logs/{i:012x}/1.log"),
                lines: vec![log.to_owned(); 12],
            }),
            ..entry(&runs[i], &curves[i], states[i % 4], "AMD EPYC")
        })
        .collect();
    let html = page(&sweep, entries);
    for word in [
        "500 finished",
        "250 diverged",
        "250 new",
        "1000 runs",
        "16 h 40 min of training",
    ] {
        assert!(html.contains(&format!(">{word}<")), "{word}");
    }
    let data = data(&html);
    let kept: Vec<f64> =
        serde_json::from_value(data["runs"][7]["train"][1].clone()).expect("errors");
    assert!(kept.len() <= 100, "{}", kept.len());
    assert!(html.contains("Long curves are thinned"));
    let errors = || curves[7].train.iter().map(|point| point.error_percent);
    let highest = errors().reduce(f64::max).expect("points");
    let lowest = errors().reduce(f64::min).expect("points");
    for extreme in [highest, lowest] {
        assert!(
            kept.iter().any(|error| (error - extreme).abs() < 1e-6),
            "{extreme}"
        );
    }
    assert!(html.len() < 8_000_000, "{} bytes", html.len());
    keep(&html);
}

/// Keeps the page for inspection: target/tmp/report-1000.html.
fn keep(html: &str) {
    let folder: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).into();
    fs::write(folder.join("report-1000.html"), html).expect("written");
}
