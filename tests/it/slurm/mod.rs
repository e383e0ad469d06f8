//! Sweeps on a real Slurm of two nodes on this machine: `make test-slurm`. Elsewhere these tests are
//! skipped, with a reason.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::workplace::{Workplace, assert_same, files, write_images};
use cluster::{Slurm, kill, wait};

mod cluster;
mod engines;
mod faults;
mod torture;

/// Whether to skip: without `RESWEEP_SLURM`, or where Slurm is not installed. `make test-slurm` fails
/// where it is not.
fn skipped() -> bool {
    let asked = std::env::var_os("RESWEEP_SLURM").is_some();
    match cluster::missing() {
        Some(why) if asked => panic!("{why}"),
        Some(why) => println!("skipped: {why}"),
        None if !asked => println!("skipped: `make test-slurm` runs it"),
        None => return false,
    }
    true
}

/// Twelve short runs.
const SHORT: &str = r#"
[sweep]
name = "short"
seeds = [1, 2, 3]

[data]
dataset = "folder"
path = "images"

[model]
width = 2
image_size = 8

[train]
iterations = 60
batch_size = 5
lr = 0.05
lr_drops = [40]
log_every = 4
eval_every = 15

[axes]
depth = [8, 14]
shortcut = ["none", "A"]
"#;

/// Two runs of many seconds each.
const LONG: &str = r#"
[sweep]
name = "long"

[data]
dataset = "folder"
path = "images"

[model]
width = 2
image_size = 8

[train]
iterations = 3000
batch_size = 5
lr = 0.05
lr_drops = [1500]
log_every = 100
eval_every = 1000

[axes]
depth = [8]
shortcut = ["none", "A"]
"#;

/// A folder with sweeps, images and a site, beside a Slurm.
struct Site {
    slurm: Slurm,
    place: Workplace,
}

impl Site {
    fn new(sweep: &str, extra: &str) -> Self {
        let name = match sweep.contains("name = \"long\"") {
            true => "long.toml",
            false => "short.toml",
        };
        let place = Workplace::new(name, sweep);
        write_images(&place.path().join("images"));
        let site = Self {
            slurm: Slurm::start(extra),
            place,
        };
        site.configure("pack = \"0\"", "cpus-per-task = 1");
        site
    }

    /// Writes the site file.
    fn configure(&self, keys: &str, options: &str) {
        let text = format!("[here]\nengine = \"slurm\"\n{keys}\n[here.sbatch]\n{options}\n");
        fs::write(self.place.path().join("clusters.toml"), text).expect("the site file");
    }

    fn command(&self, args: &[&str]) -> assert_cmd::Command {
        let mut command = self.place.resweep(args);
        command.env("SLURM_CONF", self.slurm.conf());
        command
    }

