//! Records the events of a sweep as rows.
//!
//! Everything between two calls of [`Ledger::commit`] is one transaction: it is recorded completely
//! or not at all, and is on disk when the call returns.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, params};

use super::claims::{self, Availability, ClaimOptions, HeldRun};
use super::database::{Database, Migrated};
use super::file_identity::Presence;
use super::lock::SetupLock;
use super::points::{delete_from, replace_train};
use super::process::{self, Others, ThisProcess};
use super::register::{self, Provenance, RunRecord, SweepRecord};
use super::shared_results;
use super::values::{Problem, integer, now_unix_ms};
use super::waiting::WaitingPoints;
use super::{RunImages, StoreError, checkpoints, database, images, layers, sums};
use resweep_core::domain::{
    Claim, Event, EventSink, Lease, Ledger, Outcome, Run, RunEvent, RunId, Saved, SinkError, Slot,
    StartPoint, StopReason, TrainingId,
};
use resweep_core::files::Place;

/// Writes a sweep to the database, and shares its runs with other processes.
#[derive(Debug)]
pub struct Recorder {
    pub(super) connection: Database,
    pub(super) path: PathBuf,
    presence: Presence,
    /// The migration of an older database, if there was one.
    migrated: Option<Migrated>,
    /// Whether a transaction is open.
    writing: bool,
    /// Points of that transaction that are not written yet.
    waiting: WaitingPoints,
    pub(super) sweep: Option<ActiveSweep>,
    /// The runs that this process holds.
    held: HashMap<RunId, HeldRun>,
    /// The runs that others have taken from it, and those of them not yet reported.
    taken: HashMap<RunId, HeldRun>,
    unreported_losses: Vec<RunId>,
    /// Files of checkpoints that are obsolete after the next commit.
    files_to_remove: Vec<Place>,
    /// Trainings that the next commit ends.
    ended: Vec<HeldRun>,
}

/// The sweep being recorded.
#[derive(Debug)]
pub(super) struct ActiveSweep {
    provenance: Provenance,
    workers: usize,
    runs: HashSet<RunId>,
    pub(super) options: ClaimOptions,
    pub(super) others: Others,
    pub(super) process: ThisProcess,
    /// The reason for which the sweep was asked to stop.
    stop: Option<StopReason>,
}

/// Options of a process that trains a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Participation {
    /// Repeats runs that have already ended.
    pub fresh: bool,
    /// The time after which runs of a process without heartbeats are free.
    pub lease: Duration,
}

impl Default for Participation {
    fn default() -> Participation {
        Participation {
            fresh: false,
            lease: Duration::from_secs(120),
        }
    }
}

impl Recorder {
    /// Opens the database at `path`, or creates it and its folder, and migrates its schema.
    ///
    /// # Errors
    /// The file or its folder cannot be written; the file is not a database of this program, or of
    /// a newer version of it.
    pub fn open(path: &Path) -> Result<Recorder, StoreError> {
        database::create_folder(path)?;
        let _lock = SetupLock::take(path)?;
        let (connection, migrated) = database::open_for_writing(path)?;
        Ok(Recorder {
            connection,
            path: path.to_owned(),
            presence: Presence::of(path)?,
            migrated,
            writing: false,
            waiting: WaitingPoints::default(),
            sweep: None,
            held: HashMap::new(),
            taken: HashMap::new(),
            unreported_losses: Vec::new(),
            files_to_remove: Vec::new(),
            ended: Vec::new(),
        })
    }

    /// The migration of an older database, if there was one.
    pub fn migrated(&self) -> Option<&Migrated> {
        self.migrated.as_ref()
    }

