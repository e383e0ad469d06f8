//! The parent process: a trainer that starts and supervises a child for each run.

use std::io::{BufRead, BufReader, Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};

use super::message::{Answer, Order, Setting};
use resweep_core::domain::{Job, OUT_OF_MEMORY, Outcome, RunEvent, TrainError, Trainer};

/// The most bytes kept of a child's standard error, from its end.
const STDERR_BYTES_MAX: usize = 16 << 10;

/// Trains each run in a child process.
pub struct ChildTrainer {
    setting: Setting,
}

impl ChildTrainer {
    pub fn new(setting: Setting) -> Self {
        Self { setting }
    }
}

impl Trainer for ChildTrainer {
    fn train(
        &self,
        job: &Job<'_>,
        report: &mut (dyn FnMut(RunEvent) -> ControlFlow<()> + Send),
    ) -> Result<Outcome, TrainError> {
        let order = Order {
            run: job.run.clone(),
            slot: job.slot,
            lease: job.lease.clone(),
            setting: self.setting.clone(),
        };
        let mut supervised = Supervised::start(&order)?;
        let answer = supervised.forward_events(report);
        let (status, printed) = supervised.end()?;
        for line in printed.lines() {
            tracing::info!("child: {line}");
        }
        match answer {
            Some(Answer::Ended(outcome)) => Ok(outcome),
            // The next run has a process of its own, which may use the device.
            Some(Answer::Failed(error)) => Err(TrainError {
                device_lost: false,
                ..error
            }),
            Some(Answer::Event(_)) | None => Err(death(status, &printed)),
        }
    }
}

/// A child process that is killed on drop.
struct Supervised {
    child: Child,
    input: ChildStdin,
    printed: Option<JoinHandle<String>>,
}

impl Supervised {
    fn start(order: &Order) -> Result<Self, TrainError> {
        let failed = |error: &dyn std::fmt::Display| {
            TrainError::transient(format!("cannot start a process for the run: {error}"))
        };
        let mut child = Command::new(this_program().map_err(|error| failed(&error))?)
            .arg(super::CHILD)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| failed(&error))?;
        let mut input = child.stdin.take().expect("stdin is piped");
        let errors = child.stderr.take().expect("stderr is piped");
        let supervised = Self {
            child,
            printed: Some(thread::spawn(move || read_end(errors))),
            input: {
                let mut line = serde_json::to_string(order).map_err(|error| failed(&error))?;
                line.push('\n');
                // If the child has died already, reading from it fails.
                let _ = input.write_all(line.as_bytes());
                input
            },
        };
        Ok(supervised)
    }

    /// Forwards events until the child reports the end of the run or closes its output.
    fn forward_events(
        &mut self,
        report: &mut (dyn FnMut(RunEvent) -> ControlFlow<()> + Send),
    ) -> Option<Answer> {
        let output = self.child.stdout.take().expect("stdout is piped");
        for line in BufReader::new(output).lines() {
            match serde_json::from_str(&line.ok()?).ok()? {
                Answer::Event(event) => {
                    if report(event).is_break() {
                        // The child may have died meanwhile.
                        let _ = self.input.write_all(b"stop\n");
                    }
                }
                answer => return Some(answer),
            }
        }
        None
    }

    /// Waits for the child's end. Returns its status and the end of its standard error.
    fn end(mut self) -> Result<(ExitStatus, String), TrainError> {
        let status = self.child.wait().map_err(|error| {
            TrainError::transient(format!("cannot wait for the run's process: {error}"))
        })?;
        let printed = self.printed.take().map(JoinHandle::join);
        let printed = printed.and_then(Result::ok).unwrap_or_default();
        Ok((status, printed))
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        // Killing a child that has ended does nothing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The error for a child that ended without reporting the outcome of its run.
fn death(status: ExitStatus, printed: &str) -> TrainError {
    let last = printed.lines().rev().find(|line| !line.trim().is_empty());
    let said = last.map_or(String::new(), |line| format!("; it last said: {line}"));
    let message = format!("the run's process died: {status}{said}");
    // Rust's message when an allocation fails.
    if printed.contains("memory allocation of") {
        TrainError::out_of_memory(format!("{OUT_OF_MEMORY} ({message})"))
    // The out-of-memory killer sends SIGKILL; users may send it for other reasons.
    } else if is_killed(status) {
        TrainError::transient(message)
    } else {
        TrainError::permanent(message)
    }
}

#[cfg(unix)]
fn is_killed(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    const SIGKILL: i32 = 9;
    status.signal() == Some(SIGKILL)
}

#[cfg(not(unix))]
fn is_killed(_: ExitStatus) -> bool {
    false
}

/// This program, even if its file has been replaced meanwhile.
fn this_program() -> std::io::Result<PathBuf> {
    let running = Path::new("/proc/self/exe");
    if cfg!(target_os = "linux") && running.try_exists()? {
        return Ok(running.to_owned());
    }
    std::env::current_exe()
}

fn read_end(mut errors: impl Read) -> String {
    let mut kept = Vec::new();
    let mut block = [0; 4096];
    while let Ok(read @ 1..) = errors.read(&mut block) {
        kept.extend_from_slice(&block[..read]);
        let surplus = kept.len().saturating_sub(STDERR_BYTES_MAX);
        kept.drain(..surplus);
    }
    String::from_utf8_lossy(&kept).into_owned()
}
