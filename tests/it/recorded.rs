//! Recorded results are shown without the images, without the sweep file, and after either has
//! changed.

use crate::support::workplace;
use std::fs;
use std::path::Path;

use crate::support::workplace::{Workplace, small_sweep};

const SWEEP: &str = small_sweep!(
    sweep: "name = \"own\"",
    train: "",
    shortcut: "[\"none\", \"A\"]"
);

const FIGURE: &str = "results/own/figure.png";

/// The commands that show recorded results.
const SHOW: [&str; 4] = ["plot", "table", "report", "export"];

/// A folder with a sweep file and images.
fn prepared() -> Workplace {
    Workplace::with_images("own.toml", SWEEP)
}

/// The same after a sweep.
fn trained() -> Workplace {
    let place = prepared();
    place.stdout(&["run", "own.toml"]);
    place
}

fn figure(place: &Workplace) -> Vec<u8> {
    fs::read(place.path().join(FIGURE)).expect("the figure")
}

fn write(place: &Workplace, name: &str, text: &str) {
    fs::write(place.path().join(name), text).expect("a file");
}

/// Standard error of a command that ends with `code`.
#[track_caller]
fn stderr(place: &Workplace, args: &[&str], code: i32) -> String {
    let assert = place.resweep(args).assert().code(code);
    String::from_utf8(assert.get_output().stderr.clone()).expect("UTF-8")
}

fn move_images(place: &Workplace, from: &str, to: &str) {
    fs::rename(place.path().join(from), place.path().join(to)).expect("the images");
}

/// Adds a test image.
fn add_image(place: &Workplace) {
    let folder = place.path().join("images/test/class-0");
    fs::copy(folder.join("0.png"), folder.join("new.png")).expect("a copy");
}

#[test]
fn a_sweep_file_shows_its_last_run_with_the_overrides_of_that_run() {
    let place = trained();
    let of_one_seed = place.stdout(&["table", "own.toml"]);
    place.stdout(&["run", "own.toml", "--repeats", "2"]);
    let figure_of_two = figure(&place);
    let of_two = place.stdout(&["table", "own"]);
    assert_ne!(of_one_seed, of_two);
    assert_eq!(place.stdout(&["table", "own.toml"]), of_two);
    let note = "as it was last run, with --set repeats=2";
    assert!(stderr(&place, &["plot", "own.toml"], 0).contains(note));
    assert_eq!(figure(&place), figure_of_two);
    // An override in the command decides, and so does a file that has changed.
    assert_eq!(
        place.stdout(&["table", "own.toml", "--repeats", "1"]),
        of_one_seed
    );
    let deeper = SWEEP.replace("depth = [8]", "depth = [8, 14]");
    write(&place, "own.toml", &deeper);
    let said = stderr(&place, &["table", "own.toml"], 0);
    assert!(!said.contains(note), "{said}");
    // What the file says about figures counts.
    write(
        &place,
        "own.toml",
        &format!("{SWEEP}\n[figure]\ntitle = \"Another title\"\n"),
    );
    place.stdout(&["plot", "own.toml"]);
    assert_ne!(figure(&place), figure_of_two);
    assert!(stderr(&place, &["plot", "own.toml"], 0).contains(note));
}

#[test]
fn results_are_shown_without_the_images() {
    let place = trained();
    let (before, table) = (figure(&place), place.stdout(&["table", "own.toml"]));
    move_images(&place, "images", "away");
    for empty_folder in [false, true] {
        if empty_folder {
            fs::create_dir(place.path().join("images")).expect("a folder");
        }
        fs::remove_file(place.path().join(FIGURE)).expect("the figure");
        for command in SHOW {
            place.stdout(&[command, "own.toml"]);
        }
        assert!(figure(&place) == before, "the figure differs");
        assert_eq!(place.stdout(&["table", "own.toml"]), table);
        assert!(place.path().join("results/own/report.html").is_file());
        assert!(place.path().join("results/own/csv/runs.csv").is_file());
    }
    let said = stderr(
        &place,
        &["export", "own.toml", "--format", "checkpoints"],
        3,
    );
    assert!(said.contains("needs the images"), "{said}");
}

