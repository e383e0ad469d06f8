//! Faults of nodes, of the controller, of files and of people.

use super::*;

/// The process of a start of a task, once its journal has a checkpoint.
fn process_with_checkpoint(site: &Site, task: usize, start: u32) -> u32 {
    let folder = site.submissions().pop().expect("a submission");
    let journal = folder.join(format!("tasks/{task}/{start}/journal"));
    wait("a checkpoint in the journal", || {
        let bytes = fs::read(&journal).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        text.contains("checkpointed")
    });
    process_of(&journal)
}

pub fn process_of(journal: &Path) -> u32 {
    let bytes = fs::read(journal).expect("a journal");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let rest = text.split("\"pid\":").nth(1).expect("a process");
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("a number")
}

/// The two long runs, whose tasks were killed after a checkpoint.
fn with_killed_tasks() -> Site {
    let site = Site::new(LONG, "");
    submit_long(&site);
    for task in [0, 1] {
        kill("KILL", process_with_checkpoint(&site, task, 1));
    }
    site.slurm.wait_until_empty(Duration::from_secs(30));
    site
}

/// Flips a bit in the middle of a file.
fn damage(path: &Path) {
    let mut bytes = fs::read(path).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    fs::write(path, bytes).expect("a file");
}

fn submit_long(site: &Site) {
    site.ok(&[
        "submit",
        "long.toml",
        "--on",
        "here",
        "--checkpoint-every",
        "0.2",
    ]);
}

#[test]
fn a_task_that_is_out_of_time_requeues_itself_alone() {
    if skipped() {
        return;
    }
    let site = Site::new(LONG, "");
    submit_long(&site);
    process_with_checkpoint(&site, 0, 1);
    process_with_checkpoint(&site, 1, 1);
    // What Slurm sends when the time is nearly up.
    let job = site.ok(&["status", "long", "--json"]);
    let job: serde_json::Value = serde_json::from_str(&job).expect("JSON");
    let job = job[0]["cluster"]["job"].as_str().expect("a job").to_owned();
    let task = job.split_once('_').expect("a task").1.to_owned();
    site.slurm.ask(&["scancel", "--signal=USR1", "-b", &job]);
    let folder = site.submissions().pop().expect("a submission");
    wait("a second start", || {
        folder.join(format!("tasks/{task}/2/journal")).exists()
    });
    site.sync_until_done(Duration::from_secs(300));
    let starts = site.place.rows(
        "results",
        "SELECT task, max(start) FROM submission_starts GROUP BY task ORDER BY 2",
    );
    assert_eq!(starts.len(), 2);
    assert!(
        starts[0].contains("Integer(1)") && starts[1].contains("Integer(2)"),
        "{starts:?}"
    );
    site.assert_as_local("long");
}

/// Slurm's shortest limit is a minute; it sends the signal up to a minute before the end.
#[test]
fn a_time_limit_that_is_shorter_than_the_runs_needs_no_command_of_ours() {
    if skipped() {
        return;
    }
    let longer = LONG
        .replace("iterations = 3000", "iterations = 12000")
        .replace("log_every = 100", "log_every = 1000")
        .replace("eval_every = 1000", "eval_every = 6000")
        .replace("lr_drops = [1500]", "lr_drops = [6000]");
    let site = Site::new(&longer, "");
    site.configure(
        "pack = \"0\"\ngrace = 20",
        "cpus-per-task = 1\ntime = \"1\"",
    );
    let said = site.ok(&["submit", "long.toml", "--on", "here", "--dry-run"]);
    assert!(said.contains("the time limit is short"), "{said}");
    submit_long(&site);
    site.slurm.wait_until_empty(Duration::from_secs(1200));
    site.ok(&["sync"]);
    let starts = site.count("SELECT max(start) FROM submission_starts");
    assert!(starts > 1, "{starts}");
    assert_eq!(
        site.count("SELECT count(*) FROM attempts WHERE status = 'finished'"),
        2,
        "{}",
        site.logs()
    );
    site.assert_as_local("long");
}

