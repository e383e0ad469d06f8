//! Collects all results of a sweep's analysis, for tables and reports.

use serde::Serialize;

use super::expectations::{Checked, ExpectationOutcome, check};
use super::finals::Recorded;
use super::pairs::{Grid, grids};
use super::paper::departures;
use super::repeats::SeedGrowth;
use super::summary::{Summary, summaries};
use super::verdicts::{Verdict, verdicts};
use crate::domain::{Sweep, Validation};

/// The content of `table.json`. Errors are in percent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Findings {
    pub sweep: String,
    pub title: Option<String>,
    /// Whether `test` is the error on held-out training images instead of the test set.
    pub on_validation_images: bool,
    /// In the order of the sweep.
    pub rows: Vec<Summary>,
    /// Depth by shortcut, as indices of `rows`.
    pub shortcuts: Vec<Grid>,
    /// Differences from the paper's setting; absolute errors are comparable only if there are none.
    pub departures: Vec<String>,
    pub verdicts: Vec<Verdict>,
    pub expectations: Vec<Checked>,
    /// The added seeds, if the sweep adds seeds until the order is decided.
    pub growth: Option<SeedGrowth>,
}

impl Findings {
    /// `runs` are the sweep's runs with their results; `growth` is the decision that determined the
    /// number of seeds.
    pub fn new(sweep: &Sweep, runs: &[Recorded<'_>], growth: Option<SeedGrowth>) -> Self {
        let configurations = &sweep.configurations;
        let rows = summaries(sweep, runs);
        let held_out = |validation| validation != Validation::None;
        Self {
            sweep: sweep.name.clone(),
            title: sweep.title.clone(),
            on_validation_images: configurations.iter().any(|c| held_out(c.data.validation)),
            shortcuts: grids(configurations),
            departures: departures(configurations.iter()),
            verdicts: verdicts(configurations, &rows),
            expectations: check(
                &sweep.expectations,
                &rows,
                growth.as_ref().is_none_or(|growth| growth.settled),
            ),
            growth,
            rows,
        }
    }

    /// The number of expectations with this outcome.
    pub fn expectations_with(&self, outcome: ExpectationOutcome) -> usize {
        let all = self.expectations.iter();
        all.filter(|checked| checked.outcome == outcome).count()
    }

    /// Remarks to print before the results: that all runs diverged, or which ended no better than
    /// chance, with a remedy. `name` converts a label for the medium.
    pub fn remarks(&self, name: impl Fn(&str) -> String) -> Vec<String> {
        let runs: usize = self.rows.iter().map(|row| row.seeds).sum();
        let diverged: usize = self.rows.iter().map(|row| row.diverged).sum();
        let all = match runs {
            1 => "The only run diverged".to_owned(),
            _ => format!("All {runs} runs diverged"),
        };
        let mut remarks = Vec::new();
        if runs > 0 && diverged == runs {
            remarks.push(format!("{all}, so there are no errors to compare."));
        }
        let mut hints: Vec<(&str, Vec<String>)> = Vec::new();
        for row in &self.rows {
            let Some(hint) = row.hint.as_deref() else {
                continue;
            };
            match hints.iter_mut().find(|(known, _)| *known == hint) {
                Some((_, labels)) => labels.push(name(&row.label)),
                None => hints.push((hint, vec![name(&row.label)])),
            }
        }
        let hints = hints.into_iter();
        remarks.extend(
            hints.map(|(hint, labels)| {
                format!("No better than chance: {}; {hint}.", listed(&labels))
            }),
        );
        remarks
    }

    /// Whether any row has a value from the paper.
    pub fn has_paper(&self) -> bool {
        self.rows.iter().any(|row| row.paper.is_some())
    }
}

/// `a, b and c`; shortens long lists to the first names and the number of others.
fn listed(names: &[String]) -> String {
    const NAMED: usize = 5;
    match names {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] if names.len() <= NAMED => format!("{} and {last}", first.join(", ")),
        more => {
            let named = more[..NAMED].join(", ");
            format!("{named} and {} more", more.len() - NAMED)
        }
    }
}
