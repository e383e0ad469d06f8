//! Splits a list at its commas.

use std::ops::Range;

/// The parts between commas outside quotes and brackets, without spaces around them. A trailing
/// comma adds no part.
pub fn at_commas(text: &str) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let (mut start, mut depth, mut quote) = (0, 0_usize, None);
    for (index, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), _) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                parts.push(trimmed(text, start..index));
                start = index + 1;
            }
            _ => {}
        }
    }
    let last = trimmed(text, start..text.len());
    if !last.is_empty() {
        parts.push(last);
    }
    parts
}

/// A range without the white space at its ends.
fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let part = &text[range.clone()];
    let start = range.start + part.len() - part.trim_start().len();
    start..start + part.trim().len()
}
