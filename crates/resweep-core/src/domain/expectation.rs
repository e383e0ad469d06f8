//! Declarations of a sweep file about its results: how many seeds suffice, and which errors are
//! expected.

use serde::Serialize;
use strum::{EnumString, VariantNames};

/// The error to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[derive(EnumString, VariantNames)]
#[strum(serialize_all = "lowercase")]
pub enum Measure {
    /// Validation error if the sweep holds out a validation set.
    Test,
    Train,
}

impl Measure {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Train => "training error",
            Self::Test => "test error",
        }
    }
}

/// `repeats = { min, max, until = "ordering" }`: adds seeds until the order of the compared
/// configurations is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct AdaptiveRepeats {
    /// The number of seeds that every configuration trains, at least 2.
    pub min: usize,
    /// The maximum number of seeds per configuration.
    pub max: usize,
    /// The error that is compared.
    pub on: Measure,
}

/// `[[expect]]`, resolved to the sweep's configurations. Errors are in percent.
#[derive(Debug, Clone, PartialEq)]
pub enum Expectation {
    /// Each of the configurations ends within the tolerance of this error.
    Target {
        configurations: Vec<usize>,
        measure: Measure,
        error_percent: f64,
        /// Percentage points, inclusive.
        tolerance: f64,
    },
    /// In each pair the first ends with a higher error than the second.
    Order {
        measure: Measure,
        worse_and_better: Vec<(usize, usize)>,
    },
}
