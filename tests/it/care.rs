//! Shows, compares, removes and renames recorded runs.

use std::fs;

use crate::support::workplace::{Workplace, files, write_images};

const SWEEP: &str = r#"[sweep]
name = "one"

[data]
dataset = "folder"
path = "pictures"

[model]
width = 2
image_size = 8
shortcut = "A"

[train]
iterations = 6
batch_size = 8
eval_every = 6

[axes]
depth = [8, 14]
"#;

/// Two sweeps that share ResNet-8.
fn trained() -> Workplace {
    let place = Workplace::new("one.toml", SWEEP);
    write_images(&place.path().join("pictures"));
    let two = SWEEP
        .replace("\"one\"", "\"two\"")
        .replace("[8, 14]", "[8, 20]");
    fs::write(place.path().join("two.toml"), two).expect("the sweep file");
    place.stdout(&["run", "one.toml"]);
    place.stdout(&["run", "two.toml"]);
    place
}

/// Standard error of a command that ends with this code.
fn said(place: &Workplace, args: &[&str], code: i32) -> String {
    let output = place.resweep(args).assert().code(code).get_output().clone();
    String::from_utf8(output.stderr).expect("UTF-8")
}

fn count(place: &Workplace, query: &str) -> i64 {
    let row = place
        .database("results")
        .query_row(query, [], |row| row.get(0));
    row.expect("a number")
}

