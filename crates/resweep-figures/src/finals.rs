//! Computes the final error of each finished run of a configuration. Pure.

use std::collections::HashMap;

use resweep_core::analysis::finals::{test_error, train_error};
use resweep_core::domain::{Curves, Panel, Run, RunId, Show, Sweep};

/// The final errors of one configuration.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Finals {
    /// Index into [`Sweep::configurations`].
    pub configuration: usize,
    /// Final training error in percent, one for each finished run; see [`train_error`].
    pub train: Vec<f64>,
    /// Last test error in percent, or validation error if images are held out.
    pub eval: Vec<f64>,
    /// The number of runs of this configuration in the sweep.
    pub planned: usize,
    /// The number of runs that have recorded a point or diverged.
    pub begun: usize,
    /// The iterations at which runs diverged, ascending.
    pub diverged: Vec<u64>,
}

impl Finals {
    /// Whether every run diverged.
    pub(super) fn all_diverged(&self) -> bool {
        self.planned > 0 && self.diverged.len() >= self.planned
    }

    pub(super) fn of(&self, show: Show) -> &[f64] {
        match show {
            Show::Train => &self.train,
            Show::Test | Show::Both => &self.eval,
        }
    }
}

/// The final errors of a panel's configurations, in order; skips those that are not in the sweep.
///
/// A run counts once it has a point at its last iteration; a running, stopped or diverged run has
/// no final error. It is the error of the final iterate, not of the best (as in the paper's figure
/// 6). Skips values that are not finite.
pub(super) fn finals(
    sweep: &Sweep,
    panel: &Panel,
    runs: &[Run],
    curves: &HashMap<RunId, Curves>,
) -> Vec<Finals> {
    let mut of: HashMap<usize, Vec<&Run>> = HashMap::new();
    for run in runs {
        of.entry(run.configuration).or_default().push(run);
    }
    let indices = panel.configurations.iter().copied();
    indices
        .filter(|&index| index < sweep.configurations.len())
        .map(|index| {
            let mine = || of.get(&index).into_iter().flatten().copied();
            let recorded = || mine().filter_map(|run| Some((run, curves.get(&run.id)?)));
            let finished = || recorded().filter(|(run, curves)| is_finished(run, curves));
            let diverged = recorded().filter_map(|(_, curves)| curves.diverged);
            let mut diverged: Vec<u64> = diverged.collect();
            diverged.sort_unstable();
            Finals {
                configuration: index,
                train: finite(finished().filter_map(|(run, curves)| {
                    train_error(curves, &run.config.configuration.train)
                })),
                eval: finite(finished().filter_map(|(run, curves)| {
                    test_error(curves, run.config.configuration.data.validation)
                })),
                planned: mine().count(),
                begun: recorded().filter(|(_, curves)| is_begun(curves)).count(),
                diverged,
            }
        })
        .collect()
}

/// Lowest and highest of `values`; infinity and its negative if empty.
pub(super) fn range(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let start = (f64::INFINITY, f64::NEG_INFINITY);
    let wider = |(low, high): (f64, f64), value: f64| (low.min(value), high.max(value));
    values.into_iter().fold(start, wider)
}

fn finite(values: impl Iterator<Item = f64>) -> Vec<f64> {
    values.filter(|value| value.is_finite()).collect()
}

fn is_begun(curves: &Curves) -> bool {
    curves.diverged.is_some() || !curves.train.is_empty() || !curves.eval.is_empty()
}

fn is_finished(run: &Run, curves: &Curves) -> bool {
    let end = run.config.configuration.train.iterations;
    let evaluated = curves.eval.last().is_some_and(|p| p.iteration >= end);
    let trained = curves.train.last().is_some_and(|p| p.iteration >= end);
    curves.diverged.is_none() && (evaluated || trained)
}
