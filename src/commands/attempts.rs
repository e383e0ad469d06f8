//! Implements `resweep status SWEEP --attempts`: every start of a run, and why it ended.

use std::time::Duration;

use serde::Serialize;
use sysinfo::System;

use super::table;
use crate::format::ago;
use crate::format::{duration, first_line};
use crate::output;
use resweep_core::domain::{DeviceKind, RunId};
use resweep_store::{Attempt, AttemptStatus, Member, Store};

/// One attempt in the output of `--json`.
#[derive(Serialize)]
pub struct Row<'a> {
    id: &'a RunId,
    label: &'a str,
    attempt: u64,
    training: u64,
    status: &'static str,
    /// Why it ended; empty if it is running or finished.
    reason: String,
    from_iteration: u64,
    started_unix_ms: i64,
    ended_unix_ms: Option<i64>,
    wall_s: Option<f64>,
    host: Option<String>,
    pid: Option<u32>,
    error: Option<String>,
    diverged_iteration: Option<u64>,
    program_version: String,
    git_commit: Option<String>,
    device: String,
    cpu: String,
    threads: u64,
    workers: u64,
}

/// Prints all attempts at the runs of a sweep, in the order of the runs.
pub fn show(store: &Store, members: &[Member], json: bool) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for member in members {
        rows.extend(self::rows(store, member)?);
    }
    if json {
        output::json(&rows)?;
    } else if rows.is_empty() {
        outln!("no run of the sweep has been started yet");
    } else {
        print(&rows);
    }
    Ok(())
}

/// All attempts at a run.
pub fn rows<'a>(store: &Store, member: &'a Member) -> anyhow::Result<Vec<Row<'a>>> {
    let attempts = store.attempts(&member.id)?.into_iter();
    Ok(attempts.map(|attempt| row(member, attempt)).collect())
}

fn row<'a>(member: &'a Member, attempt: Attempt) -> Row<'a> {
    Row {
        id: &member.id,
        label: &member.label,
        attempt: attempt.number,
        training: attempt.training,
        status: attempt.status.into_str(),
        reason: reason(&attempt),
        from_iteration: attempt.from_iteration,
        started_unix_ms: attempt.started_unix_ms,
        ended_unix_ms: attempt.ended_unix_ms,
        wall_s: attempt.wall.map(|wall| wall.as_secs_f64()),
        host: attempt.host,
        pid: attempt.process,
        error: attempt.error,
        diverged_iteration: attempt.diverged_iteration,
        program_version: attempt.program_version,
        git_commit: attempt.git_commit,
        device: attempt.device,
        cpu: attempt.cpu,
        threads: attempt.threads,
        workers: attempt.workers,
    }
}

fn reason(attempt: &Attempt) -> String {
    let error = || attempt.error.as_deref().map(first_line);
    match attempt.status {
        AttemptStatus::Running | AttemptStatus::Finished => String::new(),
        AttemptStatus::Diverged => {
            format!("at iteration {}", attempt.diverged_iteration.unwrap_or(0))
        }
        AttemptStatus::Failed => error().unwrap_or_default().to_owned(),
        AttemptStatus::Stopped => {
            let why = error().unwrap_or("on request");
            why.strip_prefix("stopped ").unwrap_or(why).to_owned()
        }
        AttemptStatus::Interrupted => error().unwrap_or("the process died").to_owned(),
    }
}

/// Omits columns with the same value in every row, to save space.
fn print(rows: &[Row]) {
    let here = System::host_name().ok();
    let again = rows.iter().any(|row| row.training > 1);
    let mut header = vec![
        "run", "attempt", "from", "started", "time", "process", "end",
    ];
    let on_gpus = rows
        .iter()
        .any(|row| row.device != DeviceKind::Cpu.to_string());
    if on_gpus {
        header.insert(5, "device");
    }
    if again {
        header.insert(2, "training");
    }
    let lines = rows.iter().map(|row| {
        let time = row.wall_s.map(Duration::from_secs_f64);
        let end = match row.reason.as_str() {
            "" => row.status.to_owned(),
            reason => format!("{}: {reason}", row.status),
        };
        let mut line = vec![
            row.label.to_owned(),
            row.attempt.to_string(),
            row.from_iteration.to_string(),
            ago(row.started_unix_ms),
            time.map_or_else(|| "-".to_owned(), duration),
            process(row, here.as_deref()),
            end,
        ];
        if on_gpus {
            line.insert(5, short_device(&row.device));
        }
        if again {
            line.insert(2, row.training.to_string());
        }
        line
    });
    let numbers = ["attempt", "training", "from", "time", "process"];
    table::print(&header, &numbers, lines.collect());
}

/// Names the host if it is not this machine.
fn process(row: &Row, here: Option<&str>) -> String {
    match (row.pid, &row.host) {
        (Some(pid), Some(host)) if here == Some(host) => pid.to_string(),
        (Some(pid), Some(host)) => format!("{host} {pid}"),
        _ => "-".to_owned(),
    }
}

/// A GPU and its name without the versions and settings, which `--json` has.
fn short_device(device: &str) -> String {
    match device.split_once(';') {
        Some((name, _)) => format!("{name})"),
        None => device.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_is_shown_by_name() {
        let gpu = "cuda:0 (NVIDIA H100 80GB HBM3; 132 SMs; CUDA 13.0; cuBLAS 13.0.2)";
        assert_eq!(short_device(gpu), "cuda:0 (NVIDIA H100 80GB HBM3)");
        let earlier = "cuda:0 (NVIDIA H100 80GB HBM3)";
        assert_eq!(short_device(earlier), earlier);
        assert_eq!(short_device("cpu"), "cpu");
    }
}
