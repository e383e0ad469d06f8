//! Replays the journals of a task into the rows that the recorder would have written.
//!
//! Each record is applied once, whatever happens to the process that does it: the offset in the
//! journal is stored with the rows. Once a start has begun a run, records of earlier starts about
//! that run are ignored.

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use super::claims::HeldRun;
use super::points::{collect, replace_train, unsigned};
use super::recorder::{AttemptFacts, insert_attempt, take_up, update_attempt};
use super::register::Provenance;
use super::values::{Problem, integer};
use super::waiting::WaitingPoints;
use super::{checkpoints, layers, sums};
use resweep_core::domain::{
    Outcome, Run, RunEvent, RunId, Saved, Slot, StartFacts, StartPoint, TaskRecord, TaskRun, hex,
};
use resweep_core::files::Place;

/// The new records of a start of a task.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskJournal {
    pub start: u32,
    /// Each record, with the offset of its end.
    pub records: Vec<(u64, TaskRecord)>,
    /// Whether damaged bytes follow.
    pub is_damaged: bool,
}

/// The result of a replay.
#[derive(Debug, Default)]
pub struct Replayed {
    /// Records that were applied.
    pub records: usize,
    /// Runs that have ended or were released.
    pub closed: Vec<RunId>,
    /// Notes for the user.
    pub notes: Vec<String>,
    /// Trainings whose folders may have files without rows.
    pub(super) trainings: Vec<(i64, Place)>,
}

/// A task and its files.
pub(super) struct Task<'a> {
    pub submission: i64,
    pub task: i64,
    pub runs: &'a [TaskRun],
    pub database: &'a Path,
    /// The folder of the checkpoints of a run and a start.
    pub folder: &'a dyn Fn(&RunId, u32) -> Place,
}

/// A run as the submission has it.
#[derive(Debug, Clone)]
struct OpenRun {
    /// The last start that began it, or 0.
    start: u32,
    attempt: Option<i64>,
    is_open: bool,
    training_number: u64,
}

struct Replay<'a> {
    connection: &'a Connection,
    of: &'a Task<'a>,
    runs: Vec<OpenRun>,
    waiting: WaitingPoints,
    /// Whether a journal of an earlier start is damaged.
    damaged: bool,
    done: Replayed,
    /// Whether files were copied that the disk may not have yet.
    is_unsynced: bool,
}

/// Whether to continue with a journal.
enum Flow {
    Next,
    Wait,
}

/// Replays the journals of a task, the lowest start first.
pub(super) fn replay(
    connection: &Connection,
    of: &Task<'_>,
    journals: &[TaskJournal],
) -> Result<Replayed, Problem> {
    let mut replay = Replay::new(connection, of)?;
    for journal in journals {
        if let Flow::Wait = replay.journal(journal)? {
            break;
        }
        if journal.is_damaged {
            replay.damaged = true;
            let note = format!(
                "the journal of start {} of task {} is damaged; the records after the damage are not used",
                journal.start, of.task
            );
            replay.done.notes.push(note);
        }
    }
    replay.end()
}

/// Releases every open run of a task.
pub(super) fn free_open(
    connection: &Connection,
    of: &Task<'_>,
    why: &str,
) -> Result<Replayed, Problem> {
    let mut replay = Replay::new(connection, of)?;
    for position in 0..replay.runs.len() {
        if replay.runs[position].is_open {
            replay.free(position, why)?;
        }
    }
    replay.end()
}

impl<'a> Replay<'a> {
    fn new(connection: &'a Connection, of: &'a Task<'a>) -> Result<Self, Problem> {
        let runs = collect(
            connection,
            "SELECT start, attempt_id, state, number FROM submission_runs
             JOIN trainings ON trainings.id = training_id
             WHERE submission_id = ?1 AND task = ?2 ORDER BY position",
            params![of.submission, of.task],
            |row| {
                let state: String = row.get(2)?;
                Ok(OpenRun {
                    start: unsigned(row, 0)? as u32,
                    attempt: row.get(1)?,
                    is_open: state == "open",
                    training_number: unsigned(row, 3)?,
                })
            },
        )?;
        Ok(Self {
            connection,
            of,
            runs,
            waiting: WaitingPoints::default(),
            damaged: false,
            done: Replayed::default(),
            is_unsynced: false,
        })
    }