#[test]
fn a_run_is_shown_with_settings_curves_attempts_and_files() {
    let place = trained();
    for name in ["ResNet-14", "one/ResNet-14"] {
        let shown = place.stdout(&["show", name]);
        for part in [
            "ResNet-14: finished",
            "model.depth = 14",
            "test",
            "attempt",
            "checkpoints/",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
    }
    let plan = place.json(&["plan", "one", "--json"]);
    let id = plan["runs"][0]["id"].as_str().expect("an id");
    let shown = place.stdout(&["status", &id[..12]]);
    assert!(shown.contains("sweeps  one, two"), "{shown}");
    let sweep = place.stdout(&["show", "one"]);
    assert_eq!(
        place.stdout(&["status", "one.toml"]),
        sweep,
        "a file names its sweep"
    );
    let nothing = said(&place, &["show", "three"], 2);
    assert!(nothing.contains("its sweeps: "), "{nothing}");
    let nothing = said(&place, &["show", "two/ResNet-14"], 2);
    let runs = "its runs: two/ResNet-8, two/ResNet-20\n";
    assert!(nothing.contains(runs), "{nothing}");
}

#[test]
fn sweeps_and_runs_are_compared_by_settings_and_errors() {
    let place = trained();
    let compared = place.stdout(&["diff", "one", "two"]);
    assert!(compared.contains("model.depth"), "{compared}");
    assert!(compared.contains("ResNet-8 (the same run)"), "{compared}");
    assert!(compared.contains("+0.00"), "{compared}");
    let compared = place.stdout(&["diff", "ResNet-14", "two/ResNet-20"]);
    assert!(compared.contains("ResNet-14 / ResNet-20"), "{compared}");
    let nothing = said(&place, &["diff", "one", "three"], 2);
    assert!(nothing.contains("no sweep and no run `three`"), "{nothing}");
}

#[test]
fn a_label_without_its_seed_names_the_runs_to_type() {
    let place = Workplace::new("one.toml", SWEEP);
    write_images(&place.path().join("pictures"));
    place.stdout(&["run", "one.toml", "--repeats=2"]);
    let other = ["--set", "sweep.name=two", "--set", "axes.depth=[8,20]"];
    let other = [&["run", "one.toml", "--repeats=2"][..], &other].concat();
    place.stdout(&other);
    let of_one = "name one of 'one/ResNet-14 seed 1', 'one/ResNet-14 seed 2'\n";
    for args in [
        &["show", "one/ResNet-14"][..],
        &["show", "ResNet-14"],
        &["diff", "one/ResNet-14", "two"],
        &["rm", "one/ResNet-14", "--yes"],
    ] {
        let several = said(&place, args, 2);
        assert!(several.contains(of_one), "{args:?}: {several}");
    }
    let several = said(&place, &["show", "ResNet-8"], 2);
    for run in ["'one/ResNet-8 seed 1'", "'two/ResNet-8 seed 2'"] {
        assert!(several.contains(run), "{several}");
    }
    assert_eq!(count(&place, "SELECT count(*) FROM attempts"), 6);
    let unquoted = said(&place, &["show", "one/ResNet-14", "seed", "2"], 2);
    let quoted = "'one/ResNet-14 seed 2'";
    assert!(unquoted.contains(quoted), "{unquoted}");
    place.stdout(&["show", "one/ResNet-14 seed 2"]);
}

#[test]
fn a_removed_sweep_takes_its_own_runs_and_files_and_keeps_shared_ones() {
    let place = trained();
    let refused = said(&place, &["rm", "one"], 2);
    assert!(refused.contains("--yes"), "{refused}");
    assert_eq!(count(&place, "SELECT count(*) FROM runs"), 3);

    let printed = place.stdout(&["rm", "one", "--yes"]);
    assert!(printed.contains("removes 1 run and"), "{printed}");
    assert!(printed.contains("1 run of other sweeps stay"), "{printed}");
    assert_eq!(count(&place, "SELECT count(*) FROM runs"), 2);
    assert_eq!(count(&place, "SELECT count(*) FROM sweeps"), 1);
    for table in ["attempts", "run_images"] {
        assert_eq!(
            count(&place, &format!("SELECT count(*) FROM {table}")),
            2,
            "{table}"
        );
    }
    assert!(!place.path().join("results/one").exists());
    let kept = files(&place.path().join("results/checkpoints"));
    let of_kept = |path: &std::path::PathBuf| {
        let id = path.strip_prefix(place.path().join("results/checkpoints"));
        let id = id.expect("below it").iter().next().expect("a run");
        let id = id.to_string_lossy();
        count(
            &place,
            &format!("SELECT count(*) FROM runs WHERE id = '{id}'"),
        ) == 1
    };
    assert!(!kept.is_empty() && kept.iter().all(of_kept), "{kept:?}");
    place.stdout(&["doctor"]);
    let plan = place.json(&["plan", "two.toml", "--json"]);
    assert_eq!(plan["pending"], 0);
    place.stdout(&["verify", "two"]);
    place.stdout(&["run", "one.toml"]);
}

#[test]
fn figures_of_several_sweeps_are_renamed_and_removed_with_each_sweep() {
    let place = trained();
    place.stdout(&["plot", "one", "two"]);
    let results = place.path().join("results");
    fs::create_dir(results.join("two+own")).expect("a folder");
    fs::write(results.join("two+own/photo.png"), b"own").expect("a file");
    place.stdout(&["rename", "one", "first"]);
    assert!(!results.join("one+two").exists());
    assert!(results.join("first+two/figure.png").is_file());
    fs::write(results.join("first+two/notes.txt"), b"own").expect("a file");
    let printed = place.stdout(&["rm", "two", "--yes"]);
    let lists = "figures and tables of several sweeps in results/first+two\n";
    assert!(printed.contains(lists), "{printed}");
    assert!(!printed.contains("two+own"), "{printed}");
    let left = files(&results.join("first+two"));
    assert_eq!(left, [results.join("first+two/notes.txt")]);
    assert!(results.join("two+own/photo.png").is_file());
    fs::remove_file(&left[0]).expect("removed");
    place.stdout(&["run", "two.toml"]);
    place.stdout(&["plot", "first", "two"]);
    place.stdout(&["rm", "first", "--yes"]);
    assert!(!results.join("first+two").exists());
}

#[test]
fn a_removed_run_is_new_in_its_sweep_and_a_shared_one_stays() {
    let place = trained();
    place.stdout(&["rm", "one/ResNet-14", "-y"]);
    let plan = place.json(&["plan", "one.toml", "--json"]);
    assert_eq!(plan["pending"], 1);
    let shared = said(&place, &["rm", "ResNet-8", "--yes"], 2);
    assert!(shared.contains("several sweeps have it"), "{shared}");
    place.stdout(&["doctor"]);
}

#[test]
fn a_renamed_sweep_keeps_its_runs_and_is_known_by_the_new_name_alone() {
    let place = trained();
    place.stdout(&["rename", "one", "first"]);
    assert!(place.path().join("results/first/figure.png").is_file());
    assert!(!place.path().join("results/one").exists());
    let table = place.stdout(&["table", "first"]);
    assert!(table.contains("ResNet-14"), "{table}");
    place.stdout(&["plot", "first"]);
    place.stdout(&["verify", "first"]);
    said(&place, &["status", "one"], 2);
    let taken = said(&place, &["rename", "first", "two"], 3);
    assert!(taken.contains("the name `two` is taken"), "{taken}");
    let bad = said(&place, &["rename", "first", "../out"], 2);
    assert!(bad.contains("sweep.name=../out"), "{bad}");
}

#[test]
fn a_page_lists_every_sweep_of_the_folder() {
    let place = trained();
    place.stdout(&["report", "one"]);
    let printed = place.stdout(&["report"]);
    assert!(printed.contains("results/index.html"), "{printed}");
    let page = fs::read_to_string(place.path().join("results/index.html")).expect("the page");
    assert!(
        page.contains("<a href=\"one/report.html\">one</a>"),
        "{page}"
    );
    assert!(
        page.contains("two/figure.svg") && page.contains("2 runs: 2 finished"),
        "{page}"
    );
}

#[test]
fn nothing_is_removed_or_renamed_while_a_process_trains() {
    let place = Workplace::new("one.toml", SWEEP);
    write_images(&place.path().join("pictures"));
    let mut process = place.start(&["run", "one.toml", "--iterations=100000000", "--log-every=1"]);
    let stderr = process.0.stderr.take().expect("a pipe");
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(stderr));
    assert!(lines.any(|line| line.expect("UTF-8").contains("iteration")));
    for args in [
        &["rm", "one", "--yes"][..],
        &["rm", "one/ResNet-14", "--yes"],
        &["rename", "one", "other"],
    ] {
        let refused = said(&place, args, 3);
        assert!(refused.contains("is in training now"), "{refused}");
    }
    process.kill();
    place.stdout(&["rm", "one", "--yes"]);
    assert_eq!(count(&place, "SELECT count(*) FROM runs"), 0);
}
