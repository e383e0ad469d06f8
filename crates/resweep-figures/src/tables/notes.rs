//! Writes the text below a table: verdicts, and how to read the numbers.

use resweep_core::analysis::Findings;
use resweep_core::analysis::expectations::Checked;
use resweep_core::analysis::paper::Source;
use resweep_core::analysis::repeats::Seeds;
use resweep_core::analysis::summary::Summary;
use resweep_core::analysis::verdicts::{Comparison, Verdict};
use resweep_core::domain::printable;

use super::cells::{escaped, signed};

/// The note below a table of shortcuts.
pub(super) const SHORTCUTS: &str = "\
Test error and, in parentheses, training error, in percent. The sequel (arXiv 1603.05027) found \
that 1x1 projections on every shortcut (option C) hurt at 110 layers, 12.22 % against 6.61 % with \
the identity, where the paper found them to help a little at 34 layers on ImageNet.\n";

/// Each claim with its comparisons.
pub(super) fn verdicts(findings: &Findings) -> String {
    if findings.verdicts.is_empty() {
        return String::new();
    }
    let verdicts = findings.verdicts.iter().map(verdict);
    format!("\n## Verdicts\n\n{}", verdicts.collect::<String>())
}

fn verdict(verdict: &Verdict) -> String {
    let mut text = format!(
        "- {} ({}): **{}**\n",
        escaped(&verdict.claim),
        verdict.measure.as_str(),
        verdict.judgement.as_str()
    );
    for comparison in &verdict.comparisons {
        text += &format!("  - {}\n", self::comparison(comparison));
    }
    text
}

fn comparison(comparison: &Comparison) -> String {
    let (one, other) = (escaped(&comparison.one), escaped(&comparison.other));
    let mut text = format!("{one} less {other}");
    if comparison.difference.is_some() {
        text += &format!(": {} points", signed(comparison.difference));
    }
    if let Some(interval) = comparison.interval {
        let (low, high) = (signed(Some(interval.low)), signed(Some(interval.high)));
        text += &format!(", 95 % interval {low} to {high}");
    }
    let word = comparison.judgement.as_str();
    match &comparison.reason {
        Some(reason) => format!("{text}: {word}, {}", escaped(reason)),
        None => format!("{text}: {word}"),
    }
}

/// The expectations of the sweep file, and the results.
pub(super) fn expectations(findings: &Findings) -> String {
    if findings.expectations.is_empty() {
        return String::new();
    }
    let line = |checked: &Checked| {
        let (expected, found) = (escaped(&checked.expectation), escaped(&checked.found));
        format!("- {expected}: **{}**, {found}\n", checked.outcome.as_str())
    };
    let lines = findings.expectations.iter().map(line);
    format!("\n## Expectations\n\n{}", lines.collect::<String>())
}

/// The number of seeds and the reason, for adaptive repeats.
pub(super) fn seeds(findings: &Findings) -> String {
    let Some(growth) = &findings.growth else {
        return String::new();
    };
    let line = |(row, seeds): (&Summary, &Seeds)| {
        let reason = escaped(&seeds.reason.describe());
        format!("- {}: {}, {reason}\n", escaped(&row.label), seeds.used)
    };
    let lines = findings.rows.iter().zip(&growth.seeds).map(line);
    let summary = growth.summary();
    format!("\n## Seeds\n\n{summary}\n\n{}", lines.collect::<String>())
}

/// How to read the numbers, under a heading.
pub(super) fn notes(findings: &Findings) -> String {
    let mut notes = findings.remarks(escaped);
    notes.extend(about(findings));
    format!("\n## Notes\n\n{}\n", notes.join("\n\n"))
}

/// How to read the numbers, one paragraph each, as plain text.
pub(super) fn all(findings: &Findings) -> Vec<String> {
    let mut notes = findings.remarks(printable);
    notes.extend(about(findings));
    notes
}

/// The definitions of the numbers.
fn about(findings: &Findings) -> Vec<String> {
    let mut notes = Vec::new();
    notes.push(
        "Errors are those of the final iterate, mean ± standard deviation over seeds; the training \
         error is the mean over the last 10/64 of the iterations. docs/tables.md has the rules."
            .to_owned(),
    );
    if !findings.departures.is_empty() {
        let departures = printable(&findings.departures.join("; "));
        notes.push(format!(
            "Not the paper's setting, so absolute errors are not to be compared with the paper's: \
             {departures}."
        ));
    }
    notes.extend(sources(findings));
    notes
}

/// The sources of the paper's numbers.
fn sources(findings: &Findings) -> Option<String> {
    let shown = || findings.rows.iter().filter_map(|row| row.paper);
    let has = |source| shown().any(|paper| paper.source == source);
    let mut parts = Vec::new();
    if has(Source::Table6) {
        parts.push("test errors of residual nets from its table 6");
    }
    if has(Source::Figure6) {
        parts.push("test errors of plain nets read off its figure 6");
    }
    if shown().any(|paper| paper.train.is_some()) {
        parts.push("training errors read off its figure 6 (mean from 54,000 iterations on)");
    }
    if has(Source::Sequel) {
        parts.push("option C from table 1 of the sequel, arXiv 1603.05027 (median of five runs)");
    }
    (!parts.is_empty()).then(|| {
        format!(
            "The paper's numbers (arXiv 1512.03385): {}.",
            parts.join("; ")
        )
    })
}
