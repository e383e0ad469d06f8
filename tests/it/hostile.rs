//! Hostile files: findings of the fuzzers, replayed, and attacks on the real program.

#[path = "../hostile/drive.rs"]
mod drive;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use assert_cmd::Command;
use predicates::prelude::{PredicateBooleanExt, predicate};
use tempfile::TempDir;

/// A valid sweep, without its axes.
const SWEEP: &str = "[sweep]\nname = \"x\"\n[train]\niterations = 100\n[axes]\n\
                     shortcut = [\"none\"]\n";

/// Drives a reader with each file of `tests/hostile/<folder>/`.
fn replay(folder: &str, drive: fn(&[u8])) {
    let folder = Path::new("tests/hostile").join(folder);
    let mut replayed = 0;
    for entry in fs::read_dir(&folder).expect("a folder of findings") {
        let file = entry.expect("an entry").path();
        println!("{}", file.display());
        drive(&fs::read(&file).expect("a readable file"));
        replayed += 1;
    }
    assert!(replayed > 0, "{} is empty", folder.display());
}

macro_rules! findings {
    ($($reader:ident),*) => {
        mod findings {
            $(#[test]
            fn $reader() {
                super::replay(stringify!($reader), super::drive::$reader);
            })*
        }
    };
}

findings!(
    sweep_file,
    image,
    cifar10,
    cifar100,
    archive,
    cache,
    class_folder
);

fn plan(sweep: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_resweep"));
    let results = sweep.with_file_name("results");
    // A hang is a failure, not a long test.
    command.timeout(std::time::Duration::from_secs(60));
    command.arg("plan").arg(sweep).arg("--results").arg(results);
    command
}

fn write(folder: &TempDir, toml: &str) -> PathBuf {
    let path = folder.path().join("sweep.toml");
    fs::write(&path, toml).expect("a writable temporary folder");
    path
}

/// The error message for a sweep file, which must be rejected with exit code 2.
fn refusal(toml: &str) -> String {
    let folder = TempDir::new().expect("a temporary folder");
    let output = plan(&write(&folder, toml))
        .assert()
        .code(2)
        .get_output()
        .clone();
    String::from_utf8(output.stderr).expect("UTF-8")
}

/// `1, 2, 3` up to `last`.
fn numbers(last: usize) -> String {
    let numbers: Vec<String> = (1..=last).map(|number| number.to_string()).collect();
    numbers.join(", ")
}

#[test]
fn a_million_grid_points_by_few_axes_are_refused_before_they_are_expanded() {
    let said = refusal(&format!(
        "{SWEEP}depth = [8]\nbatch_size = [{0}]\nwidth = [{0}]\n",
        numbers(1000)
    ));
    assert!(
        said.contains("the grid has more than 100000 configurations"),
        "{said}"
    );
    assert!(said.contains("sweep.toml:9:10"), "{said}");
}

#[test]
fn the_product_of_many_long_axes_does_not_overflow() {
    let keys = [
        "batch_size",
        "width",
        "eval_every",
        "log_every",
        "iterations",
        "validation",
    ];
    let axis = |key| format!("{key} = [{}]\n", numbers(900));
    let axes: String = keys.map(axis).concat();
    let sweep = SWEEP.replace("iterations = 100\n", "");
    let said = refusal(&format!("{sweep}depth = [8]\n{axes}"));
    assert!(said.contains("more than 100000 configurations"), "{said}");
}

#[test]
fn oversized_axis_is_rejected_before_expansion() {
    let said = refusal(&format!("{SWEEP}depth = [{}]\n", numbers(200_000)));
    assert!(said.contains("axis `depth` has 200000 values"), "{said}");
    assert!(said.contains("because of a mistake"), "{said}");
}

#[test]
fn too_many_condition_values_are_rejected() {
    let said = refusal(&format!(
        "{SWEEP}depth = [8]\nbatch_size = [{0}]\n[[exclude]]\nbatch_size = [{0}]\n",
        numbers(1001)
    ));
    assert!(
        said.contains("the conditions name more than 1000 values"),
        "{said}"
    );
}

