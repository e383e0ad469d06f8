//! Compares results with the expectations of the sweep file.

use serde::Serialize;

use super::statistics::Sample;
use super::summary::Summary;
use crate::domain::{Expectation, Measure};

/// The result of an expectation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExpectationOutcome {
    Met,
    NotMet,
    /// Required runs are missing.
    NotDecided,
}

impl ExpectationOutcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::NotMet => "not met",
            Self::NotDecided => "not decided yet",
        }
    }
}

/// One expectation for one configuration or pair.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Checked {
    /// `plain-56: test error 13.20 +- 1.00`
    pub expectation: String,
    /// `13.41 over 3 seeds`
    pub found: String,
    pub outcome: ExpectationOutcome,
}

/// Checks all expectations of a sweep; `settled` means that no seeds will be added.
pub fn check(expectations: &[Expectation], rows: &[Summary], settled: bool) -> Vec<Checked> {
    let mut checked = Vec::new();
    for expectation in expectations {
        match expectation {
            Expectation::Target {
                configurations,
                measure,
                error_percent,
                tolerance,
            } => {
                let rows = configurations.iter().filter_map(|&index| rows.get(index));
                let target = (*measure, *error_percent, *tolerance);
                checked.extend(rows.map(|row| self::target(row, target, settled)));
            }
            Expectation::Order {
                measure,
                worse_and_better,
            } => {
                let pairs = worse_and_better
                    .iter()
                    .filter_map(|&(worse, better)| Some((rows.get(worse)?, rows.get(better)?)));
                checked
                    .extend(pairs.map(|(worse, better)| order(worse, better, *measure, settled)));
            }
        }
    }
    checked
}

/// The mean over seeds must be within the tolerance; a diverged run fails.
fn target(row: &Summary, target: (Measure, f64, f64), settled: bool) -> Checked {
    let (measure, error, tolerance) = target;
    let mean = row.errors(measure).map(|sample| sample.mean);
    let outcome = match mean {
        _ if !(settled && row.is_complete()) => ExpectationOutcome::NotDecided,
        _ if row.diverged > 0 => ExpectationOutcome::NotMet,
        // Decimal fractions are inexact in binary: the limit itself is accepted.
        Some(mean) if (mean - error).abs() <= tolerance + 1e-9 => ExpectationOutcome::Met,
        _ => ExpectationOutcome::NotMet,
    };
    let what = measure.as_str();
    Checked {
        expectation: format!("{}: {what} {error:.2} +- {tolerance:.2}", row.label),
        found: found(row, measure),
        outcome,
    }
}

/// The means over seeds must be in this order; a diverged run is worse than any other.
fn order(worse: &Summary, better: &Summary, measure: Measure, settled: bool) -> Checked {
    let mean = |row: &Summary| row.errors(measure).map(|sample| sample.mean);
    let complete = worse.is_complete() && better.is_complete();
    let met = match (worse.diverged > 0, better.diverged > 0) {
        (_, true) => false,
        (true, false) => true,
        (false, false) => mean(worse) > mean(better),
    };
    let outcome = match (settled && complete, met) {
        (false, _) => ExpectationOutcome::NotDecided,
        (true, true) => ExpectationOutcome::Met,
        (true, false) => ExpectationOutcome::NotMet,
    };
    let what = measure.as_str();
    Checked {
        expectation: format!("{} worse than {}: {what}", worse.label, better.label),
        found: format!(
            "{} against {}",
            found(worse, measure),
            found(better, measure)
        ),
        outcome,
    }
}

fn found(row: &Summary, measure: Measure) -> String {
    let seeds = |count: usize| match count {
        1 => "1 seed".to_owned(),
        _ => format!("{count} seeds"),
    };
    let of_sample = |sample: &Sample| format!("{:.2} over {}", sample.mean, seeds(sample.n));
    let mut text = row
        .errors(measure)
        .map_or_else(|| "no result".to_owned(), of_sample);
    if row.diverged > 0 {
        text += &format!(" ({} diverged)", row.diverged);
    } else if !row.is_complete() {
        text += &format!(" (of {})", row.seeds);
    }
    text
}
