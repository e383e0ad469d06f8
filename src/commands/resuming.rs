//! Says why runs resume from an earlier iteration than the other run has trained.

use std::collections::{HashMap, HashSet};

use super::forecast::Forecast;
use resweep_core::domain::{Run, RunId, TrainConfig};
use resweep_store::{RecordedRun, Start, Store};

/// One line for each distinct reason.
///
/// # Errors
/// The database cannot be read.
pub fn reasons(runs: &[Run], forecast: &Forecast, store: &Store) -> anyhow::Result<Vec<String>> {
    let starts: Vec<(&Run, u64, &RunId)> = runs
        .iter()
        .filter_map(|run| match forecast.starts.get(&run.id)? {
            Start::At {
                iteration, run: of, ..
            } if *of != run.id => Some((run, *iteration, of)),
            _ => None,
        })
        .collect();
    let others: Vec<RunId> = starts.iter().map(|(.., of)| (*of).clone()).collect();
    let others: HashMap<RunId, RecordedRun> = store.recorded_runs(&others)?;
    let mut seen = HashSet::new();
    let lines = starts.into_iter().filter_map(|(run, at, of)| {
        let other = &others.get(of)?.config.configuration.train;
        reason(at, other, &run.config.configuration.train)
    });
    Ok(lines.filter(|line| seen.insert(line.clone())).collect())
}

/// Why a run resumes at `at` from a longer one; `None` if their learning rates agree there.
fn reason(at: u64, recorded: &TrainConfig, own: &TrainConfig) -> Option<String> {
    let (there, here) = (recorded.lr_drops.contains(&at), own.lr_drops.contains(&at));
    if there == here || at >= recorded.iterations.min(own.iterations) {
        return None;
    }
    let next = |train: &TrainConfig| match train.lr_drops.iter().find(|drop| **drop >= at) {
        Some(drop) => format!("drops at {drop}"),
        None => format!("does not drop after {at}"),
    };
    Some(format!(
        "resumes at {at}, although the recorded run has {} iterations: its learning rate {}, now it \
         {}",
        recorded.iterations,
        next(recorded),
        next(own)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use resweep_core::domain::{Configuration, Shortcut};

    #[test]
    fn the_reason_names_the_drop_after_which_the_runs_differ() {
        let train = |iterations, drops: &[u64]| TrainConfig {
            iterations,
            lr_drops: drops.to_vec(),
            ..Configuration::paper(8, Shortcut::A).train
        };
        let (short, long) = (train(200, &[100, 150]), train(400, &[200, 300]));
        let expected = "resumes at 100, although the recorded run has 200 iterations: its learning \
                        rate drops at 100, now it drops at 200";
        assert_eq!(reason(100, &short, &long).as_deref(), Some(expected));
        let constant = train(400, &[]);
        let said = reason(100, &short, &constant).expect("a reason");
        assert!(said.ends_with("now it does not drop after 100"), "{said}");
        assert_eq!(reason(50, &short, &long), None);
        assert_eq!(reason(200, &short, &train(400, &[100, 150, 200])), None);
    }
}