#[test]
fn more_panels_than_a_figure_can_show_are_refused() {
    let panels = "[[figure.panels]]\n".repeat(101);
    let said = refusal(&format!("{SWEEP}depth = [8]\n{panels}"));
    assert!(said.contains("the figure has 101 panels"), "{said}");
}

#[test]
fn long_list_values_are_rejected() {
    let drops = format!("iterations = 9999\nlr_drops = [{}]", numbers(101));
    let said = refusal(&format!("{SWEEP}depth = [8]\n").replace("iterations = 100", &drops));
    assert!(said.contains("`lr_drops` has 101 elements"), "{said}");
}

#[test]
fn ten_thousand_brackets_do_not_overflow_the_stack() {
    let (open, close) = ("[".repeat(10_000), "]".repeat(10_000));
    for toml in [
        format!("a = {open}{close}"),
        format!("a = {open}"),
        format!("{open}a{close}"),
        format!("a = {}1{}", "{a = ".repeat(10_000), "}".repeat(10_000)),
        format!("{}a = 1", "a.".repeat(10_000)),
        format!("[{}a]\nb = 1", "a.".repeat(10_000)),
    ] {
        let said = refusal(&toml);
        assert!(said.contains("this is not TOML"), "{said}");
    }
}

#[test]
fn only_the_first_error_of_a_long_broken_file_is_reported() {
    let said = refusal(&"= a mistake\n".repeat(40_000));
    assert!(said.contains("sweep.toml:1:"), "{said}");
    assert!(said.contains("because of a mistake"), "{said}");
}

#[test]
fn too_many_keys_are_refused_before_they_are_compared() {
    let line = |number: usize| format!("iteration{number} = 1\n");
    let keys = |count| (0..count).map(line).collect::<String>();
    let tables: String = (0..50_001).map(|number| format!("[t{number}]\n")).collect();
    let fields = keys(50_001).trim_end().replace('\n', ", ");
    let list = "depth = [8]\nlr = [\n[1],\n[2],\n]\n";
    for (hostile, line) in [
        (format!("{}{SWEEP}", keys(200_000)), 50_001),
        (format!("{SWEEP}{list}{}", keys(50_001)), 50_004),
        (format!("{SWEEP}{list}{tables}"), 50_004),
        (format!("{SWEEP}lr = {{ {fields} }}\n"), 7),
    ] {
        let start = Instant::now();
        let said = refusal(&hostile);
        println!("{:?}", start.elapsed());
        assert!(said.contains("more than 50000 keys and tables"), "{said}");
        assert!(said.contains(&format!("sweep.toml:{line}:")), "{said}");
        assert!(said.contains("because of a mistake"), "{said}");
    }
    // Below the limit, some of them are shown, and the others counted as far as they were read.
    let said = refusal(&format!("{}{SWEEP}depth = [8]\n", keys(2000)));
    assert!(
        said.contains("at least 900 more problems are not shown"),
        "{said}"
    );
    assert!(said.contains("because of at least 1000 mistakes"), "{said}");
    let said = refusal(&format!("{}{SWEEP}depth = [8]\n", keys(200)));
    assert!(
        said.contains("error: 100 more problems are not shown"),
        "{said}"
    );
}

#[test]
fn binary_files_are_rejected() {
    let said = refusal(&"\0".repeat(1000));
    assert!(
        said.contains("this is not TOML") && !said.contains('\0'),
        "{said}"
    );
}

#[test]
fn names_that_are_invalid_as_folders_are_rejected() {
    let long = "a".repeat(10_000);
    for name in [
        "a/b",
        "..",
        ".",
        "../x",
        ".x",
        "CON",
        "con.txt",
        "nul",
        "LPT1",
        "x.",
        "-rf",
        "--help",
        "",
        "a b",
        "a\\\\b",
        "a\\u0000",
        "a\\u001b[31m",
        "<script>",
        "\\u202ex",
        "résumé",
        &long,
        "resweep.db-journal",
        "Checkpoints",
    ] {
        let said =
            refusal(&format!("{SWEEP}depth = [8]\n").replace("\"x\"", &format!("\"{name}\"")));
        assert!(said.contains("the sweep's name"), "{name}: {said}");
        assert!(said.contains("sweep.toml:2:8"), "{name}: {said}");
    }
}