#[test]
fn cancelled_runs_keep_their_checkpoints() {
    if skipped() {
        return;
    }
    let site = Site::new(LONG, "");
    // One task runs, the other waits.
    site.configure("pack = \"0\"\nat_once = 1", "cpus-per-task = 1");
    submit_long(&site);
    process_with_checkpoint(&site, 0, 1);
    site.ok(&["sync"]);
    let status = site.ok(&["status", "long"]);
    assert!(status.contains("JobArrayTaskLimit"), "{status}");
    // A pending task that is cancelled leaves no trace in the queue.
    let name = site
        .place
        .rows("results", "SELECT job FROM submissions")
        .pop()
        .expect("a job");
    site.slurm.ask(&["scancel", &format!("{name}_1")]);
    let said = site.ok(&["sync"]);
    assert!(said.contains("1 run of"), "{said}");
    assert_eq!(site.open_runs(), 1);
    let said = site.ok(&["cancel", "long"]);
    assert!(said.contains("released 1 run"), "{said}");
    assert_eq!(site.open_runs(), 0);
    let kept = site.count("SELECT count(*) FROM checkpoints");
    assert!(kept > 0, "no checkpoint was kept");
    site.configure("pack = \"0\"", "cpus-per-task = 1");
    submit_long(&site);
    site.slurm.ask(&["scancel", "--me"]);
    site.slurm.wait_until_empty(Duration::from_secs(30));
    site.ok(&["sync"]);
    assert_eq!(site.open_runs(), 0);
    // A local run resumes from the checkpoints of the cluster.
    site.ok(&["run", "long.toml", "--progress", "none"]);
    site.assert_as_local("long");
}

