//! Why runs are released from a cluster, for messages.

use std::collections::{BTreeMap, BTreeSet};

use crate::format::counted;
use resweep_cluster::SubmissionFolder;
use resweep_cluster::slurm::Queued;
use resweep_core::domain::Left;
use resweep_store::OpenTask;

/// Why runs are released.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Why {
    pub reason: String,
    /// What the user can check.
    hint: Option<String>,
}

impl Why {
    pub fn of(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            hint: None,
        }
    }
}

/// Released runs, by submission and reason.
#[derive(Debug, Default)]
pub struct Released(BTreeMap<(String, Why), Runs>);

#[derive(Debug, Default)]
struct Runs {
    count: usize,
    /// The nodes of tasks that wrote nothing.
    nodes: BTreeSet<String>,
}

impl Released {
    pub fn add(&mut self, submission: &str, why: Why, runs: usize, node: Option<String>) {
        let all = self.0.entry((submission.to_owned(), why)).or_default();
        all.count += runs;
        all.nodes.extend(node);
    }

    /// A line for each submission and reason.
    pub fn notes(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|((submission, why), runs)| {
            let hint = why.hint.as_ref();
            let hint = hint.map_or(String::new(), |hint| format!("; {hint}"));
            format!(
                "{} of {submission} released: {}{}{hint}; `resweep submit` submits again",
                counted(runs.count, "run"),
                why.reason,
                on(&runs.nodes)
            )
        })
    }
}

/// Whether no start of a task has written anything.
pub fn is_silent(task: &OpenTask) -> bool {
    task.offsets.is_empty()
}

/// Why a task is gone.
pub fn why(task: &OpenTask, queued: Option<&Queued>, folder: &SubmissionFolder) -> Why {
    match (&task.left, queued) {
        (Some(Left::Failed(why)), _) => Why::of(why.as_str()),
        (_, Some(queued)) if queued.state == "CANCELLED" => Why::of("its task was cancelled"),
        (None, _) if is_silent(task) => Why {
            reason: match queued {
                Some(queued) => format!("its task wrote nothing and ended as {}", state(queued)),
                None => "its task left the queue and wrote nothing".to_owned(),
            },
            hint: Some(last_words(task.task, folder)),
        },
        (left, Some(queued)) if queued.state != "COMPLETED" => Why {
            reason: format!("its task ended as {}", state(queued)),
            hint: match left {
                None => folder.last_error(task.task).map(|error| said(&error)),
                Some(_) => None,
            },
        },
        (Some(Left::Done), _) => Why::of("its parent run has no result"),
        (Some(Left::Stopped(signal)), _) => Why::of(format!("its task was stopped by {signal}")),
        _ => Why::of("its task is no longer in the queue"),
    }
}

/// `FAILED (NonZeroExitCode)`.
fn state(queued: &Queued) -> String {
    match &queued.reason {
        Some(reason) => format!("{} ({reason})", queued.state),
        None => queued.state.clone(),
    }
}

/// The end of a task's log, or what it means that there is none.
pub fn last_words(task: usize, folder: &SubmissionFolder) -> String {
    match folder.last_words(task) {
        Some(line) => said(&line),
        None if folder.log(task).exists() => {
            format!("its log is empty: {}", folder.log(task).display())
        }
        None => format!(
            "it has no log, so its node may not see `{}`",
            folder.path().display()
        ),
    }
}

fn said(line: &str) -> String {
    format!("its log says `{line}`")
}

/// ` on n1, n2`; a long list is cut.
pub fn on(nodes: &BTreeSet<String>) -> String {
    const SHOWN: usize = 4;
    let shown: Vec<&str> = nodes.iter().take(SHOWN).map(String::as_str).collect();
    match (shown.is_empty(), nodes.len().saturating_sub(SHOWN)) {
        (true, _) => String::new(),
        (false, 0) => format!(" on {}", shown.join(", ")),
        (false, more) => format!(" on {} and {more} more", shown.join(", ")),
    }
}