    /// Stores the sweep and all its runs, and registers this process. Must be called before the
    /// sweep's events.
    ///
    /// # Errors
    /// Another process trains a sweep of this name with runs that this one does not have; the
    /// database cannot be written; or a number is larger than SQLite can store.
    pub fn begin_sweep(
        &mut self,
        record: &SweepRecord<'_>,
        provenance: Provenance,
        participation: Participation,
    ) -> Result<(), StoreError> {
        let process = ThisProcess::register(
            &mut self.connection,
            &self.path,
            &provenance.host,
            participation.lease,
        )?;
        self.begin_transaction()?;
        self.refuse_other_sweep(record, process.id)?;
        let path = self.path.clone();
        let last_attempt = self.write(|connection| {
            register::register(connection, record, process.id)?;
            if !participation.fresh {
                adopt_twins(connection, &path, record)?;
            }
            Ok(claims::last_attempt(connection)?)
        })?;
        self.commit_open()?;
        let ids = record.runs.iter().map(|entry| entry.run.id.clone());
        self.sweep = Some(ActiveSweep {
            provenance,
            workers: 1,
            runs: ids.collect(),
            options: ClaimOptions {
                fresh: participation.fresh,
                last_attempt_before: last_attempt,
            },
            others: Others::new(&self.path, participation.lease),
            process,
            stop: None,
        });
        Ok(())
    }

    /// Stores the number of images of each of these runs, which must be those of the sweep.
    ///
    /// # Errors
    /// The database cannot be written, or a number is larger than SQLite can store.
    pub fn record_images(&mut self, runs: &[(&RunId, RunImages)]) -> Result<(), StoreError> {
        self.write(|connection| {
            for (run, counted) in runs {
                images::replace(connection, run, counted)?;
            }
            Ok(())
        })?;
        self.commit_open()
    }

    /// Rejects a different sweep of the same name: they would replace each other's figures and
    /// records.
    fn refuse_other_sweep(&self, record: &SweepRecord<'_>, me: i64) -> Result<(), StoreError> {
        let failed = |source| StoreError::of_sqlite(&self.path, source);
        let Some((sweep, left_out @ 1..)) =
            register::left_out(&self.connection, record).map_err(failed)?
        else {
            return Ok(());
        };
        match process::at_sweep(&self.connection, &self.path, sweep, me).map_err(failed)? {
            None => Ok(()),
            Some((process, host)) => Err(StoreError::OtherSweep {
                path: self.path.clone(),
                sweep: record.sweep.name.clone(),
                left_out,
                process,
                host,
            }),
        }
    }

    fn try_claim(&mut self, run: &Run, slot: Slot) -> Result<Claim, StoreError> {
        if !self.is_registered(run) {
            return Err(self.unregistered(run));
        }
        self.begin_transaction()?;
        let Some(sweep) = self.sweep.as_mut() else {
            return Err(self.unregistered(run));
        };
        let (connection, path) = (&self.connection, &self.path);
        let me = sweep.process.id;
        let found = claims::availability(connection, run, me, &sweep.options, &mut sweep.others);
        let training = match found.map_err(|problem| problem.at(path))? {
            Availability::EndedElsewhere(outcome) => {
                // This process may have written checkpoints before it noticed that it had lost the
                // run.
                self.ended.extend(self.taken.remove(&run.id));
                return Ok(Claim::EndedElsewhere(outcome));
            }
            Availability::LeasedElsewhere => return Ok(Claim::LeasedElsewhere),
            Availability::Free(training) => training,
        };
        let (hold, lease) = take(connection, path, run, slot, sweep, training)
            .map_err(|problem| problem.at(path))?;
        self.taken.remove(&run.id);
        self.held.insert(run.id.clone(), hold);
        Ok(Claim::Acquired(lease))
    }

    fn measure(&mut self, run: &Run, event: &RunEvent) -> Result<(), StoreError> {
        if let RunEvent::Progress { .. } = *event {
            return Ok(());
        }
        let Some(hold) = self.hold(run)? else {
            return Ok(());
        };
        let (connection, waiting, training) = (&self.connection, &mut self.waiting, hold.training);
        match *event {
            RunEvent::Progress { .. } => Ok(()),
            RunEvent::Began(start_point) => {
                self.write(|connection| take_up(connection, run, &hold, start_point))
            }
            RunEvent::Trained(point) => waiting
                .train(connection, training, point)
                .map_err(|problem| problem.at(&self.path)),
            RunEvent::Evaluated(point) => waiting
                .eval(connection, training, point)
                .map_err(|problem| problem.at(&self.path)),
            RunEvent::Checkpointed(saved) => self.checkpointed(run, &hold, saved),
            RunEvent::CurveRestored(ref points) => self.write(|connection| {
                replace_train(connection, training, points)?;
                Ok(sums::update(connection, training)?)
            }),
            RunEvent::LayersMeasured(ref stats) => {
                self.write(|connection| layers::replace(connection, training, stats))
            }
        }
    }

