//! Describes what has changed since a figure was drawn, except pixels.

use std::collections::{HashMap, HashSet};

use anyhow::Context;

use super::super::figure_metadata::{self, Measured};
use super::redraw::Redraw;
use super::{entry, program};
use resweep_core::domain::{RunId, printable};
use resweep_figures::Metadata;

/// The most runs named per kind of change; the rest is counted.
const NAMED: usize = 5;

/// One line per kind of change since the figure with the provenance `then` was drawn.
pub fn changes(redraw: &Redraw, then: &Metadata) -> anyhow::Result<Vec<String>> {
    let now = &redraw.metadata;
    let mut changes = Vec::new();
    if program(then) != program(now) {
        changes.push(format!(
            "program: drawn by resweep {}, this is {}",
            program(then),
            program(now)
        ));
    }
    for (key, what) in [("sweep-sha256", "sweep"), ("data", "images")] {
        let (was, is) = (entry(then, key), entry(now, key));
        if was != is {
            changes.push(format!("{what}: {was} then, {is} now"));
        }
    }
    let then = figure_metadata::measured(then).context("its list of runs is damaged")?;
    let now = figure_metadata::measured(now).unwrap_or_default();
    let now: HashMap<RunId, Measured> = now.into_iter().collect();
    changes.extend(runs(redraw, &then, &now)?);
    Ok(changes)
}

/// The runs that have changed, by kind of change.
fn runs(
    redraw: &Redraw,
    then: &[(RunId, Measured)],
    now: &HashMap<RunId, Measured>,
) -> anyhow::Result<Vec<String>> {
    let ids: Vec<RunId> = then.iter().map(|(id, _)| id.clone()).collect();
    let known = redraw.store.recorded_runs(&ids)?;
    let labels = labels(redraw);
    let (mut missing, mut left, mut since) = (Vec::new(), Vec::new(), Vec::new());
    for (id, was) in then {
        let label = labels.get(id).cloned();
        let label = label.unwrap_or_else(|| format!("run {}", id.short()));
        match now.get(id) {
            None if known.contains_key(id) => left.push(label),
            None => missing.push(label),
            Some(is) if is == was => {}
            Some(is) if !is.anything() => missing.push(format!("measurements of {label}")),
            Some(is) => since.push(format!(
                "{label} (iteration {} then, {} now)",
                was.describe(),
                is.describe()
            )),
        }
    }
    let before: HashSet<RunId> = ids.into_iter().collect();
    let shown = figure_metadata::shown(&redraw.figure, &redraw.runs);
    let new = shown.filter(|run| !before.contains(&run.id));
    let new: Vec<String> = new.map(|run| printable(&run.label)).collect();
    let kinds = [
        ("missing from the database", missing),
        ("no longer in the figure", left),
        ("new in the figure", new),
        ("measured since", since),
    ];
    let told = kinds.into_iter().filter(|(_, runs)| !runs.is_empty());
    Ok(told.map(|(what, runs)| listed(what, &runs)).collect())
}

/// The labels of the sweep's runs.
fn labels(redraw: &Redraw) -> HashMap<RunId, String> {
    let runs = redraw.runs.iter();
    runs.map(|run| (run.id.clone(), printable(&run.label)))
        .collect()
}

/// `measured since: plain-20, ResNet-20 and 3 more`.
fn listed(what: &str, runs: &[String]) -> String {
    let named = runs.iter().take(NAMED).cloned().collect::<Vec<_>>();
    let named = named.join(", ");
    match runs.len().saturating_sub(NAMED) {
        0 => format!("{what}: {named}"),
        more => format!("{what}: {named} and {more} more"),
    }
}
