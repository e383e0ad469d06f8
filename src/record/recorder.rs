//! The one writer: what happens in a sweep becomes rows.
//!
//! Each event is a transaction of its own and is committed before [`EventSink::handle`] returns,
//! so that a process that is killed loses nothing that it reported. The start of a sweep and the
//! end of a run are also forced to the disk; `docs/database.md` says what that means.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::lock::WriterLock;
use super::points::{insert_eval, insert_train};
use super::register::{self, Provenance, SweepRecord};
use super::values::{Problem, integer, now_unix_ms};
use super::{StoreError, database};
use crate::domain::{Event, EventSink, Outcome, Run, RunEvent, RunId, SinkError, Slot};

/// Writes a sweep into the database. It holds the writer's lock as long as it lives.
#[derive(Debug)]
pub struct Recorder {
    connection: Connection,
    path: PathBuf,
    sweep: Option<Begun>,
    /// The attempt of each run that is training now.
    attempts: HashMap<RunId, i64>,
    // Last, so that it is given back after the database is closed.
    _lock: WriterLock,
}

/// The sweep that is being recorded.
#[derive(Debug)]
struct Begun {
    provenance: Provenance,
    workers: usize,
    runs: HashSet<RunId>,
}

/// Whether a commit waits until the disk has it.
#[derive(Clone, Copy)]
enum Durability {
    /// Survives the death of the process.
    Process,
    /// Survives a loss of power.
    Power,
}

impl Recorder {
    /// Opens the database at `path`, or creates it and its folder, and brings its schema up to
    /// date.
    ///
    /// # Errors
    /// Another process writes it; the file or its folder cannot be written; the file is not a
    /// database of this program, or of a newer version of it.
    pub fn open(path: &Path) -> Result<Recorder, StoreError> {
        database::create_folder(path)?;
        let lock = WriterLock::take(path)?;
        Ok(Recorder {
            connection: database::open_for_writing(path)?,
            path: path.to_owned(),
            sweep: None,
            attempts: HashMap::new(),
            _lock: lock,
        })
    }

    /// Stores the sweep and all its runs, and marks attempts that a dead process left `running`
    /// as `interrupted`. It comes before the sweep's events.
    ///
    /// # Errors
    /// The database cannot be written, or a number is larger than SQLite can hold.
    pub fn begin_sweep(
        &mut self,
        record: &SweepRecord<'_>,
        provenance: Provenance,
    ) -> Result<(), StoreError> {
        self.write(Durability::Power, |tx| {
            register::mark_interrupted(tx)?;
            register::register(tx, record)
        })?;
        let ids = record.runs.iter().map(|entry| entry.run.id.clone());
        self.sweep = Some(Begun {
            provenance,
            workers: 1,
            runs: ids.collect(),
        });
        Ok(())
    }

    fn start(&mut self, run: &Run, slot: Slot) -> Result<(), StoreError> {
        let sweep = self.sweep.as_ref();
        let Some(sweep) = sweep.filter(|sweep| sweep.runs.contains(&run.id)) else {
            return Err(self.unregistered(run));
        };
        let id = commit(&mut self.connection, Durability::Process, |tx| {
            insert_attempt(tx, run, slot, sweep)
        })
        .map_err(|problem| problem.at(&self.path))?;
        self.attempts.insert(run.id.clone(), id);
        Ok(())
    }

    fn measure(&mut self, run: &Run, event: RunEvent) -> Result<(), StoreError> {
        let attempt = self.attempt(run)?;
        match event {
            RunEvent::Progress { .. } => Ok(()),
            RunEvent::Trained(point) => {
                self.write(Durability::Process, |tx| insert_train(tx, attempt, &point))
            }
            RunEvent::Evaluated(point) => {
                self.write(Durability::Process, |tx| insert_eval(tx, attempt, &point))
            }
        }
    }

    fn finish(&mut self, run: &Run, outcome: &Outcome, wall: Duration) -> Result<(), StoreError> {
        let attempt = self.attempt(run)?;
        self.write(Durability::Power, |tx| {
            update_attempt(tx, attempt, outcome, wall)
        })?;
        self.attempts.remove(&run.id);
        Ok(())
    }

    fn attempt(&self, run: &Run) -> Result<i64, StoreError> {
        let found = self.attempts.get(&run.id).copied();
        found.ok_or_else(|| self.unregistered(run))
    }

    fn unregistered(&self, run: &Run) -> StoreError {
        StoreError::Unregistered {
            path: self.path.clone(),
            run: run.to_string(),
        }
    }

    fn write<T>(
        &mut self,
        durability: Durability,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, Problem>,
    ) -> Result<T, StoreError> {
        commit(&mut self.connection, durability, change).map_err(|problem| problem.at(&self.path))
    }
}

impl EventSink for Recorder {
    fn handle(&mut self, event: &Event<'_>) -> Result<(), SinkError> {
        match *event {
            Event::SweepStarted { workers, .. } => {
                if let Some(sweep) = &mut self.sweep {
                    sweep.workers = workers;
                }
                Ok(())
            }
            Event::RunStarted { run, slot } => self.start(run, slot),
            Event::Run { run, event } => self.measure(run, event),
            Event::RunFinished { run, outcome, wall } => self.finish(run, outcome, wall),
            Event::SweepFinished { .. } => Ok(()),
        }
        .map_err(SinkError::from)
    }
}

fn commit<T>(
    connection: &mut Connection,
    durability: Durability,
    change: impl FnOnce(&Transaction<'_>) -> Result<T, Problem>,
) -> Result<T, Problem> {
    let synchronous = match durability {
        Durability::Process => "NORMAL",
        Durability::Power => "FULL",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let value = change(&tx)?;
    tx.commit()?;
    Ok(value)
}

fn insert_attempt(
    tx: &Transaction<'_>,
    run: &Run,
    slot: Slot,
    sweep: &Begun,
) -> Result<i64, Problem> {
    let provenance = &sweep.provenance;
    let id = tx.query_row(
        "INSERT INTO attempts (run_id, number, status, started_unix_ms, program_version,
             git_commit, device, cpu, threads, workers)
         VALUES (?1, (SELECT count(*) + 1 FROM attempts WHERE run_id = ?1), 'running', ?2, ?3,
             ?4, ?5, ?6, ?7, ?8)
         RETURNING id",
        params![
            run.id.0,
            now_unix_ms(),
            provenance.version,
            provenance.git_commit,
            provenance.device,
            provenance.cpu,
            integer("a number of threads", slot.threads as u64)?,
            integer("a number of workers", sweep.workers as u64)?,
        ],
        |row| row.get(0),
    )?;
    Ok(id)
}

fn update_attempt(
    tx: &Transaction<'_>,
    attempt: i64,
    outcome: &Outcome,
    wall: Duration,
) -> Result<(), Problem> {
    let (error, diverged_iteration) = match outcome {
        Outcome::Failed { error } => (Some(error), None),
        Outcome::Diverged { iteration } => (None, Some(integer("an iteration", *iteration)?)),
        Outcome::Finished | Outcome::Stopped => (None, None),
    };
    tx.execute(
        "UPDATE attempts SET status = ?2, error = ?3, diverged_iteration = ?4,
             ended_unix_ms = ?5, wall_ms = ?6
         WHERE id = ?1",
        params![
            attempt,
            outcome.word(),
            error,
            diverged_iteration,
            now_unix_ms(),
            integer("a wall time", wall.as_millis() as u64)?,
        ],
    )?;
    Ok(())
}