    #[track_caller]
    fn ok(&self, args: &[&str]) -> String {
        let output = self.command(args).output().expect("the program starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let both = text(&output.stdout) + &text(&output.stderr);
        assert!(output.status.success(), "{args:?}: {both}");
        both
    }

    /// Syncs until no run is on the cluster.
    #[track_caller]
    fn sync_until_done(&self, patience: Duration) -> String {
        let start = Instant::now();
        loop {
            let said = self.ok(&["sync"]);
            let open = self.open_runs();
            if open == 0 {
                return said;
            }
            assert!(
                start.elapsed() < patience,
                "{open} open\n{said}\n{}\n{}",
                self.slurm.state(),
                self.logs()
            );
            thread::sleep(Duration::from_millis(500));
        }
    }

    /// Submits and syncs until every run has a result. Slurm may end a task for reasons of its own.
    #[track_caller]
    fn finish(&self, sweep: &str) {
        let file = format!("{sweep}.toml");
        let submit = ["submit", &file, "--on", "here", "--checkpoint-every", "0.2"];
        for _ in 0..5 {
            self.sync_until_done(Duration::from_secs(300));
            if self.ok(&submit).contains("nothing to submit") {
                return;
            }
        }
        panic!("runs are still pending\n{}", self.logs());
    }

    fn sync_in_background(&self) -> std::process::Child {
        Command::new(assert_cmd::cargo::cargo_bin("resweep"))
            .arg("sync")
            .current_dir(self.place.path())
            .env("SLURM_CONF", self.slurm.conf())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("the program starts")
    }

    fn count(&self, query: &str) -> i64 {
        let database = self.place.database("results");
        database
            .query_row(query, [], |row| row.get(0))
            .expect("a number")
    }

    fn open_runs(&self) -> i64 {
        self.count("SELECT count(*) FROM submission_runs WHERE state = 'open'")
    }

    /// The folders of the submissions, the oldest first.
    fn submissions(&self) -> Vec<PathBuf> {
        let rows = self
            .place
            .rows("results", "SELECT folder FROM submissions ORDER BY id");
        rows.into_iter().map(PathBuf::from).collect()
    }

    fn logs(&self) -> String {
        let all = files(&self.place.path().join("results/resweep.cluster"));
        let logs = all
            .iter()
            .filter(|path| path.extension().is_some_and(|e| e == "txt"));
        logs.map(|path| {
            let text = fs::read_to_string(path).unwrap_or_default();
            format!("{}:\n{text}\n", path.display())
        })
        .collect()
    }

    /// Compares with a local run of the same sweep.
    #[track_caller]
    fn assert_as_local(&self, sweep: &str) {
        let file = format!("{sweep}.toml");
        self.place
            .stdout(&["run", &file, "--results", "local", "--progress", "none"]);
        assert_same(
            &self.place.artifacts("results", sweep),
            &self.place.artifacts("local", sweep),
        );
        let figure = |results: &str| {
            let path = self
                .place
                .path()
                .join(results)
                .join(sweep)
                .join("figure.png");
            fs::read(path).expect("a figure")
        };
        assert!(figure("results") == figure("local"), "the figures differ");
    }
}

#[test]
fn twelve_runs_in_four_tasks_on_two_nodes_equal_a_local_run() {
    if skipped() {
        return;
    }
    // Indices 0 to 3: more tasks are not allowed.
    let site = Site::new(SHORT, "MaxArraySize=4");
    let said = site.ok(&["submit", "short.toml", "--on", "here"]);
    assert!(said.contains("submitted 12 runs in 4 tasks"), "{said}");
    let again = site.ok(&["submit", "short.toml", "--on", "here"]);
    assert!(again.contains("nothing to submit"), "{again}");
    let status = site.ok(&["status", "short"]);
    assert!(
        status.contains("queued") || status.contains("running"),
        "{status}"
    );
    site.sync_until_done(Duration::from_secs(120));
    let hosts = site.place.rows(
        "results",
        "SELECT DISTINCT host FROM processes WHERE id < 0 ORDER BY 1",
    );
    assert_eq!(hosts, ["n1", "n2"]);
    site.assert_as_local("short");
    let journals = site.count("SELECT count(*) FROM submission_starts");
    assert_eq!(journals, 4);
    let done = site.ok(&["submit", "short.toml", "--on", "here"]);
    assert!(done.contains("nothing to submit"), "{done}");
}

#[test]
fn run_on_a_cluster_follows_and_draws() {
    if skipped() {
        return;
    }
    let site = Site::new(SHORT, "");
    // What a job leaves in the environment must not reach the jobs of its own.
    let output = site
        .command(&["run", "short.toml", "--on", "here"])
        .env("SLURM_CPUS_PER_TASK", "64")
        .env("SLURM_JOB_ID", "1")
        .env("SBATCH_PARTITION", "nowhere")
        .output()
        .expect("the program starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}\n{}", site.logs());
    site.assert_as_local("short");
}

#[test]
fn runs_on_a_cluster_are_not_removed_and_gc_removes_closed_submissions() {
    if skipped() {
        return;
    }
    let site = Site::new(SHORT, "");
    site.configure("pack = \"1h\"", "cpus-per-task = 2\nhold = true");
    site.ok(&["submit", "short.toml", "--on", "here"]);
    for change in [&["rm", "short", "--yes"][..], &["rename", "short", "other"]] {
        let output = site.command(change).output().expect("the program starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains("resweep cancel short"), "{said}");
    }
    let folder = site.submissions().pop().expect("a submission");
    site.ok(&["gc"]);
    assert!(folder.join("order.json").exists());
    fs::write(folder.join("notes.txt"), "mine").expect("a file");
    site.ok(&["cancel", "short"]);
    let listed = site.ok(&["gc", "--dry-run"]);
    assert!(listed.contains("closed submissions"), "{listed}");
    assert!(folder.join("order.json").exists());
    site.ok(&["gc"]);
    // Only what resweep wrote is removed.
    let left: Vec<PathBuf> = files(&folder);
    assert_eq!(left, [folder.join("notes.txt")]);

    site.ok(&["submit", "short.toml", "--on", "here"]);
    site.ok(&["cancel", "short"]);
    let folder = site.submissions().pop().expect("a submission");
    site.ok(&["rm", "short", "--yes"]);
    assert!(!folder.exists());
    assert_eq!(site.count("SELECT count(*) FROM submissions"), 0);
}

#[test]
fn a_task_gets_the_gpu_that_the_site_asks_for() {
    if skipped() {
        return;
    }
    let site = Site::new(SHORT, cluster::WITH_GPUS);
    site.configure(
        "pack = \"1h\"",
        "cpus-per-task = 1\ngres = \"gpu:1\"\nhold = true",
    );
    site.ok(&["submit", "short.toml", "--on", "here"]);
    let asked = site.slurm.ask(&["squeue", "-h", "-o", "%b"]);
    assert!(asked.contains("gpu:1"), "{asked}");
    let job = site.slurm.ask(&["squeue", "-h", "-o", "%A"]);
    site.slurm.ask(&["scontrol", "release", &job]);
    site.sync_until_done(Duration::from_secs(120));
    site.assert_as_local("short");
}

/// Hundreds of runs of a few iterations. `RESWEEP_SLURM_RUNS` sets how many.
#[test]
fn many_runs_take_one_request_for_each_command_and_few_files() {
    if skipped() {
        return;
    }
    let runs =
        std::env::var("RESWEEP_SLURM_RUNS").map_or(100, |text| text.parse().expect("a number"));
    let seeds: Vec<String> = (1..=runs).map(|seed: u32| seed.to_string()).collect();
    let many = SHORT
        .replace(
            "seeds = [1, 2, 3]",
            &format!("seeds = [{}]", seeds.join(", ")),
        )
        .replace("iterations = 60", "iterations = 2")
        .replace("lr_drops = [40]", "lr_drops = []")
        .replace("eval_every = 15", "eval_every = 2")
        .replace("depth = [8, 14]", "depth = [8]")
        .replace("shortcut = [\"none\", \"A\"]", "shortcut = [\"A\"]");
    let site = Site::new(&many, "");
    site.configure("pack = \"20s\"", "cpus-per-task = 1");
    let counted = ["sbatch", "squeue"].map(|name| {
        let script = format!(
            "echo {name} >> {}/requests\nexec \"$REAL\" \"$@\"",
            site.place.path().display()
        );
        faults::fake(&site, name, &script)
    });
    let ok = |args: &[&str]| {
        let start = Instant::now();
        let output = faults::with_path(&site, &counted[0], args);
        assert!(output.status.success(), "{output:?}");
        println!("{args:?}: {:?}", start.elapsed());
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let requests = || fs::read_to_string(site.place.path().join("requests")).unwrap_or_default();
    let said = ok(&["submit", "short.toml", "--on", "here"]);
    assert!(
        said.contains(&format!("submitted {runs} runs in ")),
        "{said}"
    );
    assert_eq!(requests(), "sbatch\n");
    site.slurm.wait_until_empty(Duration::from_secs(600));
    ok(&["sync"]);
    assert_eq!(requests(), "sbatch\nsqueue\n");
    assert_eq!(site.open_runs(), 0);
    let folder = site.submissions().pop().expect("a submission");
    let tasks = site.count("SELECT count(*) FROM submission_tasks") as usize;
    let found = files(&folder).len();
    println!("{tasks} tasks, {found} files");
    // For each task its runs, log and journal; besides the order, the script and the owner.
    assert_eq!(found, 3 * tasks + 3);
}