    /// Ends the replay. The disk has the copied checkpoints before their rows are committed.
    fn end(mut self) -> Result<Replayed, Problem> {
        self.waiting.write(self.connection)?;
        if self.is_unsynced {
            let folder = super::beside(self.of.database);
            let synced = folder.sync_file_system();
            synced.map_err(|source| Problem::File(folder.to_path_buf(), source))?;
        }
        Ok(self.done)
    }

    fn journal(&mut self, journal: &TaskJournal) -> Result<Flow, Problem> {
        let start = journal.start;
        let mut known = self.known(start)?;
        let mut offset = known.as_ref().map_or(0, |(offset, ..)| *offset);
        let before = offset;
        let mut flow = Flow::Next;
        for (end, record) in &journal.records {
            if *end <= offset {
                continue;
            }
            if let TaskRecord::Started(facts) = record {
                known = Some((*end, self.started(start, facts)?, facts.clone()));
            } else if let Some((_, process, facts)) = &known {
                flow = self.record(start, *process, facts, record)?;
                if let Flow::Wait = flow {
                    break;
                }
            } else {
                // A journal whose first record is missing is unusable.
                break;
            }
            offset = *end;
            self.done.records += 1;
        }
        if offset > before {
            let offset = integer("a place in a journal", offset)?;
            self.connection.execute(
                "UPDATE submission_starts SET offset = ?4
                 WHERE submission_id = ?1 AND task = ?2 AND start = ?3",
                params![self.of.submission, self.of.task, start, offset],
            )?;
        }
        Ok(flow)
    }

    /// The stored offset, process and facts of a start.
    fn known(&self, start: u32) -> Result<Option<(u64, i64, StartFacts)>, Problem> {
        let found = self
            .connection
            .prepare_cached(
                "SELECT offset, process_id, facts_json FROM submission_starts
                 WHERE submission_id = ?1 AND task = ?2 AND start = ?3",
            )?
            .query_row(params![self.of.submission, self.of.task, start], |row| {
                Ok((unsigned(row, 0)?, row.get(1)?, row.get::<_, String>(2)?))
            })
            .optional()?;
        Ok(match found {
            Some((offset, process, facts)) => {
                Some((offset, process, serde_json::from_str(&facts)?))
            }
            None => None,
        })
    }

    fn started(&self, start: u32, facts: &StartFacts) -> Result<i64, Problem> {
        let process: i64 = self.connection.query_row(
            "INSERT INTO processes (id, host, pid, started_unix_ms, beats)
             VALUES ((SELECT min(coalesce(min(id), 0), 0) - 1 FROM processes), ?1, ?2, ?3, 0)
             RETURNING id",
            params![facts.host, facts.pid, facts.unix_ms],
            |row| row.get(0),
        )?;
        self.connection.execute(
            "INSERT INTO submission_starts
                 (submission_id, task, start, process_id, facts_json, offset)
             VALUES (?1, ?2, ?3, ?4, ?5, 0)",
            params![
                self.of.submission,
                self.of.task,
                start,
                process,
                serde_json::to_string(facts)?
            ],
        )?;
        Ok(process)
    }

