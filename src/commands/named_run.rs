//! Finds a recorded run by its label, `SWEEP/LABEL`, or the beginning of its id.

use std::path::Path;

use super::exit_code::UsageError;
use resweep_core::domain::shell_quoted;
use resweep_core::plan;
use resweep_store::{Member, Store};

/// The minimum number of digits of an id.
const DIGITS_MIN: usize = 6;

/// The most runs or sweeps that an error names.
const NAMED: usize = 12;

/// A run and a sweep that contains it.
#[derive(Debug, Clone)]
pub struct NamedRun {
    pub sweep: String,
    pub member: Member,
}

impl NamedRun {
    /// `SWEEP/LABEL`
    fn name(&self) -> String {
        format!("{}/{}", self.sweep, self.member.label)
    }

    /// Whether `name` is the run's label, as `LABEL` or `SWEEP/LABEL`.
    fn has_label(&self, name: &str, label: &str) -> bool {
        let within = name.strip_prefix(&self.sweep);
        let within = within.and_then(|rest| rest.strip_prefix('/'));
        name == label || within == Some(label)
    }
}

/// The run that `name` identifies.
///
/// # Errors
/// No run or several match; the error lists the names to type. The database cannot be read.
pub fn find(name: &str, store: &Store, results: &Path) -> anyhow::Result<NamedRun> {
    let all = all(store)?;
    let mut found: Vec<&NamedRun> = Vec::new();
    for run in &all {
        let id = &run.member.id;
        let is_id = name.len() >= DIGITS_MIN && id.0.starts_with(name);
        let known = found.iter().any(|other| other.member.id == *id);
        if !known && (is_id || run.has_label(name, &run.member.label)) {
            found.push(run);
        }
    }
    match found.as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(UsageError(unknown(name, &all, store, results)?).into()),
        several => Err(UsageError(ambiguous(name, several)).into()),
    }
}

/// Every run of every sweep.
fn all(store: &Store) -> anyhow::Result<Vec<NamedRun>> {
    let mut all = Vec::new();
    for sweep in store.sweeps()? {
        let members = store.members(&sweep.name)?.into_iter();
        all.extend(members.map(|member| NamedRun {
            sweep: sweep.name.clone(),
            member,
        }));
    }
    Ok(all)
}

/// Why `name` is no run: it lacks the seed, or its sweep has other runs, or there is no such sweep.
fn unknown(name: &str, all: &[NamedRun], store: &Store, results: &Path) -> anyhow::Result<String> {
    let seeds: Vec<&NamedRun> = all
        .iter()
        .filter(|run| {
            plan::without_seed(&run.member.label).is_some_and(|label| run.has_label(name, label))
        })
        .collect();
    if !seeds.is_empty() {
        return Ok(ambiguous(name, &seeds));
    }
    let sweep_of = |run: &&NamedRun| name.strip_prefix(&run.sweep)?.strip_prefix('/');
    let siblings: Vec<&NamedRun> = all.iter().filter(|run| sweep_of(run).is_some()).collect();
    if let [first, ..] = siblings.as_slice() {
        let (sweep, runs) = (&first.sweep, listed(siblings.iter().map(|run| run.name())));
        return Ok(format!(
            "sweep `{sweep}` has no run `{name}`; its runs: {runs}"
        ));
    }
    let folder = results.display();
    let sweeps = store.sweeps()?;
    Ok(match sweeps.is_empty() {
        true => format!("no sweep and no run `{name}` in {folder}: nothing has been run yet"),
        false => format!(
            "no sweep and no run `{name}` in {folder}; its sweeps: {}",
            listed(sweeps.into_iter().map(|sweep| sweep.name))
        ),
    })
}

fn ambiguous(name: &str, runs: &[&NamedRun]) -> String {
    let names = listed(runs.iter().map(|run| run.name()));
    format!("several runs are named `{name}`; name one of {names}")
}

/// Names as they are typed in a shell; the rest is counted.
fn listed(names: impl ExactSizeIterator<Item = String>) -> String {
    let more = names.len().saturating_sub(NAMED);
    let mut words: Vec<String> = names.take(NAMED).map(|name| shell_quoted(&name)).collect();
    if more > 0 {
        words.push(format!("and {more} more"));
    }
    words.join(", ")
}
