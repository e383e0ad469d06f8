//! One row of the table of runs.

use super::model::Entry;
use super::words::percent;
use crate::format::duration;
use resweep_core::domain::{EvalSet, Run, Validation, printable};
use resweep_store::AttemptStatus;

/// A run as a row: the text of the cells, and their sort keys.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub id: &'a str,
    pub label: String,
    /// The name of its state, the same as in `resweep status`.
    pub state: &'static str,
    /// Why the run has no useful result, in one line; otherwise empty.
    pub note: String,
    /// The fraction of the iterations done, in percent.
    pub done_percent: f64,
    pub iteration: u64,
    pub iterations: u64,
    pub train: Cell,
    pub eval: Cell,
    pub time: Cell,
    pub attempts: usize,
}

/// The text of a cell, and the number to sort by, if any.
#[derive(Debug)]
pub(super) struct Cell {
    pub text: String,
    pub value: String,
}

impl<'a> Row<'a> {
    pub(super) fn new(entry: &Entry<'a>) -> Self {
        let run = entry.run;
        let iterations = run.config.configuration.train.iterations;
        let done = 100.0 * entry.iteration as f64 / iterations.max(1) as f64;
        Self {
            id: &run.id.0,
            label: printable(&run.label),
            state: state_name(entry.state),
            note: note(entry),
            done_percent: done.min(100.0).round(),
            iteration: entry.iteration,
            iterations,
            train: error_cell(last_train(entry)),
            eval: error_cell(last_eval(entry)),
            time: Cell {
                text: entry.wall.map_or_else(|| "–".to_owned(), duration),
                value: number(entry.wall.map(|wall| wall.as_secs_f64())),
            },
            attempts: entry.attempts.len(),
        }
    }

    /// The lower-case text that the filter searches.
    pub(super) fn haystack(&self) -> String {
        format!("{} {} {}", self.label, self.state, self.note).to_lowercase()
    }
}

/// The last training error of a run, in percent.
pub(super) fn last_train(entry: &Entry<'_>) -> Option<f64> {
    Some(entry.curves?.train.last()?.error_percent)
}

/// The last test or validation error of a run, in percent.
pub(super) fn last_eval(entry: &Entry<'_>) -> Option<f64> {
    let set = eval_set(entry.run);
    let mut points = entry.curves?.eval.iter().rev();
    Some(points.find(|point| point.set == set)?.error_percent)
}

/// The images of a run's evaluations.
pub(super) fn eval_set(run: &Run) -> EvalSet {
    match run.config.configuration.data.validation {
        Validation::None => EvalSet::Test,
        Validation::Images(_) => EvalSet::Validation,
    }
}

pub(super) fn eval_name(set: EvalSet) -> &'static str {
    match set {
        EvalSet::Test => "test",
        EvalSet::Validation => "validation",
    }
}

/// The heading of the column of evaluation errors: `test`, `validation`, or a term for both.
pub(super) fn eval_heading(entries: &[Entry<'_>]) -> &'static str {
    let names = entries.iter().map(|entry| eval_name(eval_set(entry.run)));
    let mut names: Vec<&str> = names.collect();
    names.dedup();
    match names[..] {
        ["test"] => "test",
        ["validation"] => "validation",
        _ => "evaluation",
    }
}

fn error_cell(error: Option<f64>) -> Cell {
    Cell {
        text: percent(error),
        value: number(error),
    }
}

fn number(value: Option<f64>) -> String {
    let finite = value.filter(|value| value.is_finite());
    finite.map_or_else(String::new, |value| value.to_string())
}

/// The name of a run's state; `new` if it never started.
pub(super) fn state_name(state: Option<AttemptStatus>) -> &'static str {
    state.map_or("new", |status| status.into_str())
}

fn note(entry: &Entry<'_>) -> String {
    let Some(attempt) = entry.attempts.last() else {
        return String::new();
    };
    if entry.no_better_than_chance {
        return "no better than chance".to_owned();
    }
    match (entry.state, attempt.diverged_iteration, &attempt.error) {
        (Some(AttemptStatus::Diverged), Some(iteration), _) => format!("at iteration {iteration}"),
        (Some(AttemptStatus::Failed), _, Some(error)) => {
            let mut lines = error.lines().map(str::trim);
            printable(lines.find(|line| !line.is_empty()).unwrap_or_default())
        }
        _ => String::new(),
    }
}