    fn checkpointed(&mut self, run: &Run, hold: &HeldRun, saved: Saved) -> Result<(), StoreError> {
        let forgotten =
            self.write(|connection| checkpoints::insert(connection, run, hold.training, &saved))?;
        let files = forgotten.into_iter().map(checkpoints::file_name);
        self.files_to_remove
            .extend(files.map(|name| hold.folder.join(name)));
        Ok(())
    }

    fn finish(&mut self, run: &Run, outcome: &Outcome, wall: Duration) -> Result<(), StoreError> {
        let Some(hold) = self.hold(run)? else {
            return Ok(());
        };
        let stop = self.sweep.as_ref().and_then(|sweep| sweep.stop);
        self.write(|connection| {
            update_attempt(connection, hold.attempt, outcome, stop, wall, now_unix_ms())?;
            match outcome {
                Outcome::Finished => checkpoints::keep_results(connection, run, hold.training),
                Outcome::Diverged { .. } => Ok(checkpoints::forget(connection, hold.training)?),
                Outcome::Failed { .. } | Outcome::Stopped => Ok(()),
            }
        })?;
        self.held.remove(&run.id);
        if matches!(outcome, Outcome::Finished | Outcome::Diverged { .. }) {
            self.ended.push(hold);
        }
        Ok(())
    }

    /// The held run; `None` if another process has taken it. From here to the next
    /// commit no other process can take it.
    fn hold(&mut self, run: &Run) -> Result<Option<HeldRun>, StoreError> {
        self.begin_transaction()?;
        match self.held.get(&run.id) {
            Some(hold) => Ok(Some(hold.clone())),
            None if self.taken.contains_key(&run.id) => Ok(None),
            None => Err(self.unregistered(run)),
        }
    }

    fn is_registered(&self, run: &Run) -> bool {
        let sweep = self.sweep.as_ref();
        sweep.is_some_and(|sweep| sweep.runs.contains(&run.id))
    }

    pub(super) fn unregistered(&self, run: &Run) -> StoreError {
        StoreError::Unregistered {
            path: self.path.clone(),
            run: run.to_string(),
        }
    }

    /// Begins a transaction where none is open, and drops what others have taken over.
    pub(super) fn begin_transaction(&mut self) -> Result<(), StoreError> {
        if self.writing {
            return Ok(());
        }
        let failed = |source| StoreError::of_sqlite(&self.path, source);
        self.connection
            .execute_batch("BEGIN IMMEDIATE")
            .map_err(failed)?;
        self.writing = true;
        let Some(sweep) = &self.sweep else {
            return Ok(());
        };
        let mine = claims::running(&self.connection, sweep.process.id).map_err(failed)?;
        if mine.len() < self.held.len() {
            let gone = |hold: &HeldRun| !mine.contains(&hold.attempt);
            for (id, hold) in self.held.extract_if(|_, hold| gone(hold)) {
                self.unreported_losses.push(id.clone());
                self.taken.insert(id, hold);
            }
        }
        Ok(())
    }

    pub(super) fn commit_open(&mut self) -> Result<(), StoreError> {
        if self.writing {
            self.write_points()?;
            self.connection
                .execute_batch("COMMIT")
                .map_err(|source| StoreError::of_sqlite(&self.path, source))?;
            self.writing = false;
        }
        self.check_presence()?;
        for file in self.files_to_remove.drain(..) {
            // A file that cannot be removed is removed at the training's end.
            let _ = file.remove_file();
        }
        for hold in self.ended.drain(..) {
            checkpoints::remove_unlisted(&self.connection, hold.training, &hold.folder)
                .map_err(|source| StoreError::of_sqlite(&self.path, source))?;
        }
        Ok(())
    }

