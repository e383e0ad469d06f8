//! Checks that each point of a depth figure, and each cell of a heat map, has one configuration.

use std::collections::HashMap;

use super::keys::Key;
use super::labels;
use super::problem::{Problem, Problems};
use super::setting::Point;
use super::source::Origin;
use crate::domain::Panel;

/// Tells of the first two configurations of a panel that have depth and shortcut type in common.
/// `at` is where the figure's kind stands.
pub fn check(panels: &[Panel], points: &[Point<'_>], at: Option<Origin>, problems: &mut Problems) {
    for panel in panels {
        let mut seen = HashMap::new();
        for &index in &panel.configurations {
            let point = &points[index];
            let pair = (point.integer(Key::Depth), point.word(Key::Shortcut));
            if let (Some(depth), Some(shortcut)) = pair
                && let Some(first) = seen.insert(pair, index)
            {
                let varying = labels::varying(&[&points[first], point]);
                let at = at.unwrap_or(Origin::START);
                problems.push(shared(at, depth, shortcut, &varying));
                return;
            }
        }
    }
}

fn shared(at: Origin, depth: u64, shortcut: &str, varying: &[Key]) -> Problem {
    let names: Vec<String> = varying
        .iter()
        .map(|key| format!("`{}`", key.name()))
        .collect();
    let message = format!("a panel has two configurations of depth {depth}, shortcut {shortcut}");
    let problem = Problem::new(at, message).label("draws one for each depth and shortcut type");
    match varying.first() {
        Some(key) => problem.help(format!(
            "they differ in {}: add `facet = \"{}\"`, or choose with `where` in `[[figure.panels]]`",
            names.join(", "),
            key.name()
        )),
        None => problem,
    }
}
