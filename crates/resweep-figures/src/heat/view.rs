//! Computes the content of a heat map: rows, columns, cells and the colour scale. Pure.

use std::collections::{BTreeMap, BTreeSet};

use resweep_core::domain::{Grid, GridAxis, Panel, Show};

use super::super::axis::Axis;
use super::super::diverged::of_seeds;
use super::super::finals::{Finals, finals, range};
use super::super::scene::Scene;
use super::super::view::axis_name;
use resweep_core::analysis::statistics::{mean, standard_deviation};

/// One heat map.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct HeatView {
    pub title: Option<String>,
    pub rows: GridAxis,
    pub columns: GridAxis,
    /// Row by row.
    pub cells: Vec<Cell>,
    /// Errors in percent, from the darkest colour to the brightest; named after the error.
    pub scale: Axis,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    /// The configuration is not in the sweep.
    Absent,
    /// No run has finished; the reason, line by line.
    Waiting(Vec<String>),
    Error {
        mean: f64,
        /// One or more lines: the mean, the deviation, the number of seeds.
        lines: Vec<String>,
    },
}

/// The maps of a figure's panels. Those of the same error share the ends of their scales, unless
/// the panel sets them.
pub(super) fn views(scene: &Scene, grid: &Grid) -> Vec<HeatView> {
    let panels = &scene.figure.panels;
    let of = |panel| finals(scene.sweep, panel, scene.runs, scene.curves);
    let all: Vec<Vec<Finals>> = panels.iter().map(of).collect();
    let shared = |show: Show| {
        let same = panels
            .iter()
            .zip(&all)
            .filter(|(panel, _)| panel.show == show);
        let errors = same.flat_map(|(_, finals)| finals.iter().filter_map(|f| mean(f.of(show))));
        let (low, high) = range(errors);
        if low < high {
            (low, high)
        } else if low == high {
            (low - 0.5, high + 0.5)
        } else {
            (0.0, 100.0)
        }
    };
    let views = panels.iter().zip(&all);
    views
        .map(|(panel, finals)| view(scene, panel, grid, finals, shared(panel.show)))
        .collect()
}

fn view(
    scene: &Scene,
    panel: &Panel,
    grid: &Grid,
    finals: &[Finals],
    shared: (f64, f64),
) -> HeatView {
    let place = |finals: &Finals| grid.places[finals.configuration];
    let at: BTreeMap<(usize, usize), &Finals> = finals.iter().map(|f| (place(f), f)).collect();
    let rows: BTreeSet<usize> = at.keys().map(|(row, _)| *row).collect();
    let columns: BTreeSet<usize> = at.keys().map(|(_, column)| *column).collect();
    let places = rows
        .iter()
        .flat_map(|&row| columns.iter().map(move |&column| (row, column)));
    let cells = places.map(|place| at.get(&place).map_or(Cell::Absent, |f| cell(f, panel.show)));
    let low = panel.y_min.unwrap_or(shared.0);
    let high = panel.y_max.unwrap_or(shared.1);
    HeatView {
        title: panel.title.clone(),
        cells: cells.collect(),
        rows: only(&grid.rows, &rows),
        columns: only(&grid.columns, &columns),
        scale: Axis::errors(axis_name(scene.sweep, panel), low, high, &panel.y_ticks),
    }
}

/// The values of an axis that a panel has.
fn only(axis: &GridAxis, places: &BTreeSet<usize>) -> GridAxis {
    let values = places.iter().filter_map(|&place| axis.values.get(place));
    GridAxis {
        name: axis.name.clone(),
        values: values.cloned().collect(),
    }
}

fn cell(finals: &Finals, show: Show) -> Cell {
    let errors = finals.of(show);
    let Some(mean) = mean(errors) else {
        return Cell::Waiting(missing(finals));
    };
    let mut lines = vec![format!("{mean:.2}")];
    lines.extend(standard_deviation(errors).map(|deviation| format!("\u{b1} {deviation:.2}")));
    let diverged = finals.diverged.len();
    if errors.len() + diverged < finals.planned {
        lines.push(format!("{} of {} seeds", errors.len(), finals.planned));
    }
    if diverged > 0 {
        lines.push(format!("{diverged} of {} diverged", finals.planned));
    }
    Cell::Error { mean, lines }
}

/// Why a configuration has no final error. Lines are broken before the iteration.
fn missing(finals: &Finals) -> Vec<String> {
    if let Some(words) = of_seeds(&finals.diverged, finals.planned) {
        let (what, at) = words.split_once(" at ").unwrap_or((&words, ""));
        return vec![what.to_owned(), format!("at {at}")];
    }
    let begun = finals.begun > 0;
    vec![if begun { "not finished" } else { "no data yet" }.to_owned()]
}