    /// Saves the database if its file was removed, moved or replaced.
    fn check_presence(&mut self) -> Result<(), StoreError> {
        let Some(change) = self.presence.change() else {
            return Ok(());
        };
        if let Some(sweep) = &mut self.sweep {
            sweep.process.stop_heart();
        }
        Err(StoreError::Gone {
            path: self.path.clone(),
            kept: database::keep(&self.connection, &self.path, &change),
            change,
        })
    }

    fn write<T>(
        &mut self,
        change: impl FnOnce(&Connection) -> Result<T, Problem>,
    ) -> Result<T, StoreError> {
        self.begin_transaction()?;
        self.write_points()?;
        change(&self.connection).map_err(|problem| problem.at(&self.path))
    }

    fn write_points(&mut self) -> Result<(), StoreError> {
        self.waiting
            .write(&self.connection)
            .map_err(|problem| problem.at(&self.path))
    }
}

impl EventSink for Recorder {
    fn handle(&mut self, event: &Event<'_>) -> Result<(), SinkError> {
        match *event {
            Event::SweepStarted { slots, .. } => {
                if let Some(sweep) = &mut self.sweep {
                    sweep.workers = slots.len();
                }
                Ok(())
            }
            Event::StopRequested { by } => {
                if let Some(sweep) = &mut self.sweep {
                    sweep.stop = Some(by);
                }
                Ok(())
            }
            Event::Run { run, ref event } => self.measure(run, event),
            Event::RunFinished {
                run, outcome, wall, ..
            } => self.finish(run, outcome, wall),
            Event::RunStarted { .. }
            | Event::RunEndedElsewhere { .. }
            | Event::RunBlocked { .. }
            | Event::SlotRetired { .. }
            | Event::DeviceLost { .. }
            | Event::SweepFinished { .. } => Ok(()),
        }
        .map_err(SinkError::from)
    }
}

impl Ledger for Recorder {
    fn claim(&mut self, run: &Run, slot: Slot) -> Result<Claim, SinkError> {
        self.try_claim(run, slot).map_err(SinkError::from)
    }

    fn commit(&mut self) -> Result<(), SinkError> {
        self.commit_open().map_err(SinkError::from)
    }

    fn lost(&mut self) -> Vec<RunId> {
        std::mem::take(&mut self.unreported_losses)
    }
}

/// Copies the results of equal trainings that recorded enough to runs that were never started.
fn adopt_twins(
    connection: &Connection,
    path: &Path,
    record: &SweepRecord<'_>,
) -> Result<(), Problem> {
    for RunRecord { run, .. } in record.runs {
        if claims::was_started(connection, run)? {
            continue;
        }
        if let Some(twin) = shared_results::twin(connection, run)? {
            let training = shared_results::adopt(connection, run, &twin)?;
            checkpoints::adopt(connection, path, run, twin.training, training)?;
        }
    }
    Ok(())
}

/// Records that this process trains a run from now on.
fn take(
    connection: &Connection,
    path: &Path,
    run: &Run,
    slot: Slot,
    sweep: &ActiveSweep,
    training: claims::Training,
) -> Result<(HeldRun, Lease), Problem> {
    let folder = checkpoints::folder(path, &run.id.0, training.number);
    checkpoints::remove_unlisted(connection, training.id, &folder)?;
    sums::check(connection, training.id)?;
    let begun = AttemptFacts {
        process: sweep.process.id,
        provenance: &sweep.provenance,
        workers: sweep.workers,
        unix_ms: now_unix_ms(),
    };
    let (attempt, number) = insert_attempt(connection, run, slot, training.id, &begun)?;
    let lease = Lease {
        training: training.id,
        attempt: number,
        folder: folder.clone(),
        checkpoints: checkpoints::candidates(
            connection,
            path,
            run,
            Some(training.id),
            training.shares_checkpoints,
        )?
        .into_iter()
        .map(|candidate| candidate.checkpoint)
        .collect(),
        parent_checkpoints: match &run.parent {
            Some(parent) => checkpoints::of_parent(connection, path, parent)?,
            None => Vec::new(),
        },
    };
    let hold = HeldRun {
        attempt,
        training: training.id,
        folder,
    };
    Ok((hold, lease))
}

