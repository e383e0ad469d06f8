//! The ledger of a task: writes the scheduler's events to the journal of this start.

use std::collections::{HashMap, HashSet};
use std::io;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::{ClusterError, History, JournalWriter, Start, SubmissionFolder};
use resweep_core::domain::{
    Checkpoint, Claim, Event, EventSink, Lease, Ledger, Left, Outcome, Run, RunEvent, RunId, Saved,
    SinkError, Slot, StartFacts, StopReason, TaskRecord, TaskRun,
};
use resweep_core::files::Place;

/// Checkpoints that a start keeps of a run, besides those at the drops of the learning rate: the
/// newest, and the one before in case it is damaged.
const KEPT: usize = 2;
/// How long at most until somebody else's claim on a run is noticed, with or without a checkpoint.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Writes the journal of one start of a task.
pub struct TaskLedger {
    folder: SubmissionFolder,
    task: usize,
    start: Start,
    runs: Vec<TaskRun>,
    places: HashMap<RunId, usize>,
    history: History,
    journal: JournalWriter,
    attempts: HashMap<usize, u64>,
    stop: Option<StopReason>,
    active: HashSet<usize>,
    /// The checkpoints of this start, by run.
    saved: HashMap<usize, Vec<u64>>,
    /// Files of checkpoints that the next commit makes superfluous.
    superfluous: Vec<Place>,
    /// Whether the task has a later start.
    superseded: bool,
    look_now: bool,
    last_look: Instant,
    failed: usize,
}

impl TaskLedger {
    /// Begins the journal of `start`, whose folder this process has made.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn begin(
        folder: &SubmissionFolder,
        task: usize,
        start: Start,
        runs: Vec<TaskRun>,
        history: History,
        facts: StartFacts,
    ) -> Result<Self, ClusterError> {
        let path = folder.journal(task, start);
        let failed = |source| ClusterError::write(&path, source);
        let mut journal = JournalWriter::create(&path).map_err(failed)?;
        journal.push(&TaskRecord::Started(facts)).map_err(failed)?;
        journal.commit().map_err(failed)?;
        let places = runs.iter().enumerate();
        Ok(Self {
            places: places.map(|(at, one)| (one.run.id.clone(), at)).collect(),
            folder: folder.clone(),
            task,
            start,
            runs,
            history,
            journal,
            attempts: HashMap::new(),
            stop: None,
            active: HashSet::new(),
            saved: HashMap::new(),
            superfluous: Vec::new(),
            superseded: false,
            look_now: false,
            last_look: Instant::now(),
            failed: 0,
        })
    }

    /// The unfinished runs, in the order of the task.
    pub fn pending(&self) -> Vec<Run> {
        let pending = (0..self.runs.len()).filter(|at| self.history.end(*at).is_none());
        pending.map(|at| self.runs[at].run.clone()).collect()
    }

    /// Whether the task has a later start.
    pub fn is_superseded(&self) -> bool {
        self.superseded
    }

    /// Runs of this start that failed and are not retried.
    pub fn failed(&self) -> usize {
        self.failed
    }

    /// Writes the last record.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn leave(&mut self, why: Left) -> Result<(), ClusterError> {
        let unix_ms = now_unix_ms();
        self.push(&TaskRecord::Left { why, unix_ms })
            .and_then(|()| {
                self.journal.sync_next();
                self.journal.commit()
            })
            .map_err(|source| {
                ClusterError::write(&self.folder.journal(self.task, self.start), source)
            })
    }

    fn push(&mut self, record: &TaskRecord) -> io::Result<()> {
        self.journal.push(record)
    }

    fn place(&self, run: &Run) -> Result<usize, SinkError> {
        let place = self.places.get(&run.id).copied();
        place.ok_or_else(|| SinkError(format!("run {run} is not part of the task")))
    }

    fn lease(&mut self, at: usize) -> Lease {
        let attempt = self.attempts.entry(at).or_insert(0);
        *attempt += 1;
        let ordered = &self.runs[at];
        Lease {
            training: ordered.training,
            attempt: *attempt,
            folder: self.folder.checkpoints(&ordered.run.id, self.start),
            checkpoints: self.history.checkpoints(at, ordered, &self.folder),
            parent_checkpoints: self.parent_checkpoints(ordered),
        }
    }

    /// The final checkpoint of a run's parent: trained by this task, or recorded before.
    fn parent_checkpoints(&self, ordered: &TaskRun) -> Vec<Checkpoint> {
        let needed = ordered.run.needs().and_then(|id| self.places.get(id));
        let trained = needed.map(|at| self.history.final_state(*at, &self.runs[*at], &self.folder));
        let mut copies = trained.unwrap_or_default();
        copies.extend(ordered.parent_checkpoints.iter().cloned());
        copies
    }

    /// Fails a run of which no start reaches a checkpoint.
    fn give_up(&mut self, at: usize, slot: Slot) -> io::Result<Outcome> {
        let unix_ms = now_unix_ms();
        let outcome = Outcome::Failed {
            error: "three starts in a row ended before the run's first checkpoint; raise the time \
                    limit, or write checkpoints more often with --checkpoint-every"
                .to_owned(),
            transient: false,
            out_of_memory: false,
            disk_full: false,
            device_lost: false,
        };
        self.push(&TaskRecord::Began {
            run: at,
            slot,
            unix_ms,
        })?;
        self.push(&TaskRecord::Ended {
            run: at,
            outcome: outcome.clone(),
            wall_ms: 0,
            retries: false,
            stopped_by: None,
            unix_ms,
        })?;
        self.failed += 1;
        Ok(outcome)
    }

    fn measured(&mut self, run: usize, event: &RunEvent) -> io::Result<()> {
        if let RunEvent::Progress { .. } = event {
            return Ok(());
        }
        if let RunEvent::Checkpointed(saved) = event {
            self.checkpointed(run, *saved);
        }
        let event = event.clone();
        self.push(&TaskRecord::Measured { run, event })
    }

    /// The journal's record of a checkpoint is synced before older ones are removed.
    fn checkpointed(&mut self, run: usize, saved: Saved) {
        self.journal.sync_next();
        self.look_now = true;
        self.history.saved(self.start, run, saved);
        let ordered = &self.runs[run].run;
        let drops = &ordered.config.configuration.train.lr_drops;
        let kept = self.saved.entry(run).or_default();
        kept.retain(|iteration| *iteration != saved.iteration);
        kept.push(saved.iteration);
        let folder = self.folder.checkpoints(&ordered.id, self.start);
        let surplus = kept.len().saturating_sub(KEPT);
        let gone = kept[..surplus].iter().filter(|at| !drops.contains(at));
        self.superfluous
            .extend(gone.map(|at| folder.join(format!("{at}.safetensors"))));
        let last = kept.split_off(surplus);
        *kept = last;
    }

    fn finished(
        &mut self,
        run: usize,
        outcome: &Outcome,
        wall: Duration,
        retries: bool,
    ) -> io::Result<()> {
        self.active.remove(&run);
        self.journal.sync_next();
        if matches!(outcome, Outcome::Failed { .. }) && !retries {
            self.failed += 1;
        }
        let stopped = *outcome == Outcome::Stopped;
        let stopped_by = self.stop.filter(|_| stopped).map(str::to_owned);
        self.push(&TaskRecord::Ended {
            run,
            outcome: outcome.clone(),
            wall_ms: wall.as_millis() as u64,
            retries,
            stopped_by,
            unix_ms: now_unix_ms(),
        })
    }

    /// Looks for a later start and for released runs.
    fn look(&mut self) -> Vec<RunId> {
        self.look_now = false;
        self.last_look = Instant::now();
        self.superseded |= self.folder.is_superseded(self.task, self.start);
        let ids = self.active.iter().map(|at| &self.runs[*at].run.id);
        ids.filter(|id| self.superseded || self.folder.is_free(id))
            .cloned()
            .collect()
    }
}

