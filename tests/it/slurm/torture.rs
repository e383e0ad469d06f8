//! A sweep on Slurm that is disturbed at random moments ends with the results of an undisturbed one.
//!
//! `RESWEEP_SLURM_FAULTS` sets the number of faults, `RESWEEP_SLURM_SEED` repeats their order.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use super::*;
use crate::support::seed::{seeded, setting};

const FAULTS: u64 = 8;

type Fault = fn(&mut Site, &mut ChaCha8Rng);

/// Each fault with its name.
const KINDS: [(&str, Fault); 10] = [
    ("a task is killed", kill_task),
    ("the time of a task is up", |site, _| {
        signal_job(site, "USR1")
    }),
    ("a task gets SIGTERM", |site, _| signal_job(site, "TERM")),
    ("a job is requeued", requeue),
    ("a job is cancelled", |site, _| {
        let job = job(site);
        site.slurm.ask(&["scancel", &job]);
    }),
    ("a sync is killed", kill_sync),
    ("a node's daemon is killed", kill_node),
    ("the controller stands still", stop_controller),
    ("a journal is damaged", |site, rng| {
        damage(site, rng, "journal")
    }),
    ("a checkpoint is damaged", |site, rng| {
        damage(site, rng, "safetensors")
    }),
];

#[test]
fn a_sweep_on_slurm_survives_random_faults() {
    if skipped() {
        return;
    }
    let faults = setting("RESWEEP_SLURM_FAULTS").unwrap_or(FAULTS);
    println!("RESWEEP_SLURM_FAULTS={faults}");
    let mut rng = seeded("RESWEEP_SLURM_SEED");
    let sweep = LONG
        .replace("iterations = 3000", "iterations = 900")
        .replace("lr_drops = [1500]", "lr_drops = [450]")
        .replace("eval_every = 1000", "eval_every = 300")
        .replace("depth = [8]", "depth = [8, 14]");
    let mut site = Site::new(&sweep, "");
    for number in 0..faults {
        submit_pending(&site);
        thread::sleep(Duration::from_millis(rng.next_u64() % 3000));
        let (name, fault) = KINDS[(rng.next_u64() % KINDS.len() as u64) as usize];
        println!("{number}: {name}");
        fault(&mut site, &mut rng);
        site.ok(&["sync"]);
    }
    submit_pending(&site);
    site.finish("long");
    site.place.remove_leftovers("results");
    site.assert_as_local("long");
    let twice =
        "SELECT run_id FROM attempts WHERE status = 'finished' GROUP BY run_id HAVING count(*) > 1";
    assert_eq!(site.place.rows("results", twice), Vec::<String>::new());
}

fn submit_pending(site: &Site) {
    site.ok(&[
        "submit",
        "long.toml",
        "--on",
        "here",
        "--checkpoint-every",
        "0.2",
    ]);
}

fn job(site: &Site) -> String {
    let rows = "SELECT job FROM submissions WHERE job IS NOT NULL ORDER BY id";
    let jobs = site.place.rows("results", rows);
    let last = jobs.last().map(String::as_str).unwrap_or_default();
    last.chars().filter(char::is_ascii_digit).collect()
}

fn signal_job(site: &Site, signal: &str) {
    let signal = format!("--signal={signal}");
    site.slurm.ask(&["scancel", &signal, "-b", &job(site)]);
}

fn requeue(site: &mut Site, _: &mut ChaCha8Rng) {
    site.slurm.ask(&["scontrol", "requeue", &job(site)]);
}

fn kill_task(site: &mut Site, rng: &mut ChaCha8Rng) {
    let mut journals = files_named(site, "journal");
    journals.retain(|path| fs::metadata(path).is_ok_and(|found| found.len() > 0));
    if let Some(journal) = any(&journals, rng) {
        let pid = faults::process_of(journal);
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&line).contains("resweep") {
            kill("KILL", pid);
        }
    }
}

fn kill_sync(site: &mut Site, rng: &mut ChaCha8Rng) {
    let mut sync = site.sync_in_background();
    thread::sleep(Duration::from_millis(rng.next_u64() % 200));
    let _ = sync.kill();
    let _ = sync.wait();
}

fn kill_node(site: &mut Site, rng: &mut ChaCha8Rng) {
    let node = (rng.next_u64() % 2) as usize;
    site.slurm.kill_node(node);
    thread::sleep(Duration::from_millis(rng.next_u64() % 1000));
    site.slurm.start_node(node);
}

fn stop_controller(site: &mut Site, rng: &mut ChaCha8Rng) {
    site.slurm.signal_controller("STOP");
    thread::sleep(Duration::from_millis(rng.next_u64() % 3000));
    site.slurm.signal_controller("CONT");
}

/// Flips a bit of a file of the newest submission.
fn damage(site: &Site, rng: &mut ChaCha8Rng, name: &str) {
    let mut found = files_named(site, name);
    // The checkpoint at a drop is kept for longer runs. No run would write it again.
    found.retain(|path| !path.ends_with("450.safetensors"));
    let Some(path) = any(&found, rng) else {
        return;
    };
    // It may have been replaced since.
    if let Ok(mut bytes) = fs::read(path)
        && !bytes.is_empty()
    {
        let at = (rng.next_u64() % bytes.len() as u64) as usize;
        bytes[at] ^= 1 << (rng.next_u64() % 8);
        let _ = fs::OpenOptions::new()
            .write(true)
            .open(path)
            .and_then(|mut file| std::io::Write::write_all(&mut file, &bytes));
    }
}

/// The files of the newest submission whose names end so.
fn files_named(site: &Site, end: &str) -> Vec<PathBuf> {
    let Some(folder) = site.submissions().pop() else {
        return Vec::new();
    };
    let mut found = files(&folder);
    found.retain(|path| path.to_string_lossy().ends_with(end));
    found.sort();
    found
}

fn any<'a>(found: &'a [PathBuf], rng: &mut ChaCha8Rng) -> Option<&'a PathBuf> {
    let at = rng.next_u64() as usize % found.len().max(1);
    found.get(at)
}