#[test]
fn results_are_shown_by_the_name_of_the_sweep_on_another_machine() {
    let place = trained();
    let other = Workplace::new("unrelated.toml", "");
    fs::rename(place.path().join("results"), other.path().join("moved")).expect("the results");
    let at = ["--results", "moved"];
    for command in SHOW {
        other.stdout(&[&[command, "own"], at.as_slice()].concat());
    }
    let said = other.stdout(&["verify", "moved/own/figure.png", "--results", "moved"]);
    assert!(said.contains("identical, byte for byte"), "{said}");
    let limited = [
        "plot",
        "own",
        "--set",
        "figure.y_max=50",
        "--results",
        "moved",
    ];
    assert_eq!(stderr(&other, &limited, 0), "");
    let plan = other.stdout(&[&["plan", "own"], at.as_slice()].concat());
    assert!(plan.contains("2 finished"), "{plan}");
}

#[test]
fn sweep_resumes_by_name() {
    let place = trained();
    fs::remove_file(place.path().join("own.toml")).expect("the sweep file");
    place.stdout(&["run", "own", "--set", "sweep.repeats=2"]);
    let status = place.stdout(&["status", "own"]);
    assert!(status.contains("ResNet-8 seed 2"), "{status}");
    place.stdout(&["verify", FIGURE]);
}

#[test]
fn unknown_sweep_names_are_rejected_with_suggestions() {
    let place = prepared();
    for command in ["plot", "table", "report", "export", "plan", "run"] {
        let said = stderr(&place, &[command, "own"], 2);
        assert!(said.contains("no sweep file `own`"), "{command}: {said}");
        assert!(said.contains("did you mean `own.toml`?"), "{said}");
    }
    place.stdout(&["run", "own.toml"]);
    let said = stderr(&place, &["plot", "images"], 2);
    assert!(said.contains("`images` is a folder"), "{said}");
    assert!(said.contains("results has: own"), "{said}");
    fs::rename(
        place.path().join("own.toml"),
        place.path().join("kept.toml"),
    )
    .expect("the sweep file");
    assert_eq!(
        stderr(&place, &["plot", "own.toml"], 2),
        "error: there is no sweep file `own.toml`; `own` names the recorded sweep\n"
    );
    let said = stderr(&place, &["plot", "other.toml"], 2);
    assert!(
        said.contains("cannot read the sweep file `other.toml`"),
        "{said}"
    );
}

#[test]
fn changed_images_are_reported_and_recorded_results_shown() {
    let place = trained();
    let (before, table) = (figure(&place), place.stdout(&["table", "own.toml"]));
    add_image(&place);
    for command in SHOW {
        let said = stderr(&place, &[command, "own.toml"], 0);
        assert!(
            said.contains("the images of `images` have changed since sweep `own` was run"),
            "{command}: {said}"
        );
        assert!(said.contains(" then, ") && said.contains(" now)"), "{said}");
    }
    assert!(figure(&place) == before, "the figure differs");
    assert_eq!(place.stdout(&["table", "own.toml"]), table);
    let said = stderr(
        &place,
        &["export", "own.toml", "--format", "checkpoints"],
        3,
    );
    assert!(
        said.contains("have changed since plain-8 was trained"),
        "{said}"
    );
    let said = stderr(&place, &["plan", "own.toml"], 0);
    assert!(
        said.contains("2 other runs: the images of `images`"),
        "{said}"
    );
}

#[test]
fn changed_settings_are_reported_and_figure_settings_still_apply() {
    let place = trained();
    let before = figure(&place);
    let longer = SWEEP.replace("iterations = 6", "iterations = 12");
    write(&place, "own.toml", &longer);
    let table = place.stdout(&["table", "own.toml"]);
    assert!(!table.contains("0 of 1"), "{table}");
    for command in SHOW {
        let said = stderr(&place, &[command, "own.toml"], 0);
        assert!(
            said.contains("train.iterations: 6 then, 12 now"),
            "{command}: {said}"
        );
        assert!(!said.contains("lr_drops"), "{command}: {said}");
    }
    assert!(figure(&place) == before, "the figure differs");
    write(
        &place,
        "own.toml",
        &format!("{longer}\n[figure]\ny_max = 50\n"),
    );
    place.stdout(&["plot", "own.toml"]);
    assert!(figure(&place) != before, "the file's limit is not drawn");
    write(
        &place,
        "own.toml",
        &format!("{SWEEP}\n[figure]\ny_max = 50\n"),
    );
    let limited = figure(&place);
    assert_eq!(stderr(&place, &["plot", "own.toml"], 0), "");
    assert!(
        figure(&place) == limited,
        "the same runs are drawn otherwise"
    );
}

