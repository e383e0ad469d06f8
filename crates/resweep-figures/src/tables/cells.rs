//! Numbers and words in the cells of a table.

use resweep_core::analysis::statistics::{Interval, Sample};
use resweep_core::analysis::summary::Summary;
use resweep_core::domain::markdown_text;

/// Where there is nothing to say.
pub(super) const NOTHING: &str = "-";

/// A label that neither acts on a terminal nor ends a cell of Markdown.
pub(super) fn label(text: &str) -> String {
    markdown_text(text)
}

/// `8.75`
pub(super) fn number(value: Option<f64>) -> String {
    value.map_or_else(|| NOTHING.to_owned(), |value| format!("{value:.2}"))
}

/// `+0.12`
pub(super) fn signed(value: Option<f64>) -> String {
    // What rounds to zero has no sign.
    let rounded = value.map(|value| (value * 100.0).round() / 100.0 + 0.0);
    rounded.map_or_else(|| NOTHING.to_owned(), |value| format!("{value:+.2}"))
}

/// `6.61 ± 0.16`, mean and standard deviation.
pub(super) fn mean(mean: f64, deviation: Option<f64>) -> String {
    match deviation {
        Some(deviation) => format!("{mean:.2} ± {deviation:.2}"),
        None => format!("{mean:.2}"),
    }
}

pub(super) fn sample(sample: Option<&Sample>) -> String {
    sample.map_or_else(
        || NOTHING.to_owned(),
        |sample| mean(sample.mean, sample.standard_deviation),
    )
}

/// `6.41 to 6.81`
pub(super) fn interval(interval: Option<Interval>) -> String {
    interval.map_or_else(
        || NOTHING.to_owned(),
        |Interval { low, high }| format!("{low:.2} to {high:.2}"),
    )
}

/// How many seeds the errors are of, and what became of the others.
pub(super) fn seeds(row: &Summary) -> String {
    let mut text = match row.is_complete() && row.diverged == 0 {
        true => row.finished.to_string(),
        false => format!("{} of {}", row.finished, row.seeds),
    };
    for (count, word) in [(row.diverged, "diverged"), (row.failed, "failed")] {
        if count > 0 {
            text += &format!(", {count} {word}");
        }
    }
    text
}

/// `269,722`
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
