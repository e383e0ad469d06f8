//! Slurm by its command lines: the job script, `sbatch`, `squeue`, `scancel` and `scontrol`.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use super::{ClusterError, SubmissionFolder};
use resweep_core::domain::shell_quoted;

/// Fields of `squeue`, the reason last: it is free text.
const FIELDS: &str = "%i|%j|%T|%N|%M|%r";

/// The contents of a job script.
#[derive(Debug, Clone, Copy)]
pub struct Script<'a> {
    pub name: &'a str,
    pub tasks: usize,
    pub at_once: Option<usize>,
    pub grace: Duration,
    /// Of sbatch: `--partition=gpu`.
    pub options: &'a [String],
    /// Lines before the program.
    pub setup: &'a [String],
    /// The program on the nodes.
    pub program: &'a str,
    pub folder: &'a SubmissionFolder,
}

impl Script<'_> {
    /// The text of the script, for `sbatch`.
    pub fn text(&self) -> String {
        let last = self.tasks.saturating_sub(1);
        let at_once = self.at_once.map(|tasks| format!("%{tasks}"));
        let log = self.folder.path().join("log").join("%a.txt");
        let options = [
            format!("--job-name={}", self.name),
            format!("--array=0-{last}{}", at_once.unwrap_or_default()),
            "--requeue --open-mode=append --export=NONE".to_owned(),
            format!("--signal=B:USR1@{}", self.grace.as_secs()),
            format!("--output=\"{}\"", log.display()),
        ];
        let options = options.iter().chain(self.options);
        let mut text = "#!/bin/bash\n".to_owned();
        for option in options {
            text += &format!("#SBATCH {option}\n");
        }
        // The commands of a Slurm that is not configured in the usual place need it.
        if let Some(conf) = std::env::var_os("SLURM_CONF") {
            text += &format!(
                "export SLURM_CONF={}\n",
                shell_quoted(&conf.to_string_lossy())
            );
        }
        for line in self.setup {
            text += line;
            text.push('\n');
        }
        // In place of the shell, so that signals reach it.
        text += &format!("exec {}\n", work(self.program, self.folder));
        text
    }
}

/// The command line of a task's process; the engine's variables or `--task N` say which task.
pub fn work(program: &str, folder: &SubmissionFolder) -> String {
    let quoted = |path: &Path| shell_quoted(&path.to_string_lossy());
    let results = match folder.results() {
        Some(results) => format!(" --results {}", quoted(results)),
        None => String::new(),
    };
    format!(
        "{} work {}{results}",
        shell_quoted(program),
        quoted(folder.path())
    )
}

/// The result of `sbatch`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Submitted {
    /// The number of the job.
    Accepted(String),
    /// Slurm refused it, for this reason.
    Refused(String),
    /// Slurm could not be reached.
    Unreachable(String),
    /// It may have been taken: no answer came.
    Unknown(String),
}

/// Submits the job script of a folder.
///
/// # Errors
/// `sbatch` cannot be started.
pub fn submit(folder: &SubmissionFolder) -> Result<Submitted, ClusterError> {
    let mut sbatch = command("sbatch");
    sbatch.arg("--parsable").arg(&*folder.script());
    let output = run(&mut sbatch, "sbatch")?;
    let said = all_lines(&output.stderr);
    if output.status.success() {
        let text = String::from_utf8_lossy(&output.stdout);
        let number = text.trim().split(';').next().unwrap_or_default();
        return Ok(if is_number(number) {
            Submitted::Accepted(number.to_owned())
        } else {
            Submitted::Unknown(format!("sbatch answered `{}`", text.trim()))
        });
    }
    let lower = said.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    // Of a refused connection nothing has reached the controller.
    Ok(if says(&["connect failure", "connection refused"]) {
        Submitted::Unreachable(said)
    } else if says(&[
        "timed out",
        "timeout",
        "communication",
        "unexpected message",
        "unable to contact",
    ]) {
        Submitted::Unknown(said)
    } else {
        Submitted::Refused(said)
    })
}

