//! Implements `facet`: one panel for each value of a key.

use std::fmt::Display;

use crate::domain::Shortcut;
use crate::sweep_file::diagnostics::problem::{Problem, Problems};
use crate::sweep_file::keys::key::Key;
use crate::sweep_file::limits::PANELS_MAX;
use crate::sweep_file::values::numbers;
use crate::sweep_file::values::setting::{Checked, Point, Setting};

/// The configurations with one value of a key.
pub struct Facet {
    /// `20 layers`, `plain`, `lr = 0.05`.
    pub title: String,
    /// Indices into the sweep's points.
    pub configurations: Vec<usize>,
}

/// Groups `points` by the key that `setting` names, in the order of its values in the sweep.
/// Reports a key with the same value in all points, and a key with too many values.
pub fn facets(setting: &Setting, points: &[Point<'_>], problems: &mut Problems) -> Vec<Facet> {
    let Some(Checked::Key(key)) = setting.value else {
        return Vec::new();
    };
    let all: Vec<usize> = (0..points.len()).collect();
    let Some(facets) = by_value(key, points, &all, PANELS_MAX) else {
        problems.push(too_many(setting, key));
        return Vec::new();
    };
    // The override removed the values, so the file is not at fault.
    let overridden = |point: &Point<'_>| point.at(key).is_some_and(|at| at.is_override());
    if facets.len() == 1 && !points.iter().any(overridden) {
        problems.push(same_everywhere(setting, key));
    }
    facets
}

/// Groups the configurations `indices` by their values of a key, in the order of the sweep; `None` if
/// they have more than `most` values.
pub fn by_value(
    key: Key,
    points: &[Point<'_>],
    indices: &[usize],
    most: usize,
) -> Option<Vec<Facet>> {
    let numbers = points.iter().filter_map(|point| point.number(key));
    let numbers: Vec<f64> = numbers.collect();
    let mut values: Vec<Option<&Checked>> = Vec::new();
    let mut facets: Vec<Facet> = Vec::new();
    for &index in indices {
        let value = points[index].value(key);
        let known = values.iter().position(|known| *known == value);
        let at = known.unwrap_or(values.len());
        if at == most {
            return None;
        }
        if known.is_none() {
            values.push(value);
            facets.push(Facet {
                title: title(key, value, &numbers),
                configurations: Vec::new(),
            });
        }
        facets[at].configurations.push(index);
    }
    Some(facets)
}

/// The title of a panel of plain nets.
pub const PLAIN: &str = "plain";

/// The title of a panel of residual nets of one type.
pub fn residual(option: impl Display) -> String {
    format!("residual, option {option}")
}

/// The title of a panel for one value of a key; `numbers` are the key's other values.
pub fn title(key: Key, value: Option<&Checked>, numbers: &[f64]) -> String {
    match (key, value) {
        (Key::Depth, Some(depth)) => format!("{depth} layers"),
        (Key::Shortcut, Some(Checked::Word("none"))) => PLAIN.to_owned(),
        (Key::Shortcut, Some(option)) => residual(option),
        (_, Some(Checked::Number(number))) => {
            format!("{} = {}", key.name(), numbers::among(*number, numbers))
        }
        (_, Some(value)) => format!("{} = {value}", key.name()),
        (_, None) => format!("{} not set", key.name()),
    }
}

fn same_everywhere(setting: &Setting, key: Key) -> Problem {
    let message = format!("all configurations have the same `{}`", key.name());
    Problem::new(setting.at, message)
        .label("makes one panel only")
        .help("name a key that the sweep varies, or remove `facet`")
}

fn too_many(setting: &Setting, key: Key) -> Problem {
    let message = format!("`{}` has more than {PANELS_MAX} values", key.name());
    Problem::new(setting.at, message)
        .label("one panel for each is too many")
        .help("choose some with `[[figure.panels]]`")
}

/// What nets of shortcut types are called beside each other: `plain`, `ResNet A`, `ResNet B`.
pub fn families(values: &[Option<&Checked>]) -> Vec<String> {
    let of = |value: &Option<&Checked>| match value {
        Some(Checked::Word(word)) => word.parse().ok(),
        _ => None,
    };
    let all: Vec<Shortcut> = values.iter().filter_map(of).collect();
    let names = all
        .iter()
        .map(|shortcut| shortcut.family_among(all.iter().copied()));
    names.map(str::to_owned).collect()
}
