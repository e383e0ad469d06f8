//! Other engines than Slurm, through `engine = "command"`: plain processes, GNU parallel over ssh on
//! loopback, and HyperQueue with its own server and workers.

use std::net::TcpListener;
use std::process::{Child, Stdio};

use super::*;

/// A folder with four of the short runs and a site that runs `command`.
fn place(command: &str) -> Workplace {
    let four = SHORT.replace("seeds = [1, 2, 3]", "seeds = [1]");
    place_of(&four, command)
}

fn place_of(sweep: &str, command: &str) -> Workplace {
    let place = Workplace::new("short.toml", sweep);
    write_images(&place.path().join("images"));
    let site = format!("[here]\nengine = \"command\"\npack = \"0\"\ncommand = '''{command}'''\n");
    fs::write(place.path().join("clusters.toml"), site).expect("the site file");
    place
}

/// Four processes at once on this machine.
const PROCESSES: &str = "seq 0 {last} | xargs -P 4 -I % {work} --task %";

/// Whether to skip the test of an engine that is not installed.
fn lacks(engine: &str, is_there: bool, install: &str) -> bool {
    if !is_there {
        println!("skipped: {engine} is not installed: {install}");
    }
    !is_there
}

fn runs(program: &str, args: &[&str]) -> bool {
    let mut command = Command::new(program);
    command
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[track_caller]
fn assert_as_local(place: &Workplace) {
    assert_as_local_with(place, &[]);
}

/// Compares with a local run that has more options.
#[track_caller]
fn assert_as_local_with(place: &Workplace, options: &[&str]) {
    let run = [
        "run",
        "short.toml",
        "--results",
        "local",
        "--progress",
        "none",
    ];
    place.stdout(&[&run[..], options].concat());
    assert_same(
        &place.artifacts("results", "short"),
        &place.artifacts("local", "short"),
    );
}

#[test]
fn plain_processes_train_a_sweep() {
    let place = place(PROCESSES);
    place.stdout(&["run", "short.toml", "--on", "here"]);
    assert_as_local(&place);
}

#[test]
fn results_that_a_submit_fetches_are_drawn() {
    let place = place(PROCESSES);
    let submit = ["submit", "short.toml", "--on", "here"];
    place.stdout(&submit);
    let again = place.stdout(&submit);
    assert!(again.contains("nothing to submit"), "{again}");
    assert_as_local(&place);
}

#[test]
fn sync_fetches_what_a_restored_database_lacks() {
    let place = place(PROCESSES);
    let database = place.path().join("results/resweep.db");
    place.stdout(&["submit", "short.toml", "--on", "here"]);
    let backup = fs::read(&database).expect("the database");
    place.stdout(&["sync"]);
    assert_as_local(&place);
    fs::write(&database, backup).expect("the older database");
    let output = place.resweep(&["sync"]).output().expect("an answer");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(
        said.contains("4 runs fetched") && !said.contains("is not used"),
        "{said}"
    );
    assert_as_local(&place);
}

/// Repeated requests, stale handles and names that are seen late, made by a library that is loaded
/// before the system's.
#[cfg(target_os = "linux")]
#[test]
fn a_lax_network_file_system_changes_no_bit() {
    let library = tempfile::tempdir().expect("a folder");
    let library = library.path().join("lax_nfs.so");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&library)
        .args(["tests/it/slurm/lax_nfs.c", "-ldl"])
        .status();
    assert!(built.expect("a C compiler").success());
    let place = place("");
    let root = place.path().join("results/resweep.cluster");
    let lax = format!(
        "LD_PRELOAD={} LAX_ROOT={}",
        library.display(),
        root.display()
    );
    let command = format!("seq 0 {{last}} | {lax} xargs -P 4 -I % {{work}} --task %");
    let site = place.path().join("clusters.toml");
    let text = fs::read_to_string(&site).expect("the site file");
    let text = text.replace(
        "command = \'\'\'\'\'\'",
        &format!("command = \"{command}\""),
    );
    fs::write(&site, text).expect("the site file");
    place.stdout(&["submit", "short.toml", "--on", "here"]);
    let open = "SELECT run_id FROM submission_runs WHERE state = 'open'";
    for _ in 0..10 {
        let sync = place
            .resweep(&["sync"])
            .env("LD_PRELOAD", &library)
            .env("LAX_ROOT", &root)
            .output()
            .expect("the program starts");
        assert!(sync.status.success(), "{sync:?}");
        if place.rows("results", open).is_empty() {
            break;
        }
        thread::sleep(Duration::from_millis(600));
    }
    let statuses = "SELECT DISTINCT status, error FROM attempts";
    assert_eq!(
        place.rows("results", statuses).len(),
        1,
        "{:?}",
        place.rows("results", statuses)
    );
    assert_as_local(&place);
}