    fn record(
        &mut self,
        start: u32,
        process: i64,
        facts: &StartFacts,
        record: &TaskRecord,
    ) -> Result<Flow, Problem> {
        match record {
            TaskRecord::Started(_) => {}
            TaskRecord::Began { run, slot, unix_ms } => {
                if self.counts(*run, |of| start >= of.start) {
                    self.began(*run, start, *slot, (process, facts, *unix_ms))?;
                }
            }
            TaskRecord::Measured { run, event } => {
                if self.counts(*run, |of| start == of.start) {
                    return self.measured(*run, start, event);
                }
            }
            TaskRecord::Ended {
                run,
                outcome,
                wall_ms,
                retries,
                stopped_by,
                unix_ms,
            } => {
                if self.counts(*run, |of| start == of.start) {
                    let wall = Duration::from_millis(*wall_ms);
                    let by = stopped_by.as_deref();
                    self.ended(*run, outcome, *retries, (by, wall, *unix_ms))?;
                }
            }
            TaskRecord::Left { why, .. } => {
                self.connection.execute(
                    "UPDATE submission_starts SET left_json = ?4
                     WHERE submission_id = ?1 AND task = ?2 AND start = ?3",
                    params![
                        self.of.submission,
                        self.of.task,
                        start,
                        serde_json::to_string(why)?
                    ],
                )?;
            }
        }
        Ok(Flow::Next)
    }

    fn counts(&self, run: usize, which: impl Fn(&OpenRun) -> bool) -> bool {
        let of = self.runs.get(run);
        of.is_some_and(|of| of.is_open && which(of))
    }

