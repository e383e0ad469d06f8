//! A temporary working folder for the real program.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
#[cfg(unix)]
use std::sync::{Arc, Once};
use std::time::{Duration, Instant, SystemTime};

use assert_cmd::Command;
use resweep_figures::Drawing;
use rusqlite::Connection;
use serde_json::Value;
use sha2::{Digest, Sha256};
#[cfg(unix)]
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGXCPU};

/// A sweep file of two nets that train on the images of [`write_images`] in a second: the lines of
/// `[sweep]`, further lines of `[train]`, and the shortcut types.
macro_rules! small_sweep {
    (sweep: $sweep:literal, train: $train:literal, shortcut: $shortcut:literal) => {
        concat!(
            "\n[sweep]\n",
            $sweep,
            "\n\n[data]\ndataset = \"folder\"\npath = \"images\"\n\n[model]\nwidth = 2\nimage_size = 8\n",
            "\n[train]\niterations = 6\nbatch_size = 8\nlr = 0.05\n",
            $train,
            "log_every = 2\neval_every = 3\n\n[axes]\ndepth = [8]\nshortcut = ",
            $shortcut,
            "\n"
        )
    };
}
pub(crate) use small_sweep;

/// A temporary folder with sweep files, where the program runs.
pub struct Workplace(tempfile::TempDir);

impl Workplace {
    /// Creates the folder with one sweep file.
    pub fn new(name: &str, sweep: &str) -> Self {
        let place = Self(tempfile::tempdir().expect("a temporary folder"));
        fs::write(place.path().join(name), sweep).expect("the sweep file");
        place
    }

    /// With the images of [`write_images`] in `images`.
    pub fn with_images(name: &str, sweep: &str) -> Self {
        let place = Self::new(name, sweep);
        write_images(&place.path().join("images"));
        place
    }

    /// The same after the sweep has run.
    pub fn trained(name: &str, sweep: &str) -> Self {
        let place = Self::with_images(name, sweep);
        place.stdout(&["run", name]);
        place
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn resweep(&self, args: &[&str]) -> Command {
        restore_signals();
        let mut command = Command::cargo_bin("resweep").expect("the binary");
        command
            .current_dir(self.path())
            .env_remove("RESWEEP_RESULTS")
            .args(args);
        command
    }

    /// Standard output of a command that must succeed.
    pub fn stdout(&self, args: &[&str]) -> String {
        let output = self.resweep(args).assert().success().get_output().clone();
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    pub fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.stdout(args)).expect("JSON")
    }

    /// Starts the program without waiting for it.
    pub fn start(&self, args: &[&str]) -> ChildGuard {
        restore_signals();
        let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin("resweep"));
        let child = command
            .current_dir(self.path())
            .env_remove("RESWEEP_RESULTS")
            .args(args)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        ChildGuard(child.expect("the program starts"))
    }

    /// Stops a process at a moment when it does not hold SQLite's lock, which nobody could take
    /// from it.
    pub fn halt(&self, process: &ChildGuard, results: &str) {
        let patience = Instant::now();
        loop {
            process.signal("STOP");
            let database = self.database(results);
            database
                .busy_timeout(Duration::from_millis(100))
                .expect("a timeout");
            if database.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_ok() {
                return;
            }
            assert!(
                patience.elapsed() < Duration::from_secs(60),
                "it is never idle"
            );
            process.signal("CONT");
            std::thread::sleep(Duration::from_millis(7));
        }
    }

    /// Removes the checksums of measurements: edited rows would otherwise count as damage.
    pub fn forget_checksums(&self, results: &str) {
        let sql = "UPDATE trainings SET points_sum = NULL";
        self.database(results).execute(sql, []).expect("rows");
    }

    /// Lets `gc` remove files without a row and temporary files, which it leaves alone while they are
    /// young.
    pub fn remove_leftovers(&self, results: &str) {
        let old = SystemTime::now() - Duration::from_secs(3600);
        let folder = self.path().join(results);
        let temporary = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.starts_with(".tmp-"))
        };
        let checkpoints = files(&folder.join("checkpoints"));
        for path in files(&folder)
            .into_iter()
            .filter(temporary)
            .chain(checkpoints)
        {
            let file = fs::File::options().append(true).open(path);
            file.and_then(|file| file.set_modified(old))
                .expect("a file that is older");
        }
        self.stdout(&["gc", "--results", results]);
    }

    pub fn database(&self, results: &str) -> Connection {
        let path = self.path().join(results).join("resweep.db");
        Connection::open(path).expect("the database")
    }

    /// The rows of a query, each as text.
    pub fn rows(&self, results: &str, query: &str) -> Vec<String> {
        let database = self.database(results);
        let mut statement = database.prepare(query).expect("a valid query");
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| {
            let cells = (0..columns).map(|column| {
                use rusqlite::types::Value as Cell;
                Ok(match row.get(column)? {
                    Cell::Real(number) => format!("{:016x}", number.to_bits()),
                    Cell::Text(text) => text,
                    other => format!("{other:?}"),
                })
            });
            let cells: rusqlite::Result<Vec<String>> = cells.collect();
            Ok(cells?.join(" "))
        });
        let rows = rows.expect("rows").map(|row| row.expect("a row"));
        rows.collect()
    }

    /// Every measurement of the current trainings with its run, with all bits.
    pub fn metrics(&self, results: &str) -> Vec<String> {
        let mut rows = self.rows(
            results,
            "SELECT run_id, iteration, 'train', error_percent, loss, lr FROM current_trainings
             JOIN train_metrics ON training_id = id ORDER BY 1, 2",
        );
        rows.extend(self.rows(
            results,
            "SELECT run_id, iteration, evaluated_on, error_percent, loss FROM current_trainings
             JOIN eval_metrics ON training_id = id ORDER BY 1, 2",
        ));
        rows
    }

    /// Everything that a sweep produces and that must not depend on interruptions: outcomes,
    /// measurements, rows and files of checkpoints, figures.
    pub fn artifacts(&self, results: &str, sweep: &str) -> Vec<String> {
        let mut all = self.rows(
            results,
            "SELECT run_id, status, error, diverged_iteration FROM current_attempts ORDER BY 1",
        );
        all.extend(self.metrics(results));
        all.extend(self.rows(
            results,
            "SELECT run_id, iteration, trajectory, sha256, bytes FROM checkpoints
             JOIN trainings ON id = training_id ORDER BY 1, 2",
        ));
        let root = self.path().join(results);
        for folder in ["checkpoints", sweep] {
            let mut files = files(&root.join(folder));
            files.sort();
            all.extend(files.iter().map(|file| {
                let name = file.strip_prefix(&root).expect("below the root");
                if file.extension().is_some_and(|kind| kind == "png") {
                    assert_drawn_from_svg(file);
                    return name.display().to_string();
                }
                let bytes = without_day(fs::read(file).expect("a file"));
                let digest = resweep_core::domain::hex(&Sha256::digest(bytes));
                format!("{} {digest}", name.display())
            }));
        }
        all
    }
}