/// Runs of depth 14 whose networks start from runs of depth 8.
fn grown() -> String {
    SHORT
        .replace("seeds = [1, 2, 3]", "seeds = [1]")
        .replace("depth = [8, 14]\n", "")
        .replace(
            "width = 2",
            "width = 2\ndepth = 14\ninit = { from = { depth = 8, iterations = 50 }, deepen = \"identity\" }",
        )
}

#[test]
fn runs_that_start_from_other_runs_share_their_task() {
    for pack in ["0", "1h"] {
        let place = place_of(&grown(), PROCESSES);
        let site = place.path().join("clusters.toml");
        let text = fs::read_to_string(&site).expect("the site file");
        let packed = text.replace("pack = \"0\"", &format!("pack = \"{pack}\""));
        fs::write(site, packed).expect("the site file");
        place.stdout(&["run", "short.toml", "--on", "here"]);
        assert_as_local(&place);
    }
}

#[test]
fn seeds_are_added_until_the_order_is_decided() {
    let until = "sweep.repeats={ min = 2, max = 3, until = \"ordering\" }";
    let sweep = SHORT
        .replace("seeds = [1, 2, 3]\n", "")
        .replace("shortcut = [\"none\", \"A\"]", "shortcut = [\"A\"]");
    let place = place_of(&sweep, PROCESSES);
    place.stdout(&["run", "short.toml", "--on", "here", "--set", until]);
    assert_as_local_with(&place, &["--set", until]);
}

#[test]
fn tasks_may_train_each_run_in_a_process_of_its_own() {
    let place = place(PROCESSES);
    place.stdout(&["run", "short.toml", "--on", "here", "--isolate"]);
    assert_as_local(&place);
}

#[test]
fn report_and_doctor_know_runs_on_a_cluster() {
    let place = place("echo {work} > /dev/null");
    place.stdout(&[
        "submit",
        "short.toml",
        "--on",
        "here",
        "--runs-per-gpu",
        "3",
    ]);
    let folder = place.rows("results", "SELECT folder FROM submissions");
    let order = fs::read_to_string(Path::new(&folder[0]).join("order.json")).expect("the order");
    assert!(order.contains("\"runs_per_gpu\":3"), "{order}");
    let status = place.stdout(&["status", "short"]);
    assert!(
        status.contains("queued") || status.contains("submitted"),
        "{status}"
    );
    let report = place.path().join("results/short/report.html");
    place.stdout(&["report", "short"]);
    fs::remove_file(report).expect("the report");
    place.stdout(&["doctor"]);
    // A local run leaves them alone.
    let output = place
        .resweep(&["run", "short.toml"])
        .output()
        .expect("an answer");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("on a cluster") || said.contains("4 runs"),
        "{said}"
    );
    assert_eq!(
        place.rows("results", "SELECT id FROM attempts"),
        Vec::<String>::new()
    );
    place.stdout(&["cancel", "short"]);
    place.stdout(&["run", "short.toml", "--progress", "none"]);
    place.stdout(&["doctor"]);
    assert_as_local(&place);
}