impl EventSink for TaskLedger {
    fn handle(&mut self, event: &Event<'_>) -> Result<(), SinkError> {
        let written = match *event {
            Event::RunStarted { run, slot } => {
                let run = self.place(run)?;
                self.active.insert(run);
                let unix_ms = now_unix_ms();
                self.push(&TaskRecord::Began { run, slot, unix_ms })
            }
            Event::Run { run, ref event } => {
                let run = self.place(run)?;
                self.measured(run, event)
            }
            Event::RunFinished {
                run,
                outcome,
                wall,
                retry_in,
            } => {
                let run = self.place(run)?;
                self.finished(run, outcome, wall, retry_in.is_some())
            }
            Event::StopRequested { by } => {
                self.stop = Some(by);
                Ok(())
            }
            _ => Ok(()),
        };
        written.map_err(|error| SinkError(format!("cannot write the journal: {error}")))
    }
}

impl Ledger for TaskLedger {
    fn claim(&mut self, run: &Run, slot: Slot) -> Result<Claim, SinkError> {
        let at = self.place(run)?;
        if self.superseded || self.folder.is_free(&run.id) {
            return Ok(Claim::EndedElsewhere(Outcome::Stopped));
        }
        if self.history.is_hopeless(at) && !self.attempts.contains_key(&at) {
            let given_up = self.give_up(at, slot);
            return given_up
                .map(Claim::EndedElsewhere)
                .map_err(|error| SinkError(format!("cannot write the journal: {error}")));
        }
        Ok(Claim::Acquired(self.lease(at)))
    }

    fn commit(&mut self) -> Result<(), SinkError> {
        self.journal
            .commit()
            .map_err(|error| SinkError(format!("cannot write the journal: {error}")))?;
        for file in self.superfluous.drain(..) {
            // A file that stays is removed with the submission.
            let _ = file.remove_file();
        }
        Ok(())
    }

    fn lost(&mut self) -> Vec<RunId> {
        if self.look_now || self.last_look.elapsed() >= LOOK_EVERY {
            self.look()
        } else {
            Vec::new()
        }
    }
}

/// Milliseconds since 1970-01-01 UTC by the system's clock.
fn now_unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |duration| duration.as_millis() as i64)
}