#[test]
fn a_job_that_sbatch_did_not_confirm_is_found_again() {
    if skipped() {
        return;
    }
    let site = Site::new(SHORT, "");
    site.configure("pack = \"1h\"", "cpus-per-task = 2");
    // The controller takes the request and does not answer in time. Asked for the size of arrays
    // first, it has to answer that.
    let fake = fake(
        &site,
        "sbatch",
        "\"$REAL\" \"$@\" >/dev/null; echo 'sbatch: error: Batch job submission failed: Socket timed out on send/recv operation' >&2; exit 1",
    );
    let output = with_path(&site, &fake, &["submit", "short.toml", "--on", "here"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("sbatch did not say whether Slurm accepted the job"),
        "{said}"
    );
    assert_eq!(site.open_runs(), 12);
    site.sync_until_done(Duration::from_secs(120));
    assert_eq!(
        site.count("SELECT count(*) FROM submissions WHERE job IS NOT NULL"),
        1
    );
    assert_eq!(site.count("SELECT count(*) FROM submission_starts"), 1);
    site.assert_as_local("short");
}

#[test]
fn a_controller_that_does_not_answer_loses_nothing() {
    if skipped() {
        return;
    }
    let site = Site::new(SHORT, "");
    site.configure("pack = \"1h\"", "cpus-per-task = 2");
    // It answers for the size of arrays, and stops when the job is to be submitted.
    let controller = site.slurm.controller();
    let stop = format!("kill -STOP {controller}; \"$REAL\" \"$@\"");
    let fake = fake(&site, "sbatch", &stop);
    let output = with_path(&site, &fake, &["submit", "short.toml", "--on", "here"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("sbatch did not say whether Slurm"), "{said}");
    let said = site.ok(&["sync"]);
    assert!(said.contains("cannot read the queue"), "{said}");
    assert_eq!(site.open_runs(), 12);
    kill("CONT", controller);
    site.sync_until_done(Duration::from_secs(180));
    assert_eq!(site.count("SELECT count(*) FROM submission_starts"), 1);
    site.assert_as_local("short");
}

#[test]
fn a_refused_or_unreachable_slurm_submits_nothing() {
    if skipped() {
        return;
    }
    let mut site = Site::new(SHORT, "");
    site.configure("pack = \"1h\"", "partition = \"nowhere\"");
    let output = site
        .command(&["submit", "short.toml", "--on", "here"])
        .output()
        .expect("a start");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("the job was refused"), "{said}");
    assert_eq!(site.open_runs(), 0);
    site.configure("pack = \"1h\"", "cpus-per-task = 1");
    submit(&site);
    site.slurm.wait_until_empty(Duration::from_secs(60));
    site.slurm.kill_controller();
    // Files are fetched without it.
    let said = site.ok(&["sync"]);
    assert!(said.contains("cannot read the queue"), "{said}");
    assert_eq!(site.open_runs(), 0);
    let output = site
        .command(&["submit", "short.toml", "--on", "here", "--fresh"])
        .output()
        .expect("a start");
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(site.open_runs(), 0);
    site.slurm.start_controller();
    site.assert_as_local("short");
}

fn submit(site: &Site) {
    site.ok(&["submit", "short.toml", "--on", "here"]);
}

#[test]
fn the_script_that_is_submitted_twice_trains_once() {
    if skipped() {
        return;
    }
    let site = Site::new(SHORT, "");
    site.configure("pack = \"1h\"", "cpus-per-task = 1");
    submit(&site);
    let folder = site.submissions().pop().expect("a submission");
    let script = folder.join("job.sh");
    wait("an owner", || folder.join("owner").exists());
    site.slurm.ask(&["sbatch", &script.to_string_lossy()]);
    site.slurm.wait_until_empty(Duration::from_secs(120));
    site.sync_until_done(Duration::from_secs(60));
    assert_eq!(site.count("SELECT count(*) FROM submission_starts"), 1);
    assert!(
        site.logs().contains("belongs to another job"),
        "{}",
        site.logs()
    );
    site.assert_as_local("short");
}

#[test]
fn a_sync_that_is_killed_fifty_times_gives_the_same_rows() {
    if skipped() {
        return;
    }
    let site = Site::new(SHORT, "MaxArraySize=4");
    submit(&site);
    let start = Instant::now();
    for round in 0_u64..50 {
        let mut sync = site.sync_in_background();
        thread::sleep(Duration::from_millis(20 + round * 7 % 180));
        let _ = sync.kill();
        let _ = sync.wait();
    }
    println!("50 kills in {:?}", start.elapsed());
    // Slurm forgets; the journals do not.
    site.slurm.wait_until_empty(Duration::from_secs(120));
    site.sync_until_done(Duration::from_secs(60));
    // A checkpoint that was being copied.
    site.place.remove_leftovers("results");
    site.assert_as_local("short");
}

#[test]
fn runs_of_a_killed_task_resume_in_the_next_submission() {
    if skipped() {
        return;
    }
    let site = with_killed_tasks();
    let said = site.ok(&["sync"]);
    assert!(said.contains("released"), "{said}");
    assert_eq!(site.open_runs(), 0);
    let statuses = site.place.rows("results", "SELECT status FROM attempts");
    assert_eq!(statuses, ["interrupted", "interrupted"]);
    submit_long(&site);
    site.sync_until_done(Duration::from_secs(300));
    let from = site.count("SELECT min(from_iteration) FROM attempts WHERE number = 2");
    assert!(from > 0, "resumed from {from}");
    site.assert_as_local("long");
}

#[test]
fn preempted_tasks_resume() {
    if skipped() {
        return;
    }
    for parameters in ["", "SlurmctldParameters=preempt_send_user_signal"] {
        let site = Site::new(LONG, parameters);
        submit_long(&site);
        process_with_checkpoint(&site, 0, 1);
        process_with_checkpoint(&site, 1, 1);
        let urgent = [
            "sbatch",
            "-p",
            "urgent",
            "--output=/dev/null",
            "-N2",
            "--exclusive",
            "--wrap",
            "sleep 1",
        ];
        site.slurm.ask(&urgent);
        let folder = site.submissions().pop().expect("a submission");
        wait("a second start", || {
            [0, 1]
                .iter()
                .any(|task| folder.join(format!("tasks/{task}/2")).exists())
        });
        site.sync_until_done(Duration::from_secs(300));
        site.assert_as_local("long");
    }
}

#[test]
fn of_two_copies_of_a_task_the_older_stops() {
    if skipped() {
        return;
    }
    let mut site = Site::new(LONG, "");
    site.configure("pack = \"1h\"", "cpus-per-task = 2");
    submit_long(&site);
    let old = process_with_checkpoint(&site, 0, 1);
    // The node is lost for Slurm, and its processes live on.
    let node = usize::from(site.slurm.ask(&["squeue", "-h", "-o", "%N"]) == "n2");
    site.slurm.kill_node(node);
    let name = ["n1", "n2"][node];
    let down = format!("node={name}");
    site.slurm
        .ask(&["scontrol", "update", &down, "state=down", "reason=lost"]);
    process_with_checkpoint(&site, 0, 2);
    wait("the end of the older copy", || {
        !Path::new(&format!("/proc/{old}")).exists()
    });
    let folder = site.submissions().pop().expect("a submission");
    let bytes = fs::read(folder.join("tasks/0/1/journal")).expect("a journal");
    assert!(String::from_utf8_lossy(&bytes).contains("superseded"));
    site.slurm.start_node(node);
    site.finish("long");
    site.assert_as_local("long");
}

#[test]
fn damage_is_trained_again() {
    if skipped() {
        return;
    }
    let site = with_killed_tasks();
    let folder = site.submissions().pop().expect("a submission");
    // The second half of one journal, and every checkpoint of the other task.
    damage(&folder.join("tasks/0/1/journal"));
    for file in files(&folder.join("runs")) {
        damage(&file);
    }
    let said = site.ok(&["sync"]);
    assert!(said.contains("is damaged"), "{said}");
    assert!(said.contains("its checksum is wrong"), "{said}");
    submit_long(&site);
    site.sync_until_done(Duration::from_secs(300));
    site.assert_as_local("long");
}

#[test]
fn another_program_and_other_images_are_refused() {
    if skipped() {
        return;
    }
    let site = Site::new(SHORT, "");
    site.configure("pack = \"1h\"", "cpus-per-task = 1\nhold = true");
    for (what, expected) in [
        ("program", "this program is"),
        ("images", "have changed since it was submitted"),
    ] {
        submit(&site);
        let folder = site.submissions().pop().expect("a submission");
        if what == "program" {
            let path = folder.join("order.json");
            let order = fs::read_to_string(&path).expect("the order");
            let version = format!("\"version\":\"{}\"", env!("CARGO_PKG_VERSION"));
            fs::write(&path, order.replace(&version, "\"version\":\"0.0.1\"")).expect("a file");
        } else {
            let image = site.place.path().join("images/train/class-0/0.png");
            let other = site.place.path().join("images/train/class-1/1.png");
            fs::copy(other, image).expect("another image");
        }
        let said = site.ok(&["sync"]);
        assert!(said.contains("is held"), "{said}");
        let job = site
            .place
            .rows("results", "SELECT job FROM submissions ORDER BY id");
        site.slurm
            .ask(&["scontrol", "release", job.last().expect("a job")]);
        site.slurm.wait_until_empty(Duration::from_secs(60));
        let said = site.ok(&["sync"]);
        assert!(said.contains(expected), "{said}\n{}", site.logs());
        assert_eq!(site.open_runs(), 0);
    }
}

/// A library that is loaded before the system's kills the tasks.
#[cfg(target_os = "linux")]
#[test]
fn a_kill_while_a_checkpoint_is_written_changes_no_bit() {
    if skipped() {
        return;
    }
    let site = Site::new(LONG, "");
    let library = site.place.path().join("kill.so");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&library)
        .args(["tests/it/slurm/kill_in_checkpoint.c", "-ldl"])
        .status();
    assert!(built.expect("a C compiler").success());
    for (moment, kept, begun) in [("write", 1, 1), ("named", 1, 1), ("unrecorded", 2, 0)] {
        let setup = format!(
            "setup = [\"export LD_PRELOAD={} KILL_AT={moment} KILL_COUNT=2\"]",
            library.display()
        );
        site.configure(&format!("pack = \"0\"\n{setup}"), "cpus-per-task = 1");
        submit_long(&site);
        site.slurm.wait_until_empty(Duration::from_secs(60));
        // For each of the two tasks the checkpoints with a name, and the file without one.
        let folder = site.submissions().pop().expect("a submission");
        let written = files(&folder.join("runs"));
        let (named, unnamed): (Vec<_>, Vec<_>) = written
            .iter()
            .partition(|path| path.extension().is_some_and(|end| end == "safetensors"));
        assert_eq!(
            (named.len(), unnamed.len()),
            (2 * kept, 2 * begun),
            "{moment}"
        );
        let bytes = |path: &PathBuf| fs::metadata(path).expect("a file").len();
        let is_cut = unnamed.iter().any(|path| bytes(path) < bytes(named[0]));
        assert_eq!(is_cut, moment == "write", "{moment}: {written:?}");
        let said = site.ok(&["sync"]);
        assert!(
            said.contains("2 runs of") && said.contains("FAILED"),
            "{said}"
        );
        assert_eq!(site.open_runs(), 0);
    }
    site.configure("pack = \"0\"", "cpus-per-task = 1");
    submit_long(&site);
    site.sync_until_done(Duration::from_secs(300));
    let resumed = "SELECT min(from_iteration) FROM attempts WHERE number > 1";
    assert!(site.count(resumed) > 0);
    site.assert_as_local("long");
}