#[test]
fn a_command_that_fails_after_tasks_have_started_loses_nothing() {
    let place = place("{work} --task 0; exit 3");
    let output = place
        .resweep(&["submit", "short.toml", "--on", "here"])
        .output()
        .expect("the program starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("exit status: 3"), "{said}");
    place.stdout(&["sync"]);
    let finished = "SELECT count(*) FROM attempts WHERE status = 'finished'";
    let finished = place.rows("results", finished);
    assert_ne!(finished, ["Integer(0)"], "{said}");
    place.stdout(&["cancel", "short"]);
    place.stdout(&["run", "short.toml", "--progress", "none"]);
    assert_as_local(&place);
}

#[test]
fn a_command_that_fails_at_once_submits_nothing() {
    let place = place("echo {work} >/dev/null; exit 3");
    let output = place
        .resweep(&["submit", "short.toml", "--on", "here"])
        .output()
        .expect("the program starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("the job was refused"), "{said}");
    place.stdout(&["run", "short.toml", "--progress", "none"]);
    assert_as_local(&place);
}

/// An ssh server on loopback.
struct Sshd {
    child: Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl Sshd {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        for key in ["host", "user"] {
            let path = root.join(key);
            let path = path.to_string_lossy();
            assert!(runs(
                "ssh-keygen",
                &["-q", "-t", "ed25519", "-N", "", "-f", &path]
            ));
        }
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        // sshd demands this folder.
        let _ = fs::create_dir_all("/run/sshd");
        let options = [
            format!("HostKey={}/host", root.display()),
            format!("AuthorizedKeysFile={}/user.pub", root.display()),
            "StrictModes=no".to_owned(),
            "UsePAM=no".to_owned(),
            "PidFile=none".to_owned(),
            "PermitRootLogin=yes".to_owned(),
        ];
        let mut command = Command::new("/usr/sbin/sshd");
        command.args(["-D", "-f", "/dev/null", "-p", &port.to_string()]);
        for option in &options {
            command.args(["-o", option]);
        }
        let child = command.stderr(Stdio::null()).spawn().expect("sshd starts");
        let sshd = Self {
            child,
            folder,
            port,
        };
        wait("sshd", || {
            std::net::TcpStream::connect(("127.0.0.1", sshd.port)).is_ok()
        });
        sshd
    }

    /// The ssh command that logs in.
    fn client(&self) -> String {
        format!(
            "ssh -i {}/user -p {} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR",
            self.folder.path().display(),
            self.port
        )
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn gnu_parallel_trains_a_sweep_over_ssh() {
    let is_there = runs("parallel", &["--version"]) && Path::new("/usr/sbin/sshd").exists();
    let install = "apt-get install -y --no-install-recommends parallel openssh-server";
    if lacks("GNU parallel or sshd", is_there, install) {
        return;
    }
    let sshd = Sshd::start();
    // Two names of this machine.
    let command = format!(
        "seq 0 {{last}} | parallel --will-cite --ssh '{}' -S 1/127.0.0.1,1/127.0.0.2 {{work}} --task",
        sshd.client()
    )
    .replace('\'', "\"");
    let place = place(&command);
    place.stdout(&["run", "short.toml", "--on", "here"]);
    assert_as_local(&place);
}

/// Starts a server and two workers, submits `{work}` as a task each, and waits.
const HYPERQUEUE: &str = r#"
import sys
from hyperqueue import Job, LocalCluster

tasks, work = int(sys.argv[1]), sys.argv[2:]
with LocalCluster() as cluster:
    for _ in range(2):
        cluster.start_worker()
    client, job = cluster.client(), Job()
    for _ in range(tasks):
        job.program(work)
    assert client.wait_for_jobs([client.submit(job)])
"#;

#[test]
fn hyperqueue_trains_a_sweep() {
    let python = std::env::var("RESWEEP_HYPERQUEUE_PYTHON").unwrap_or("python3".to_owned());
    let is_there = runs(&python, &["-c", "import hyperqueue"]);
    let install = "pip install hyperqueue, and name its Python in RESWEEP_HYPERQUEUE_PYTHON";
    if lacks("HyperQueue", is_there, install) {
        return;
    }
    let place = place(&format!("{python} hyperqueue_job.py {{tasks}} {{work}}"));
    fs::write(place.path().join("hyperqueue_job.py"), HYPERQUEUE).expect("a script");
    place.stdout(&["run", "short.toml", "--on", "here"]);
    assert_as_local(&place);
}
