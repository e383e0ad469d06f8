//! How many seeds each configuration needs until the order of those that are compared is decided.
//!
//! The decision is a function of what is recorded and of nothing else. It is taken in rounds, each
//! by the results of the round before as if no others existed; so a sweep that was killed, or that
//! several processes share, trains the same runs as an undisturbed one.

use std::collections::BTreeSet;

use serde::Serialize;

use super::finals::{End, Recorded};
use super::pairs::pairs;
use super::statistics::Sample;
use crate::domain::{AdaptiveRepeats, Measure, Sweep};

/// How many seeds a configuration has, and why no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seeds {
    pub used: usize,
    pub reason: Reason,
}

/// Why no seed is added to a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Its interval overlaps with none that it is compared with.
    Decided,
    /// It has the most seeds, and its interval overlaps with those of these labels.
    UndecidedAtMax(Vec<String>),
    /// A run of it, or of one that it is compared with, diverged: more seeds would not order them.
    Diverged,
    /// A run of it, or of one that it is compared with, failed.
    Failed,
    /// No configuration differs from it in depth or shortcut alone.
    NothingToCompare,
    /// Runs of this round are missing.
    Waiting,
}

/// The seeds of a sweep as far as the records tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Growth {
    pub min: usize,
    pub max: usize,
    pub on: Measure,
    /// One for each configuration.
    pub seeds: Vec<Seeds>,
    /// Whether no further seeds will be added.
    pub settled: bool,
}

/// What a configuration's runs gave, in the order of the seeds.
struct Results<'a> {
    runs: Vec<&'a Recorded<'a>>,
    on: Measure,
}

impl Results<'_> {
    fn any(&self, seeds: usize, end: End) -> bool {
        self.runs.iter().take(seeds).any(|run| run.end == end)
    }

    /// Whether any of the first seeds has not come to an end.
    fn is_open(&self, seeds: usize) -> bool {
        self.any(seeds, End::Open) || self.runs.len() < seeds
    }

    /// Final errors of the first seeds.
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

/// Replays the rounds. `runs` are all that the sweep may train, seeds in order.
pub fn grow(rule: AdaptiveRepeats, sweep: &Sweep, runs: &[Recorded<'_>]) -> Growth {
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
            return Growth {
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

/// Whether more seeds may part two configurations: both have nothing but results, and their 95 %
/// intervals overlap.
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

/// Why more seeds would not help a configuration. A result without finite errors is as good as a
/// diverged one.
fn blocked(index: usize, results: &[Results<'_>], counts: &[usize]) -> Option<Reason> {
    let (results, count) = (&results[index], counts[index]);
    if results.any(count, End::Failed) {
        return Some(Reason::Failed);
    }
    let complete = results.sample(count).is_some_and(|s| s.n == count);
    (results.any(count, End::Diverged) || !complete).then_some(Reason::Diverged)
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

impl Growth {
    /// How many seeds there are, for captions: `3 to 5 seeds`.
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
            "stopped, for runs failed"
        } else if has(|reason| matches!(reason, Reason::Diverged)) {
            "stopped, for runs diverged"
        } else {
            "decided"
        };
        format!(
            "{} (from {}, at most {}, until the {} decides the order): {why}",
            self.range(),
            self.min,
            self.max,
            self.on.words()
        )
    }
}

impl Reason {
    /// Behind the number of seeds.
    pub fn words(&self) -> String {
        match self {
            Self::Decided => "decided".to_owned(),
            Self::UndecidedAtMax(labels) => {
                format!("the most; undecided against {}", labels.join(", "))
            }
            Self::Diverged => "a run that is compared diverged".to_owned(),
            Self::Failed => "a run that is compared failed".to_owned(),
            Self::NothingToCompare => "nothing to compare with".to_owned(),
            Self::Waiting => "runs of this round are missing".to_owned(),
        }
    }
}
