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

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::{ClusterError, Order, order};
use resweep_core::domain::{RunId, TaskRun};
use resweep_core::files::{Place, write_atomically};

/// The number of a start of a task. Only the highest one counts.
pub type Start = u32;

/// The content of `owner` if no job may claim the submission any more.
const NOBODY: &str = "nobody";

/// The folder of one submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmissionFolder(PathBuf);

impl SubmissionFolder {
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The job script.
    pub fn script(&self) -> PathBuf {
        self.0.join("job.sh")
    }

    /// Slurm's log of a task.
    pub fn log(&self, task: usize) -> PathBuf {
        self.0.join("log").join(format!("{task}.txt"))
    }

    /// The folder for the checkpoints of one start of a task.
    pub fn checkpoints(&self, run: &RunId, start: Start) -> Place {
        let root = Place::root(&self.0);
        root.join("runs").join(&run.0).join(start.to_string())
    }

    /// The checkpoints of all runs.
    pub fn all_checkpoints(&self) -> PathBuf {
        self.0.join("runs")
    }

    pub fn journal(&self, task: usize, start: Start) -> PathBuf {
        self.task(task).join(start.to_string()).join("journal")
    }

    fn task(&self, task: usize) -> PathBuf {
        self.0.join("tasks").join(task.to_string())
    }

    fn runs_file(&self, task: usize) -> PathBuf {
        self.task(task).join("runs.json")
    }

    /// Writes the submission. `order.json` comes last: with it the submission is complete.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write(
        &self,
        order: &Order,
        tasks: &[Vec<TaskRun>],
        script: Option<&str>,
    ) -> Result<(), ClusterError> {
        for folder in ["log", "free", "runs"] {
            let path = self.0.join(folder);
            fs::create_dir_all(&path).map_err(|source| ClusterError::Write { path, source })?;
        }
        for (task, runs) in tasks.iter().enumerate() {
            order::write_runs(&self.runs_file(task), runs)?;
        }
        if let Some(script) = script {
            let path = self.script();
            write_atomically(&path, &[script.as_bytes()])
                .map_err(|source| ClusterError::Write { path, source })?;
        }
        order.write(&self.0.join("order.json"))
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
        self.begin_with(task, |path| fs::create_dir(path))
    }

    fn begin_with(
        &self,
        task: usize,
        mkdir: impl Fn(&Path) -> io::Result<()>,
    ) -> Result<Start, ClusterError> {
        let mut start = self.starts(task)?.last().copied().unwrap_or(0);
        loop {
            start += 1;
            let path = self.task(task).join(start.to_string());
            match mkdir(&path) {
                Ok(()) => return Ok(start),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(source) => return Err(ClusterError::Write { path, source }),
            }
        }
    }

    /// The starts of a task so far, in ascending order.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn starts(&self, task: usize) -> Result<Vec<Start>, ClusterError> {
        let path = self.task(task);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(ClusterError::Read { path, source }),
        };
        let number = |entry: fs::DirEntry| entry.file_name().to_str()?.parse().ok();
        let mut starts: Vec<Start> = entries.flatten().filter_map(number).collect();
        starts.sort_unstable();
        Ok(starts)
    }

    /// Whether a later start than `start` works on the task.
    pub fn is_superseded(&self, task: usize, start: Start) -> bool {
        let starts = self.starts(task);
        starts.is_ok_and(|starts| starts.last().is_some_and(|last| *last > start))
    }

    /// Releases a run: a process that trains it stops at its next checkpoint.
    ///
    /// # Errors
    /// The mark cannot be written.
    pub fn free(&self, run: &RunId) -> Result<(), ClusterError> {
        let path = self.0.join("free").join(&run.0);
        let made = fs::create_dir_all(self.0.join("free")).and_then(|()| fs::write(&path, ""));
        made.map_err(|source| ClusterError::Write { path, source })
    }

    pub fn is_free(&self, run: &RunId) -> bool {
        self.0.join("free").join(&run.0).exists()
    }

    /// Claims the submission for `job`; `false` if another job has claimed it.
    ///
    /// # Errors
    /// The mark can neither be written nor read.
    pub fn own(&self, job: &str) -> Result<bool, ClusterError> {
        let path = self.0.join("owner");
        let unique = format!(".owner-{}-{}", job.replace('/', "_"), std::process::id());
        let own = self.0.join(unique);
        let failed = |source| ClusterError::Write {
            path: path.clone(),
            source,
        };
        write_atomically(&own, &[job.as_bytes()]).map_err(failed)?;
        // Fails if the name exists, which may be the result of this very request, if its answer was lost.
        let linked = fs::hard_link(&own, &path);
        let _ = fs::remove_file(&own);
        match (fs::read_to_string(&path), linked) {
            (Ok(owner), _) => Ok(owner == job),
            (Err(_), Err(error)) if error.kind() != ErrorKind::AlreadyExists => Err(failed(error)),
            (Err(source), _) => Err(ClusterError::Read { path, source }),
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn folder() -> (tempfile::TempDir, SubmissionFolder) {
        let kept = tempfile::tempdir().expect("a temporary folder");
        let folder = SubmissionFolder::new(kept.path().to_owned());
        fs::create_dir_all(kept.path().join("tasks/0")).expect("a folder");
        (kept, folder)
    }

    #[test]
    fn starts_are_numbered_and_a_lost_answer_leaves_a_hole() {
        let (_kept, folder) = folder();
        assert_eq!(folder.begin(0).expect("a start"), 1);
        let lost = Cell::new(true);
        let mkdir = |path: &Path| {
            fs::create_dir(path)?;
            match lost.replace(false) {
                // The server made the folder, the answer was lost, the client asked again.
                true => Err(ErrorKind::AlreadyExists.into()),
                false => Ok(()),
            }
        };
        assert_eq!(folder.begin_with(0, mkdir).expect("a start"), 3);
        assert_eq!(folder.starts(0).expect("starts"), [1, 2, 3]);
        assert!(folder.is_superseded(0, 1) && !folder.is_superseded(0, 3));
        let refused = |_: &Path| Err(ErrorKind::PermissionDenied.into());
        assert!(folder.begin_with(0, refused).is_err());
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