#[test]
fn text_with_control_characters_is_rejected() {
    for (key, place) in [("title", 3), ("description", 3)] {
        for evil in [
            "\\u001b[31m",
            "\\u0000",
            "\\u009b",
            "\\u202e",
            "\\uffff",
            "\\u2066",
        ] {
            let named = format!("name = \"x\"\n{key} = \"a{evil}b\"");
            let said = refusal(&format!("{SWEEP}depth = [8]\n").replace("name = \"x\"", &named));
            assert!(said.contains(&format!("the {key} has")), "{evil}: {said}");
            assert!(
                said.contains(&format!("sweep.toml:{place}:")),
                "{evil}: {said}"
            );
        }
    }
}

#[test]
fn html_in_a_title_is_plain_text() {
    let folder = TempDir::new().expect("a temporary folder");
    let title = "name = \"x\"\ntitle = \"<script>alert(1)</script> & ]]> \\\"\"";
    let sweep = format!("{SWEEP}depth = [8]\n").replace("name = \"x\"", title);
    plan(&write(&folder, &sweep)).assert().success();
}

#[test]
fn escapes_in_keys_and_file_names_do_not_reach_the_terminal() {
    let said = refusal(&format!("{SWEEP}\"\\u001b]0;x\\u0007\\u202e\" = [1]\n"));
    assert!(!said.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{said:?}");

    #[cfg(unix)]
    {
        let folder = TempDir::new().expect("a temporary folder");
        let path = folder.path().join("a\u{202e}\u{7}b.toml");
        fs::write(&path, "x").expect("a writable temporary folder");
        let evil = predicate::str::contains("\u{202e}").or(predicate::str::contains("\u{7}"));
        plan(&path).assert().code(2).stderr(evil.not());
    }
}

#[test]
fn pipes_devices_and_folders_are_rejected_at_once() {
    let folder = TempDir::new().expect("a temporary folder");
    plan(folder.path())
        .assert()
        .code(2)
        .stderr(predicate::str::contains("cannot read"));
    let missing = folder.path().join("missing.toml");
    plan(&missing)
        .assert()
        .code(2)
        .stderr(predicate::str::contains("cannot read"));
    #[cfg(unix)]
    {
        let fifo = folder.path().join("fifo.toml");
        let made = std::process::Command::new("mkfifo").arg(&fifo).status();
        assert!(made.is_ok_and(|status| status.success()), "mkfifo");
        let device = predicate::str::contains("is a pipe or a device");
        plan(&fifo).assert().code(2).stderr(device.clone());
        let mut zero = Command::new(env!("CARGO_BIN_EXE_resweep"));
        zero.args(["plan", "/dev/zero"])
            .assert()
            .code(2)
            .stderr(device);
        let round = folder.path().join("loop.toml");
        std::os::unix::fs::symlink(&round, &round).expect("a link");
        plan(&round)
            .assert()
            .code(2)
            .stderr(predicate::str::contains("cannot read"));
    }
}

#[test]
fn numbers_beyond_every_range_are_refused_with_their_places() {
    for value in [
        "-1",
        "nan",
        "-inf",
        "1e400",
        "0xffffffffffffffffffffffffffffffffffffffff",
    ] {
        for key in [
            "train.lr",
            "train.iterations",
            "model.width",
            "data.validation",
        ] {
            let folder = TempDir::new().expect("a temporary folder");
            let mut command = plan(&write(&folder, &format!("{SWEEP}depth = [8]\n")));
            command.args(["--set", &format!("{key}={value}")]);
            let named = predicate::str::contains(key.split_once('.').expect("a dot").1);
            command.assert().code(2).stderr(named);
        }
    }
}
