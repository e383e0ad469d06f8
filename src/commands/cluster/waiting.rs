//! Tasks in the queue that do not get on: what the user can do about them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::released::{is_silent, last_words, on};
use crate::format::counted;
use resweep_cluster::SubmissionFolder;
use resweep_cluster::slurm::Queued;
use resweep_core::domain::shell_quoted;
use resweep_store::{OpenTask, Submission};

/// A task that has run for so many minutes without writing anything does not see the folder.
const SILENT_MINUTES: u64 = 5;

/// Slurm's reasons for which a task waits until its options, or those of the partition, change.
const LASTING: [&str; 12] = [
    "AccountNotAllowed",
    "AssocMaxCpuPerJobLimit",
    "AssocMaxWallDurationPerJobLimit",
    "BadConstraints",
    "DependencyNeverSatisfied",
    "InvalidAccount",
    "InvalidQOS",
    "PartitionConfig",
    "PartitionNodeLimit",
    "PartitionTimeLimit",
    "QOSMaxCpuPerJobLimit",
    "QOSMaxWallDurationPerJobLimit",
];

/// What keeps a task from getting on.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Trouble {
    /// It runs and writes nothing.
    Silent,
    Held(String),
    /// It waits for something that does not come by itself.
    Lasting(String),
}

/// Tasks of a submission with the same trouble.
#[derive(Debug)]
struct Tasks {
    count: usize,
    nodes: BTreeSet<String>,
    job: String,
    site: String,
    sweep: String,
    /// What the log of the first one says.
    words: String,
}

/// Tasks that do not get on, by submission and trouble.
#[derive(Debug, Default)]
pub struct Waiting(BTreeMap<(String, Trouble), Tasks>);

impl Waiting {
    /// Adds a task, if anything keeps it from getting on.
    pub fn add(
        &mut self,
        submission: &Submission,
        task: &OpenTask,
        queued: &Queued,
        folder: &SubmissionFolder,
    ) {
        let Some(trouble) = trouble(task, queued) else {
            return;
        };
        let words = || match trouble {
            Trouble::Silent => last_words(task.task, folder),
            _ => String::new(),
        };
        let new = Tasks {
            count: 0,
            nodes: BTreeSet::new(),
            job: queued.job.clone(),
            site: submission.site.clone(),
            sweep: submission.sweep.clone(),
            words: words(),
        };
        let key = (submission.name.clone(), trouble);
        let tasks = self.0.entry(key).or_insert(new);
        tasks.count += 1;
        tasks.nodes.extend(queued.node.clone());
    }

    /// A line for each submission and trouble.
    pub fn notes(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|((submission, trouble), tasks)| {
            let (is, it) = match tasks.count {
                1 => ("is", "it"),
                _ => ("are", "them"),
            };
            let counted = format!("{} of {submission}", counted(tasks.count, "task"));
            let Tasks {
                job, site, sweep, ..
            } = tasks;
            match trouble {
                Trouble::Silent => format!(
                    "{counted} {is} running{} for {SILENT_MINUTES} min or more and wrote nothing; {}",
                    on(&tasks.nodes),
                    tasks.words
                ),
                Trouble::Held(reason) => format!(
                    "{counted} {is} held ({reason}); `scontrol release {job}` lets {it} start"
                ),
                Trouble::Lasting(reason) => format!(
                    "{counted} {is} waiting for `{reason}`, which does not pass by itself; \
                     `resweep cancel {}`, correct [{site}.sbatch] in clusters.toml, and submit again",
                    shell_quoted(sweep)
                ),
            }
        })
    }
}

fn trouble(task: &OpenTask, queued: &Queued) -> Option<Trouble> {
    let long = Duration::from_secs(60 * SILENT_MINUTES);
    if is_silent(task) && queued.state == "RUNNING" && queued.running >= long {
        return Some(Trouble::Silent);
    }
    let reason = queued.reason.as_ref()?;
    if reason.to_lowercase().contains("held") {
        return Some(Trouble::Held(reason.clone()));
    }
    let lasts = LASTING.contains(&reason.as_str()) && queued.state == "PENDING";
    lasts.then(|| Trouble::Lasting(reason.clone()))
}
