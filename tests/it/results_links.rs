//! Links that another user puts into a shared results folder, and files of his in it: nothing
//! outside the folder is read, changed or removed, and nothing inside it that is not ours.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::support::workplace::{Workplace, assert_same, files};

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
shortcut = "none"

[train]
iterations = 10
batch_size = 7
log_every = 5
eval_every = 5
lr_drops = []
"#;

/// A sweep that was trained, and a private folder elsewhere with files of every name that the
/// program could look for there.
fn place() -> (Workplace, Vec<String>) {
    let place = Workplace::trained("tiny.toml", SWEEP);
    let names = [
        "1/5.safetensors",
        "5.safetensors",
        ".tmp-1-0",
        "1.log",
        "1.lock",
        "table.md",
        "tiny.png",
        "runs.csv",
        "secret",
    ];
    for name in names {
        let path = place.path().join("private").join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, "private").expect("a file");
    }
    let listing = private(&place);
    (place, listing)
}

/// Every private file and what is in it.
fn private(place: &Workplace) -> Vec<String> {
    let mut found: Vec<String> = files(&place.path().join("private"))
        .iter()
        .map(|path| {
            let content = fs::read_to_string(path).expect("a file");
            format!("{} {content}", path.display())
        })
        .collect();
    found.sort();
    found
}

/// Puts a link in the place of something below `results`, which is moved aside.
fn replace(place: &Workplace, name: &str, target: &str) -> (PathBuf, PathBuf) {
    let link = place.path().join("results").join(name);
    let aside = place.path().join("aside");
    fs::create_dir_all(link.parent().expect("a folder")).expect("a folder");
    if link.exists() {
        fs::rename(&link, &aside).expect("it is moved");
    }
    symlink(place.path().join("private").join(target), &link).expect("a link");
    (link, aside)
}

fn put_back((link, aside): &(PathBuf, PathBuf)) {
    if link.is_symlink() {
        fs::remove_file(link).expect("a link");
    }
    if aside.exists() && !link.exists() {
        fs::rename(aside, link).expect("it is moved back");
    }
    let _ = fs::remove_dir_all(aside);
}

fn run_id(place: &Workplace) -> String {
    place.rows("results", "SELECT id FROM runs").remove(0)
}

