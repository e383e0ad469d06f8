//! Labels of a sweep's configurations, and the check for duplicates.

use std::collections::HashMap;

use super::expand::Candidate;
use crate::domain::{Configuration, Panel, Shortcut};
use crate::sweep_file::diagnostics::problem::{Problem, Problems};
use crate::sweep_file::diagnostics::source::Span;
use crate::sweep_file::keys::key::{Key, Section};
use crate::sweep_file::values::numbers;
use crate::sweep_file::values::setting::{Checked, Point};

/// Returns labels of the configurations at `indices` of `points`: `plain-20`, followed by the keys
/// in which configurations of that name differ, `plain-20 lr=0.05`. Option A is named if the sweep
/// has option B or C: `ResNet-20 A`. In a figure of several sweeps, nets of the same name are
/// preceded by their sweeps: `first: plain-20`. Different configurations have different labels.
pub fn labels(
    indices: &[usize],
    points: &[Point<'_>],
    configurations: &[Configuration],
) -> Vec<String> {
    let mut shortcuts = configurations.iter().map(|c| c.model.shortcut);
    let has_options = shortcuts.any(Shortcut::has_projections);
    let name = |&index: &usize| match &configurations[index].model {
        model if has_options => model.name_with_option(),
        model => model.name(),
    };
    let labels: Vec<String> = indices.iter().map(name).collect();
    let mut groups: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, name) in labels.iter().enumerate() {
        groups.entry(name).or_default().push(index);
    }
    let mut named = labels.clone();
    for group in groups.into_values() {
        let of_sweeps = by_sweeps(&group, indices, points);
        for (sweeps, members) in &of_sweeps {
            let prefix = match of_sweeps.len() {
                1 => String::new(),
                _ => format!("{}: ", sweeps.join(", ")),
            };
            let point = |index: &usize| &points[indices[*index]];
            let is_beside = |point: &&Point<'_>| {
                let mut others = point.sweeps.iter();
                sweeps.is_empty() || others.any(|other| sweeps.contains(other))
            };
            let beside: Vec<&Point<'_>> = group.iter().map(point).filter(is_beside).collect();
            let own: Vec<&Point<'_>> = members.iter().map(point).collect();
            for (index, suffix) in members.iter().zip(suffixes(&own, &beside)) {
                named[*index] = format!("{prefix}{}{suffix}", labels[*index]);
            }
        }
    }
    named
}

/// The members of a group that belong to the same sweeps.
fn by_sweeps<'a>(
    group: &[usize],
    indices: &[usize],
    points: &[Point<'a>],
) -> Vec<(&'a [String], Vec<usize>)> {
    let mut found: Vec<(&[String], Vec<usize>)> = Vec::new();
    for &index in group {
        let sweeps = points[indices[index]].sweeps;
        match found.iter_mut().find(|(known, _)| *known == sweeps) {
            Some((_, members)) => members.push(index),
            None => found.push((sweeps, vec![index])),
        }
    }
    found
}

/// For each of `points`, the keys that are not the same in all of `beside`: ` lr=0.05`.
fn suffixes(points: &[&Point<'_>], beside: &[&Point<'_>]) -> Vec<String> {
    let mut suffixes = vec![String::new(); points.len()];
    for key in varying(beside) {
        let scratch = has_one_scratch(beside, key);
        let numbers = numbers(beside, key);
        for (text, point) in suffixes.iter_mut().zip(points) {
            *text += &suffix(point, key, scratch, &numbers);
        }
    }
    suffixes
}

