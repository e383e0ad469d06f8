//! One configuration: its seeds put together, and the paper's number beside them.

use serde::Serialize;

use super::chance::hint;
use super::finals::{End, Finals, Recorded};
use super::paper::{Number, reference};
use super::statistics::Sample;
use crate::domain::{Measure, Shortcut, Sweep};

/// A row of the table. Errors are in percent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// As in the sweep: `plain-20`.
    pub label: String,
    pub depth: usize,
    pub shortcut: Shortcut,
    /// Trainable parameters; `None` where the sweep has no run of it.
    pub parameters: Option<u64>,
    /// Seeds that the sweep trains, and how many of them ended how.
    pub seeds: usize,
    pub finished: usize,
    pub diverged: usize,
    pub failed: usize,
    /// Where the diverged ones did, ascending.
    pub diverged_at: Vec<u64>,
    /// How many of the finished ones are no better than guessing; see [`super::chance`].
    pub no_better_than_chance: usize,
    /// What may help those.
    #[serde(skip)]
    pub hint: Option<String>,
    /// Final test error over the finished seeds, or validation error where images are held out.
    pub test: Option<Sample>,
    /// Training error at the end over the finished seeds.
    pub train: Option<Sample>,
    pub paper: Option<&'static Number>,
}

impl Summary {
    /// Final errors of one kind.
    pub fn errors(&self, measure: Measure) -> Option<&Sample> {
        match measure {
            Measure::Test => self.test.as_ref(),
            Measure::Train => self.train.as_ref(),
        }
    }

    /// Mean test error less the paper's, in percentage points.
    pub fn test_difference(&self) -> Option<f64> {
        Some(self.test.as_ref()?.mean - self.paper?.test)
    }

    /// Mean training error less the paper's, in percentage points.
    pub fn train_difference(&self) -> Option<f64> {
        Some(self.train.as_ref()?.mean - self.paper?.train?)
    }

    /// Whether every run that finished is no better than guessing.
    pub fn is_chance(&self) -> bool {
        self.finished > 0 && self.no_better_than_chance == self.finished
    }

    /// Whether every seed has come to a result.
    pub fn is_complete(&self) -> bool {
        self.finished + self.diverged == self.seeds
    }
}

/// One row for each configuration, in the order of the sweep.
pub fn summaries(sweep: &Sweep, runs: &[Recorded<'_>]) -> Vec<Summary> {
    let mut of: Vec<Vec<&Recorded<'_>>> = vec![Vec::new(); sweep.configurations.len()];
    for run in runs {
        if let Some(list) = of.get_mut(run.run.configuration) {
            list.push(run);
        }
    }
    let rows = sweep.configurations.iter().zip(&sweep.labels).zip(of);
    rows.map(|((configuration, label), runs)| {
        let ended = |end| runs.iter().filter(|run| run.end == end).count();
        let finals: Vec<Finals> = runs.iter().filter_map(|run| run.finals()).collect();
        let errors = |error: fn(&Finals) -> f64| finals.iter().map(error).collect::<Vec<f64>>();
        let mut diverged_at: Vec<u64> = runs.iter().filter_map(|run| run.diverged_at()).collect();
        diverged_at.sort_unstable();
        let chance = runs.iter().filter(|run| run.is_chance()).count();
        Summary {
            label: label.clone(),
            depth: configuration.model.depth,
            shortcut: configuration.model.shortcut,
            parameters: runs.first().map(|run| run.run.cost.parameters),
            seeds: runs.len(),
            finished: ended(End::Finished),
            diverged: ended(End::Diverged),
            failed: ended(End::Failed),
            diverged_at,
            no_better_than_chance: chance,
            hint: (chance > 0).then(|| hint(configuration)),
            test: Sample::of(&errors(|finals| finals.test)),
            train: Sample::of(&errors(|finals| finals.train)),
            paper: reference(configuration),
        }
    })
    .collect()
}
