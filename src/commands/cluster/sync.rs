//! Fetches what tasks wrote. The queue is queried before the journals are read: a task that has left the
//! queue writes nothing more, so its journals are then complete.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::super::results::database;
use super::draw::draw;
use super::released::{Released, Why, is_silent, why};
use super::site;
use super::waiting::Waiting;
use resweep_cluster::slurm::{self, Queue, Queued};
use resweep_cluster::{ClusterError, Start, SubmissionFolder, Tail, read_journal};
use resweep_core::domain::{Left, RunId, TaskRun, shell_quoted};
use resweep_store::{
    Engine, OpenTask, Submission, SubmissionState, Submissions, TaskInQueue, TaskJournal,
    is_on_network,
};

/// Whether to query the queue. Runs are released only if it was queried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    Queue,
    FilesOnly,
}

/// A job that is not in the queue after this time was not accepted.
const UNKNOWN_FOR: Duration = Duration::from_secs(60);
/// Files on a network file system may become visible this much later.
const LATE: Duration = Duration::from_secs(90);

/// What a sync fetched.
#[derive(Debug, Default)]
pub struct Fetched {
    /// News of each sweep that has an open submission.
    pub sweeps: BTreeMap<String, News>,
    /// Submissions that are still open.
    pub open: usize,
    notes: Vec<String>,
    waiting: Waiting,
    released: Released,
}

/// What is new for one sweep.
#[derive(Debug, Default, Clone, Copy)]
pub struct News {
    pub records: usize,
    /// Runs that have ended.
    pub ended: usize,
    /// Runs that were released without an end.
    pub released: usize,
    /// Runs that are still on a cluster.
    pub open: usize,
}

impl Fetched {
    /// Prints the notes.
    pub fn print_notes(&self) {
        self.notes().iter().for_each(|note| errln!("note: {note}"));
    }

    /// What the user should know.
    pub fn notes(&self) -> Vec<String> {
        let notes = self.notes.iter().cloned();
        let notes = notes.chain(self.waiting.notes());
        notes.chain(self.released.notes()).collect()
    }

    fn news(&mut self, sweep: &str) -> &mut News {
        self.sweeps.entry(sweep.to_owned()).or_default()
    }

    fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

/// Fetches all new records, and draws each sweep that has no run on a cluster any more.
///
/// # Errors
/// The database or a figure cannot be written.
pub fn fetch(results: &Path, ask: Ask) -> anyhow::Result<Fetched> {
    fetch_then(results, ask, &|sweep| draw(sweep, results))
}

/// Like [`fetch`]; calls `before_close` with the sweep of each submission that is about to be
/// closed. If the process dies in it, the next call closes the same submission again.
///
/// # Errors
/// As [`fetch`], and those of `before_close`.
pub fn fetch_then(
    results: &Path,
    ask: Ask,
    before_close: &dyn Fn(&str) -> anyhow::Result<()>,
) -> anyhow::Result<Fetched> {
    let mut fetched = Fetched::default();
    let Some(submissions) = Submissions::open(&database(results))? else {
        return Ok(fetched);
    };
    let open = submissions.not_closed()?;
    let has_slurm = open.iter().any(|one| one.engine == Engine::Slurm);
    let queue = match ask {
        Ask::Queue if has_slurm => slurm::queue()
            .inspect_err(|error| fetched.note(format!("cannot read the queue: {error}")))
            .ok(),
        _ => None,
    };
    let mut sync = Sync {
        results,
        submissions,
        queue,
        fetched,
        concludes: ask == Ask::Queue,
        before_close,
    };
    for submission in &open {
        sync.one(submission)?;
    }
    Ok(sync.fetched)
}

/// Releases every open run of these submissions.
///
/// # Errors
/// The database cannot be written.
pub fn free_all(results: &Path, which: &[Submission], why: &str) -> anyhow::Result<Fetched> {
    let Some(submissions) = Submissions::open(&database(results))? else {
        return Ok(Fetched::default());
    };
    let mut sync = Sync {
        results,
        submissions,
        queue: None,
        fetched: Fetched::default(),
        concludes: false,
        before_close: &|sweep| draw(sweep, results),
    };
    for submission in which {
        sync.release_all(submission, why)?;
        sync.close(submission)?;
    }
    Ok(sync.fetched)
}

struct Sync<'a> {
    results: &'a Path,
    submissions: Submissions,
    /// `None` if it was not queried or did not answer.
    queue: Option<Queue>,
    fetched: Fetched,
    concludes: bool,
    before_close: &'a dyn Fn(&str) -> anyhow::Result<()>,
}