#[test]
fn nodes_that_do_not_see_the_folder_are_named_and_nothing_is_lost() {
    if skipped() {
        return;
    }
    let mut site = Site::new(SHORT, "");
    let shared = site.place.path().join("shared");
    fs::create_dir(&shared).expect("a folder");
    let keys = format!("pack = \"1h\"\nfolder = \"{}\"", shared.display());
    site.configure(&keys, "cpus-per-task = 1");
    for node in [0, 1] {
        site.slurm.end_node(node);
        site.slurm.start_node_without(node, &shared);
    }
    submit(&site);
    site.slurm.wait_until_empty(Duration::from_secs(60));
    let said = site.ok(&["sync"]);
    assert!(said.contains("0 runs fetched, 12 released"), "{said}");
    let folder = site.submissions().pop().expect("a submission");
    let blind = format!("its node may not see `{}`", folder.display());
    assert!(
        said.contains(&blind) && said.contains("JobLaunchFailure"),
        "{said}"
    );
    let status = site.ok(&["status", "short"]);
    assert!(
        status.contains("FAILED (JobLaunchFailure) on n"),
        "{status}"
    );
    assert!(status.contains("and wrote nothing"), "{status}");
    let doctor = site.ok(&["doctor"]);
    assert!(
        doctor.contains("12 runs were released because their task"),
        "{doctor}"
    );

    // The log can be written, and the task sees another folder.
    for node in [0, 1] {
        site.slurm.end_node(node);
        site.slurm.start_node(node);
    }
    let program = assert_cmd::cargo::cargo_bin("resweep");
    let setup = format!(
        "setup = [\"exec unshare -m sh -c 'mount -t tmpfs none {0}; exec {1} work {0}/x'\"]",
        shared.display(),
        program.display()
    );
    site.configure(&format!("{keys}\n{setup}"), "cpus-per-task = 1");
    submit(&site);
    site.slurm.wait_until_empty(Duration::from_secs(60));
    let said = site.ok(&["sync"]);
    assert!(
        said.contains("does not see the folder of the submission"),
        "{said}"
    );
    assert_eq!(site.open_runs(), 0);

    site.configure(&keys, "cpus-per-task = 1");
    submit(&site);
    site.slurm.wait_until_empty(Duration::from_secs(120));
    // What the tasks wrote is kept while this machine does not see it.
    let away = site.place.path().join("away");
    fs::rename(&shared, &away).expect("it is moved");
    let said = site.ok(&["sync"]);
    assert!(said.contains("mount or restore the folder"), "{said}");
    assert_eq!(site.open_runs(), 12);
    let output = site.command(&["doctor"]).output().expect("an answer");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("12 runs are on a cluster: their folder is missing"),
        "{said}"
    );
    fs::rename(&away, &shared).expect("it is moved back");
    site.sync_until_done(Duration::from_secs(60));
    site.assert_as_local("short");
}

