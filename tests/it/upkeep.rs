//! `doctor`, `gc` and `status` on damaged results, with the real program.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use assert_cmd::Command;
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use resweep_core::domain::*;
use resweep_store::{Participation, Recorder};
use rusqlite::{Connection, OpenFlags};
use sha2::Digest;

use crate::support::record_fixture::{
    begin_as, begun, finish, measure, record, run, start, test_point, train_point,
};
use crate::support::seed::seeded;

/// A results folder.
struct Results(tempfile::TempDir);

impl Results {
    fn new() -> Results {
        Results(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn database(&self) -> PathBuf {
        self.path().join("resweep.db")
    }

    fn open(&self) -> Connection {
        Connection::open_with_flags(self.database(), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
    }

    /// The exit code, standard output and standard error of a command on this folder.
    fn resweep(&self, args: &[&str]) -> (i32, String, String) {
        let mut command = Command::cargo_bin("resweep").unwrap();
        command.args(args).arg("--results").arg(self.path());
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let code = output.status.code().expect("an exit code");
        (code, text(output.stdout), text(output.stderr))
    }

    /// A file that is an hour old.
    fn write_old(&self, path: &str) -> PathBuf {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "left over").unwrap();
        make_old(&path);
        path
    }
}

fn make_old(path: &Path) {
    let file = fs::File::options().write(true).open(path).unwrap();
    let hour = Duration::from_secs(3600);
    file.set_modified(SystemTime::now() - hour).unwrap();
}

/// Writes a checkpoint's file and row.
fn checkpoint(recorder: &mut Recorder, run: &Run, lease: &Lease, iteration: u64) -> PathBuf {
    fs::create_dir_all(&lease.folder).unwrap();
    let path = lease.folder.join(format!("{iteration}.safetensors"));
    let bytes = format!("the state of {run} at {iteration}");
    fs::write(&path, &bytes).unwrap();
    make_old(&path);
    let saved = Saved {
        iteration,
        sha256: sha2::Sha256::digest(&bytes).into(),
        bytes: bytes.len() as u64,
        has_curve: true,
    };
    record(recorder, run, RunEvent::Checkpointed(saved));
    path.to_path_buf()
}

/// Records eight finished runs with 300 points per curve, in a database without a log.
fn record_thousands(results: &Results) -> Vec<Run> {
    let mut runs: Vec<Run> = (1..=8).map(|seed| run(20, Shortcut::None, seed)).collect();
    for run in &mut runs {
        // With ids as different as real ones.
        run.id = RunId(hex(&sha2::Sha256::digest(&run.label)));
        let train = &mut run.config.configuration.train;
        (train.log_every, train.eval_every) = (10, 10);
    }
    let source = runs[0].clone();
    runs[7].parent = Some(ParentRun {
        run: source.id,
        trajectory: source.trajectories[2].clone(),
        iteration: 3000,
    });
    let mut recorder = begun(&results.database(), "fig6", &runs);
    let leases: Vec<Lease> = runs.iter().map(|run| start(&mut recorder, run)).collect();
    for (run, lease) in runs.iter().zip(&leases) {
        for iteration in (10..=3000).step_by(10) {
            let trained = RunEvent::Trained(train_point(iteration, 50.0));
            let evaluated = RunEvent::Evaluated(test_point(iteration, 60.0));
            for event in [trained, evaluated] {
                recorder.handle(&Event::Run { run, event }).unwrap();
            }
        }
        checkpoint(&mut recorder, run, lease, 3000);
        let layers = (1..20).map(|layer| LayerStat {
            layer,
            name: format!("layer {layer}"),
            std: 1.5,
        });
        record(
            &mut recorder,
            run,
            RunEvent::LayersMeasured(layers.collect()),
        );
        finish(&mut recorder, run, &Outcome::Finished);
    }
    drop(recorder);
    let connection = Connection::open(results.database()).unwrap();
    connection
        .pragma_update(None, "journal_mode", "DELETE")
        .unwrap();
    runs
}

/// Every row of every table, as text.
fn rows(connection: &Connection) -> Vec<String> {
    let mut all = Vec::new();
    for table in [
        "sweeps",
        "runs",
        "run_needs",
        "sweep_runs",
        "trainings",
        "processes",
        "attempts",
        "train_metrics",
        "eval_metrics",
        "checkpoints",
        "layer_stats",
    ] {
        // Sums differ where points are missing.
        let columns = match table {
            "trainings" => "id, run_id, number, shares_checkpoints",
            _ => "*",
        };
        let mut statement = connection
            .prepare(&format!("SELECT {columns} FROM {table}"))
            .unwrap();
        let width = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let cells = (0..width).map(|at| format!("{:?}", row.get_ref(at).unwrap()));
            all.push(format!("{table} {}", cells.collect::<Vec<_>>().join(" ")));
        }
    }
    all.sort();
    all
}

fn assert_sound(path: &Path) -> Connection {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let text = |sql: &str| -> String { connection.query_row(sql, [], |row| row.get(0)).unwrap() };
    assert_eq!(text("PRAGMA integrity_check"), "ok");
    assert_eq!(
        text("SELECT count(*) || '' FROM pragma_foreign_key_check"),
        "0"
    );
    assert_eq!(
        text("SELECT application_id || '' FROM pragma_application_id"),
        "1381193552"
    );
    assert_eq!(
        text("SELECT user_version || '' FROM pragma_user_version"),
        fs::read_dir("crates/resweep-store/src/migrations")
            .unwrap()
            .count()
            .to_string()
    );
    connection
}

const PAGE: usize = 4096;

/// Overwrites a page, numbered from 1, with zeros or noise.
fn damage(bytes: &mut [u8], page: usize, rng: &mut ChaCha8Rng) {
    let page = &mut bytes[(page - 1) * PAGE..page * PAGE];
    if rng.random_bool(0.5) {
        page.fill(0);
    } else {
        rng.fill_bytes(page);
    }
}

#[test]
fn intact_database_has_no_problems_and_is_unchanged() {
    let results = Results::new();
    record_thousands(&results);
    let before = fs::read(results.database()).unwrap();
    let (code, said, _) = results.resweep(&["doctor"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.ends_with("no problems found\n"), "{said}");
    assert_eq!(fs::read(results.database()).unwrap(), before);

    let saved = results.path().join("copy.db");
    let (code, said, _) = results.resweep(&["doctor", "--save", saved.to_str().unwrap()]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(rows(&assert_sound(&saved)), rows(&results.open()));
}

#[test]
fn empty_folder_has_no_problems() {
    let results = Results::new();
    let (code, said, _) = results.resweep(&["doctor"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("nothing has been run yet"), "{said}");
    let (code, said, _) = results.resweep(&["gc"]);
    assert_eq!((code, said.as_str()), (0, "nothing to remove\n"));
    assert_eq!(fs::read_dir(results.path()).unwrap().count(), 0);
}

#[test]
fn missing_truncated_or_modified_checkpoints_are_problems() {
    let results = Results::new();
    let runs: Vec<Run> = (1..=4).map(|seed| run(20, Shortcut::None, seed)).collect();
    let mut recorder = begun(&results.database(), "fig6", &runs);
    let paths: Vec<PathBuf> = runs
        .iter()
        .map(|run| {
            let lease = start(&mut recorder, run);
            checkpoint(&mut recorder, run, &lease, 500)
        })
        .collect();
    drop(recorder);
    fs::remove_file(&paths[1]).unwrap();
    fs::write(&paths[2], "short").unwrap();
    let mut bytes = fs::read(&paths[3]).unwrap();
    bytes[3] ^= 1;
    fs::write(&paths[3], bytes).unwrap();

    let (code, said, _) = results.resweep(&["doctor"]);
    assert_eq!(code, 1, "{said}");
    let problems: Vec<&str> = said
        .lines()
        .filter(|line| line.starts_with("problem:"))
        .collect();
    assert_eq!(problems.len(), 3, "{said}");
    for (problem, fault) in problems.iter().zip([
        "plain-20 seed 2 at iteration 500 is missing",
        "plain-20 seed 3 at iteration 500 has 5 bytes of",
        "plain-20 seed 4 at iteration 500 is damaged",
    ]) {
        assert!(problem.contains(fault), "{problem}");
    }
    assert!(
        said.contains("4 runs were left by a process that died"),
        "{said}"
    );
}

#[test]
fn intact_pages_of_a_damaged_database_are_recovered() {
    let mut rng = seeded("RESWEEP_UPKEEP_SEED");
    let results = Results::new();
    record_thousands(&results);
    let (all, leaves) = {
        let connection = results.open();
        let mut statement = connection
            .prepare(
                "SELECT pageno, ncell FROM dbstat
                 WHERE name IN ('train_metrics', 'eval_metrics') AND pagetype = 'leaf'",
            )
            .unwrap();
        let leaves = statement
            .query_map([], |row| Ok((row.get::<_, u32>(0)?, row.get(1)?)))
            .unwrap();
        let leaves: Vec<(u32, u32)> = leaves.map(Result::unwrap).collect();
        (rows(&connection), leaves)
    };
    let sound = fs::read(results.database()).unwrap();
    for case in 0..10 {
        let mut bytes = sound.clone();
        let mut hit = leaves.clone();
        let damaged = rng.random_range(1..=leaves.len() / 3);
        while hit.len() > damaged {
            hit.swap_remove(rng.random_range(0..hit.len()));
        }
        for (page, _) in &hit {
            damage(&mut bytes, *page as usize, &mut rng);
        }
        fs::write(results.database(), &bytes).unwrap();
        let saved = results.path().join(format!("saved-{case}.db"));
        let (code, said, error) = results.resweep(&["doctor", "--save", saved.to_str().unwrap()]);
        assert_eq!(code, 1, "{said}{error}");
        assert_eq!(
            fs::read(results.database()).unwrap(),
            bytes,
            "the file itself"
        );

        let lost: u32 = hit.iter().map(|(_, rows)| rows).sum();
        let saved = rows(&assert_sound(&saved));
        assert!(
            saved.iter().all(|row| all.binary_search(row).is_ok()),
            "{hit:?}"
        );
        // A row between two damaged pages cannot be reached from its neighbours.
        let expected = all.len() - lost as usize;
        let between = expected - hit.len()..=expected;
        println!("case {case}: {} rows of {expected}", saved.len());
        assert!(between.contains(&saved.len()), "{hit:?}\n{said}");
        assert!(
            said.contains("points are missing from the curves of plain-20 seed"),
            "{said}"
        );
    }
}

#[test]
fn recovered_database_can_be_resumed() {
    let mut rng = seeded("RESWEEP_UPKEEP_SEED");
    let results = Results::new();
    let runs = record_thousands(&results);
    let all = rows(&results.open());
    let sound = fs::read(results.database()).unwrap();
    let pages = sound.len() / PAGE;
    for case in 0..20 {
        let mut bytes = sound.clone();
        let truncated = case % 4 == 3;
        if truncated {
            bytes.truncate(rng.random_range(PAGE..bytes.len()));
        } else {
            for _ in 0..rng.random_range(1..=4) {
                damage(&mut bytes, rng.random_range(2..=pages), &mut rng);
            }
        }
        fs::write(results.database(), &bytes).unwrap();
        let saved = results.path().join(format!("saved-{case}.db"));
        let (code, said, error) = results.resweep(&["doctor", "--save", saved.to_str().unwrap()]);
        println!(
            "case {case}, {} of {} bytes\n{said}{error}",
            bytes.len(),
            sound.len()
        );
        assert_eq!(code, 1);
        let left = rows(&assert_sound(&saved));
        // Attempts are renumbered and replace lost ones; processes lose their reference to a lost
        // sweep.
        let changed = |row: &&String| row.starts_with("attempts") || row.starts_with("processes");
        let foreign = left.iter().filter(|row| all.binary_search(row).is_err());
        let foreign: Vec<&String> = foreign.filter(|row| !changed(row)).collect();
        assert!(foreign.is_empty(), "{foreign:?}");

        let mut recorder = Recorder::open(&saved).unwrap();
        let fresh = Participation {
            fresh: true,
            ..Participation::default()
        };
        begin_as(&mut recorder, "fig6", &runs, fresh);
        for run in &runs {
            start(&mut recorder, run);
            measure(&mut recorder, run, 3000, 10.0, 20.0);
            finish(&mut recorder, run, &Outcome::Finished);
        }
    }
}

/// Destroys the pages of the table `runs`.
fn destroy_runs(results: &Results, rng: &mut ChaCha8Rng) {
    let connection = results.open();
    let sql = "SELECT pageno FROM dbstat WHERE name = 'runs'";
    let mut statement = connection.prepare(sql).unwrap();
    let pages = statement.query_map([], |row| row.get::<_, u32>(0)).unwrap();
    let mut bytes = fs::read(results.database()).unwrap();
    for page in pages {
        damage(&mut bytes, page.unwrap() as usize, rng);
    }
    fs::write(results.database(), &bytes).unwrap();
}

#[test]
fn rows_of_lost_runs_are_skipped() {
    let mut rng = seeded("RESWEEP_UPKEEP_SEED");
    let results = Results::new();
    record_thousands(&results);
    let images = "INSERT INTO run_images
         SELECT id, 2, 10, 5, 5, 'test', 10, 5, 5, 50.0, '[]' FROM runs";
    let writable = Connection::open(results.database()).unwrap();
    writable
        .pragma_update(None, "journal_mode", "DELETE")
        .unwrap();
    assert_eq!(writable.execute(images, []).unwrap(), 8);
    drop(writable);
    destroy_runs(&results, &mut rng);

    let saved = results.path().join("saved.db");
    let (code, said, error) = results.resweep(&["doctor", "--save", saved.to_str().unwrap()]);
    assert_eq!(code, 1, "{said}{error}");
    assert!(said.contains("8 rows of `run_images` skipped"), "{said}");
    let left = rows(&assert_sound(&saved));
    assert!(left.iter().any(|row| row.starts_with("sweeps")), "{left:?}");
}

#[test]
fn lost_runs_are_recovered_from_logs() {
    let mut rng = seeded("RESWEEP_UPKEEP_SEED");
    let results = Results::new();
    let runs = record_thousands(&results);
    for run in &runs {
        let config = serde_json::to_string(&run.config).unwrap();
        let log = results.write_old(&format!("logs/{}/1.log", run.id.short()));
        let head = format!("2026-01-01T00:00:00Z  INFO {}\n", run.label);
        let line = format!("2026-01-01T00:00:00Z  INFO run {} · {config}\n", run.id);
        fs::write(log, head + &line).unwrap();
    }
    let all = rows(&results.open());
    destroy_runs(&results, &mut rng);

    let saved = results.path().join("saved.db");
    let (code, said, error) = results.resweep(&["doctor", "--save", saved.to_str().unwrap()]);
    assert_eq!(code, 1, "{said}{error}");
    assert!(said.contains("8 runs were found in the logs"), "{said}");
    assert_sound(&saved);
    fs::rename(&saved, results.database()).unwrap();
    drop(begun(&results.database(), "fig6", &runs));
    let lasting = |row: &&String| !row.starts_with("sweeps") && !row.starts_with("processes");
    let before: Vec<&String> = all.iter().filter(lasting).collect();
    let now = rows(&results.open());
    let now: Vec<&String> = now.iter().filter(lasting).collect();
    assert_eq!(now, before);
}

#[test]
fn destroyed_header_is_reported() {
    let results = Results::new();
    record_thousands(&results);
    let mut bytes = fs::read(results.database()).unwrap();
    bytes[..PAGE].fill(0xab);
    fs::write(results.database(), &bytes).unwrap();
    let saved = results.path().join("saved.db");
    let (code, said, _) = results.resweep(&["doctor", "--save", saved.to_str().unwrap()]);
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("its first bytes are not those of a SQLite database"),
        "{said}"
    );
    assert!(said.contains("nothing can be recovered"), "{said}");
    assert!(!saved.exists());
    assert_eq!(fs::read(results.database()).unwrap(), bytes);
}

#[test]
fn recovery_never_overwrites_a_file() {
    let results = Results::new();
    record_thousands(&results);
    let (code, _, error) = results.resweep(&["doctor", "--save", "Cargo.toml"]);
    assert_eq!(code, 2, "{error}");
    assert!(
        error.contains("Cargo.toml exists; name a file that does not"),
        "{error}"
    );
    let missing = results.path().join("missing/saved.db");
    let (code, _, error) = results.resweep(&["doctor", "--save", missing.to_str().unwrap()]);
    assert_eq!(code, 3, "{error}");
    assert!(error.contains("cannot write"), "{error}");
}

#[cfg(unix)]
#[test]
fn doctor_reads_a_read_only_folder() {
    use std::os::unix::fs::PermissionsExt;
    let results = Results::new();
    record_thousands(&results);
    let allow = |mode| fs::set_permissions(results.path(), fs::Permissions::from_mode(mode));
    allow(0o555).unwrap();
    let (code, said, error) = results.resweep(&["doctor"]);
    allow(0o755).unwrap();
    assert_eq!(code, 0, "{said}{error}");
    assert!(said.ends_with("no problems found\n"), "{said}");
}

#[test]
fn gc_removes_only_unneeded_files() {
    let results = Results::new();
    let runs: Vec<Run> = (1..=4).map(|seed| run(20, Shortcut::None, seed)).collect();
    let [again, diverged, finished, halfway] = &runs[..] else {
        unreachable!();
    };
    let mut recorder = begun(&results.database(), "fig6", &runs);
    let mut superseded = Vec::new();
    for run in [again, finished, halfway] {
        let lease = start(&mut recorder, run);
        superseded.push(checkpoint(&mut recorder, run, &lease, 3000));
    }
    let (kept, of_halfway) = (superseded[1].clone(), superseded[2].clone());
    let superseded = superseded[0].clone();
    finish(&mut recorder, again, &Outcome::Finished);
    finish(&mut recorder, finished, &Outcome::Finished);
    drop(recorder);
    let mut recorder = Recorder::open(&results.database()).unwrap();
    let fresh = Participation {
        fresh: true,
        ..Participation::default()
    };
    begin_as(&mut recorder, "fig1", std::slice::from_ref(again), fresh);
    start(&mut recorder, again);
    finish(&mut recorder, again, &Outcome::Stopped);
    drop(recorder);
    let mut recorder = begun(&results.database(), "fig1", std::slice::from_ref(diverged));
    let lease = start(&mut recorder, diverged);
    let of_diverged = checkpoint(&mut recorder, diverged, &lease, 100);
    finish(&mut recorder, diverged, &Outcome::Stopped);
    drop(recorder);
    // The checkpoints of a diverged run are removed at once; a crash left this one.
    let connection = Connection::open(results.database()).unwrap();
    connection
        .execute(
            "UPDATE attempts SET status = 'diverged', diverged_iteration = 100 WHERE run_id = ?1",
            [&diverged.id.0],
        )
        .unwrap();
    drop(connection);

    let gone = [
        superseded,
        of_diverged,
        results.write_old("checkpoints/stranger/1/5.safetensors"),
        of_halfway.with_file_name(".tmp-abc"),
        results.write_old("logs/0123456789ab/1.log"),
        results.write_old("locks/999.lock"),
        results.write_old(".tmp-half"),
        results.write_old("fig6/.tmp-half"),
    ];
    fs::write(&gone[3], "half").unwrap();
    make_old(&gone[3]);
    let log = format!("logs/{}/1.log", finished.id.short());
    let of_halfway_just_written = of_halfway.with_file_name("9.safetensors");
    let stay = [
        kept.clone(),
        of_halfway,
        results.write_old(&log),
        results.write_old("fig6/figure.png"),
        results.write_old("mine/.tmp-half"),
        results.write_old("locks/mine.txt"),
        results.write_old("checkpoints/notes.txt"),
        results.write_old("checkpoints/stranger/notes/5.safetensors"),
        results.write_old("checkpoints/stranger/2/notes.txt"),
        results.write_old("logs/0123456789ab/notes.log"),
        of_halfway_just_written,
    ];
    fs::write(&stay[10], "just now").unwrap();

    let (code, planned, _) = results.resweep(&["gc", "--dry-run"]);
    assert_eq!(code, 0, "{planned}");
    assert!(gone.iter().all(|path| path.exists()), "{planned}");
    let (code, said, error) = results.resweep(&["gc"]);
    assert_eq!(code, 0, "{said}{error}");
    assert_eq!(planned.replace("would remove", "removed"), said);
    assert!(said.contains("removed 8 files"), "{said}");
    for path in &gone {
        assert!(!path.exists(), "{} is left\n{said}", path.display());
    }
    for path in &stay {
        assert!(path.exists(), "{} is gone\n{said}", path.display());
    }
    assert!(!results.path().join("checkpoints/stranger/1").exists());
    let (code, said, _) = results.resweep(&["doctor"]);
    assert_eq!(code, 0, "{said}");

    let (code, said, _) = results.resweep(&["gc", "--all"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("cannot be extended"), "{said}");
    assert!(!kept.exists());
    assert!(stay[1].exists());
}

#[cfg(unix)]
#[test]
fn gc_follows_no_link() {
    use std::os::unix::fs::symlink;
    let (results, elsewhere) = (Results::new(), Results::new());
    let runs = [run(20, Shortcut::None, 1)];
    drop(begun(&results.database(), "fig6", &runs));
    let precious = elsewhere.write_old("precious/1.safetensors");
    let temporary = elsewhere.write_old("precious/.tmp-half");
    let deeper = elsewhere.write_old("precious/1/5.safetensors");
    let own = results.path().join("checkpoints/stranger/1/5.safetensors");
    fs::create_dir_all(own.parent().unwrap()).unwrap();
    symlink(&deeper, &own).unwrap();
    let links = [
        results.path().join("checkpoints/link"),
        results.path().join("logs"),
        results.path().join("fig6"),
    ];
    for link in &links {
        symlink(elsewhere.path().join("precious"), link).unwrap();
    }
    let connection = Connection::open(results.database()).unwrap();
    connection
        .execute("UPDATE sweeps SET name = '../precious'", [])
        .unwrap();
    drop(connection);
    let age = std::process::Command::new("touch")
        .args(["-h", "-t", "202001010000"])
        .args(&links)
        .arg(&own)
        .status();
    assert!(age.unwrap().success());
    let (code, said, error) = results.resweep(&["gc"]);
    assert_eq!(code, 0, "{said}{error}");
    assert!(links.iter().all(|link| link.is_symlink()), "{said}");
    assert!(
        !own.is_symlink(),
        "a link in the place of a checkpoint\n{said}"
    );
    let kept = [&precious, &temporary, &deeper];
    assert!(kept.iter().all(|path| path.exists()), "{said}");
}

#[test]
fn gc_spares_runs_of_living_processes() {
    let results = Results::new();
    let runs = [run(20, Shortcut::None, 1)];
    let mut recorder = begun(&results.database(), "fig6", &runs);
    let lease = start(&mut recorder, &runs[0]);
    let listed = checkpoint(&mut recorder, &runs[0], &lease, 500);
    let unlisted = lease.folder.join("501.safetensors");
    fs::write(&unlisted, "not yet recorded").unwrap();
    make_old(&unlisted);
    let (code, said, _) = results.resweep(&["gc", "--all"]);
    assert_eq!((code, said.as_str()), (0, "nothing to remove\n"));
    assert!(listed.exists() && unlisted.exists());
    // The run continues normally.
    checkpoint(&mut recorder, &runs[0], &lease, 600);
    drop(recorder);
    let (code, said, _) = results.resweep(&["gc"]);
    assert_eq!(code, 0, "{said}");
    assert!(listed.exists() && !unlisted.exists(), "{said}");
}

#[test]
fn the_status_shows_every_attempt_and_why_it_ended() {
    let results = Results::new();
    let runs: Vec<Run> = (1..=5).map(|seed| run(20, Shortcut::None, seed)).collect();
    let mut recorder = begun(&results.database(), "fig6", &runs);
    let outcomes = [
        Outcome::Finished,
        Outcome::Diverged { iteration: 310 },
        Outcome::Failed {
            error: "\nno memory left\nin layer 3".into(),
            transient: false,
            out_of_memory: false,
            disk_full: false,
            device_lost: false,
        },
        Outcome::Stopped,
    ];
    for (run, outcome) in runs.iter().zip(&outcomes) {
        let lease = start(&mut recorder, run);
        checkpoint(&mut recorder, run, &lease, 300);
        finish(&mut recorder, run, outcome);
    }
    start(&mut recorder, &runs[4]);
    drop(recorder);
    let (code, said, _) = results.resweep(&["status", "fig6", "--attempts"]);
    assert_eq!(code, 0, "{said}");
    let ends: Vec<&str> = said.lines().skip(1).collect();
    assert_eq!(ends.len(), 5, "{said}");
    for (line, end) in ends.iter().zip([
        "  finished",
        "  diverged: at iteration 310",
        "  failed: no memory left",
        "  stopped: on request",
        "  interrupted: the process died",
    ]) {
        assert!(line.ends_with(end), "{line}");
        assert!(
            line.contains(&format!("example {}", std::process::id())),
            "{line}"
        );
    }
    let (_, json, _) = results.resweep(&["status", "fig6", "--attempts", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[1]["status"], "diverged");
    assert_eq!(json[1]["diverged_iteration"], 310);
    assert_eq!(json[4]["reason"], "the process died");

    let (_, said, _) = results.resweep(&["status", "fig6"]);
    let line = |label: &str| said.lines().find(|line| line.contains(label)).unwrap();
    assert!(line("seed 4").ends_with("resumes from 300"), "{said}");
    assert!(line("seed 5").ends_with("no checkpoint yet"), "{said}");
    let (_, said, _) = results.resweep(&["status"]);
    let sizes = said.lines().last().unwrap();
    assert!(
        sizes.contains(" database, ") && sizes.ends_with(" logs"),
        "{said}"
    );
    let (code, _, _) = results.resweep(&["status", "--attempts"]);
    assert_eq!(code, 2);
}
