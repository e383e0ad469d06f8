//! Whether the paper's claims hold in a sweep, by the rule of `docs/tables.md`: the 95 % interval of
//! the difference between two configurations lies above zero, below it, or on both sides.

use serde::Serialize;

use super::pairs::{Family, families, same_depth};
use super::statistics::{Interval, difference};
use super::summary::Summary;
use crate::domain::{Configuration, Measure, Shortcut};

/// What the measurements say about a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Judgement {
    Holds,
    DoesNotHold,
    /// The interval has zero inside.
    Undecided,
    /// Too few results.
    CannotBeJudged,
}

impl Judgement {
    pub fn words(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::DoesNotHold => "does not hold",
            Self::Undecided => "undecided",
            Self::CannotBeJudged => "cannot be judged",
        }
    }
}

/// A claim of the paper, and the comparisons that it stands on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    pub claim: String,
    pub measure: Measure,
    pub judgement: Judgement,
    pub comparisons: Vec<Comparison>,
}

/// Two configurations, in percentage points of error.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Labels: the difference is `one` less `other`.
    pub one: String,
    pub other: String,
    /// Of the means.
    pub difference: Option<f64>,
    /// 95 % interval of the difference, by Welch's method.
    pub interval: Option<Interval>,
    pub judgement: Judgement,
    /// Why it cannot be judged.
    pub reason: Option<String>,
}

/// What a difference is claimed to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    AboveZero,
    NotAboveZero,
}

/// Every verdict that the sweep's configurations call for: the order of depths in each family, the
/// degradation of plain nets, and its repair by each shortcut.
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
            format!("Deeper residual nets ({}) are not worse", shortcut.word()),
        ),
    };
    let pairs = family.neighbours();
    let pairs = pairs.map(|(shallow, deep)| (&rows[deep], &rows[shallow]));
    verdict(words, Measure::Test, claim, pairs)
}

/// The training error of the deepest plain net against that of the shallowest.
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

/// The training error of a plain net against that of a residual one of the same depth.
fn repair(shortcut: Shortcut, plain: usize, residual: usize, rows: &[Summary]) -> Verdict {
    let pair = (&rows[plain], &rows[residual]);
    let claim = format!(
        "Shortcuts ({}) repair it: {} trains better than {}",
        shortcut.word(),
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

/// One comparison against the claim refutes it; all for it make it hold.
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

/// Says so where both configurations only guess: their difference is then that of two guesses.
fn guesses(one: &Summary, other: &Summary) -> Option<String> {
    (one.is_chance() && other.is_chance()).then(|| {
        let (one, other) = (&one.label, &other.label);
        format!("{one} and {other} are no better than chance")
    })
}

/// Why a configuration's results are not enough for a verdict.
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