/// Runs a command and says what it said, and whether it succeeded.
fn said(place: &Workplace, args: &[&str]) -> (bool, String) {
    let output = place.resweep(args).output().expect("the program runs");
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

#[test]
fn no_command_follows_a_link_below_the_results_folder() {
    let (place, before) = place();
    let id = run_id(&place);
    let artifacts = place.artifacts("results", "tiny");
    let run: &[&str] = &["run", "tiny.toml", "--fresh"];
    let export = |format| ["export", "tiny.toml", "--format", format];
    let training = format!("checkpoints/{id}");
    // The first of these commands that gets a training makes it the second one.
    let second = format!("checkpoints/{id}/2");
    let logs = format!("logs/{}", &id[..12]);
    let checkpoints = export("checkpoints");
    let (csv, tensorboard) = (export("csv"), export("tensorboard"));
    let cases: [(&str, &str, &[&str]); 12] = [
        ("checkpoints", "", &checkpoints),
        ("tiny", "", &["plot", "tiny.toml"]),
        ("tiny", "", &["report", "tiny.toml"]),
        ("tiny/csv", "", &csv),
        (&second, "", run),
        ("checkpoints", "", run),
        (&training, "", run),
        ("resweep.lock", "secret", run),
        ("locks", "", run),
        ("logs", "", run),
        (&logs, "", run),
        ("cache", "", run),
    ];
    for (name, target, command) in cases {
        let moved = replace(&place, name, target);
        let (success, said) = said(&place, command);
        assert!(!success, "{name}: {said}");
        assert!(said.contains("is a symbolic link"), "{name}: {said}");
        assert_eq!(private(&place), before, "{name}: {said}");
        put_back(&moved);
    }
    place.stdout(&tensorboard);
    let folder = fs::read_dir(place.path().join("results/tiny/tensorboard")).expect("a folder");
    let folder = folder.flatten().find(|entry| entry.path().is_dir());
    let name = folder.expect("a folder of a run").path();
    let name = name.strip_prefix(place.path().join("results"));
    let name = name.expect("below the results").display().to_string();
    let moved = replace(&place, &name, "");
    let (success, words) = said(&place, &tensorboard);
    assert!(!success && words.contains("is a symbolic link"), "{words}");
    assert_eq!(private(&place), before);
    put_back(&moved);

    place.stdout(run);
    let same = |lines: &[String]| -> Vec<String> {
        let kept = lines
            .iter()
            .filter(|line| !line.starts_with("checkpoints/") && !line.contains(" 0000"));
        kept.cloned().collect()
    };
    let measured = |lines: &[String]| same(lines).len();
    assert!(measured(&place.artifacts("results", "tiny")) >= measured(&artifacts));
}

#[test]
fn a_link_in_the_place_of_a_file_is_replaced_and_its_target_stays() {
    let (place, before) = place();
    let id = run_id(&place);
    let log = format!("logs/{}/2.log", &id[..12]);
    for (name, command) in [
        (log.as_str(), &["run", "tiny.toml", "--fresh"][..]),
        ("tiny/table.md", &["plot", "tiny.toml"]),
        ("tiny/report.html", &["report", "tiny.toml"]),
    ] {
        let path = place.path().join("results").join(name);
        let _ = fs::remove_file(&path);
        symlink(place.path().join("private/secret"), &path).expect("a link");
        place.stdout(command);
        assert!(path.is_file() && !path.is_symlink(), "{name}");
        assert_eq!(private(&place), before, "{name}");
    }
}

#[test]
fn a_report_shows_no_file_behind_a_link() {
    let (place, _) = place();
    let log = format!("results/logs/{}/1.log", &run_id(&place)[..12]);
    let log = place.path().join(log);
    fs::remove_file(&log).expect("a log");
    fs::write(place.path().join("private/secret"), "do not print").expect("a file");
    symlink(place.path().join("private/secret"), log).expect("a link");
    place.stdout(&["report", "tiny.toml"]);
    let report = fs::read_to_string(place.path().join("results/tiny/report.html"));
    assert!(!report.expect("a report").contains("do not print"));
}

#[test]
fn files_of_others_beside_checkpoints_stay() {
    let (place, _) = place();
    let id = run_id(&place);
    let folder = place.path().join("results/checkpoints").join(&id);
    let theirs: Vec<PathBuf> = ["notes.txt", "best.safetensors", "-1.safetensors", "x/y"]
        .iter()
        .map(|name| folder.join("1").join(name))
        .collect();
    for path in &theirs {
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, "theirs").expect("a file");
    }
    let ours = folder.join("1/3.safetensors");
    fs::write(&ours, "left by a process that died").expect("a file");
    // The run resumes in its folder, which the program tidies up.
    let sql = "UPDATE attempts SET status = 'interrupted' WHERE run_id = ?1";
    let resumed = place.database("results").execute(sql, [&id]);
    assert_eq!(resumed, Ok(1));
    place.stdout(&["run", "tiny.toml"]);
    assert!(!ours.exists());
    place.stdout(&["run", "tiny.toml", "--fresh"]);
    place.stdout(&["gc", "--all"]);
    assert!(theirs.iter().all(|path| path.exists()));
}

#[test]
fn the_results_folder_itself_may_be_a_link() {
    let (place, _) = place();
    let artifacts = place.artifacts("results", "tiny");
    let real = place.path().join("elsewhere");
    fs::create_dir(&real).expect("a folder");
    let link: &Path = &place.path().join("linked");
    symlink(&real, link).expect("a link");
    place.stdout(&["run", "tiny.toml", "--results", "linked"]);
    assert_same(&place.artifacts("linked", "tiny"), &artifacts);
    assert!(real.join("resweep.db").is_file());
}