impl Sync<'_> {
    fn one(&mut self, submission: &Submission) -> anyhow::Result<()> {
        let folder = site::submission(self.results, &submission.folder)?;
        let in_queue = self.note_queue(submission)?;
        for task in &submission.tasks {
            let runs = match folder.runs(task.task) {
                Ok(runs) => runs,
                Err(error) => {
                    self.note_unreadable(submission, &error);
                    return self.close(submission);
                }
            };
            self.replay(submission, task.task, &task.offsets, &folder, &runs)?;
        }
        // With the records just fetched.
        let now = self.submissions.not_closed()?;
        if let Some(now) = now.into_iter().find(|one| one.id == submission.id) {
            self.conclude(&now, &folder, &in_queue)?;
        }
        self.close(submission)
    }

    /// Stores the state of the tasks in the queue and returns it.
    fn note_queue(&mut self, submission: &Submission) -> anyhow::Result<HashMap<usize, Queued>> {
        let Some(queue) = &self.queue else {
            return Ok(HashMap::new());
        };
        if submission.engine != Engine::Slurm {
            return Ok(HashMap::new());
        }
        let mut found = HashMap::new();
        let mut seen = Vec::new();
        for task in &submission.tasks {
            let queued = queue.get(&(submission.name.clone(), task.task));
            seen.push((
                task.task,
                TaskInQueue {
                    state: queued.map(|queued| queued.state.clone()),
                    node: queued.and_then(|queued| queued.node.clone()),
                    reason: queued.and_then(|queued| queued.reason.clone()),
                    is_gone: queued.is_none_or(Queued::is_over),
                },
            ));
            found.extend(queued.map(|queued| (task.task, queued.clone())));
        }
        self.submissions.note_queue(submission.id, &seen)?;
        let job = queue.iter().find(|((name, _), _)| *name == submission.name);
        if let (SubmissionState::Unknown, Some((_, queued))) = (submission.state, job) {
            let state = SubmissionState::Submitted;
            (self.submissions).set_state(&submission.name, state, Some(&queued.job))?;
        }
        Ok(found)
    }

    /// Reads the highest start first: the checkpoint that it resumes from is in an earlier journal,
    /// and those are read after it.
    fn replay(
        &mut self,
        submission: &Submission,
        task: usize,
        offsets: &HashMap<Start, u64>,
        folder: &SubmissionFolder,
        runs: &[TaskRun],
    ) -> anyhow::Result<()> {
        let starts = folder.starts(task)?;
        let mut journals = Vec::new();
        for start in starts.into_iter().rev() {
            let offset = offsets.get(&start).copied().unwrap_or(0);
            let read = match read_journal(&folder.journal(task, start), offset) {
                Ok(read) => read,
                Err(error) => {
                    let path = folder.journal(task, start);
                    self.fetched
                        .note(format!("cannot read {}: {error}", path.display()));
                    return Ok(());
                }
            };
            journals.push(TaskJournal {
                start,
                records: read.records,
                is_damaged: matches!(read.tail, Tail::Damaged { .. }),
            });
        }
        journals.reverse();
        if journals
            .iter()
            .all(|journal| journal.records.is_empty() && !journal.is_damaged)
        {
            return Ok(());
        }
        let checkpoints = |run: &RunId, start| folder.checkpoints(run, start);
        let replayed =
            (self.submissions).replay(submission.id, task, runs, &journals, &checkpoints)?;
        let news = self.fetched.news(&submission.sweep);
        news.records += replayed.records;
        news.ended += replayed.closed.len();
        for note in replayed.notes {
            self.fetched.note(note);
        }
        Ok(())
    }

    /// Releases runs whose task is gone.
    fn conclude(
        &mut self,
        submission: &Submission,
        folder: &SubmissionFolder,
        in_queue: &HashMap<usize, Queued>,
    ) -> anyhow::Result<()> {
        let asked = self.queue.is_some() && submission.engine == Engine::Slurm;
        if asked
            && submission.state == SubmissionState::Unknown
            && !self.was_taken(submission, folder)
        {
            if age(submission.submitted_unix_ms) >= UNKNOWN_FOR {
                self.release_all(submission, "Slurm did not take the job")?;
            }
            return Ok(());
        }
        let late = if is_on_network(folder.path()) {
            LATE
        } else {
            Duration::ZERO
        };
        for task in &submission.tasks {
            let queued = in_queue.get(&task.task);
            let why = match submission.engine {
                Engine::Slurm if asked => {
                    let waited = task.gone_unix_ms.map(age);
                    let said = task.left.as_ref().is_some_and(is_end);
                    let is_gone = waited.is_some_and(|waited| said || waited >= late);
                    is_gone.then(|| why(task, queued, folder))
                }
                Engine::Command if self.concludes => task
                    .left
                    .as_ref()
                    .filter(|left| is_end(left))
                    .map(|_| why(task, None, folder)),
                _ => None,
            };
            match why {
                Some(why) => {
                    let node = queued.and_then(|queued| queued.node.clone());
                    self.free(
                        submission,
                        task,
                        folder,
                        why,
                        node.filter(|_| is_silent(task)),
                    )?;
                }
                None => {
                    if let Some(queued) = queued {
                        self.fetched.waiting.add(submission, task, queued, folder);
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether the engine accepted a job that it did not confirm.
    fn was_taken(&self, submission: &Submission, folder: &SubmissionFolder) -> bool {
        let queue = self.queue.iter().flatten();
        let named = queue
            .map(|((name, _), _)| name)
            .any(|name| *name == submission.name);
        named || folder.is_owned()
    }

    fn free(
        &mut self,
        submission: &Submission,
        task: &OpenTask,
        folder: &SubmissionFolder,
        why: Why,
        node: Option<String>,
    ) -> anyhow::Result<()> {
        // The mark first: a process that still trains the run stops.
        for run in &task.open {
            folder.free(run)?;
        }
        let (task, open) = (task.task, task.open.len());
        let runs = folder.runs(task)?;
        let checkpoints = |run: &RunId, start| folder.checkpoints(run, start);
        let freed =
            (self.submissions).free(submission.id, task, &runs, &why.reason, &checkpoints)?;
        for note in freed.notes {
            self.fetched.note(note);
        }
        let news = self.fetched.news(&submission.sweep);
        news.released += freed.closed.len();
        self.fetched.released.add(&submission.name, why, open, node);
        Ok(())
    }

    fn release_all(&mut self, submission: &Submission, why: &str) -> anyhow::Result<()> {
        let folder = site::submission(self.results, &submission.folder)?;
        if folder.runs(0).is_ok() {
            // If a job was created all the same, it does nothing.
            folder.close()?;
        }
        for task in &submission.tasks {
            if folder.runs(task.task).is_ok() {
                self.free(submission, task, &folder, Why::of(why), None)?;
            }
        }
        Ok(self.submissions.give_up(submission.id, why)?)
    }

    /// Notes that a folder cannot be read. Its runs stay: what the tasks wrote is lost only if the folder
    /// is, and nobody but the user knows whether this machine will see it again.
    fn note_unreadable(&mut self, submission: &Submission, error: &ClusterError) {
        let because =
            std::error::Error::source(error).map_or(String::new(), |why| format!(" ({why})"));
        self.fetched.note(format!(
            "{error}{because}; mount or restore the folder, or release its runs with `resweep cancel {}`",
            shell_quoted(&submission.sweep)
        ));
    }

    /// Closes a submission that has no open run left, and removes its checkpoints.
    fn close(&mut self, submission: &Submission) -> anyhow::Result<()> {
        let runs = self.open_runs(submission)?;
        if runs == 0 {
            (self.before_close)(&submission.sweep)?;
        }
        if runs == 0 && self.submissions.close_if_done(submission.id)? {
            site::submission(self.results, &submission.folder)?.remove_checkpoints();
            self.fetched.news(&submission.sweep);
            return Ok(());
        }
        self.fetched.open += 1;
        let news = self.fetched.news(&submission.sweep);
        news.open += runs;
        Ok(())
    }

    /// Runs of a submission that are still on a cluster.
    fn open_runs(&self, submission: &Submission) -> anyhow::Result<usize> {
        let now = self.submissions.not_closed()?;
        let open = now.iter().filter(|one| one.id == submission.id);
        let tasks = open.flat_map(|one| &one.tasks);
        Ok(tasks.map(|task| task.open.len()).sum())
    }
}

/// Whether no other start follows one that ended like this.
fn is_end(left: &Left) -> bool {
    !matches!(left, Left::Superseded)
}

fn age(unix_ms: i64) -> Duration {
    let then = UNIX_EPOCH + Duration::from_millis(u64::try_from(unix_ms).unwrap_or(0));
    SystemTime::now().duration_since(then).unwrap_or_default()
}

/// The sweeps whose records have changed.
pub fn changed(fetched: &Fetched) -> HashSet<String> {
    let sweeps = fetched.sweeps.iter();
    let changed = sweeps.filter(|(_, news)| news.records + news.ended + news.released > 0);
    changed.map(|(name, _)| name.clone()).collect()
}