/// The date cannot be removed from pixels, so a PNG is compared with the SVG beside it.
#[track_caller]
fn assert_drawn_from_svg(png: &Path) {
    let svg = fs::read_to_string(png.with_extension("svg")).expect("the SVG");
    let expected = Drawing { svg }.png().expect("a sound SVG");
    let pixels = |bytes: &[u8]| image::load_from_memory(bytes).expect("a PNG").to_rgba8();
    let found = fs::read(png).expect("a file");
    assert!(pixels(&found) == pixels(&expected), "{}", png.display());
}

/// A file without the date of the last measurement, which may change at midnight.
fn without_day(bytes: Vec<u8>) -> Vec<u8> {
    const BEFORE: &str = "last measured ";
    let Ok(text) = str::from_utf8(&bytes) else {
        return bytes;
    };
    let Some((start, rest)) = text.split_once(BEFORE) else {
        return bytes;
    };
    let day = "2026-01-01".len();
    format!("{start}{BEFORE}{}", &rest[day..]).into_bytes()
}

/// Asserts equality; prints only the lines that differ.
#[track_caller]
pub fn assert_same(actual: &[String], expected: &[String]) {
    let missing = |from: &[String], of: &[String]| -> Vec<String> {
        of.iter()
            .filter(|line| !from.contains(line))
            .cloned()
            .collect()
    };
    let (lacks, has) = (missing(actual, expected), missing(expected, actual));
    assert!(
        lacks.is_empty() && has.is_empty() && actual.len() == expected.len(),
        "missing: {lacks:#?}\ntoo much: {has:#?}"
    );
}

/// All files below a folder, which need not exist.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .flat_map(|entry| {
            let path = entry.path();
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

/// A process that is killed on drop.
pub struct ChildGuard(pub Child);

impl ChildGuard {
    /// SIGKILL.
    pub fn kill(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        self.0.wait().expect("the end");
    }

    /// The unread rest of its standard error. It must have ended.
    pub fn said(&mut self) -> String {
        let mut text = String::new();
        if let Some(stderr) = &mut self.0.stderr {
            stderr.read_to_string(&mut text).expect("UTF-8");
        }
        text
    }

    /// Sends a signal by name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        signal(self.0.id(), name);
    }
}

impl Drop for ChildGuard {
    fn drop(&mut self) {
        self.kill();
    }
}

pub fn signal(process: u32, name: &str) {
    let sent = std::process::Command::new("kill")
        .args([&format!("-{name}"), &process.to_string()])
        .status();
    assert!(sent.expect("kill").success());
}

/// Makes child processes start with the default reactions to signals. A shell starts background
/// jobs with SIGINT ignored, and children inherit that; a signal with a handler is reset for them.
#[cfg(unix)]
pub fn restore_signals() {
    static HANDLED: Once = Once::new();
    HANDLED.call_once(|| {
        let ignored = ignored_signals();
        for number in [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGXCPU] {
            if ignored & (1 << (number - 1)) != 0 {
                // The handler does nothing more than ignore the signal in this process.
                signal_hook::flag::register(number, Arc::default()).expect("a handler");
            }
        }
    });
}

#[cfg(not(unix))]
pub fn restore_signals() {}

/// The signals that this process ignores, as a bit mask. Linux only.
#[cfg(unix)]
fn ignored_signals() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.map_or(0, |mask| {
        u64::from_str_radix(mask.trim(), 16).expect("a mask of signals")
    })
}

/// Writes a class folder of a few tiny images, on which even a debug build trains quickly.
pub fn write_images(folder: &Path) {
    for (part, images) in [("train", 8), ("test", 3)] {
        for class in 0..3_u8 {
            let folder = folder.join(part).join(format!("class-{class}"));
            fs::create_dir_all(&folder).expect("a folder");
            for number in 0..images {
                let image = image::RgbImage::from_fn(8, 8, |x, y| {
                    let wave = (x * (u32::from(class) + 1) * 20 + y * u32::from(number) * 7) as u8;
                    image::Rgb([wave, class * 60, number * 20])
                });
                let path = folder.join(format!("{number}.png"));
                image.save(path).expect("a PNG");
            }
        }
    }
}
