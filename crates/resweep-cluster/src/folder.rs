//! The folder of a submission, which every node sees.
//!
//! ```text
//! order.json job.sh             what `resweep submit` wrote
//! owner                         the job that claimed the submission
//! free/<run>                    the run is released
//! log/<task>.txt
//! tasks/<task>/runs.json
//! tasks/<task>/<start>/journal  start = 1, 2, ...; holes are allowed
//! runs/<run>/<start>/<iteration>.safetensors
//! ```

use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use super::{ClusterError, Order, order};
use resweep_core::domain::{RunId, TaskRun};
use resweep_core::files::{Entry, Place};

/// The number of a start of a task. Only the highest one counts.
pub type Start = u32;

/// The content of `owner` if no job may claim the submission any more.
const NOBODY: &str = "nobody";
/// The folders that every submission has from the start.
const FOLDERS: [&str; 3] = ["log", "free", "runs"];
/// How much of the end of a log is read.
const LOG_BYTES: u64 = 4096;
/// How much of a line of a log is shown.
const LINE_CHARS: usize = 240;

/// The folder of one submission. No symbolic link in it is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmissionFolder(Place);

impl SubmissionFolder {
    pub fn new(place: Place) -> Self {
        Self(place)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The results folder, if the submission is inside it and not in a folder of the site.
    pub fn results(&self) -> Option<&Path> {
        let root = self.0.root_folder();
        (self.0.parent() != Some(root)).then_some(root)
    }

    /// The job script.
    pub fn script(&self) -> Place {
        self.0.join("job.sh")
    }

    /// The folder of Slurm's logs.
    pub fn logs(&self) -> Place {
        self.0.join("log")
    }

    /// Slurm's log of a task.
    pub fn log(&self, task: usize) -> Place {
        self.logs().join(format!("{task}.txt"))
    }

    /// The last error in a task's log, or its last line.
    pub fn last_words(&self, task: usize) -> Option<String> {
        self.last_error(task)
            .or_else(|| last_line(&self.end_of_log(task)?))
    }

    /// The last error of resweep in a task's log, with its causes.
    pub fn last_error(&self, task: usize) -> Option<String> {
        last_error(&self.end_of_log(task)?)
    }

    fn end_of_log(&self, task: usize) -> Option<String> {
        let mut file = self.log(task).open().ok()?;
        let length = file.metadata().ok()?.len();
        let start = SeekFrom::Start(length.saturating_sub(LOG_BYTES));
        file.seek(start).ok()?;
        let mut bytes = Vec::new();
        file.take(LOG_BYTES).read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The folder for the checkpoints of one start of a task.
    pub fn checkpoints(&self, run: &RunId, start: Start) -> Place {
        self.runs_folder().join(&run.0).join(start.to_string())
    }

    fn runs_folder(&self) -> Place {
        self.0.join("runs")
    }

    /// Removes the checkpoints of all runs. Files that are not checkpoints stay.
    pub fn remove_checkpoints(&self) {
        let folders = |place: &Place| place.entries().into_iter().filter(|found| found.is_folder);
        let root = self.runs_folder();
        for run in folders(&root) {
            for start in folders(&run.place) {
                let files = start.place.entries().into_iter();
                for file in files.filter(is_checkpoint) {
                    // `resweep gc` removes what stays.
                    let _ = file.place.remove_file();
                }
                let _ = start.place.remove_folder();
            }
            let _ = run.place.remove_folder();
        }
        let _ = root.remove_folder();
    }

    pub fn journal(&self, task: usize, start: Start) -> Place {
        self.task(task).join(start.to_string()).join("journal")
    }

    fn task(&self, task: usize) -> Place {
        self.0.join("tasks").join(task.to_string())
    }

    fn runs_file(&self, task: usize) -> Place {
        self.task(task).join("runs.json")
    }

    fn owner(&self) -> Place {
        self.0.join("owner")
    }

    /// Creates the folder, which must be new, and writes the submission. `order.json` comes last: with it
    /// the submission is complete. If a file cannot be written, the folder is removed.
    ///
    /// # Errors
    /// The folder exists, a file cannot be written, or a link is in the way.
    pub fn write(
        &self,
        order: &Order,
        tasks: &[Vec<TaskRun>],
        script: Option<&str>,
    ) -> Result<(), ClusterError> {
        let failed = |source| ClusterError::write(&self.0, source);
        self.0.folder().create_folder().map_err(failed)?;
        self.0.create_new_folder().map_err(failed)?;
        let written = self.fill(order, tasks, script);
        if written.is_err() {
            self.discard(tasks.len());
        }
        written
    }

    fn fill(
        &self,
        order: &Order,
        tasks: &[Vec<TaskRun>],
        script: Option<&str>,
    ) -> Result<(), ClusterError> {
        for name in FOLDERS {
            let place = self.0.join(name);
            place
                .create_new_folder()
                .map_err(|source| ClusterError::write(&place, source))?;
        }
        for (task, runs) in tasks.iter().enumerate() {
            order::write_runs(&self.runs_file(task), runs)?;
        }
        if let Some(script) = script {
            let place = self.script();
            place
                .write(&[script.as_bytes()])
                .map_err(|source| ClusterError::write(&place, source))?;
        }
        let synced = self.0.sync_file_system();
        synced.map_err(|source| ClusterError::write(&self.0, source))?;
        order.write(&self.0.join("order.json"))
    }

    /// Removes what [`SubmissionFolder::write`] creates, as far as it exists.
    fn discard(&self, tasks: usize) {
        let _ = self.script().remove_file();
        for task in 0..tasks {
            let _ = self.runs_file(task).remove_file();
            let _ = self.task(task).remove_folder();
        }
        for name in FOLDERS.into_iter().chain(["tasks"]) {
            let _ = self.0.join(name).remove_folder();
        }
        let _ = self.0.remove_folder();
    }

    /// Reads `order.json`.
    ///
    /// # Errors
    /// The file is missing or damaged.
    pub fn order(&self) -> Result<Order, ClusterError> {
        Order::read(&self.0.join("order.json"))
    }

    /// The runs of a task.
    ///
    /// # Errors
    /// The file is missing or damaged.
    pub fn runs(&self, task: usize) -> Result<Vec<TaskRun>, ClusterError> {
        order::read_runs(&self.runs_file(task))
    }

    /// Creates the folder of the next start of a task. `mkdir` is atomic on the server of a network
    /// file system. If its answer is lost and the request repeated, the number counts as taken,
    /// which leaves a gap.
    ///
    /// # Errors
    /// The folder cannot be created.
    pub fn begin(&self, task: usize) -> Result<Start, ClusterError> {
        self.begin_with(task, Place::create_new_folder)
    }

    fn begin_with(
        &self,
        task: usize,
        mkdir: impl Fn(&Place) -> io::Result<()>,
    ) -> Result<Start, ClusterError> {
        let mut start = self.starts(task)?.last().copied().unwrap_or(0);
        loop {
            start += 1;
            let place = self.task(task).join(start.to_string());
            match mkdir(&place) {
                Ok(()) => return Ok(start),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(source) => return Err(ClusterError::write(&place, source)),
            }
        }
    }

    /// The starts of a task so far, in ascending order.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn starts(&self, task: usize) -> Result<Vec<Start>, ClusterError> {
        let place = self.task(task);
        let entries = match place.read_entries() {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(ClusterError::read(&place, source)),
        };
        let numbers = entries
            .iter()
            .filter_map(|entry| entry.name()?.parse().ok());
        let mut starts: Vec<Start> = numbers.collect();
        starts.sort_unstable();
        Ok(starts)
    }

    /// Whether a later start than `start` works on the task.
    pub fn is_superseded(&self, task: usize, start: Start) -> bool {
        let starts = self.starts(task);
        starts.is_ok_and(|starts| starts.last().is_some_and(|last| *last > start))
    }

    fn mark(&self, run: &RunId) -> Place {
        self.0.join("free").join(&run.0)
    }

    /// Releases a run: a process that trains it stops at its next checkpoint.
    ///
    /// # Errors
    /// The mark cannot be written.
    pub fn free(&self, run: &RunId) -> Result<(), ClusterError> {
        let mark = self.mark(run);
        match mark.write_unsynced_with(|_| Ok(())) {
            Ok(()) => Ok(()),
            Err(source) => Err(ClusterError::write(&mark, source)),
        }
    }

    pub fn is_free(&self, run: &RunId) -> bool {
        self.mark(run).exists()
    }

    /// Whether a job has claimed the submission.
    pub fn is_owned(&self) -> bool {
        self.owner().exists()
    }

    /// Claims the submission for `job`; `false` if another job has claimed it.
    ///
    /// # Errors
    /// The mark can neither be written nor read.
    pub fn own(&self, job: &str) -> Result<bool, ClusterError> {
        let owner = self.owner();
        let written = owner.write_new(&[job.as_bytes()]);
        match (owner.read(), written) {
            (Ok(found), _) => Ok(found == job.as_bytes()),
            (Err(_), Err(error)) if error.kind() != ErrorKind::AlreadyExists => {
                Err(ClusterError::write(&owner, error))
            }
            (Err(source), _) => Err(ClusterError::read(&owner, source)),
        }
    }

    /// Prevents jobs that have not started yet from claiming the submission.
    ///
    /// # Errors
    /// The mark cannot be written.
    pub fn close(&self) -> Result<(), ClusterError> {
        self.own(NOBODY).map(|_| ())
    }
}

/// The last line that is not empty.
fn last_line(text: &str) -> Option<String> {
    let line = text.lines().rev().find(|line| !line.trim().is_empty())?;
    Some(shortened(line.trim()))
}

/// `error: the results cannot be recorded: No space left on device`.
fn last_error(text: &str) -> Option<String> {
    let (error, causes) = match text.rsplit_once("\nerror: ") {
        Some((_, error)) => error,
        None => text.strip_prefix("error: ")?,
    }
    .split_once('\n')?;
    let causes = causes
        .lines()
        .map_while(|line| line.trim().strip_prefix("because: "));
    let all: Vec<&str> = std::iter::once(error).chain(causes).collect();
    Some(shortened(&format!("error: {}", all.join(": "))))
}

/// Text that can be shown in a line.
fn shortened(text: &str) -> String {
    text.chars().take(LINE_CHARS).collect()
}

fn is_checkpoint(file: &Entry) -> bool {
    let named = file.name().is_some_and(|name| {
        name.strip_suffix(".safetensors")
            .is_some_and(|iteration| iteration.parse::<u64>().is_ok())
    });
    named && !file.is_folder || file.is_temporary()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::fs;

    use super::*;

    fn folder() -> (tempfile::TempDir, SubmissionFolder) {
        let kept = tempfile::tempdir().expect("a temporary folder");
        let folder = SubmissionFolder::new(Place::root(kept.path()));
        fs::create_dir_all(kept.path().join("tasks/0")).expect("a folder");
        (kept, folder)
    }

    #[test]
    fn starts_are_numbered_and_a_lost_answer_leaves_a_hole() {
        let (_kept, folder) = folder();
        assert_eq!(folder.begin(0).expect("a start"), 1);
        let lost = Cell::new(true);
        let mkdir = |place: &Place| {
            place.create_new_folder()?;
            match lost.replace(false) {
                // The server made the folder, the answer was lost, the client asked again.
                true => Err(ErrorKind::AlreadyExists.into()),
                false => Ok(()),
            }
        };
        assert_eq!(folder.begin_with(0, mkdir).expect("a start"), 3);
        assert_eq!(folder.starts(0).expect("starts"), [1, 2, 3]);
        assert!(folder.is_superseded(0, 1) && !folder.is_superseded(0, 3));
        let refused = |_: &Place| Err(ErrorKind::PermissionDenied.into());
        assert!(folder.begin_with(0, refused).is_err());
    }

    #[test]
    fn a_submission_that_cannot_be_written_leaves_no_folder() {
        let kept = tempfile::tempdir().expect("a temporary folder");
        let folder = SubmissionFolder::new(Place::root(kept.path()).join("site/new"));
        let order = Order {
            format: Order::FORMAT,
            name: "new".to_owned(),
            program: crate::Program {
                version: String::new(),
                git_commit: None,
            },
            device: "cpu".to_owned(),
            threads: 1,
            runs_per_gpu: 1,
            workers: None,
            checkpoint_every_s: 1.0,
            isolate: false,
            max_attempts: 1,
            grace_s: 0,
            tasks: 2,
            site_folder: kept.path().to_owned(),
        };
        let tasks = [Vec::new(), Vec::new()];
        folder
            .write(&order, &tasks, Some("#!"))
            .expect("it is written");
        assert!(folder.write(&order, &tasks, None).is_err());
        assert_eq!(folder.order().expect("the first one stays"), order);
        fs::remove_file(folder.path().join("order.json")).expect("a file");
        folder.discard(tasks.len());
        assert!(!folder.path().exists());
    }

    #[test]
    fn the_last_error_of_a_log_has_its_causes() {
        let log =
            "start 1\nerror: a\n  because: b\nresumes\nerror: c\n  because: d\n  because: e\n";
        assert_eq!(last_error(log).as_deref(), Some("error: c: d: e"));
        assert_eq!(last_error("error: a\nb\n").as_deref(), Some("error: a"));
        assert_eq!(last_error("no error: a\n"), None);
        assert_eq!(last_line("a\n b \n\n").as_deref(), Some("b"));
        assert_eq!(last_line(" \n"), None);
    }

    #[test]
    fn one_job_owns_a_submission() {
        let (_kept, folder) = folder();
        assert!(folder.own("81234").expect("an answer"));
        assert!(folder.own("81234").expect("an answer"));
        assert!(!folder.own("81235").expect("an answer"));
        folder.close().expect("no change");
        assert!(folder.own("81234").expect("an answer"));
        let (_kept, closed) = self::folder();
        closed.close().expect("a mark");
        assert!(!closed.own("81234").expect("an answer"));
    }
}
