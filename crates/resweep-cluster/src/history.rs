//! Reads from the journals what the earlier starts of a task have done.

use std::collections::{BTreeSet, HashMap};

use super::{ClusterError, Start, SubmissionFolder, read_journal};
use resweep_core::domain::{Checkpoint, Outcome, RunEvent, Saved, TaskRecord, TaskRun};

/// A run fails after this many starts in a row without a checkpoint.
const FRUITLESS_MAX: usize = 3;

/// The state of the runs of a task before a start.
#[derive(Debug, Clone, Default)]
pub struct History {
    runs: HashMap<usize, Past>,
}

/// The state of one run.
#[derive(Debug, Clone, Default)]
struct Past {
    /// Its final outcome.
    end: Option<Outcome>,
    /// The checkpoints of all starts, in the order in which they were written.
    saved: Vec<(Start, Saved)>,
    /// The starts that began it.
    began: BTreeSet<Start>,
    /// Those of them that wrote a checkpoint.
    fruitful: BTreeSet<Start>,
}

/// A run's final checkpoint, from which other runs start.
pub type FinalState = Checkpoint;

impl History {
    /// Reads the journals of every start of a task before `before`.
    ///
    /// # Errors
    /// A folder or a journal cannot be read.
    pub fn read(
        folder: &SubmissionFolder,
        task: usize,
        before: Start,
    ) -> Result<Self, ClusterError> {
        let mut history = Self::default();
        for start in folder.starts(task)? {
            if start >= before {
                break;
            }
            let path = folder.journal(task, start);
            let read =
                read_journal(&path, 0).map_err(|source| ClusterError::read(&path, source))?;
            // Records after damage are trained again.
            for (_, record) in read.records {
                history.take(start, record);
            }
        }
        Ok(history)
    }

    fn take(&mut self, start: Start, record: TaskRecord) {
        match record {
            TaskRecord::Began { run, .. } => {
                self.runs.entry(run).or_default().began.insert(start);
            }
            TaskRecord::Measured {
                run,
                event: RunEvent::Checkpointed(saved),
            } => {
                let past = self.runs.entry(run).or_default();
                past.saved.push((start, saved));
                past.fruitful.insert(start);
            }
            TaskRecord::Ended {
                run,
                outcome,
                retries: false,
                ..
            } if outcome != Outcome::Stopped => {
                self.runs.entry(run).or_default().end.get_or_insert(outcome);
            }
            _ => {}
        }
    }

    /// The final outcome of a run, if it has one.
    pub fn end(&self, run: usize) -> Option<&Outcome> {
        self.runs.get(&run)?.end.as_ref()
    }

    /// Whether the last starts were too short for a single checkpoint of the run.
    pub fn is_hopeless(&self, run: usize) -> bool {
        let Some(past) = self.runs.get(&run) else {
            return false;
        };
        let last = past.began.iter().rev().take(FRUITLESS_MAX);
        past.began.len() >= FRUITLESS_MAX
            && last.into_iter().all(|start| !past.fruitful.contains(start))
    }

    /// The checkpoints that a run can resume from, including those it was submitted with, the
    /// furthest first.
    pub fn checkpoints(
        &self,
        run: usize,
        ordered: &TaskRun,
        folder: &SubmissionFolder,
    ) -> Vec<Checkpoint> {
        let mut found: Vec<Checkpoint> = self.own(run, ordered, folder).collect();
        found.extend(ordered.checkpoints.iter().cloned());
        found.sort_by_key(|checkpoint| {
            let own = checkpoint.training == ordered.training;
            std::cmp::Reverse((checkpoint.iteration, own))
        });
        found
    }

    /// The final state of a finished run, every copy.
    pub fn final_state(
        &self,
        run: usize,
        ordered: &TaskRun,
        folder: &SubmissionFolder,
    ) -> Vec<FinalState> {
        let last = ordered.run.config.configuration.train.iterations;
        self.own(run, ordered, folder)
            .filter(|checkpoint| checkpoint.iteration == last)
            .collect()
    }

    fn own<'a>(
        &'a self,
        run: usize,
        ordered: &'a TaskRun,
        folder: &'a SubmissionFolder,
    ) -> impl Iterator<Item = Checkpoint> + 'a {
        let saved = self.runs.get(&run).into_iter().flat_map(|past| &past.saved);
        // The newest start first.
        saved.rev().map(move |(start, saved)| Checkpoint {
            training: ordered.training,
            iteration: saved.iteration,
            path: folder
                .checkpoints(&ordered.run.id, *start)
                .join(format!("{}.safetensors", saved.iteration)),
            sha256: saved.sha256,
            trajectory: ordered.run.trajectory(saved.iteration).clone(),
        })
    }

    /// Adds a checkpoint of this start, for runs that start from it.
    pub fn saved(&mut self, start: Start, run: usize, saved: Saved) {
        self.runs.entry(run).or_default().saved.push((start, saved));
    }
}
