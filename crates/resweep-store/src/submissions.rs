//! The rows of submissions, which `sync`, `cancel` and `status` read and write.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, TransactionBehavior, params};
use strum::{EnumString, IntoStaticStr};

use super::database::{self, Database};
use super::points::{collect, unsigned};
use super::queries::Store;
use super::replay::{self, Replayed, TaskJournal};
use super::rows::named;
use super::values::{Problem, now_unix_ms};
use super::{StoreError, checkpoints};
use resweep_core::domain::{Left, RunId, TaskRun, TrainingId};
use resweep_core::files::Place;

/// The engine that starts the tasks of a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "lowercase", const_into_str)]
pub enum Engine {
    Slurm,
    Command,
}

/// The state of a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "lowercase", const_into_str)]
pub enum SubmissionState {
    /// The engine may have accepted it or not.
    Unknown,
    Submitted,
    /// None of its runs is open.
    Closed,
}

/// A submission that is not closed.
#[derive(Debug, Clone, PartialEq)]
pub struct Submission {
    pub id: i64,
    pub name: String,
    pub sweep: String,
    pub site: String,
    pub engine: Engine,
    pub folder: PathBuf,
    pub job: Option<String>,
    pub state: SubmissionState,
    pub submitted_unix_ms: i64,
    /// The tasks that have open runs.
    pub tasks: Vec<OpenTask>,
}

/// A task that has open runs.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenTask {
    pub task: usize,
    /// Its runs that are open.
    pub open: Vec<RunId>,
    /// How much of the journal of each start has been replayed, in bytes.
    pub offsets: HashMap<u32, u64>,
    /// Why its last start ended, if that is known.
    pub left: Option<Left>,
    /// Since when it is not in the queue.
    pub gone_unix_ms: Option<i64>,
}

/// The state of a task in the queue.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TaskInQueue {
    pub state: Option<String>,
    pub node: Option<String>,
    pub reason: Option<String>,
    /// Whether it has ended or is not there.
    pub is_gone: bool,
}

/// The state of a run on a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmittedRun {
    pub site: String,
    pub job: Option<String>,
    pub state: SubmissionState,
    pub task: usize,
    /// How often its task has begun the run or another one of its runs; 0 before the first start.
    pub start: u64,
    /// Its state in the queue when that was last queried.
    pub queue: TaskInQueue,
    /// When that was.
    pub asked_unix_ms: Option<i64>,
    pub folder: PathBuf,
    /// The machine of its last start.
    pub host: Option<String>,
}

/// A task that ended before it began a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedTask {
    pub job: Option<String>,
    pub task: usize,
    /// Its last state in the queue; empty if it had left the queue.
    pub queue: TaskInQueue,
    /// Why, as it said itself; `None` if it wrote nothing.
    pub error: Option<String>,
}

/// Replays what tasks wrote.
#[derive(Debug)]
pub struct Submissions {
    connection: Database,
    path: PathBuf,
}

impl Submissions {
    /// Opens the database at `path`; `None` if there is none, or if it is older than submissions.
    ///
    /// # Errors
    /// The database cannot be opened.
    pub fn open(path: &Path) -> Result<Option<Self>, StoreError> {
        let Some(found) = database::open_as_it_is(path)? else {
            return Ok(None);
        };
        if database::refuse_older(&found, path).is_err() {
            return Ok(None);
        }
        drop(found);
        Ok(Some(Self {
            connection: database::connect(path)?,
            path: path.to_owned(),
        }))
    }

