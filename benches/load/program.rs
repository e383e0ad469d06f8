//! The measurements that are made of other processes: this program's own, and resweep's.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::Value;

use super::measure::Measurement;
use super::sweep;

/// Between two questions to a sweep in progress.
const PAUSE: Duration = Duration::from_millis(200);

/// A command of the program itself on a results folder.
fn resweep(command: &[&str], results: &Path) -> Command {
    let mut resweep = Command::new(env!("CARGO_BIN_EXE_resweep"));
    resweep.args(command).arg("--results").arg(results);
    resweep
}

/// The seconds that `resweep COMMAND --results RESULTS` takes with its output thrown away.
pub fn seconds(command: &[&str], results: &Path) -> anyhow::Result<f64> {
    let begin = Instant::now();
    let mut resweep = resweep(command, results);
    let ended = resweep
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()?;
    let seconds = begin.elapsed().as_secs_f64();
    let said = String::from_utf8_lossy(&ended.stderr);
    ensure!(ended.status.success(), "resweep {command:?}: {said}");
    Ok(seconds)
}

/// The seconds from the start of `resweep run FILE` to the first run's start, as told on its
/// standard output; then the process is killed.
pub fn first_run(file: &str, workers: usize, results: &Path) -> anyhow::Result<f64> {
    let workers = workers.to_string();
    let command = ["run", file, "--progress", "json", "-j", &workers];
    let begin = Instant::now();
    let mut child = resweep(&command, results).stdout(Stdio::piped()).spawn()?;
    let output = child.stdout.take().context("no output")?;
    let told = first_line_with("run-started", output);
    let seconds = begin.elapsed().as_secs_f64();
    child.kill()?;
    child.wait()?;
    ensure!(told?, "resweep run ended before its first run");
    Ok(seconds)
}

fn first_line_with(word: &str, output: impl Read) -> std::io::Result<bool> {
    for line in BufReader::new(output).lines() {
        if line?.contains(word) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Makes a measurement in a new process; what it printed.
pub fn measure(what: Measurement, quick: bool, folder: &Path) -> anyhow::Result<Value> {
    read(start(what, quick, folder)?)
}

/// The same, while `resweep status` asks for the runs of this sweep and for all sweeps, by turns;
/// the milliseconds that each of the first and each of the second took from start to end.
pub fn measure_while_asking(
    what: Measurement,
    quick: bool,
    folder: &Path,
) -> anyhow::Result<(Value, [Vec<f64>; 2])> {
    let mut child = start(what, quick, folder)?;
    let mut times = [Vec::new(), Vec::new()];
    // Before, there is no sweep to ask for.
    while child.try_wait()?.is_none() {
        thread::sleep(PAUSE);
        if seconds(&["status", sweep::NAME], folder).is_ok() {
            break;
        }
    }
    while child.try_wait()?.is_none() {
        let commands = [&["status", sweep::NAME][..], &["status"]];
        for (command, times) in commands.into_iter().zip(&mut times) {
            times.push(seconds(command, folder)? * 1e3);
            thread::sleep(PAUSE);
        }
    }
    Ok((read(child)?, times))
}

fn start(what: Measurement, quick: bool, folder: &Path) -> anyhow::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--measure", what.as_str()]);
    command.args(quick.then_some("--quick"));
    command.arg("--folder").arg(folder);
    Ok(command.stdout(Stdio::piped()).spawn()?)
}

fn read(child: Child) -> anyhow::Result<Value> {
    let ended = child.wait_with_output()?;
    ensure!(
        ended.status.success(),
        "a measurement failed: {}",
        ended.status
    );
    Ok(serde_json::from_slice(&ended.stdout)?)
}
