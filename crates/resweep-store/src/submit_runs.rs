//! Assigns runs to the tasks of a cluster. Until they end or are released, no local process
//! trains them.

use std::collections::HashSet;
use std::path::Path;

use rusqlite::{Connection, params};

use super::claims::{self, Availability, Training};
use super::recorder::Recorder;
use super::submissions::Engine;
use super::values::{Problem, integer, now_unix_ms};
use super::{StoreError, checkpoints};
use resweep_core::domain::{Run, RunId, TaskRun};

/// Runs that are submitted together.
#[derive(Debug, Clone, Copy)]
pub struct NewSubmission<'a> {
    /// The sweep that [`Recorder::begin_sweep`] has stored.
    pub sweep: &'a str,
    /// Of the job; no other submission has it.
    pub name: &'a str,
    pub site: &'a str,
    pub engine: Engine,
    pub folder: &'a Path,
}

impl Recorder {
    /// Submits the runs of each task, each with the fingerprint of its images. Runs that another
    /// process trains are left out, and so are their descendants and tasks without runs.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn submit_runs(
        &mut self,
        submission: &NewSubmission<'_>,
        tasks: &[Vec<(&Run, &str)>],
    ) -> Result<Vec<Vec<TaskRun>>, StoreError> {
        self.begin_transaction()?;
        let mut left_out = HashSet::new();
        let mut submitted = Vec::new();
        for task in tasks {
            let mut runs = Vec::new();
            for (run, fingerprint) in task {
                match self.free_training(run)? {
                    Some(training) if run.needs().is_none_or(|id| !left_out.contains(id)) => {
                        let ordered = ordered(&self.connection, &self.path, run, training);
                        let mut ordered = ordered.map_err(|problem| problem.at(&self.path))?;
                        ordered.fingerprint = (*fingerprint).to_owned();
                        runs.push(ordered);
                    }
                    _ => {
                        left_out.insert(&run.id);
                    }
                }
            }
            if !runs.is_empty() {
                submitted.push(runs);
            }
        }
        if !submitted.is_empty() {
            insert(&self.connection, submission, &submitted)
                .map_err(|problem| problem.at(&self.path))?;
        }
        self.commit_open()?;
        Ok(submitted)
    }

    /// The training that the run continues; `None` if another process has the run, or it has ended.
    fn free_training(&mut self, run: &Run) -> Result<Option<Training>, StoreError> {
        let Some(sweep) = self.sweep.as_mut() else {
            return Err(self.unregistered(run));
        };
        let me = sweep.process.id;
        let found =
            claims::availability(&self.connection, run, me, &sweep.options, &mut sweep.others);
        match found.map_err(|problem| problem.at(&self.path))? {
            Availability::Free(training) => Ok(Some(training)),
            Availability::LeasedElsewhere | Availability::EndedElsewhere(_) => Ok(None),
        }
    }
}

fn ordered(
    connection: &Connection,
    path: &Path,
    run: &Run,
    training: Training,
) -> Result<TaskRun, Problem> {
    let found = checkpoints::candidates(
        connection,
        path,
        run,
        Some(training.id),
        training.shares_checkpoints,
    )?;
    let mut checkpoints: Vec<_> = found.into_iter().map(|found| found.checkpoint).collect();
    let mut parent_checkpoints = match &run.parent {
        Some(parent) => checkpoints::of_parent(connection, path, parent)?,
        None => Vec::new(),
    };
    // Tasks have another working directory.
    for checkpoint in checkpoints.iter_mut().chain(&mut parent_checkpoints) {
        if let Ok(absolute) = checkpoint.path.absolute() {
            checkpoint.path = absolute;
        }
    }
    Ok(TaskRun {
        run: run.clone(),
        fingerprint: String::new(),
        training: training.id,
        checkpoints,
        parent_checkpoints,
    })
}

fn insert(
    connection: &Connection,
    submission: &NewSubmission<'_>,
    tasks: &[Vec<TaskRun>],
) -> Result<(), Problem> {
    let id: i64 = connection.query_row(
        "INSERT INTO submissions (sweep_id, name, site, engine, folder, state, submitted_unix_ms)
         VALUES ((SELECT id FROM sweeps WHERE name = ?1), ?2, ?3, ?4, ?5, 'unknown', ?6)
         RETURNING id",
        params![
            submission.sweep,
            submission.name,
            submission.site,
            submission.engine.into_str(),
            submission.folder.to_string_lossy(),
            now_unix_ms()
        ],
        |row| row.get(0),
    )?;
    let mut insert_task =
        connection.prepare("INSERT INTO submission_tasks (submission_id, task) VALUES (?1, ?2)")?;
    let mut insert_run = connection.prepare(
        "INSERT INTO submission_runs
             (submission_id, task, position, run_id, training_id, start, state)
         VALUES (?1, ?2, ?3, ?4, ?5, 0, 'open')",
    )?;
    for (task, runs) in tasks.iter().enumerate() {
        let task = integer("a task", task as u64)?;
        insert_task.execute(params![id, task])?;
        for (position, one) in runs.iter().enumerate() {
            let position = integer("a position", position as u64)?;
            let RunId(run) = &one.run.id;
            insert_run.execute(params![id, task, position, run, one.training.0])?;
        }
    }
    Ok(())
}
