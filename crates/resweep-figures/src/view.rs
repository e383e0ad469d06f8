//! What each panel shows: curves with colours and labels, axes with ranges. Pure.

use std::collections::{HashMap, HashSet};

use resweep_core::domain::{Curves, EvalSet, Figure, Panel, Run, RunId, Show, Sweep};

use super::axis::{Axis, round_range};
use super::palette::{Colour, colours};
use super::reference::{ReferenceView, references};
use super::series::{Lines, Point, eval_set, panel_lines};

/// One plot.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PanelView {
    pub title: Option<String>,
    pub curves: Vec<CurveView>,
    /// Behind the curves.
    pub references: Vec<ReferenceView>,
    /// Iterations.
    pub x: Axis,
    /// Error in percent.
    pub y: Axis,
}

/// One configuration in a plot.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CurveView {
    pub colour: Colour,
    /// The text beside the curve's end.
    pub label: String,
    /// The text in the legend.
    pub legend: String,
    /// Whether there is anything of it to be seen.
    pub visible: bool,
    /// Empty where the panel does not show it, as is `eval`.
    pub train: Vec<Point>,
    pub eval: Vec<Point>,
}

impl PanelView {
    /// Whether any curve is a mean over seeds that differ.
    pub(super) fn has_spread(&self) -> bool {
        let mut points = self.curves.iter().flat_map(CurveView::points);
        points.any(|point| point.low < point.high)
    }
}

impl CurveView {
    fn points(&self) -> impl Iterator<Item = &Point> {
        self.train.iter().chain(&self.eval)
    }
}

/// The views of a figure's panels. Panels that leave an end of their error axis open share it,
/// so that they can be compared.
pub(super) fn views(
    sweep: &Sweep,
    figure: &Figure,
    runs: &[Run],
    curves: &HashMap<RunId, Curves>,
) -> Vec<PanelView> {
    let panels = &figure.panels;
    let lines: Vec<Vec<Lines>> = panels
        .iter()
        .map(|panel| panel_lines(sweep, panel, runs, curves, figure.smoothing))
        .collect();
    let shared = shared_range(panels, &lines);
    panels
        .iter()
        .zip(lines)
        .map(|(panel, lines)| view(sweep, figure, panel, lines, shared))
        .collect()
}

/// What the evaluations of these panels' configurations measure.
pub(super) fn eval_name<'a>(
    sweep: &Sweep,
    panels: impl Iterator<Item = &'a Panel>,
) -> &'static str {
    let sets: HashSet<EvalSet> = panels
        .flat_map(|panel| &panel.configurations)
        .filter_map(|&index| sweep.configurations.get(index))
        .map(|configuration| eval_set(configuration.data.validation))
        .collect();
    match (
        sets.contains(&EvalSet::Test),
        sets.contains(&EvalSet::Validation),
    ) {
        (true, true) => "test or validation error",
        (false, true) => "validation error",
        _ => "test error",
    }
}

fn view(
    sweep: &Sweep,
    figure: &Figure,
    panel: &Panel,
    lines: Vec<Lines>,
    shared: (f64, f64),
) -> PanelView {
    let y = Axis::errors(
        axis_name(sweep, panel),
        panel.y_min.unwrap_or(shared.0),
        panel.y_max.unwrap_or(shared.1),
        &panel.y_ticks,
    );
    let last = lines.iter().map(|lines| {
        let points = lines.train.iter().chain(&lines.eval);
        let recorded = points.map(|point| point.iteration).max();
        lines.iterations.max(recorded.unwrap_or(0))
    });
    let x = Axis::iterations(last.max().unwrap_or(0));
    let indices: Vec<usize> = lines.iter().map(|lines| lines.configuration).collect();
    let only_depth = only_depth_differs(sweep, panel, &indices);
    let curves = lines
        .into_iter()
        .zip(colours(&sweep.configurations, &indices, figure.look))
        .map(|(lines, colour)| curve(sweep, panel, lines, colour, &y, only_depth))
        .collect();
    PanelView {
        title: panel.title.clone(),
        curves,
        references: references(sweep, panel, figure.reference),
        x,
        y,
    }
}

pub(super) fn axis_name(sweep: &Sweep, panel: &Panel) -> &'static str {
    match panel.show {
        Show::Both => "error (%)",
        Show::Train => "training error (%)",
        Show::Test => match eval_name(sweep, std::iter::once(panel)) {
            "validation error" => "validation error (%)",
            "test error" => "test error (%)",
            _ => "error (%)",
        },
    }
}

fn curve(
    sweep: &Sweep,
    panel: &Panel,
    lines: Lines,
    colour: Colour,
    y: &Axis,
    only_depth: bool,
) -> CurveView {
    let full = panel.label(lines.configuration).to_owned();
    let label = if only_depth {
        format!(
            "{}-layer",
            sweep.configurations[lines.configuration].model.depth
        )
    } else {
        full.clone()
    };
    let (seeds, planned) = (lines.seeds_recorded, lines.seeds_planned);
    let mut curve = CurveView {
        colour,
        label,
        legend: full,
        visible: true,
        train: shown(lines.train, panel.show != Show::Test),
        eval: shown(lines.eval, panel.show != Show::Train),
    };
    let off_scale = curve.points().all(|point| point.mean > y.high)
        || curve.points().all(|point| point.mean < y.low);
    curve.visible = !off_scale;
    if curve.points().next().is_none() {
        curve.legend.push_str(" (no data yet)");
    } else if off_scale {
        curve.legend.push_str(" (off scale)");
    } else if seeds < planned {
        curve.legend = format!("{} ({seeds} of {planned} seeds)", curve.legend);
    } else if sweep.adaptive.is_some() {
        curve.legend = format!("{} ({seeds} seeds)", curve.legend);
    }
    curve
}

fn shown(points: Vec<Point>, show: bool) -> Vec<Point> {
    if show { points } else { Vec::new() }
}

/// Whether the panel's configurations are told apart by their depth alone, so that `56-layer`
/// names one.
fn only_depth_differs(sweep: &Sweep, panel: &Panel, indices: &[usize]) -> bool {
    let models: Vec<_> = indices
        .iter()
        .filter_map(|&index| sweep.configurations.get(index))
        .map(|configuration| &configuration.model)
        .collect();
    let depths: HashSet<usize> = models.iter().map(|model| model.depth).collect();
    let shortcuts: HashSet<_> = models.iter().map(|model| model.shortcut).collect();
    let named_by_model = indices
        .iter()
        .zip(&models)
        .all(|(&index, model)| panel.label(index) == model.name());
    depths.len() == models.len() && shortcuts.len() <= 1 && named_by_model
}

/// The error range of the panels that leave an end open; all of 0 to 100 without data.
fn shared_range(panels: &[Panel], lines: &[Vec<Lines>]) -> (f64, f64) {
    let open = panels
        .iter()
        .zip(lines)
        .filter(|(panel, _)| panel.y_min.is_none() || panel.y_max.is_none());
    let points = open.flat_map(|(panel, lines)| {
        let (train, eval) = (panel.show != Show::Test, panel.show != Show::Train);
        lines.iter().flat_map(move |lines| {
            let train = lines.train.iter().filter(move |_| train);
            train.chain(lines.eval.iter().filter(move |_| eval))
        })
    });
    let (low, high) = points.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), point| {
        (low.min(point.low), high.max(point.high))
    });
    if low <= high {
        round_range(low, high)
    } else {
        (0.0, 100.0)
    }
}
