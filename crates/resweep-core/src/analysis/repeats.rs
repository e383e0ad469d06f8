//! Decides how many seeds each configuration needs until the order of the compared configurations
//! is decided.
//!
//! The decision is a pure function of the recorded results. It proceeds in rounds, each using only
//! the results of the previous rounds, so a sweep that was killed, or that several processes share,
//! trains the same runs as an undisturbed one.

use std::collections::BTreeSet;

use serde::Serialize;

use super::finals::Recorded;
use super::pairs::pairs;
use super::statistics::Sample;
use crate::domain::{AdaptiveRepeats, Measure, ResultStatus, Sweep};

/// The number of seeds of a configuration, and the reason why there are no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seeds {
    pub used: usize,
    pub reason: Reason,
}

/// Why a configuration gets no more seeds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Its interval overlaps with none of the compared ones.
    Decided,
    /// It has the maximum, and its interval overlaps with those of these labels.
    UndecidedAtMax(Vec<String>),
    /// A run of it, or of a compared configuration, diverged: more seeds would not order them.
    Diverged,
    /// A run of it, or of a compared configuration, failed.
    Failed,
    /// No configuration differs from it only in depth or only in shortcut.
    NothingToCompare,
    /// Runs of this round are missing.
    Waiting,
}

/// The seeds of a sweep, according to the results so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SeedGrowth {
    pub min: usize,
    pub max: usize,
    pub on: Measure,
    /// One for each configuration.
    pub seeds: Vec<Seeds>,
    /// Whether no further seeds will be added.
    pub settled: bool,
}

/// The results of a configuration, in the order of the seeds.
struct Results<'a> {
    runs: Vec<&'a Recorded<'a>>,
    on: Measure,
}

impl Results<'_> {
    fn any(&self, seeds: usize, status: ResultStatus) -> bool {
        self.runs.iter().take(seeds).any(|run| run.status == status)
    }

    /// Whether any of the first `seeds` runs has not ended.
    fn is_open(&self, seeds: usize) -> bool {
        self.any(seeds, ResultStatus::Unfinished) || self.runs.len() < seeds
    }

    /// Final errors of the first `seeds` runs.
    fn sample(&self, seeds: usize) -> Option<Sample> {
        let finals = self.runs.iter().take(seeds).filter_map(|run| run.finals());
        let errors: Vec<f64> = finals
            .map(|finals| match self.on {
                Measure::Train => finals.train,
                Measure::Test => finals.test,
            })
            .collect();
        Sample::of(&errors)
    }
}