/// A task as the queue has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// The number of the array job.
    pub job: String,
    pub state: String,
    pub node: Option<String>,
    /// How long it has been running.
    pub running: Duration,
    /// Why it waits.
    pub reason: Option<String>,
}

impl Queued {
    /// Whether the task has ended and does not start again.
    pub fn is_over(&self) -> bool {
        const OVER: [&str; 10] = [
            "BOOT_FAIL",
            "CANCELLED",
            "COMPLETED",
            "DEADLINE",
            "FAILED",
            "NODE_FAIL",
            "OUT_OF_MEMORY",
            "PREEMPTED",
            "REVOKED",
            "TIMEOUT",
        ];
        OVER.contains(&self.state.as_str())
    }
}

/// The tasks of the user's jobs by job name and task. Tasks that ended some minutes ago are missing.
pub type Queue = HashMap<(String, usize), Queued>;

/// Asks once for all jobs of the user.
///
/// # Errors
/// `squeue` cannot be started, or fails: nothing can be concluded then.
pub fn queue() -> Result<Queue, ClusterError> {
    let mut squeue = command("squeue");
    squeue.args(["-h", "-r", "-t", "all", "--me", "-o", FIELDS]);
    let output = checked(&mut squeue, "squeue")?;
    Ok(parse_queue(&String::from_utf8_lossy(&output.stdout)))
}

fn parse_queue(text: &str) -> Queue {
    let line = |line: &str| {
        let mut fields = line.splitn(6, '|');
        let (job, task) = fields.next()?.split_once('_')?;
        let name = fields.next()?.to_owned();
        let state = fields.next()?.to_owned();
        let text = |field: Option<&str>| {
            let field = field.map(str::trim);
            let field = field.filter(|text| !text.is_empty() && *text != "None");
            field.map(str::to_owned)
        };
        let node = text(fields.next());
        let running = fields.next().and_then(parse_time);
        let queued = Queued {
            job: job.to_owned(),
            state,
            node,
            running: running.unwrap_or_default(),
            reason: text(fields.next()),
        };
        Some(((name, task.parse().ok()?), queued))
    };
    text.lines().filter_map(line).collect()
}

/// Cancels a job by its number, or by its name if the number is unknown.
///
/// # Errors
/// `scancel` cannot be started, or fails.
pub fn cancel(name: &str, job: Option<&str>) -> Result<(), ClusterError> {
    let mut scancel = command("scancel");
    match job {
        Some(job) => scancel.arg(job),
        None => scancel.arg(format!("--name={name}")),
    };
    let cancelled = checked(&mut scancel, "scancel");
    match cancelled {
        // A job that has ended needs no cancelling.
        Err(ClusterError::Command { said, .. }) if said.contains("Invalid job id") => Ok(()),
        cancelled => cancelled.map(|_| ()),
    }
}

/// The array job and the task that this process belongs to.
pub fn this_task() -> Option<(String, usize)> {
    let job = std::env::var("SLURM_ARRAY_JOB_ID").ok()?;
    let task = std::env::var("SLURM_ARRAY_TASK_ID").ok()?.parse().ok()?;
    Some((job, task))
}

/// Asks that this task, and no other of its job, starts again. Slurm answers with SIGTERM at once.
///
/// # Errors
/// `scontrol` cannot be started, or fails.
pub fn requeue(job: &str, task: usize) -> Result<(), ClusterError> {
    let mut scontrol = Command::new("scontrol");
    scontrol.arg("requeue").arg(format!("{job}_{task}"));
    checked(&mut scontrol, "scontrol").map(|_| ())
}