#[test]
fn added_runs_are_shown_as_missing() {
    let place = trained();
    let more = ["--set", "axes.depth=[8,14]"];
    let said = stderr(
        &place,
        &[&["plot", "own.toml"], more.as_slice()].concat(),
        0,
    );
    assert!(said.contains("model.depth: 8 then, [8, 14] now"), "{said}");
    let table = place.stdout(&[&["table", "own.toml"], more.as_slice()].concat());
    assert_eq!(table.matches("0 of 1").count(), 2, "{table}");
}

#[test]
fn runs_of_another_sweep_are_shown_without_their_images() {
    let place = trained();
    move_images(&place, "images", "away");
    write(&place, "other.toml", &SWEEP.replace("\"own\"", "\"other\""));
    place.stdout(&["plot", "other.toml"]);
    assert!(place.path().join("results/other/figure.png").is_file());
}

#[test]
fn moved_images_are_recognised() {
    let place = trained();
    let table = place.stdout(&["table", "own.toml"]);
    move_images(&place, "images", "elsewhere");
    write(
        &place,
        "own.toml",
        &SWEEP.replace("\"images\"", "\"elsewhere\""),
    );
    assert_eq!(stderr(&place, &["plot", "own.toml"], 0), "");
    move_images(&place, "elsewhere", "away");
    assert_eq!(stderr(&place, &["plot", "own.toml"], 0), "");
    assert_eq!(place.stdout(&["table", "own.toml"]), table);
}

#[test]
fn a_report_is_not_replaced_by_one_without_runs() {
    let place = trained();
    place.stdout(&["report", "own.toml"]);
    let path = place.path().join("results/own/report.html");
    let before = fs::read(&path).expect("the report");
    for file in ["resweep.db", "resweep.db-wal", "resweep.db-shm"] {
        let _ = fs::remove_file(place.path().join("results").join(file));
    }
    let said = stderr(&place, &["report", "own.toml"], 3);
    assert!(
        said.contains("no run of sweep `own` has been recorded yet"),
        "{said}"
    );
    assert!(fs::read(&path).expect("the report") == before);
}

#[test]
fn a_figure_over_folders_of_images_is_verified() {
    let place = Workplace::new(
        "own.toml",
        &SWEEP
            .replace("path = \"images\"\n", "")
            .replace("depth = [8]", "path = [\"images\", \"more\"]\ndepth = [8]"),
    );
    for (folder, extra) in [("images", false), ("more", true)] {
        workplace::write_images(&place.path().join(folder));
        if extra {
            let class = place.path().join("more/train/class-1");
            fs::copy(class.join("0.png"), class.join("9.png")).expect("a copy");
        }
    }
    place.stdout(&["run", "own.toml"]);
    let before = figure(&place);
    place.stdout(&["verify", FIGURE]);
    for folder in ["images", "more"] {
        fs::remove_dir_all(place.path().join(folder)).expect("the images");
    }
    place.stdout(&["verify", FIGURE]);
    place.stdout(&["plot", "own.toml"]);
    assert!(figure(&place) == before, "the figure differs");
}

#[test]
fn plan_works_without_images_of_known_number() {
    let cifar = SWEEP.replace("\"folder\"", "\"cifar10\"");
    let place = Workplace::new("own.toml", &cifar);
    for args in [
        ["plan", "own.toml"].as_slice(),
        &["run", "own.toml", "--dry-run"],
    ] {
        let output = place.resweep(args).assert().success().get_output().clone();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("`images` are missing"), "{said}");
        let plan = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(plan.contains("2 runs, 2 new"), "{plan}");
    }
    let plan = place.json(&["plan", "own.toml", "--json"]);
    assert_eq!(plan["images_seen"], false);
    // Ten classes: the parameters of the networks are known.
    assert_eq!(plan["runs"][0]["parameters"], 1356);
    assert!(!place.path().join("results").exists());
    stderr(&place, &["run", "own.toml"], 2);

    write(&place, "own.toml", SWEEP);
    let said = stderr(&place, &["plan", "own.toml"], 2);
    assert!(
        said.contains("the folder `images` does not exist"),
        "{said}"
    );
}

