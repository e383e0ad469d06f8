//! What the store has of a sweep's runs, as the analysis takes it.

use std::collections::HashMap;

use resweep_core::analysis::{End, Recorded};
use resweep_core::domain::{Curves, Run, RunId};
use resweep_store::{AttemptStatus, RunStatus, Store};

/// Ends and curves of some runs; nothing where nothing is recorded.
#[derive(Default)]
pub struct Records {
    statuses: HashMap<RunId, RunStatus>,
    curves: HashMap<RunId, Curves>,
}

impl Records {
    /// Reads what is recorded of `runs`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn read(runs: &[Run], store: &Store) -> anyhow::Result<Self> {
        let ids: Vec<RunId> = runs.iter().map(|run| run.id.clone()).collect();
        Ok(Self {
            statuses: store.statuses(&ids)?,
            curves: store.curves(&ids)?,
        })
    }

    /// What the runs have measured.
    pub fn curves(&self) -> &HashMap<RunId, Curves> {
        &self.curves
    }

    /// `runs`, each with what is recorded of it.
    pub fn of<'a>(&'a self, runs: &'a [Run]) -> Vec<Recorded<'a>> {
        let recorded = |run: &'a Run| Recorded {
            run,
            end: self.end(run),
            curves: self.curves.get(&run.id),
        };
        runs.iter().map(recorded).collect()
    }

    /// A failure that may pass is tried again by the next `run`.
    fn end(&self, run: &Run) -> End {
        let Some(status) = self.statuses.get(&run.id) else {
            return End::Open;
        };
        match status.status {
            AttemptStatus::Finished => End::Finished,
            AttemptStatus::Diverged => End::Diverged,
            AttemptStatus::Failed if !status.transient => End::Failed,
            _ => End::Open,
        }
    }
}
