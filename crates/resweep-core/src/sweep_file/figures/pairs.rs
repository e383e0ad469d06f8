//! Checks that each point of a depth figure, and each cell of a heat map, has one configuration.

use std::collections::HashMap;

use crate::domain::Panel;
use crate::sweep_file::diagnostics::problem::{Problem, Problems};
use crate::sweep_file::diagnostics::source::Span;
use crate::sweep_file::grid::labels;
use crate::sweep_file::keys::key::Key;
use crate::sweep_file::values::setting::Point;

/// Reports the first two configurations of a panel that have the values of both `keys` in common.
/// `at` is where the figure's kind is.
pub fn check(
    panels: &[Panel],
    points: &[Point<'_>],
    keys: (Key, Key),
    at: Option<Span>,
    problems: &mut Problems,
) {
    for panel in panels {
        let mut seen: HashMap<(String, String), usize> = HashMap::new();
        for &index in &panel.configurations {
            let point = &points[index];
            let word = |key| point.get(key).map_or_else(String::new, ToString::to_string);
            let pair = (word(keys.0), word(keys.1));
            if let Some(first) = seen.insert(pair.clone(), index) {
                let mut varying = labels::differing(&points[first], point);
                varying.retain(|key| *key != keys.0 && *key != keys.1);
                let at = at.unwrap_or(Span::START);
                problems.push(shared(at, keys, &pair, &varying));
                return;
            }
        }
    }
}

fn shared(
    at: Span,
    (rows, columns): (Key, Key),
    pair: &(String, String),
    varying: &[Key],
) -> Problem {
    let names: Vec<String> = varying
        .iter()
        .map(|key| format!("`{}`", key.name()))
        .collect();
    let (row, column) = (rows.name(), columns.name());
    let message = format!(
        "a panel has two configurations of {row} {}, {column} {}",
        pair.0, pair.1
    );
    let each = match (rows, columns) {
        (Key::Depth, Key::Shortcut) => "draws one for each depth and shortcut type".to_owned(),
        _ => format!("draws one for each `{row}` and `{column}`"),
    };
    let problem = Problem::new(at, message).label(each);
    match varying.first() {
        Some(key) => problem.help(format!(
            "they differ in {}: add `facet = \"{}\"`, or choose with `where` in `[[figure.panels]]`",
            names.join(", "),
            key.name()
        )),
        None => problem,
    }
}
