//! Formats numbers and text in the cells of a table.

use super::super::diverged::diverged_at;
use resweep_core::analysis::statistics::{Interval, Sample};
use resweep_core::analysis::summary::Summary;
use resweep_core::domain::{self, printable};

/// An empty cell.
pub(super) const NOTHING: &str = "-";

/// Characters with a meaning in Markdown.
const MARKUP: [char; 10] = ['\\', '|', '`', '*', '_', '[', ']', '<', '>', '~'];

/// Untrusted text escaped for Markdown: it cannot control a terminal, end a cell or be markup. An
/// underscore inside a word is not markup and is kept, so that `weight_decay=0.1` stays readable.
pub(super) fn escaped(text: &str) -> String {
    let text = printable(text);
    let characters: Vec<char> = text.chars().collect();
    let is_word = |at: Option<usize>| {
        let c = at.and_then(|at| characters.get(at));
        c.is_some_and(|c| c.is_alphanumeric())
    };
    let mut shown = String::with_capacity(text.len());
    for (at, &c) in characters.iter().enumerate() {
        let in_word = is_word(at.checked_sub(1)) && is_word(Some(at + 1));
        let is_entity = c == '&' && begins_entity(&characters[at + 1..]);
        if is_entity || MARKUP.contains(&c) && !(c == '_' && in_word) {
            shown.push('\\');
        }
        shown.push(c);
    }
    shown
}

/// Whether an entity such as `amp;` or `#1;` follows an `&`.
fn begins_entity(after: &[char]) -> bool {
    let name = after
        .iter()
        .position(|c| !c.is_ascii_alphanumeric() && *c != '#');
    name.is_some_and(|end| end > 0 && after[end] == ';')
}

/// `8.75`
pub(super) fn number(value: Option<f64>) -> String {
    value.map_or_else(|| NOTHING.to_owned(), |value| format!("{value:.2}"))
}

/// `+0.12`
pub(super) fn signed(value: Option<f64>) -> String {
    // A value that rounds to zero has no sign.
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

/// The number of seeds, and the outcomes of the others.
pub(super) fn seeds(row: &Summary) -> String {
    let mut text = match row.is_complete() && row.diverged == 0 {
        true => row.finished.to_string(),
        false => format!("{} of {}", row.finished, row.seeds),
    };
    if row.diverged > 0 {
        text += &format!(", {} {}", row.diverged, diverged_at(&row.diverged_at));
    }
    let others = [
        (row.failed, "failed"),
        (row.no_better_than_chance, "no better than chance"),
    ];
    for (count, words) in others {
        if count > 0 {
            text += &format!(", {count} {words}");
        }
    }
    text
}

/// `269,722`
pub(super) fn grouped(number: u64) -> String {
    domain::grouped(number, ',')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_is_no_markup() {
        for (text, expected) in [
            (
                "plain-20 weight_decay=0.0001",
                "plain-20 weight_decay=0.0001",
            ),
            ("a|b", "a\\|b"),
            ("_emphasis_ *strong*", "\\_emphasis\\_ \\*strong\\*"),
            ("[link](x) `code`", "\\[link\\](x) \\`code\\`"),
            ("<b>&amp; R&D &#1;", "\\<b\\>\\&amp; R&D \\&#1;"),
            ("two\nlines", "two\\\\u{a}lines"),
        ] {
            assert_eq!(escaped(text), expected);
        }
    }
}
