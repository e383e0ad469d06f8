//! The parent configurations that other configurations are initialised from, by
//! `init = { from = { depth = 20 }, deepen = "identity" }`.

use super::context::with_context;
use super::expand::Candidate;
use crate::domain::Configuration;
use crate::sweep_file::diagnostics::problem::{Problem, Problems};
use crate::sweep_file::keys::key::Key;
use crate::sweep_file::limits::CONFIGURATIONS_MAX;
use crate::sweep_file::values::setting::{Checked, Point};

/// Returns the parent's point if `point` has one.
pub fn parent<'a>(point: &Point<'a>) -> Option<Point<'a>> {
    let Some(Checked::Grown(grown)) = point.value(Key::Init) else {
        return None;
    };
    let mut parent = *point;
    parent.set(Key::Init, &grown.init);
    for (key, setting) in &grown.from {
        parent.set(*key, setting);
    }
    Some(parent)
}

/// Reports a parent that is not shallower than the network.
pub fn check_depth(point: &Point<'_>, parent: &Point<'_>, problems: &mut Problems) {
    let (Some(deep), Some(shallow)) = (point.integer(Key::Depth), parent.integer(Key::Depth))
    else {
        return;
    };
    let Some(at) = parent.at(Key::Depth).filter(|_| shallow >= deep) else {
        return;
    };
    let message = format!("depth {shallow} does not grow into depth {deep}");
    let problem = Problem::new(at, message).label("has to be smaller");
    problems.push(with_context(
        problem,
        point,
        Key::Depth,
        "what it grows into",
    ));
}

/// Appends the parents of the candidates, and the parents of those. Returns `None` if there are too
/// many, which it reports.
pub fn add_parents(candidates: &mut Vec<Candidate<'_>>, problems: &mut Problems) -> Option<()> {
    let mut next = 0;
    while next < candidates.len() {
        let candidate = &candidates[next];
        if candidates.len() > 2 * CONFIGURATIONS_MAX {
            let message = "there are too many configurations that others grow from";
            let label = format!("with these, more than {}", 2 * CONFIGURATIONS_MAX);
            problems.push(Problem::new(candidate.from, message).label(label));
            return None;
        }
        if let Some(point) = parent(&candidate.point) {
            candidates.push(Candidate {
                point,
                from: candidate.point.at(Key::Init).unwrap_or(candidate.from),
                is_extra: true,
                description: format!("what {} grows from", candidate.description),
            });
        }
        next += 1;
    }
    Some(())
}

/// Removes the candidates from `first` on, which are parents, whose configuration exists already.
pub fn drop_known(
    candidates: &mut Vec<Candidate<'_>>,
    configurations: &mut Vec<Configuration>,
    first: usize,
) {
    let mut seen = std::collections::HashSet::new();
    let new: Vec<bool> = configurations
        .iter()
        .enumerate()
        .map(|(place, configuration)| {
            // Every value has one JSON form, and JSON can be hashed.
            let form = serde_json::to_string(configuration).unwrap_or_default();
            seen.insert(form) || place < first
        })
        .collect();
    let mut kept = new.iter();
    candidates.retain(|_| kept.next().is_none_or(|new| *new));
    let mut kept = new.iter();
    configurations.retain(|_| kept.next().is_none_or(|new| *new));
}