    /// The submissions that are not closed, the oldest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn not_closed(&self) -> Result<Vec<Submission>, StoreError> {
        not_closed(&self.connection).map_err(|source| StoreError::of_sqlite(&self.path, source))
    }

    /// Stores the engine's answer to a submission.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn set_state(
        &mut self,
        name: &str,
        state: SubmissionState,
        job: Option<&str>,
    ) -> Result<(), StoreError> {
        self.write(|connection| {
            connection.execute(
                "UPDATE submissions SET state = ?2, job = coalesce(?3, job) WHERE name = ?1",
                params![name, state.into_str(), job],
            )?;
            Ok(())
        })
    }

    /// Stores the state of a submission's tasks in the queue.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn note_queue(
        &mut self,
        submission: i64,
        tasks: &[(usize, TaskInQueue)],
    ) -> Result<(), StoreError> {
        self.write(|connection| {
            let now = now_unix_ms();
            connection.execute(
                "UPDATE submissions SET synced_unix_ms = ?2 WHERE id = ?1",
                params![submission, now],
            )?;
            let mut update = connection.prepare_cached(
                "UPDATE submission_tasks SET queue_state = ?3, node = ?4, reason = ?5,
                     gone_unix_ms = iif(?6, coalesce(gone_unix_ms, ?7), NULL)
                 WHERE submission_id = ?1 AND task = ?2",
            )?;
            for (task, seen) in tasks {
                update.execute(params![
                    submission,
                    *task as i64,
                    seen.state,
                    seen.node,
                    seen.reason,
                    seen.is_gone,
                    now
                ])?;
            }
            Ok(())
        })
    }

    /// Replays the journals of a task in one transaction. Records that were replayed before are
    /// skipped. `folder` gives the folder of the checkpoints of a run and a start.
    ///
    /// # Errors
    /// The database cannot be written; then no record is replayed.
    pub fn replay(
        &mut self,
        submission: i64,
        task: usize,
        runs: &[TaskRun],
        journals: &[TaskJournal],
        folder: &dyn Fn(&RunId, u32) -> Place,
    ) -> Result<Replayed, StoreError> {
        self.change_task(submission, task, runs, folder, |connection, of| {
            replay::replay(connection, of, journals)
        })
    }

    /// Releases the open runs of a task; their attempts get `why` as their error. The checkpoints that
    /// they can resume from are imported.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn free(
        &mut self,
        submission: i64,
        task: usize,
        runs: &[TaskRun],
        why: &str,
        folder: &dyn Fn(&RunId, u32) -> Place,
    ) -> Result<Replayed, StoreError> {
        self.change_task(submission, task, runs, folder, |connection, of| {
            replay::free_open(connection, of, why)
        })
    }

    fn change_task(
        &mut self,
        submission: i64,
        task: usize,
        runs: &[TaskRun],
        folder: &dyn Fn(&RunId, u32) -> Place,
        change: impl FnOnce(&Connection, &replay::Task<'_>) -> Result<Replayed, Problem>,
    ) -> Result<Replayed, StoreError> {
        let path = self.path.clone();
        let of = replay::Task {
            submission,
            task: task as i64,
            runs,
            database: &path,
            folder,
        };
        let mut replayed = self.write(|connection| change(connection, &of))?;
        self.clean_up(&mut replayed)?;
        Ok(replayed)
    }

    /// Releases every open run of a submission whose folder cannot be read.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn give_up(&mut self, submission: i64, why: &str) -> Result<(), StoreError> {
        self.write(|connection| {
            connection.execute(
                "UPDATE attempts SET status = 'interrupted', error = ?2
                 WHERE status = 'running' AND id IN (SELECT attempt_id FROM submission_runs
                     WHERE submission_id = ?1 AND state = 'open')",
                params![submission, why],
            )?;
            connection.execute(
                "UPDATE submission_runs SET state = 'freed'
                 WHERE submission_id = ?1 AND state = 'open'",
                [submission],
            )?;
            Ok(())
        })
    }

    /// Closes a submission that has no open run; whether it did.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn close_if_done(&mut self, submission: i64) -> Result<bool, StoreError> {
        self.write(|connection| {
            let closed = connection.execute(
                "UPDATE submissions SET state = 'closed' WHERE id = ?1 AND NOT EXISTS
                     (SELECT 1 FROM submission_runs WHERE submission_id = ?1 AND state = 'open')",
                [submission],
            )?;
            Ok(closed > 0)
        })
    }

    /// Removes the files whose rows are gone.
    fn clean_up(&self, replayed: &mut Replayed) -> Result<(), StoreError> {
        for (training, folder) in replayed.trainings.drain(..) {
            checkpoints::remove_unlisted(&self.connection, TrainingId(training), &folder)
                .map_err(|source| StoreError::of_sqlite(&self.path, source))?;
        }
        Ok(())
    }

    fn write<T>(
        &mut self,
        change: impl FnOnce(&Connection) -> Result<T, Problem>,
    ) -> Result<T, StoreError> {
        let failed = |source| StoreError::of_sqlite(&self.path, source);
        let tx = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failed)?;
        let done = change(&tx).map_err(|problem| problem.at(&self.path))?;
        tx.commit().map_err(failed)?;
        Ok(done)
    }
}

