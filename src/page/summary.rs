//! The results of each configuration over its seeds.

use super::model::{Entry, Standing, Table};
use super::row::{eval_heading, last_eval, last_train};
use super::words::{counted, grouped, percent};
use crate::domain::{Sweep, printable};

/// A table with a row for each configuration: the mean of its finished runs' last errors, and
/// the lowest and the highest of them. A run that diverged is counted and has no error.
pub fn by_configuration(sweep: &Sweep, entries: &[Entry<'_>]) -> Table {
    let eval = format!("{} error %", eval_heading(entries));
    let columns = [
        "configuration",
        "parameters",
        "finished",
        "training error %",
        &eval,
        "lowest to highest",
    ];
    let rows = sweep.labels.iter().enumerate();
    Table {
        title: "Results".to_owned(),
        columns: columns.map(str::to_owned).to_vec(),
        rows: rows
            .map(|(index, label)| row(label, &of(entries, index)))
            .collect(),
        note: "The last errors of finished runs, as means over seeds. Training error is the \
               running error over augmented images since the point before."
            .to_owned(),
    }
}

fn of<'e, 'a>(entries: &'e [Entry<'a>], configuration: usize) -> Vec<&'e Entry<'a>> {
    let own = |entry: &&Entry<'_>| entry.run.configuration == configuration;
    entries.iter().filter(own).collect()
}

fn row(label: &str, entries: &[&Entry<'_>]) -> Vec<String> {
    let is = |standing: Standing| entries.iter().filter(move |e| e.standing == standing);
    let finished = || is(Standing::Finished);
    let train: Vec<f64> = finished().filter_map(|e| last_train(e)).collect();
    let eval: Vec<f64> = finished().filter_map(|e| last_eval(e)).collect();
    let parameters = entries.first().map(|entry| entry.run.cost.parameters);
    let mut count = format!(
        "{} of {}",
        finished().count(),
        counted(entries.len(), "seed")
    );
    match is(Standing::Diverged).count() {
        0 => {}
        diverged => count.push_str(&format!(", {diverged} diverged")),
    }
    vec![
        printable(label),
        parameters.map_or_else(|| "–".to_owned(), grouped),
        count,
        percent(mean(&train)),
        percent(mean(&eval)),
        range(&eval),
    ]
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// `0.10 – 0.32`; a dash where one value has no range.
fn range(values: &[f64]) -> String {
    if values.len() < 2 {
        return percent(None);
    }
    let low = values.iter().copied().reduce(f64::min);
    let high = values.iter().copied().reduce(f64::max);
    format!("{} – {}", percent(low), percent(high))
}