/// Returns the labels in a panel. They contain only the keys that vary in the panel if its title
/// can name the others; otherwise they are the sweep's labels.
pub fn panel_labels(
    panel: &Panel,
    points: &[Point<'_>],
    configurations: &[Configuration],
    labels: &[String],
) -> Vec<String> {
    let indices = &panel.configurations;
    match panel.title {
        Some(_) => self::labels(indices, points, configurations),
        None => indices.iter().map(|&index| labels[index].clone()).collect(),
    }
}

/// The keys that are not the same in two points.
pub fn differing(one: &Point<'_>, other: &Point<'_>) -> Vec<Key> {
    let settable = Section::SETTABLE.into_iter().flat_map(Section::keys);
    let keys = settable.map(|spec| spec.key);
    keys.filter(|key| one.value(*key) != other.value(*key))
        .collect()
}

/// The keys, depth and shortcut apart, that are not the same in all points.
fn varying(points: &[&Point<'_>]) -> Vec<Key> {
    let settable = Section::SETTABLE.into_iter().flat_map(Section::keys);
    settable
        .map(|spec| spec.key)
        .filter(|key| !matches!(key, Key::Depth | Key::Shortcut))
        .filter(|key| {
            let first = points[0].value(*key);
            points.iter().any(|point| point.value(*key) != first)
        })
        .collect()
}

/// Whether some networks have a parent, and the others are all initialised in one way.
fn has_one_scratch(points: &[&Point<'_>], key: Key) -> bool {
    let grows = |value: &Option<&Checked>| matches!(value, Some(Checked::Grown(_)));
    let values = || points.iter().map(|point| point.value(key));
    let mut scratch = values().filter(|value| !grows(value));
    let first = scratch.next();
    values().any(|value| grows(&value)) && scratch.all(|value| Some(value) == first)
}

/// Returns ` lr=0.05`, or ` from depth=20` for a network with a parent; the others are then
/// labelled ` from scratch`.
fn suffix(point: &Point<'_>, key: Key, one_scratch: bool, numbers: &[f64]) -> String {
    match point.value(key) {
        Some(Checked::Grown(grown)) => format!(" {grown}"),
        _ if one_scratch => " from scratch".to_owned(),
        _ => format!(" {}={}", key.name(), text(point, key, numbers)),
    }
}

/// Formats a setting; numbers have as many digits as distinguish them from the other `numbers` of
/// the key.
fn text(point: &Point<'_>, key: Key, numbers: &[f64]) -> String {
    match (point.value(key), point.get(key)) {
        (Some(Checked::Number(number)), _) => numbers::among(*number, numbers),
        (_, Some(setting)) => setting.to_string(),
        (_, None) => "default".to_owned(),
    }
}

/// The numbers that a key has in `points`.
fn numbers(points: &[&Point<'_>], key: Key) -> Vec<f64> {
    points
        .iter()
        .filter_map(|point| point.number(key))
        .collect()
}

/// Reports the first configuration that equals an earlier one, and the number of others.
pub fn check_duplicates(
    candidates: &[Candidate<'_>],
    configurations: &[Configuration],
    problems: &mut Problems,
) {
    let mut seen: HashMap<String, &Candidate<'_>> = HashMap::new();
    let mut told: Option<Problem> = None;
    let mut more = 0usize;
    for (candidate, configuration) in candidates.iter().zip(configurations) {
        // Every value has one JSON form, and JSON can be hashed.
        let Ok(form) = serde_json::to_string(configuration) else {
            continue;
        };
        match (seen.get(&form), &told) {
            (None, _) => drop(seen.insert(form, candidate)),
            (Some(first), None) => told = Some(duplicate(candidate, first, configuration)),
            (Some(_), Some(_)) => more += 1,
        }
    }
    let more = (more > 0).then(|| format!("{more} more configurations occur twice"));
    if let Some(problem) = told {
        problems.push(problem.maybe_help(more));
    }
}

fn duplicate(again: &Candidate<'_>, first: &Candidate<'_>, same: &Configuration) -> Problem {
    let message = format!(
        "`{}` and `{}` are the same configuration, {}",
        first.description,
        again.description,
        same.model.name()
    );
    let (at, other) = places(again, first);
    let problem = Problem::new(at, message).label(again.description.as_str());
    let problem = match at == other {
        true => problem,
        false => problem.context(other, first.description.as_str()),
    };
    problem.help("remove one of the two: a configuration trains once per seed")
}

/// Returns positions at which the two candidates differ.
fn places(again: &Candidate<'_>, first: &Candidate<'_>) -> (Span, Span) {
    if again.is_extra || first.is_extra {
        return (again.from, first.from);
    }
    let settable = Section::SETTABLE.into_iter().flat_map(Section::keys);
    settable
        .filter_map(|spec| Some((again.point.at(spec.key)?, first.point.at(spec.key)?)))
        .find(|(one, other)| one != other)
        .unwrap_or((again.from, first.from))
}