/// Replays the rounds. `runs` are all runs that the sweep may train, with seeds in order.
pub fn grow(rule: AdaptiveRepeats, sweep: &Sweep, runs: &[Recorded<'_>]) -> SeedGrowth {
    let results = results(rule, sweep, runs);
    let pairs = pairs(&sweep.configurations);
    let mut counts = vec![rule.min; results.len()];
    loop {
        let mut rounds = results.iter().zip(&counts);
        let settled = !rounds.any(|(results, &count)| results.is_open(count));
        let undecided: Vec<(usize, usize)> = pairs
            .iter()
            .copied()
            .filter(|&pair| settled && is_undecided(pair, &results, &counts))
            .collect();
        let both = undecided.iter().flat_map(|&(one, other)| [one, other]);
        let more: BTreeSet<usize> = both.filter(|&index| counts[index] < rule.max).collect();
        if more.is_empty() {
            let reason = |index| match settled {
                true => reason(index, &pairs, &undecided, &results, &counts, sweep),
                false => Reason::Waiting,
            };
            let seeds = counts.iter().enumerate().map(|(index, &used)| Seeds {
                used,
                reason: reason(index),
            });
            return SeedGrowth {
                min: rule.min,
                max: rule.max,
                on: rule.on,
                seeds: seeds.collect(),
                settled,
            };
        }
        for index in more {
            counts[index] += 1;
        }
    }
}

fn results<'a>(rule: AdaptiveRepeats, sweep: &Sweep, runs: &'a [Recorded<'a>]) -> Vec<Results<'a>> {
    let empty = |_| Results {
        runs: Vec::new(),
        on: rule.on,
    };
    let mut results: Vec<Results<'a>> = sweep.configurations.iter().map(empty).collect();
    for run in runs {
        if let Some(results) = results.get_mut(run.run.configuration) {
            results.runs.push(run);
        }
    }
    results
}

/// Whether more seeds may separate two configurations: neither is blocked, and their 95 % intervals
/// overlap.
fn is_undecided((one, other): (usize, usize), results: &[Results<'_>], counts: &[usize]) -> bool {
    if [one, other]
        .iter()
        .any(|&i| blocked(i, results, counts).is_some())
    {
        return false;
    }
    let interval = |index: usize| results[index].sample(counts[index])?.interval;
    match (interval(one), interval(other)) {
        (Some(one), Some(other)) => one.overlaps(&other),
        _ => false,
    }
}

/// Why more seeds would not help a configuration. A finished run without finite errors counts as
/// diverged.
fn blocked(index: usize, results: &[Results<'_>], counts: &[usize]) -> Option<Reason> {
    let (results, count) = (&results[index], counts[index]);
    if results.any(count, ResultStatus::Failed) {
        return Some(Reason::Failed);
    }
    let complete = results.sample(count).is_some_and(|s| s.n == count);
    (results.any(count, ResultStatus::Diverged) || !complete).then_some(Reason::Diverged)
}

fn reason(
    index: usize,
    pairs: &[(usize, usize)],
    undecided: &[(usize, usize)],
    results: &[Results<'_>],
    counts: &[usize],
    sweep: &Sweep,
) -> Reason {
    let partners = |pairs: &[(usize, usize)]| -> Vec<usize> {
        let partner = |&(one, other): &(usize, usize)| match index {
            _ if index == one => Some(other),
            _ if index == other => Some(one),
            _ => None,
        };
        pairs.iter().filter_map(partner).collect()
    };
    let (all, overlapping) = (partners(pairs), partners(undecided));
    if all.is_empty() {
        return Reason::NothingToCompare;
    }
    if !overlapping.is_empty() {
        let label = |&index: &usize| sweep.labels[index].clone();
        return Reason::UndecidedAtMax(overlapping.iter().map(label).collect());
    }
    let mut concerned = std::iter::once(index).chain(all);
    let reason = concerned.find_map(|index| blocked(index, results, counts));
    reason.unwrap_or(Reason::Decided)
}

impl SeedGrowth {
    /// The number of seeds for captions: `3 to 5 seeds`.
    pub fn range(&self) -> String {
        let used = || self.seeds.iter().map(|seeds| seeds.used);
        match (used().min().unwrap_or(0), used().max().unwrap_or(0)) {
            (1, 1) => "1 seed".to_owned(),
            (low, high) if low == high => format!("{low} seeds"),
            (low, high) => format!("{low} to {high} seeds"),
        }
    }

    /// How many seeds are used and why there are no more, in one line.
    pub fn summary(&self) -> String {
        let has = |wanted: fn(&Reason) -> bool| self.seeds.iter().any(|s| wanted(&s.reason));
        let why = if !self.settled {
            "runs of this round are missing"
        } else if has(|reason| matches!(reason, Reason::UndecidedAtMax(_))) {
            "stopped at the maximum, not all are decided"
        } else if has(|reason| matches!(reason, Reason::Failed)) {
            "stopped because runs failed"
        } else if has(|reason| matches!(reason, Reason::Diverged)) {
            "stopped because runs diverged"
        } else {
            "decided"
        };
        format!(
            "{} (from {}, at most {}, until the {} decides the order): {why}",
            self.range(),
            self.min,
            self.max,
            self.on.as_str()
        )
    }
}

impl Reason {
    /// A phrase that follows the number of seeds.
    pub fn describe(&self) -> String {
        match self {
            Self::Decided => "decided".to_owned(),
            Self::UndecidedAtMax(labels) => {
                format!("the maximum; undecided against {}", labels.join(", "))
            }
            Self::Diverged => "a compared run diverged".to_owned(),
            Self::Failed => "a compared run failed".to_owned(),
            Self::NothingToCompare => "nothing to compare with".to_owned(),
            Self::Waiting => "runs of this round are missing".to_owned(),
        }
    }
}