/// Enters a closed submission with this folder into the database.
fn submit(place: &Workplace, name: &str, folder: &Path) {
    let sql =
        "INSERT INTO submissions (sweep_id, name, site, engine, folder, state, submitted_unix_ms)
               SELECT id, ?1, 'site', 'slurm', ?2, 'closed', 0 FROM sweeps";
    let folder = folder.to_str().expect("UTF-8");
    let entered = place.database("results").execute(sql, [name, folder]);
    assert_eq!(entered, Ok(1));
}

/// A folder with files like those of the submission `name`.
fn like_a_submission(folder: &Path, name: &str) -> [PathBuf; 3] {
    let files = ["order.json", "runs/mine/1.safetensors", "log/0.txt"];
    files.map(|file| {
        let path = folder.join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, format!("{{\"name\":\"{name}\"}}")).expect("a file");
        path
    })
}

#[test]
fn folders_in_the_database_are_emptied_only_if_they_are_those_of_submissions() {
    let (place, _) = place();
    let elsewhere = place.path().join("elsewhere");
    let theirs = like_a_submission(&elsewhere.join("theirs"), "theirs");
    submit(&place, "resweep-a", &elsewhere.join("theirs"));
    // Links that lead to a folder with the right name are not followed.
    let behind = like_a_submission(&elsewhere.join("behind"), "resweep-b");
    let cluster = place.path().join("results/resweep.cluster");
    symlink(&elsewhere, &cluster).expect("a link");
    submit(&place, "resweep-b", &cluster.join("behind"));
    let linked = like_a_submission(&elsewhere.join("linked"), "resweep-c");
    symlink(elsewhere.join("linked"), place.path().join("link")).expect("a link");
    submit(&place, "resweep-c", &place.path().join("link"));
    let ours = like_a_submission(&place.path().join("site/ours"), "resweep-d");
    submit(&place, "resweep-d", &place.path().join("site/ours"));
    place.stdout(&["gc"]);
    assert!(ours.iter().all(|path| !path.exists()));
    let ours = like_a_submission(&place.path().join("site/ours"), "resweep-d");
    place.stdout(&["rm", "tiny", "--yes"]);
    assert!(ours.iter().all(|path| !path.exists()));
    let foreign = [theirs, behind, linked];
    assert!(foreign.iter().flatten().all(|path| path.exists()));
}

/// A sweep of two runs that is on a cluster: one of its tasks has ended, the other waits.
const SUBMITTED: &str = "pending.toml";

/// A folder with everything that the program writes below `results`, and a copy of that in `private`.
fn full_place() -> Workplace {
    let place = Workplace::trained("tiny.toml", SWEEP);
    for args in [
        &["report", "tiny.toml"][..],
        &["export", "tiny.toml", "--format", "csv"],
        &["export", "tiny.toml", "--format", "tensorboard"],
        &["export", "tiny.toml", "--format", "checkpoints"],
    ] {
        place.stdout(args);
    }
    let pending = SWEEP
        .replace("\"tiny\"", "\"pending\"")
        .replace("shortcut = \"none\"\n", "")
        + "[axes]\nshortcut = [\"none\", \"A\"]\n";
    fs::write(place.path().join(SUBMITTED), pending).expect("a sweep file");
    let program = assert_cmd::cargo::cargo_bin("resweep");
    let site = format!(
        "[here]\nengine = \"command\"\npack = \"0\"\nprogram = \"{}\"\ncommand = \"{{work}} --task 0\"\n",
        program.display()
    );
    fs::write(place.path().join("clusters.toml"), site).expect("a site file");
    place.stdout(&["submit", SUBMITTED, "--on", "here"]);
    copy(&place, "results", "private/results");
    copy(&place, "results", "pristine");
    place
}

fn copy(place: &Workplace, from: &str, to: &str) {
    let (from, to) = (place.path().join(from), place.path().join(to));
    let _ = fs::remove_dir_all(&to);
    fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
    let copied = std::process::Command::new("cp")
        .arg("-a")
        .args([from, to])
        .status();
    assert!(copied.expect("cp").success());
}

/// The names and contents of everything in `private`.
fn mirror(place: &Workplace) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found: Vec<_> = files(&place.path().join("private"))
        .into_iter()
        .map(|path| {
            let content = fs::read(&path).expect("a file");
            (path, content)
        })
        .collect();
    found.sort();
    found
}

