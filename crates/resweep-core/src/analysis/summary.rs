//! Summarises one configuration: statistics over its seeds, and the paper's errors.

use serde::Serialize;

use super::chance::hint;
use super::finals::{Finals, Recorded};
use super::paper::{Number, reference};
use super::statistics::Sample;
use crate::domain::{Measure, ResultStatus, Shortcut, Sweep};

/// A row of the table. Errors are in percent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The label in the sweep: `plain-20`.
    pub label: String,
    pub depth: usize,
    pub shortcut: Shortcut,
    /// Trainable parameters; `None` if the sweep has no run of the configuration.
    pub parameters: Option<u64>,
    /// The number of seeds, and how many of them ended in which way.
    pub seeds: usize,
    pub finished: usize,
    pub diverged: usize,
    pub failed: usize,
    /// The iterations at which runs diverged, ascending.
    pub diverged_at: Vec<u64>,
    /// The number of finished runs no better than guessing; see [`super::chance`].
    pub no_better_than_chance: usize,
    /// A remedy for those runs.
    #[serde(skip)]
    pub hint: Option<String>,
    /// Final test error over the finished seeds, or validation error if images are held out.
    pub test: Option<Sample>,
    /// Final training error over the finished seeds.
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

    /// Mean test error minus the paper's, in percentage points.
    pub fn test_difference(&self) -> Option<f64> {
        Some(self.test.as_ref()?.mean - self.paper?.test)
    }

    /// Mean training error minus the paper's, in percentage points.
    pub fn train_difference(&self) -> Option<f64> {
        Some(self.train.as_ref()?.mean - self.paper?.train?)
    }

    /// Whether every finished run is no better than guessing.
    pub fn is_chance(&self) -> bool {
        self.finished > 0 && self.no_better_than_chance == self.finished
    }

    /// Whether every seed has finished or diverged.
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
        let ended = |end| runs.iter().filter(|run| run.status == end).count();
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
            finished: ended(ResultStatus::Finished),
            diverged: ended(ResultStatus::Diverged),
            failed: ended(ResultStatus::Failed),
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
