//! Computes the content of a heat map: rows, columns, cells and the colour scale. Pure.

use std::collections::{BTreeMap, BTreeSet};

use resweep_core::domain::{Panel, Shortcut, Show};

use super::super::axis::Axis;
use super::super::diverged::of_seeds;
use super::super::finals::{Finals, finals, range};
use super::super::scene::Scene;
use super::super::view::axis_name;
use resweep_core::analysis::statistics::{mean, standard_deviation};

/// One heat map.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct HeatView {
    pub title: Option<String>,
    pub rows: HeatAxis,
    pub columns: HeatAxis,
    /// Row by row.
    pub cells: Vec<Cell>,
    /// Errors in percent, from the darkest colour to the brightest; named after the error.
    pub scale: Axis,
}

/// What tells the rows or the columns of a map apart.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct HeatAxis {
    pub name: String,
    /// From the top down, or from left to right.
    pub values: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum Cell {
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
pub(super) fn views(scene: &Scene) -> Vec<HeatView> {
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
        .map(|(panel, finals)| view(scene, panel, finals, shared(panel.show)))
        .collect()
}

fn view(scene: &Scene, panel: &Panel, finals: &[Finals], shared: (f64, f64)) -> HeatView {
    let model = |finals: &Finals| &scene.sweep.configurations[finals.configuration].model;
    let place = |finals: &Finals| (model(finals).depth, model(finals).shortcut);
    let at: BTreeMap<(usize, Shortcut), &Finals> = finals.iter().map(|f| (place(f), f)).collect();
    let depths: BTreeSet<usize> = at.keys().map(|(depth, _)| *depth).collect();
    let has = |shortcut: &Shortcut| at.keys().any(|(_, known)| known == shortcut);
    let shortcuts: Vec<Shortcut> = super::SHORTCUTS.into_iter().filter(has).collect();
    let family = |of: &Shortcut| of.family_among(shortcuts.iter().copied()).to_owned();
    let cells = depths
        .iter()
        .flat_map(|&depth| shortcuts.iter().map(move |&shortcut| (depth, shortcut)))
        .map(|place| at.get(&place).map_or(Cell::Absent, |f| cell(f, panel.show)))
        .collect();
    let low = panel.y_min.unwrap_or(shared.0);
    let high = panel.y_max.unwrap_or(shared.1);
    HeatView {
        title: panel.title.clone(),
        rows: HeatAxis {
            name: "depth (layers)".to_owned(),
            values: depths.iter().map(usize::to_string).collect(),
        },
        columns: HeatAxis {
            name: "shortcut type".to_owned(),
            values: shortcuts.iter().map(family).collect(),
        },
        cells,
        scale: Axis::errors(axis_name(scene.sweep, panel), low, high, &panel.y_ticks),
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
