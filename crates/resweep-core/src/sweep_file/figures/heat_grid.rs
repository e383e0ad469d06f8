//! Rows and columns of a heat map: the values of two keys.

use strum::VariantNames;

use super::facet;
use super::figure::FigureTable;
use crate::domain::{FigureKind, Grid, GridAxis, Shortcut};
use crate::sweep_file::diagnostics::problem::{Problem, Problems};
use crate::sweep_file::keys::key::Key;
use crate::sweep_file::values::setting::{Checked, Point};

impl FigureTable {
    /// The keys of rows and columns.
    pub(super) fn grid_keys(&self) -> (Key, Key) {
        let settings = self.settings.point();
        let key = |of, default| match settings.value(of) {
            Some(Checked::Key(key)) => *key,
            _ => default,
        };
        (
            key(Key::FigureRows, Key::Depth),
            key(Key::FigureColumns, Key::Shortcut),
        )
    }

    /// The grid of a heat map; other kinds of figures have none.
    pub(super) fn grid(&self, points: &[Point<'_>], problems: &mut Problems) -> Option<Grid> {
        let settings = self.settings.point();
        let named = settings
            .get(Key::FigureColumns)
            .or(settings.get(Key::FigureRows));
        if self.kind() != FigureKind::HeatMap {
            if let Some(setting) = named {
                let message = "only heat maps have `rows` and `columns`";
                let problem = Problem::new(setting.at, message).label("of another kind of figure");
                problems.push(problem.help("remove it, or set `kind = \"heat-map\"`"));
            }
            return None;
        }
        let (rows, columns) = self.grid_keys();
        if let (true, Some(setting)) = (rows == columns, named) {
            let message = format!("rows and columns are both `{}`", rows.name());
            let problem = Problem::new(setting.at, message).label("the same key");
            problems.push(problem.help("name two keys that the sweep varies"));
        }
        let (rows, places_down) = axis(rows, points);
        let (columns, places_across) = axis(columns, points);
        Some(Grid {
            rows,
            columns,
            places: places_down.into_iter().zip(places_across).collect(),
        })
    }
}

/// The values of a key, numbers in ascending order, and the place of each point among them.
fn axis(key: Key, points: &[Point<'_>]) -> (GridAxis, Vec<usize>) {
    let mut values: Vec<Option<&Checked>> = Vec::new();
    for value in points.iter().map(|point| point.value(key)) {
        if !values.contains(&value) {
            values.push(value);
        }
    }
    // Stable: what is no number stays in the order of the sweep, behind the numbers.
    values.sort_by(|a, b| number(*a).total_cmp(&number(*b)));
    let place = |point: &Point<'_>| {
        let own = point.value(key);
        values.iter().position(|value| *value == own).unwrap_or(0)
    };
    let axis = GridAxis {
        name: name(key).to_owned(),
        values: words(key, &values),
    };
    (axis, points.iter().map(place).collect())
}

fn number(value: Option<&Checked>) -> f64 {
    match value {
        Some(Checked::Integer(integer)) => *integer as f64,
        Some(Checked::Number(number)) => *number,
        Some(Checked::Word(word)) => {
            // Shortcut types in the order of the paper.
            let place = <Shortcut as VariantNames>::VARIANTS
                .iter()
                .position(|known| known == word);
            place.map_or(f64::INFINITY, |place| place as f64)
        }
        _ => f64::INFINITY,
    }
}

fn name(key: Key) -> &'static str {
    match key {
        Key::Depth => "depth (layers)",
        Key::Shortcut => "shortcut type",
        other => other.name(),
    }
}

fn words(key: Key, values: &[Option<&Checked>]) -> Vec<String> {
    if key == Key::Shortcut {
        return facet::families(values);
    }
    let numbers: Vec<f64> = values.iter().map(|value| number(*value)).collect();
    let word = |value: &Option<&Checked>| match value {
        Some(Checked::Number(number)) => {
            crate::sweep_file::values::numbers::among(*number, &numbers)
        }
        Some(value) => value.to_string(),
        None => "default".to_owned(),
    };
    values.iter().map(word).collect()
}