    fn run(&self, position: usize) -> &'a Run {
        &self.of.runs[position].run
    }

    fn hold(&self, position: usize) -> Option<HeldRun> {
        let training = self.of.runs[position].training;
        let (run, number) = (self.run(position), self.runs[position].training_number);
        Some(HeldRun {
            attempt: self.runs[position].attempt?,
            training,
            folder: checkpoints::folder(self.of.database, &run.id.0, number),
        })
    }

    fn began(
        &mut self,
        position: usize,
        start: u32,
        slot: Slot,
        (process, facts, unix_ms): (i64, &StartFacts, i64),
    ) -> Result<(), Problem> {
        self.interrupt(position, None)?;
        let provenance = Provenance {
            version: facts.version.clone(),
            git_commit: facts.git_commit.clone(),
            cpu: facts.cpu.clone(),
            devices: facts.devices.clone(),
            host: facts.host.clone(),
        };
        let begun = AttemptFacts {
            process,
            provenance: &provenance,
            workers: facts.workers,
            unix_ms,
        };
        let training = self.of.runs[position].training;
        let run = self.run(position);
        let (attempt, _) = insert_attempt(self.connection, run, slot, training, &begun)?;
        self.connection
            .prepare_cached(
                "UPDATE submission_runs SET start = ?4, attempt_id = ?5
                 WHERE submission_id = ?1 AND task = ?2 AND position = ?3",
            )?
            .execute(params![
                self.of.submission,
                self.of.task,
                position as i64,
                start,
                attempt
            ])?;
        self.runs[position].start = start;
        self.runs[position].attempt = Some(attempt);
        Ok(())
    }

    /// Marks an attempt that its start did not end as interrupted.
    fn interrupt(&mut self, position: usize, why: Option<&str>) -> Result<(), Problem> {
        self.waiting.write(self.connection)?;
        self.connection
            .prepare_cached(
                "UPDATE attempts SET status = 'interrupted', error = ?2
                 WHERE id = ?1 AND status = 'running'",
            )?
            .execute(params![self.runs[position].attempt, why])?;
        Ok(())
    }

    fn measured(&mut self, position: usize, start: u32, event: &RunEvent) -> Result<Flow, Problem> {
        let Some(hold) = self.hold(position) else {
            return Ok(Flow::Next);
        };
        let (connection, training) = (self.connection, hold.training);
        match event {
            RunEvent::Progress { .. } => {}
            RunEvent::Trained(point) => self.waiting.train(connection, training, *point)?,
            RunEvent::Evaluated(point) => self.waiting.eval(connection, training, *point)?,
            RunEvent::Began(beginning) => return self.take_up(position, &hold, *beginning),
            RunEvent::Checkpointed(saved) => self.checkpointed(position, start, saved)?,
            RunEvent::CurveRestored(points) => {
                self.waiting.write(connection)?;
                replace_train(connection, training, points)?;
                sums::update(connection, training)?;
            }
            RunEvent::LayersMeasured(stats) => {
                self.waiting.write(connection)?;
                layers::replace(connection, training, stats)?;
            }
        }
        Ok(Flow::Next)
    }

    fn take_up(
        &mut self,
        position: usize,
        hold: &HeldRun,
        beginning: StartPoint,
    ) -> Result<Flow, Problem> {
        self.waiting.write(self.connection)?;
        let own = beginning.from == Some(hold.training);
        if own && !self.has_checkpoint(position, beginning.iteration)? {
            if !self.damaged {
                return Ok(Flow::Wait);
            }
            // The measurements before that checkpoint are lost.
            self.free(position, "the journal of an earlier start is damaged")?;
            return Ok(Flow::Next);
        }
        take_up(self.connection, self.run(position), hold, beginning)?;
        let kept = if own { beginning.iteration } else { 0 };
        self.connection.execute(
            "DELETE FROM submission_checkpoints
             WHERE submission_id = ?1 AND task = ?2 AND position = ?3 AND iteration > ?4",
            params![
                self.of.submission,
                self.of.task,
                position as i64,
                integer("an iteration", kept)?
            ],
        )?;
        Ok(Flow::Next)
    }

    /// Whether the checkpoint of this iteration is known.
    fn has_checkpoint(&self, position: usize, iteration: u64) -> Result<bool, Problem> {
        let has = self
            .connection
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM submission_checkpoints
                     WHERE submission_id = ?1 AND task = ?2 AND position = ?3 AND iteration = ?4)
                 OR EXISTS (SELECT 1 FROM checkpoints WHERE training_id = ?5 AND iteration = ?4)",
            )?
            .query_row(
                params![
                    self.of.submission,
                    self.of.task,
                    position as i64,
                    integer("an iteration", iteration)?,
                    self.of.runs[position].training.0
                ],
                |row| row.get(0),
            )?;
        Ok(has)
    }

    /// Stores a checkpoint. The start that wrote it keeps as many as the recorder.
    fn checkpointed(&self, position: usize, start: u32, saved: &Saved) -> Result<(), Problem> {
        let place = (self.of.submission, self.of.task, position as i64);
        self.connection
            .prepare_cached(
                "INSERT OR REPLACE INTO submission_checkpoints
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                place.0,
                place.1,
                place.2,
                start,
                integer("an iteration", saved.iteration)?,
                hex(&saved.sha256),
                integer("a size", saved.bytes)?,
                saved.has_curve
            ])?;
        let drops = &self.run(position).config.configuration.train.lr_drops;
        self.connection
            .prepare_cached(
                "DELETE FROM submission_checkpoints
                 WHERE submission_id = ?1 AND task = ?2 AND position = ?3 AND start = ?4
                     AND iteration NOT IN (SELECT value FROM json_each(?5))
                     AND iteration NOT IN (SELECT iteration FROM submission_checkpoints
                         WHERE submission_id = ?1 AND task = ?2 AND position = ?3 AND start = ?4
                         ORDER BY iteration DESC LIMIT ?6)",
            )?
            .execute(params![
                place.0,
                place.1,
                place.2,
                start,
                serde_json::to_string(drops)?,
                checkpoints::KEPT
            ])?;
        Ok(())
    }

    fn ended(
        &mut self,
        position: usize,
        outcome: &Outcome,
        retries: bool,
        (stopped_by, wall, unix_ms): (Option<&str>, Duration, i64),
    ) -> Result<(), Problem> {
        let Some(hold) = self.hold(position) else {
            return Ok(());
        };
        self.waiting.write(self.connection)?;
        let attempt = hold.attempt;
        update_attempt(self.connection, attempt, outcome, stopped_by, wall, unix_ms)?;
        if retries || *outcome == Outcome::Stopped {
            return Ok(());
        }
        match outcome {
            Outcome::Finished => {
                let train = &self.run(position).config.configuration.train;
                let mut kept = train.lr_drops.clone();
                kept.push(train.iterations);
                self.import_checkpoints(position, &hold, |iteration| kept.contains(&iteration))?;
                checkpoints::keep_results(self.connection, self.run(position), hold.training)?;
            }
            Outcome::Diverged { .. } => checkpoints::forget(self.connection, hold.training)?,
            Outcome::Failed { .. } | Outcome::Stopped => {
                self.import_checkpoints(position, &hold, |_| true)?;
            }
        }
        self.close(position, "ended", hold)
    }

    /// Releases a run, and imports the checkpoints that it can resume from.
    fn free(&mut self, position: usize, why: &str) -> Result<(), Problem> {
        self.interrupt(position, Some(why))?;
        let Some(hold) = self.hold(position) else {
            self.set_state(position, "freed")?;
            self.done.closed.push(self.run(position).id.clone());
            return Ok(());
        };
        self.import_checkpoints(position, &hold, |_| true)?;
        self.close(position, "freed", hold)
    }

    fn close(&mut self, position: usize, state: &str, hold: HeldRun) -> Result<(), Problem> {
        self.set_state(position, state)?;
        self.connection.execute(
            "DELETE FROM submission_checkpoints
             WHERE submission_id = ?1 AND task = ?2 AND position = ?3",
            params![self.of.submission, self.of.task, position as i64],
        )?;
        self.done.closed.push(self.run(position).id.clone());
        self.done.trainings.push((hold.training.0, hold.folder));
        Ok(())
    }

    fn set_state(&mut self, position: usize, state: &str) -> Result<(), Problem> {
        self.runs[position].is_open = false;
        self.connection.execute(
            "UPDATE submission_runs SET state = ?4
             WHERE submission_id = ?1 AND task = ?2 AND position = ?3",
            params![self.of.submission, self.of.task, position as i64, state],
        )?;
        Ok(())
    }

    /// Copies checkpoints of the submission to those of the results folder.
    fn import_checkpoints(
        &mut self,
        position: usize,
        hold: &HeldRun,
        wanted: impl Fn(u64) -> bool,
    ) -> Result<(), Problem> {
        let found = collect(
            self.connection,
            "SELECT start, iteration, sha256, bytes, has_curve FROM submission_checkpoints
             WHERE submission_id = ?1 AND task = ?2 AND position = ?3
             ORDER BY iteration, start DESC",
            params![self.of.submission, self.of.task, position as i64],
            |row| {
                let digits: String = row.get(2)?;
                let saved = Saved {
                    iteration: unsigned(row, 1)?,
                    sha256: checkpoints::parse(&digits),
                    bytes: unsigned(row, 3)?,
                    has_curve: row.get(4)?,
                };
                Ok((unsigned(row, 0)? as u32, saved))
            },
        )?;
        let run = self.run(position);
        let mut imported = HashSet::new();
        for (start, saved) in found {
            if !wanted(saved.iteration) || imported.contains(&saved.iteration) {
                continue;
            }
            let name = checkpoints::file_name(saved.iteration);
            let source = (self.of.folder)(&run.id, start).join(&name);
            let target = hold.folder.join(&name);
            match read_checked(&source, &saved) {
                Ok(bytes) => {
                    let written = target.write_unsynced_with(|file| file.write_all(&bytes));
                    written.map_err(|source| Problem::File(target.to_path_buf(), source))?;
                }
                // Copied before, and the database is an older one that was restored.
                Err(_) if read_checked(&target, &saved).is_ok() => {}
                Err(error) => {
                    self.done.notes.push(format!(
                        "the checkpoint {} of {run} is not used: {error}",
                        source.display()
                    ));
                    continue;
                }
            }
            checkpoints::insert(self.connection, run, hold.training, &saved)?;
            imported.insert(saved.iteration);
            self.is_unsynced = true;
        }
        Ok(())
    }
}

/// Reads a checkpoint whose checksum is right.
fn read_checked(source: &Place, saved: &Saved) -> io::Result<Vec<u8>> {
    let bytes = source.read()?;
    let sum: [u8; 32] = Sha256::digest(&bytes).into();
    match sum == saved.sha256 {
        true => Ok(bytes),
        false => Err(io::Error::other("its checksum is wrong")),
    }
}
