//! Everything that a sweep's measurements say, in one place: what tables and reports are made of.

use serde::Serialize;

use super::finals::Recorded;
use super::pairs::{Grid, grids};
use super::paper::departures;
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
    /// Where the sweep departs from the paper's setting; absolute errors can be compared where
    /// there is nothing.
    pub departures: Vec<String>,
    pub verdicts: Vec<Verdict>,
}

impl Findings {
    /// `runs` are those of the sweep with what is recorded of them.
    pub fn new(sweep: &Sweep, runs: &[Recorded<'_>]) -> Self {
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
            rows,
        }
    }

    /// Whether any row has a number of the paper beside it.
    pub fn has_paper(&self) -> bool {
        self.rows.iter().any(|row| row.paper.is_some())
    }
}