#[test]
fn mistakes_in_the_site_file_are_explained() {
    if skipped() {
        return;
    }
    let site = Site::new(SHORT, "");
    let submit = ["submit", "short.toml", "--on", "here"];
    for (option, expected) in [
        (
            "partiton = \"main\"",
            "unrecognized option '--partiton=main'",
        ),
        (
            "partition = \"nowhere\"",
            "invalid partition specified: nowhere",
        ),
        ("time = \"4 hours\"", "Invalid --time specification"),
    ] {
        site.configure("pack = \"1h\"", option);
        let output = site.command(&submit).output().expect("an answer");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains(expected), "{said}");
        assert!(said.contains("[here.sbatch] of clusters.toml"), "{said}");
    }
    // It is accepted and never starts.
    site.configure("pack = \"0\"", "cpus-per-task = 64");
    site.ok(&submit);
    let said = site.ok(&["sync"]);
    assert!(said.contains("12 tasks of"), "{said}");
    assert!(
        said.contains("which does not pass by itself; `resweep cancel short`"),
        "{said}"
    );
    site.ok(&["cancel", "short"]);
    // The task ends before the program starts, or before a run begins.
    for (key, in_sync, in_status) in [
        (
            "program = \"/nowhere/resweep\"",
            "/nowhere/resweep: No such file or directory`",
            "FAILED (NonZeroExitCode) on n",
        ),
        (
            "setup = [\"exit 3\"]",
            "its log is empty: ",
            "and wrote nothing (",
        ),
        ("device = \"cuda:7\"", "CUDA", "CUDA"),
    ] {
        site.configure(&format!("pack = \"1h\"\n{key}"), "cpus-per-task = 1");
        let said = site.ok(&submit);
        assert_eq!(
            said.contains("is not a file on this machine: /nowhere/resweep"),
            key.starts_with("program"),
            "{said}"
        );
        site.slurm.wait_until_empty(Duration::from_secs(60));
        let said = site.ok(&["sync"]);
        assert!(
            said.contains("12 runs of") && said.contains(in_sync),
            "{said}"
        );
        assert!(!site.place.path().join("results/short").exists(), "{said}");
        let status = site.ok(&["status", "short"]);
        assert!(status.contains(in_status), "{status}");
    }
    site.configure("pack = \"1h\"", "cpus-per-task = 1");
    site.ok(&submit);
    let said = site.ok(&["submit", "short.toml", "--on", "here", "--dry-run"]);
    assert!(said.contains("nothing to submit"), "{said}");
    site.sync_until_done(Duration::from_secs(120));
    let status = site.ok(&["status", "short"]);
    assert!(!status.contains("wrote nothing"), "{status}");
    site.assert_as_local("short");
}

