//! What a sweep would do, given what is stored.

use std::collections::{HashMap, HashSet};

use crate::domain::{Run, RunId};

/// What the store knows of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub status: StoredStatus,
    /// Other sweeps that have the same run.
    pub shared_with: Vec<String>,
    /// Whether its final state is there for others to grow from.
    pub has_final_state: bool,
    /// The run whose recorded result it shares, where it has none of its own yet.
    pub same_as: Option<RunId>,
}

/// How a run's newest attempt stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredStatus {
    Finished,
    Diverged,
    Failed,
    /// Begun and not ended, by a process that may be alive or dead.
    Unfinished,
}

/// What `resweep run` would do with a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Never trained: it would train.
    New,
    /// Trained to its end, or diverged: its result is used.
    Done,
    /// Ended with an error: it would train only when asked for.
    Failed,
    /// Begun but not ended: it would resume from its last checkpoint.
    Unfinished,
    /// Finished, but its final checkpoint is gone and a run that would train grows from it: it
    /// would train again.
    Revived,
    /// The run that it grows from diverged, or failed and would not train.
    Blocked,
}

/// What `resweep run` is to train besides what is new or unfinished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    Nothing,
    /// `--retry-failed`
    Failed,
    /// `--fresh`
    Everything,
}

impl Standing {
    /// Whether `resweep run` would train the run now.
    pub fn trains(self, again: Again) -> bool {
        match self {
            Self::New | Self::Unfinished | Self::Revived => true,
            Self::Blocked => false,
            Self::Failed => again != Again::Nothing,
            Self::Done => again == Again::Everything,
        }
    }
}

/// A sweep's runs against the store.
#[derive(Debug, Clone)]
pub struct Diff {
    /// One for each run of the plan, in its order.
    pub standings: Vec<Standing>,
    /// Runs that the store lists under this sweep's name and the sweep no longer has.
    pub stale: Vec<RunId>,
}

impl Diff {
    /// Compares `runs` with what is stored of them and with the runs that the store lists under
    /// the sweep's name.
    pub fn new(runs: &[Run], stored: &HashMap<RunId, Stored>, listed: &[RunId]) -> Self {
        let planned: HashSet<&RunId> = runs.iter().map(|run| &run.id).collect();
        Self {
            standings: runs
                .iter()
                .map(|run| standing(stored.get(&run.id)))
                .collect(),
            stale: listed
                .iter()
                .filter(|id| !planned.contains(id))
                .cloned()
                .collect(),
        }
    }

    /// Looks at what runs grow from: who trains again for others, and who cannot train for want of
    /// another. `runs` and `stored` are those of [`Diff::new`].
    pub fn settle_needs(&mut self, runs: &[Run], stored: &HashMap<RunId, Stored>, again: Again) {
        let places = runs.iter().enumerate().map(|(place, run)| (&run.id, place));
        let places: HashMap<&RunId, usize> = places.collect();
        let mut needs: Vec<(usize, usize)> = (runs.iter().enumerate())
            .filter_map(|(place, run)| Some((place, *places.get(run.needs()?)?)))
            .collect();
        // What is grown from is shallower: nobody is looked at before those whom it needs.
        needs.sort_by_key(|(place, _)| runs[*place].config.configuration.model.depth);
        for &(place, source) in &needs {
            let gives = match self.standings[source] {
                Standing::Done if again != Again::Everything => {
                    !diverged(stored.get(&runs[source].id))
                }
                standing => standing.trains(again),
            };
            if self.standings[place].trains(again) && !gives {
                self.standings[place] = Standing::Blocked;
            }
        }
        for &(place, source) in needs.iter().rev() {
            let state = stored.get(&runs[source].id);
            let lost = state.is_some_and(|stored| !stored.has_final_state);
            if self.standings[place].trains(again)
                && self.standings[source] == Standing::Done
                && lost
            {
                self.standings[source] = Standing::Revived;
            }
        }
    }

    /// How many runs stand so.
    pub fn count(&self, standing: Standing) -> usize {
        self.standings.iter().filter(|&&s| s == standing).count()
    }

    /// Runs whose results are there.
    pub fn done(&self) -> usize {
        self.count(Standing::Done)
    }

    /// Runs that ended with an error.
    pub fn failed(&self) -> usize {
        self.count(Standing::Failed)
    }

    /// The runs that would train now, in the order of the plan.
    pub fn pending<'a>(&self, runs: &'a [Run], again: Again) -> Vec<&'a Run> {
        runs.iter()
            .zip(&self.standings)
            .filter(|(_, standing)| standing.trains(again))
            .map(|(run, _)| run)
            .collect()
    }
}

fn diverged(stored: Option<&Stored>) -> bool {
    stored.is_some_and(|stored| stored.status == StoredStatus::Diverged)
}

fn standing(stored: Option<&Stored>) -> Standing {
    match stored.map(|stored| stored.status) {
        None => Standing::New,
        Some(StoredStatus::Finished | StoredStatus::Diverged) => Standing::Done,
        Some(StoredStatus::Failed) => Standing::Failed,
        Some(StoredStatus::Unfinished) => Standing::Unfinished,
    }
}