/// Who begins an attempt, and when.
pub(super) struct AttemptFacts<'a> {
    pub process: i64,
    pub provenance: &'a Provenance,
    pub workers: usize,
    pub unix_ms: i64,
}

pub(super) fn insert_attempt(
    connection: &Connection,
    run: &Run,
    slot: Slot,
    training: TrainingId,
    begun: &AttemptFacts<'_>,
) -> Result<(i64, u64), Problem> {
    let provenance = begun.provenance;
    let mut insert = connection.prepare_cached(
        "INSERT INTO attempts (run_id, number, training_id, process_id, from_iteration, status,
             transient, started_unix_ms, program_version, git_commit, device, cpu, threads, workers)
         VALUES (?1, (SELECT count(*) + 1 FROM attempts WHERE run_id = ?1), ?2, ?3, 0, 'running',
             0, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         RETURNING id, number",
    )?;
    let inserted = insert.query_row(
        params![
            run.id.0,
            training.0,
            begun.process,
            begun.unix_ms,
            provenance.version,
            provenance.git_commit,
            provenance.device(slot.device),
            provenance.cpu,
            integer("a number of threads", slot.threads as u64)?,
            integer("a number of workers", begun.workers as u64)?,
        ],
        |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)),
    )?;
    Ok(inserted)
}

/// Brings the points and checkpoints of a training to where an attempt takes it up.
pub(super) fn take_up(
    connection: &Connection,
    run: &Run,
    hold: &HeldRun,
    start_point: StartPoint,
) -> Result<(), Problem> {
    let (training, iteration) = (hold.training, start_point.iteration);
    if let Some(from) = start_point.from {
        sums::check(connection, from)?;
    }
    layers::delete(connection, training)?;
    match start_point.from {
        Some(from) if from == training => {
            delete_from(connection, training, iteration)?;
            checkpoints::forget_after(connection, training, iteration)?;
        }
        Some(from) => {
            delete_from(connection, training, 0)?;
            let settings = &run.config.configuration.train;
            shared_results::copy_before(connection, from, training, iteration, settings)?;
            checkpoints::forget(connection, training)?;
        }
        None => {
            delete_from(connection, training, 0)?;
            checkpoints::forget(connection, training)?;
        }
    }
    sums::update(connection, training)?;
    connection.execute(
        "UPDATE attempts SET from_iteration = ?2 WHERE id = ?1",
        params![hold.attempt, integer("an iteration", iteration)?],
    )?;
    Ok(())
}

pub(super) fn update_attempt(
    connection: &Connection,
    attempt: i64,
    outcome: &Outcome,
    stop: Option<&str>,
    wall: Duration,
    ended_unix_ms: i64,
) -> Result<(), Problem> {
    let (error, transient, diverged_iteration) = match outcome {
        Outcome::Failed {
            error, transient, ..
        } => (Some(error.clone()), *transient, None),
        Outcome::Diverged { iteration } => {
            (None, false, Some(integer("an iteration", *iteration)?))
        }
        Outcome::Finished => (None, false, None),
        Outcome::Stopped => (stop.map(|by| format!("stopped by {by}")), false, None),
    };
    let mut update = connection.prepare_cached(
        "UPDATE attempts SET status = ?2, error = ?3, diverged_iteration = ?4,
             ended_unix_ms = ?5, wall_ms = ?6, transient = ?7
         WHERE id = ?1",
    )?;
    update.execute(params![
        attempt,
        outcome.into_str(),
        error,
        diverged_iteration,
        ended_unix_ms,
        integer("a wall time", wall.as_millis() as u64)?,
        transient,
    ])?;
    Ok(())
}