/// `squeue` in front of the real one says that the task has been running for longer.
#[test]
fn a_task_that_runs_for_minutes_and_writes_nothing_is_named() {
    if skipped() {
        return;
    }
    let site = Site::new(SHORT, "");
    let setup = "pack = \"1h\"\nsetup = [\"echo preparing\", \"sleep 5\"]";
    site.configure(setup, "cpus-per-task = 1");
    submit(&site);
    let running = || site.slurm.ask(&["squeue", "-h", "-t", "R", "-o", "%N"]);
    wait("a task that runs", || {
        !running().is_empty() && site.logs().contains("preparing")
    });
    for (minutes, is_named) in [("4:59", false), ("5:00", true)] {
        let script = format!("\"$REAL\" \"$@\" | sed 's/|0:0[0-9]|/|{minutes}|/'");
        let fake = fake(&site, "squeue", &script);
        let output = with_path(&site, &fake, &["sync"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let named = said.contains("for 5 min or more and wrote nothing; its log says `preparing`");
        assert_eq!(named, is_named, "{said}");
    }
    site.sync_until_done(Duration::from_secs(120));
    site.assert_as_local("short");
}

/// A folder with a script in front of a program of Slurm, which the script calls `$REAL`.
pub fn fake(site: &Site, name: &str, script: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let folder = site.place.path().join("bin");
    fs::create_dir_all(&folder).expect("a folder");
    let real = site.slurm.ask(&["sh", "-c", &format!("command -v {name}")]);
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\nREAL={real}\n{script}\n")).expect("a script");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a mode");
    folder
}

pub fn with_path(site: &Site, first: &Path, args: &[&str]) -> std::process::Output {
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", first.display());
    site.command(args)
        .env("PATH", path)
        .output()
        .expect("the program starts")
}
