//! A sweep's results as tables of plain text, which the caller must escape.

use resweep_core::analysis::Findings;
use resweep_core::analysis::expectations::Checked;
use resweep_core::analysis::verdicts::{Comparison, Verdict};

use super::cells::{NOTHING, interval, signed};
use super::{markdown, notes};

/// A table with its heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    pub title: &'static str,
    pub columns: Vec<&'static str>,
    /// One cell per column.
    pub rows: Vec<Vec<String>>,
    /// How to read the table; may be empty.
    pub note: String,
}

/// Results, and verdicts and expectations if there are any.
pub fn sections(findings: &Findings) -> Vec<Section> {
    let mut sections = vec![Section {
        title: "Results",
        columns: markdown::header(findings),
        rows: markdown::rows(findings),
        note: notes::all(findings).join(" "),
    }];
    if !findings.verdicts.is_empty() {
        sections.push(Section {
            title: "Verdicts",
            columns: vec!["claim", "verdict", "difference (points)", "95 % interval"],
            rows: findings.verdicts.iter().flat_map(verdict).collect(),
            note: String::new(),
        });
    }
    if !findings.expectations.is_empty() {
        sections.push(Section {
            title: "Expectations",
            columns: vec!["expected", "outcome", "found"],
            rows: findings.expectations.iter().map(expectation).collect(),
            note: String::new(),
        });
    }
    sections
}

/// The claim, and a row for each of its comparisons.
fn verdict(verdict: &Verdict) -> Vec<Vec<String>> {
    let claim = format!("{} ({})", verdict.claim, verdict.measure.as_str());
    let judgement = verdict.judgement.as_str().to_owned();
    let nothing = || NOTHING.to_owned();
    let mut rows = vec![vec![claim, judgement, nothing(), nothing()]];
    rows.extend(verdict.comparisons.iter().map(comparison));
    rows
}

fn comparison(comparison: &Comparison) -> Vec<String> {
    let Comparison { one, other, .. } = comparison;
    let mut judgement = comparison.judgement.as_str().to_owned();
    if let Some(reason) = &comparison.reason {
        judgement += &format!(", {reason}");
    }
    vec![
        format!("\u{2003}{one} less {other}"),
        judgement,
        signed(comparison.difference),
        interval(comparison.interval),
    ]
}

fn expectation(checked: &Checked) -> Vec<String> {
    vec![
        checked.expectation.clone(),
        checked.outcome.as_str().to_owned(),
        checked.found.clone(),
    ]
}