/// Every folder below `results`, with its parents first.
fn folders(root: &Path, folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.push(path.strip_prefix(root).expect("below it").to_owned());
            folders(root, &path, found);
        }
    }
}

/// Runs commands one after another while links lead from these names to `private`, which must not change.
fn attack(place: &Workplace, names: &[PathBuf], commands: &[&[&str]]) {
    let before = mirror(place);
    for name in names {
        let path = place.path().join("results").join(name);
        match path.is_dir() {
            true => fs::remove_dir_all(&path).expect("a folder"),
            false => fs::remove_file(&path).expect("a file"),
        }
        symlink(place.path().join("private/results").join(name), path).expect("a link");
    }
    for command in commands {
        let output = place.resweep(command).output().expect("the program runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let code = output.status.code();
        assert!(
            matches!(code, Some(0..=3)),
            "{names:?} {command:?}: {code:?} {said}"
        );
        assert!(
            mirror(place) == before,
            "{names:?} {command:?} changed what a link leads to: {said}"
        );
    }
    copy(place, "pristine", "results");
}

#[test]
fn no_link_at_any_path_lets_a_command_change_what_it_leads_to() {
    let place = full_place();
    let folder = place
        .rows("results", "SELECT folder FROM submissions")
        .remove(0);
    let results = place.path().join("results");
    let results = results.to_str().expect("UTF-8");
    let cluster: &[&[&str]] = &[
        &["work", &folder, "--results", results, "--task", "1"],
        &["work", &folder, "--results", results, "--task", "0"],
        &["sync"],
        &["cancel", "pending"],
        &["submit", SUBMITTED, "--on", "here"],
        &["gc"],
        &["rm", "pending", "--yes"],
    ];
    let sweep: &[&[&str]] = &[
        &["plot", "tiny.toml"],
        &["report", "tiny.toml"],
        &["export", "tiny.toml", "--format", "csv"],
        &["export", "tiny.toml", "--format", "tensorboard"],
        &["export", "tiny.toml", "--format", "checkpoints"],
        &["gc"],
        &["rm", "tiny", "--yes"],
    ];
    let training: &[&[&str]] = &[
        &["run", "tiny.toml", "--fresh", "--progress", "none"],
        &["export", "tiny.toml", "--format", "checkpoints"],
        &["doctor"],
        &["gc", "--all"],
        &["rm", "tiny", "--yes"],
    ];
    let mut names = Vec::new();
    let root = place.path().join("pristine");
    folders(&root, &root, &mut names);
    assert!(names.len() > 20, "{names:?}");
    for name in &names {
        let commands = match name.iter().next().and_then(|first| first.to_str()) {
            Some("resweep.cluster") => cluster,
            Some("tiny") => sweep,
            _ => training,
        };
        attack(&place, std::slice::from_ref(name), commands);
    }
    // The database is opened by SQLite, which follows links: SECURITY.md.
    let of_database = |path: &PathBuf| path.to_string_lossy().contains("resweep.db");
    let found = files(&root).into_iter().filter(|path| !of_database(path));
    let found: Vec<PathBuf> = found
        .map(|path| path.strip_prefix(&root).expect("below it").to_owned())
        .collect();
    for commands in [cluster, sweep, training] {
        attack(&place, &found, commands);
    }
    // The copy of the program.
    let site = place.path().join("clusters.toml");
    let text = fs::read_to_string(&site).expect("the site file");
    let kept = text.lines().filter(|line| !line.starts_with("program"));
    fs::write(&site, kept.collect::<Vec<_>>().join("\n")).expect("the site file");
    fs::create_dir_all(place.path().join("private/bin")).expect("a folder");
    let before = mirror(&place);
    let bin = place.path().join("results/resweep.cluster/bin");
    symlink(place.path().join("private/bin"), bin).expect("a link");
    place.stdout(&["cancel", "pending"]);
    let output = place.resweep(&["submit", SUBMITTED, "--on", "here", "--fresh"]);
    let output = { output }.output().expect("the program runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("is a symbolic link"), "{said}");
    assert!(mirror(&place) == before, "{said}");
}
