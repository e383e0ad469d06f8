//! Compares a sweep with the stored runs: what `resweep run` would do.

use std::collections::{HashMap, HashSet};

use crate::domain::{ResultStatus, Run, RunId};

/// The stored state of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub status: ResultStatus,
    /// Other sweeps that have the same run.
    pub shared_with: Vec<String>,
    /// Whether its final checkpoint exists, for runs that need it as parent.
    pub has_final_state: bool,
    /// The run whose result it shares, if it has none of its own yet.
    pub same_as: Option<RunId>,
}

/// What `resweep run` would do with a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// Never trained: would train.
    New,
    /// Finished or diverged: the result is used.
    Done,
    /// Ended with an error: would train only on request.
    Failed,
    /// Started but not ended: would resume from its last checkpoint.
    Unfinished,
    /// Finished, but its final checkpoint is missing and a pending run needs it as parent: would
    /// train again.
    Retrain,
    /// Its parent diverged, or failed and would not be retried.
    Blocked,
}

/// Which runs `resweep run` trains besides new and unfinished ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryPolicy {
    Never,
    /// `--retry-failed`
    Failed,
    /// `--fresh`
    All,
}

impl RunState {
    /// Whether `resweep run` would train the run now.
    pub fn trains(self, retry: RetryPolicy) -> bool {
        match self {
            Self::New | Self::Unfinished | Self::Retrain => true,
            Self::Blocked => false,
            Self::Failed => retry != RetryPolicy::Never,
            Self::Done => retry == RetryPolicy::All,
        }
    }
}

/// A sweep's runs compared with the store.
#[derive(Debug, Clone)]
pub struct Diff {
    /// One for each run of the plan, in its order.
    pub states: Vec<RunState>,
    /// Runs that the store lists under this sweep's name but the sweep no longer contains.
    pub stale: Vec<RunId>,
}

impl Diff {
    /// Compares `runs` with their stored state and with the runs listed under the sweep's name.
    pub fn new(runs: &[Run], stored: &HashMap<RunId, Stored>, listed: &[RunId]) -> Self {
        let planned: HashSet<&RunId> = runs.iter().map(|run| &run.id).collect();
        Self {
            states: runs.iter().map(|run| state(stored.get(&run.id))).collect(),
            stale: listed
                .iter()
                .filter(|id| !planned.contains(id))
                .cloned()
                .collect(),
        }
    }

    /// Resolves parents: which finished runs must train again for their children, and which runs
    /// are blocked by their parent. `runs` and `stored` are those of [`Diff::new`].
    pub fn resolve_parents(
        &mut self,
        runs: &[Run],
        stored: &HashMap<RunId, Stored>,
        retry: RetryPolicy,
    ) {
        let places = runs.iter().enumerate().map(|(place, run)| (&run.id, place));
        let places: HashMap<&RunId, usize> = places.collect();
        let mut needs: Vec<(usize, usize)> = (runs.iter().enumerate())
            .filter_map(|(place, run)| Some((place, *places.get(run.needs()?)?)))
            .collect();
        // Parents are shallower, so they come before their children in this order.
        needs.sort_by_key(|(place, _)| runs[*place].config.configuration.model.depth);
        for &(place, source) in &needs {
            let gives = match self.states[source] {
                RunState::Done if retry != RetryPolicy::All => {
                    !diverged(stored.get(&runs[source].id))
                }
                state => state.trains(retry),
            };
            if self.states[place].trains(retry) && !gives {
                self.states[place] = RunState::Blocked;
            }
        }
        for &(place, source) in needs.iter().rev() {
            let state = stored.get(&runs[source].id);
            let lost = state.is_some_and(|stored| !stored.has_final_state);
            if self.states[place].trains(retry) && self.states[source] == RunState::Done && lost {
                self.states[source] = RunState::Retrain;
            }
        }
    }

    /// The number of runs in this state.
    pub fn count(&self, state: RunState) -> usize {
        self.states.iter().filter(|&&s| s == state).count()
    }

    /// The number of runs with a result.
    pub fn done(&self) -> usize {
        self.count(RunState::Done)
    }

    /// The number of failed runs.
    pub fn failed(&self) -> usize {
        self.count(RunState::Failed)
    }

    /// The runs that would train now, in the order of the plan.
    pub fn pending<'a>(&self, runs: &'a [Run], retry: RetryPolicy) -> Vec<&'a Run> {
        runs.iter()
            .zip(&self.states)
            .filter(|(_, state)| state.trains(retry))
            .map(|(run, _)| run)
            .collect()
    }
}

fn diverged(stored: Option<&Stored>) -> bool {
    stored.is_some_and(|stored| stored.status == ResultStatus::Diverged)
}

fn state(stored: Option<&Stored>) -> RunState {
    match stored.map(|stored| stored.status) {
        None => RunState::New,
        Some(ResultStatus::Finished | ResultStatus::Diverged) => RunState::Done,
        Some(ResultStatus::Failed) => RunState::Failed,
        Some(ResultStatus::Unfinished) => RunState::Unfinished,
    }
}