#[test]
fn plan_takes_missing_images_from_the_record() {
    let place = trained();
    move_images(&place, "images", "away");
    let said = stderr(&place, &["plan", "own.toml"], 0);
    assert!(said.contains("the plan assumes those"), "{said}");
    let plan = place.json(&["plan", "own.toml", "--json"]);
    assert_eq!(plan["pending"], 0);
    assert_eq!(plan["images_seen"], false);
    move_images(&place, "away", "images");
    let plan = place.json(&["plan", "own.toml", "--json"]);
    assert_eq!(plan["images_seen"], true);
}

#[test]
fn another_sweep_of_the_same_name_is_announced() {
    let place = trained();
    let first = figure(&place);
    write(&place, "first.png", "");
    fs::write(place.path().join("first.png"), first).expect("a file");
    let other = SWEEP.replace("depth = [8]", "depth = [14]");
    write(&place, "other.toml", &other);
    for command in ["plan", "run"] {
        let said = stderr(&place, &[command, "other.toml"], 0);
        assert!(
            said.contains("sweep `own` was last started"),
            "{command}: {said}"
        );
        assert!(
            said.contains("2 other runs: model.depth: 8 then, 14 now"),
            "{said}"
        );
        assert!(said.contains("they stay in the database"), "{said}");
    }
    // Additional runs need no warning.
    let more = ["plan", "other.toml", "--set", "sweep.repeats=2"];
    assert_eq!(stderr(&place, &more, 0), "");
}

/// Waits until the sweep is recorded; its file is not needed afterwards.
fn await_record(database: &Path) {
    let begun = std::time::Instant::now();
    let recorded = || {
        let connection = rusqlite::Connection::open_with_flags(
            database,
            rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY,
        );
        let count = connection.and_then(|connection| {
            connection.query_row("SELECT count(*) FROM attempts", [], |row| row.get(0))
        });
        count.unwrap_or(0) > 0
    };
    while !recorded() {
        assert!(begun.elapsed().as_secs() < 120, "nothing is recorded");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn two_different_sweeps_of_one_name_do_not_train_at_once() {
    let place = prepared();
    let endless = ["run", "own.toml", "--set", "train.iterations=1000000000"];
    let mut first = place.start(&endless);
    await_record(&place.path().join("results/resweep.db"));
    let said = stderr(&place, &["run", "own.toml"], 3);
    let process = format!("process {}", first.0.id());
    assert!(said.contains(&process), "{said}");
    assert!(
        said.contains("is training the sweep `own` with 2 runs"),
        "{said}"
    );
    assert!(said.contains("--set sweep.name=..."), "{said}");
    place.stdout(&["run", "own.toml", "--set", "sweep.name=another"]);
    first.kill();
    place.stdout(&["run", "own.toml"]);
}

#[test]
fn sweep_file_is_read_once() {
    let rule = "name = \"own\"\nrepeats = { min = 2, max = 3, until = \"ordering\" }";
    let place = Workplace::with_images("own.toml", &SWEEP.replace("name = \"own\"", rule));
    let mut process = place.start(&["run", "own.toml", "-j", "1"]);
    await_record(&place.path().join("results/resweep.db"));
    write(&place, "own.toml", "[[[");
    let status = process.0.wait().expect("the end");
    assert!(status.success(), "{}", process.said());
    place.stdout(&["verify", FIGURE]);
    let recorded = place.rows("results", "SELECT spec_toml FROM sweeps");
    assert!(recorded[0].contains("until = \"ordering\""), "{recorded:?}");
}

#[test]
fn columns_of_validation_errors_are_not_named_after_test_errors() {
    let place = prepared();
    let csv = |validation: &str| {
        let set = format!("data.validation={validation}");
        place.stdout(&["run", "own.toml", "--set", &set]);
        let table = place.stdout(&["table", "own.toml", "--set", &set, "--format", "csv"]);
        table.lines().next().expect("a header").to_owned()
    };
    let (test, held_out) = (csv("0"), csv("4"));
    assert!(test.contains(",test_mean_percent,"), "{test}");
    assert!(held_out.contains(",validation_mean_percent,"), "{held_out}");
    assert!(!held_out.contains(",test_"), "{held_out}");
}
