//! Reads the results of a sweep's runs for analysis.

use std::collections::HashMap;

use resweep_core::analysis::Recorded;
use resweep_core::domain::{Curves, ResultStatus, Run, RunId};
use resweep_store::{AttemptStatus, RunStatus, Store, StoreError};

/// States and curves of some runs; empty for runs without records.
pub struct Records {
    statuses: HashMap<RunId, RunStatus>,
    curves: HashMap<RunId, Curves>,
}

impl Records {
    /// Reads the results of `runs`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn read(runs: &[Run], store: &Store) -> Result<Self, StoreError> {
        let ids: Vec<RunId> = runs.iter().map(|run| run.id.clone()).collect();
        Ok(Self {
            statuses: store.statuses(&ids)?,
            curves: store.curves(&ids)?,
        })
    }

    /// The measurements of the runs.
    pub fn curves(&self) -> &HashMap<RunId, Curves> {
        &self.curves
    }

    /// `runs`, each with its results.
    pub fn of<'a>(&'a self, runs: &'a [Run]) -> Vec<Recorded<'a>> {
        let recorded = |run: &'a Run| Recorded {
            run,
            status: self.status(run),
            curves: self.curves.get(&run.id),
        };
        runs.iter().map(recorded).collect()
    }

    fn status(&self, run: &Run) -> ResultStatus {
        let status = self.statuses.get(&run.id);
        status.map_or(ResultStatus::Unfinished, result_status)
    }
}

/// The result of a run. The next `run` retries a transient failure.
pub fn result_status(status: &RunStatus) -> ResultStatus {
    match status.status {
        AttemptStatus::Finished => ResultStatus::Finished,
        AttemptStatus::Diverged => ResultStatus::Diverged,
        AttemptStatus::Failed if !status.transient => ResultStatus::Failed,
        AttemptStatus::Failed
        | AttemptStatus::Running
        | AttemptStatus::Stopped
        | AttemptStatus::Interrupted => ResultStatus::Unfinished,
    }
}