impl Store {
    /// The state of each run that is on a cluster.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn submitted(&self) -> Result<HashMap<RunId, SubmittedRun>, StoreError> {
        let found = self.rows(
            "SELECT run_id, site, job, submissions.state, submission_runs.task, queue_state, node,
                 reason, synced_unix_ms, folder, gone_unix_ms IS NOT NULL,
                 (SELECT coalesce(max(start), 0) FROM submission_starts AS s
                  WHERE s.submission_id = submissions.id AND s.task = submission_runs.task),
                 (SELECT host FROM submission_starts AS s JOIN processes ON processes.id = process_id
                  WHERE s.submission_id = submissions.id AND s.task = submission_runs.task
                  ORDER BY start DESC LIMIT 1)
             FROM submission_runs
             JOIN submissions ON submissions.id = submission_id
             JOIN submission_tasks USING (submission_id, task)
             WHERE submission_runs.state = 'open'",
            [],
            |row| {
                let submitted = SubmittedRun {
                    site: row.get(1)?,
                    job: row.get(2)?,
                    state: named(row, 3)?,
                    task: unsigned(row, 4)? as usize,
                    queue: TaskInQueue {
                        state: row.get(5)?,
                        node: row.get(6)?,
                        reason: row.get(7)?,
                        is_gone: row.get(10)?,
                    },
                    asked_unix_ms: row.get(8)?,
                    folder: PathBuf::from(row.get::<_, String>(9)?),
                    start: unsigned(row, 11)?,
                    host: row.get(12)?,
                };
                Ok((RunId(row.get(0)?), submitted))
            },
        )?;
        Ok(found.into_iter().collect())
    }

    /// The last task of each run that was released before the task began it, because the task failed.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn failed_tasks(&self) -> Result<HashMap<RunId, FailedTask>, StoreError> {
        let found = self.rows(
            // `task` and `state` are those of the row with the maximum.
            "WITH last AS (SELECT run_id, task, state, max(submission_id) AS submission_id
                 FROM submission_runs GROUP BY run_id)
             SELECT run_id, job, task, queue_state, node, reason, gone_unix_ms IS NOT NULL,
                 (SELECT coalesce(left_json, '') FROM submission_starts AS s
                  WHERE s.submission_id = submissions.id AND s.task = last.task
                  ORDER BY start DESC LIMIT 1)
             FROM last JOIN submissions ON submissions.id = submission_id
             JOIN submission_tasks USING (submission_id, task)
             WHERE last.state = 'freed'
                 AND NOT EXISTS (SELECT 1 FROM attempts WHERE attempts.run_id = last.run_id
                     AND started_unix_ms > submitted_unix_ms)",
            [],
            |row| {
                let task = FailedTask {
                    job: row.get(1)?,
                    task: unsigned(row, 2)? as usize,
                    queue: TaskInQueue {
                        state: row.get(3)?,
                        node: row.get(4)?,
                        reason: row.get(5)?,
                        is_gone: row.get(6)?,
                    },
                    error: None,
                };
                let left: Option<String> = row.get(7)?;
                Ok((RunId(row.get(0)?), failed(task, left.as_deref())))
            },
        )?;
        let failed = found.into_iter();
        Ok(failed
            .filter_map(|(run, task)| Some((run, task?)))
            .collect())
    }
}

/// `left` is why its last start ended, as JSON, or empty; `None` without a start.
fn failed(task: FailedTask, left: Option<&str>) -> Option<FailedTask> {
    let Some(left) = left else {
        return task.queue.is_gone.then_some(task);
    };
    match serde_json::from_str(left) {
        Ok(Left::Failed(error)) => Some(FailedTask {
            error: Some(error),
            ..task
        }),
        _ => None,
    }
}

fn not_closed(connection: &Connection) -> rusqlite::Result<Vec<Submission>> {
    let mut found = collect(
        connection,
        "SELECT submissions.id, submissions.name, sweeps.name, site, engine, folder, job, state,
             submitted_unix_ms
         FROM submissions JOIN sweeps ON sweeps.id = sweep_id
         WHERE state != 'closed' ORDER BY submissions.id",
        [],
        |row| {
            Ok(Submission {
                id: row.get(0)?,
                name: row.get(1)?,
                sweep: row.get(2)?,
                site: row.get(3)?,
                engine: named(row, 4)?,
                folder: PathBuf::from(row.get::<_, String>(5)?),
                job: row.get(6)?,
                state: named(row, 7)?,
                submitted_unix_ms: row.get(8)?,
                tasks: Vec::new(),
            })
        },
    )?;
    for submission in &mut found {
        submission.tasks = open_tasks(connection, submission.id)?;
    }
    Ok(found)
}

fn open_tasks(connection: &Connection, submission: i64) -> rusqlite::Result<Vec<OpenTask>> {
    let runs = collect(
        connection,
        "SELECT task, run_id, gone_unix_ms FROM submission_runs
         JOIN submission_tasks USING (submission_id, task)
         WHERE submission_id = ?1 AND state = 'open' ORDER BY task, position",
        [submission],
        |row| Ok((unsigned(row, 0)? as usize, RunId(row.get(1)?), row.get(2)?)),
    )?;
    let mut tasks: Vec<OpenTask> = Vec::new();
    for (task, run, gone_unix_ms) in runs {
        match tasks.last_mut() {
            Some(last) if last.task == task => last.open.push(run),
            _ => tasks.push(OpenTask {
                task,
                open: vec![run],
                offsets: HashMap::new(),
                left: None,
                gone_unix_ms,
            }),
        }
    }
    let starts = collect(
        connection,
        "SELECT task, start, offset, left_json FROM submission_starts
         WHERE submission_id = ?1 ORDER BY task, start",
        [submission],
        |row| {
            let left: Option<String> = row.get(3)?;
            Ok((
                unsigned(row, 0)? as usize,
                unsigned(row, 1)? as u32,
                unsigned(row, 2)?,
                left,
            ))
        },
    )?;
    for (task, start, offset, left) in starts {
        if let Ok(at) = tasks.binary_search_by_key(&task, |open| open.task) {
            tasks[at].offsets.insert(start, offset);
            tasks[at].left = left.and_then(|json| serde_json::from_str(&json).ok());
        }
    }
    Ok(tasks)
}