/// How many tasks a job array may have.
///
/// # Errors
/// `scontrol` cannot be started, or fails.
pub fn max_array_size() -> Result<Option<usize>, ClusterError> {
    let mut scontrol = command("scontrol");
    let output = checked(scontrol.args(["show", "config"]), "scontrol")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let value = |line: &str| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == "MaxArraySize").then(|| value.trim().parse().ok())?
    };
    Ok(text.lines().find_map(value))
}

/// The value of an option of sbatch.
pub fn option<'a>(options: &'a [String], name: &str) -> Option<&'a str> {
    let prefix = format!("--{name}=");
    options
        .iter()
        .find_map(|option| option.strip_prefix(&prefix))
}

/// A time limit as sbatch reads it: `90`, `90:00`, `1:30:00`, `2-0`, `2-12:00`, `2-12:00:00`.
pub fn parse_time(text: &str) -> Option<Duration> {
    let (days, rest) = match text.split_once('-') {
        Some((days, rest)) => (Some(days.parse::<u64>().ok()?), rest),
        None => (None, text),
    };
    let parts: Option<Vec<u64>> = rest.split(':').map(|part| part.parse().ok()).collect();
    let seconds = match (days, parts?.as_slice()) {
        (None, [minutes]) => minutes * 60,
        (None, [minutes, seconds]) => minutes * 60 + seconds,
        (_, [hours, minutes, seconds]) => hours * 3600 + minutes * 60 + seconds,
        (Some(_), [hours]) => hours * 3600,
        (Some(_), [hours, minutes]) => hours * 3600 + minutes * 60,
        _ => return None,
    };
    Some(Duration::from_secs(days.unwrap_or(0) * 86_400 + seconds))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A command of Slurm without the variables that a Slurm job has in its environment.
fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let leaks = ["SLURM_", "SBATCH_", "SQUEUE_", "SCANCEL_", "PMIX_", "PMI_"];
        if text != "SLURM_CONF" && leaks.iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    command.stdin(Stdio::null());
    command
}

fn run(command: &mut Command, program: &'static str) -> Result<Output, ClusterError> {
    command
        .output()
        .map_err(|source: io::Error| ClusterError::Missing {
            program,
            command: shown(command),
            source,
        })
}

fn checked(command: &mut Command, program: &'static str) -> Result<Output, ClusterError> {
    let output = run(command, program)?;
    if output.status.success() {
        return Ok(output);
    }
    Err(ClusterError::Command {
        command: shown(command),
        said: last_line(&output.stderr),
    })
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<String> = words
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    words.join(" ")
}

/// What a command said, in one line, without its advice to read its help.
fn all_lines(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with("Try "));
    let lines: Vec<&str> = lines.collect();
    match lines.is_empty() {
        true => "nothing".to_owned(),
        false => lines.join("; "),
    }
}

fn last_line(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let last = text.lines().rev().find(|line| !line.trim().is_empty());
    last.unwrap_or("nothing").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_limits_are_read_as_sbatch_reads_them() {
        for (text, minutes) in [
            ("90", 90),
            ("90:00", 90),
            ("1:30:00", 90),
            ("2-0", 2880),
            ("1-12:30", 2190),
            ("1-00:00:00", 1440),
        ] {
            assert_eq!(parse_time(text), Some(Duration::from_secs(60 * minutes)));
        }
        for text in ["", "x", "1:2:3:4", "1-1:1:1:1", "UNLIMITED"] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }

    #[test]
    fn the_queue_is_read_line_by_line() {
        let text = "12_0|resweep-a-1f|RUNNING|n1|0:05|None\n12_1|resweep-a-1f|PENDING||0:00|Priority\n13|other|RUNNING|n2|0:00|None\n";
        let queue = parse_queue(text);
        assert_eq!(queue.len(), 2);
        let pending = &queue[&("resweep-a-1f".to_owned(), 1)];
        assert_eq!(pending.reason.as_deref(), Some("Priority"));
        assert_eq!((pending.node.as_deref(), pending.is_over()), (None, false));
    }
}
