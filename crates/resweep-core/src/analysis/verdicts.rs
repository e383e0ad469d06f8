//! Judges the paper's claims for a sweep, by the rule in `docs/tables.md`: whether the 95 %
//! interval of the difference between two configurations is above zero, below zero, or contains it.

use serde::Serialize;

use super::pairs::{Family, families, same_depth};
use super::statistics::{Interval, difference};
use super::summary::Summary;
use crate::domain::{Configuration, Measure, Shortcut};

/// The verdict on a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Judgement {
    Holds,
    DoesNotHold,
    /// The interval contains zero.
    Undecided,
    /// Too few results.
    CannotBeJudged,
}

impl Judgement {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::DoesNotHold => "does not hold",
            Self::Undecided => "undecided",
            Self::CannotBeJudged => "cannot be judged",
        }
    }
}

/// A claim of the paper, and the comparisons that support it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    pub claim: String,
    pub measure: Measure,
    pub judgement: Judgement,
    pub comparisons: Vec<Comparison>,
}

/// The comparison of two configurations, in percentage points of error.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Labels: the difference is `one` minus `other`.
    pub one: String,
    pub other: String,
    /// The difference of the means.
    pub difference: Option<f64>,
    /// 95 % interval of the difference, by Welch's method.
    pub interval: Option<Interval>,
    pub judgement: Judgement,
    /// Why the comparison cannot be judged.
    pub reason: Option<String>,
}

/// The claimed sign of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    AboveZero,
    NotAboveZero,
}

/// Every verdict that applies to the sweep's configurations: the order of depths in each family,
/// the degradation of plain nets, and the repair by each shortcut type.
pub fn verdicts(configurations: &[Configuration], rows: &[Summary]) -> Vec<Verdict> {
    let families = families(configurations);
    let plain = || families.iter().filter(|f| f.shortcut == Shortcut::None);
    let mut verdicts: Vec<Verdict> = families
        .iter()
        .filter(|family| family.members.len() > 1)
        .map(|family| ordering(family, rows))
        .collect();
    verdicts.extend(plain().filter_map(|family| degradation(family, rows)));
    for plain in plain() {
        let residual = families.iter().filter(|family| family.is_like(plain));
        verdicts.extend(residual.filter_map(|family| {
            let (deep, repaired) = same_depth(plain, family, configurations).last()?;
            Some(repair(family.shortcut, deep, repaired, rows))
        }));
    }
    verdicts
}

fn ordering(family: &Family, rows: &[Summary]) -> Verdict {
    let (claim, words) = match family.shortcut {
        Shortcut::None => (Claim::AboveZero, "Deeper plain nets are worse".to_owned()),
        shortcut => (
            Claim::NotAboveZero,
            format!(
                "Deeper residual nets ({}) are not worse",
                shortcut.into_str()
            ),
        ),
    };
    let pairs = family.neighbours();
    let pairs = pairs.map(|(shallow, deep)| (&rows[deep], &rows[shallow]));
    verdict(words, Measure::Test, claim, pairs)
}

/// Compares the training error of the deepest plain net with that of the shallowest.
fn degradation(family: &Family, rows: &[Summary]) -> Option<Verdict> {
    let (&shallow, &deep) = (family.members.first()?, family.members.last()?);
    let pair = (&rows[deep], &rows[shallow]);
    (shallow != deep).then(|| {
        let claim = format!(
            "Degradation: {} trains worse than {}",
            pair.0.label, pair.1.label
        );
        verdict(
            claim,
            Measure::Train,
            Claim::AboveZero,
            std::iter::once(pair),
        )
    })
}

/// Compares the training error of a plain net with that of a residual net of the same depth.
fn repair(shortcut: Shortcut, plain: usize, residual: usize, rows: &[Summary]) -> Verdict {
    let pair = (&rows[plain], &rows[residual]);
    let claim = format!(
        "Shortcuts ({}) repair it: {} trains better than {}",
        shortcut.into_str(),
        pair.1.label,
        pair.0.label
    );
    verdict(
        claim,
        Measure::Train,
        Claim::AboveZero,
        std::iter::once(pair),
    )
}

fn verdict<'r>(
    words: String,
    measure: Measure,
    claim: Claim,
    pairs: impl Iterator<Item = (&'r Summary, &'r Summary)>,
) -> Verdict {
    let comparisons: Vec<Comparison> = pairs
        .map(|(one, other)| compare(one, other, measure, claim))
        .collect();
    Verdict {
        claim: words,
        measure,
        judgement: overall(&comparisons),
        comparisons,
    }
}

/// The claim holds if all comparisons support it; one against it refutes it.
fn overall(comparisons: &[Comparison]) -> Judgement {
    let any = |judgement| comparisons.iter().any(|c| c.judgement == judgement);
    let order = [
        Judgement::DoesNotHold,
        Judgement::CannotBeJudged,
        Judgement::Undecided,
    ];
    let worst = order.into_iter().find(|judgement| any(*judgement));
    worst.unwrap_or(Judgement::Holds)
}

fn compare(one: &Summary, other: &Summary, measure: Measure, claim: Claim) -> Comparison {
    let samples = one.errors(measure).zip(other.errors(measure));
    let reason = guesses(one, other).or_else(|| [one, other].into_iter().find_map(why_not));
    let interval = match reason {
        Some(_) => None,
        None => samples.and_then(|(one, other)| difference(one, other)),
    };
    Comparison {
        one: one.label.clone(),
        other: other.label.clone(),
        difference: samples.map(|(one, other)| one.mean - other.mean),
        interval,
        judgement: interval.map_or(Judgement::CannotBeJudged, |interval| judge(interval, claim)),
        reason,
    }
}

/// A reason if both configurations only guess: their difference is meaningless.
fn guesses(one: &Summary, other: &Summary) -> Option<String> {
    (one.is_chance() && other.is_chance()).then(|| {
        let (one, other) = (&one.label, &other.label);
        format!("{one} and {other} are no better than chance")
    })
}

/// Why a configuration has too few results for a verdict.
fn why_not(row: &Summary) -> Option<String> {
    let label = &row.label;
    if row.diverged > 0 {
        return Some(format!(
            "{} of {} runs of {label} diverged",
            row.diverged, row.seeds
        ));
    }
    match row.test.as_ref().map_or(0, |sample| sample.n) {
        0 => Some(format!("{label} is not finished")),
        1 => Some(format!("one seed of {label}")),
        _ => None,
    }
}

fn judge(interval: Interval, claim: Claim) -> Judgement {
    let (above, not_above) = (interval.low > 0.0, interval.high <= 0.0);
    match claim {
        Claim::AboveZero if above => Judgement::Holds,
        Claim::AboveZero if interval.high < 0.0 => Judgement::DoesNotHold,
        Claim::NotAboveZero if not_above => Judgement::Holds,
        Claim::NotAboveZero if above => Judgement::DoesNotHold,
        _ => Judgement::Undecided,
    }
}
