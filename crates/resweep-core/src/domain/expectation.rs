//! What a sweep file says about its own results: how many seeds are enough, and what is expected.

use serde::Serialize;

/// Which error is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Measure {
    Train,
    /// Validation error where the sweep holds out a validation set.
    Test,
}

impl Measure {
    pub fn words(self) -> &'static str {
        match self {
            Self::Train => "training error",
            Self::Test => "test error",
        }
    }
}

/// `repeats = { min, max, until = "ordering" }`: seeds are added while the order of compared
/// configurations is not decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct AdaptiveRepeats {
    /// Seeds that every configuration trains, at least 2.
    pub min: usize,
    /// Seeds that no configuration has more of.
    pub max: usize,
    /// The error that is compared.
    pub on: Measure,
}

/// `[[expect]]`, resolved to the sweep's configurations. Errors are in percent.
#[derive(Debug, Clone, PartialEq)]
pub enum Expectation {
    /// Each of the configurations ends near this error.
    Target {
        configurations: Vec<usize>,
        measure: Measure,
        error_percent: f64,
        /// Percentage points, included.
        tolerance: f64,
    },
    /// Of each pair the first ends with a higher error than the second.
    Order {
        measure: Measure,
        worse_and_better: Vec<(usize, usize)>,
    },
}
