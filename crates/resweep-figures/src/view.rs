//! Computes the content of each panel: curves with colours and labels, axes with ranges. Pure.

use std::collections::{HashMap, HashSet};

use resweep_core::domain::{Curves, EvalSet, Figure, Panel, Run, RunId, Show, Sweep};

use super::axis::{Axis, round_range};
use super::diverged::of_seeds;
use super::markers::{Marker, markers};
use super::palette::{Colour, CurveColours, is_one_depth};
use super::reference::{ReferenceView, references};
use super::series::{DivergedSeed, Lines, Point, eval_set, panel_lines};

/// The most curves that a panel draws; the caption states the total.
pub(super) const CURVES_MAX: usize = 500;

/// One plot.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PanelView {
    pub title: Option<String>,
    pub curves: Vec<CurveView>,
    /// Drawn behind the curves.
    pub references: Vec<ReferenceView>,
    /// Iterations.
    pub x: Axis,
    /// Error in percent.
    pub y: Axis,
    pub names: Names,
}

/// The position of a plot's labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Names {
    /// In a legend above the plot, and beside the curves' ends.
    #[default]
    AtEnds,
    /// In a legend, and in the margin for all curves.
    InMargin,
    /// In the margin only.
    WithoutLegend,
}

/// One configuration in a plot.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CurveView {
    pub colour: Colour,
    /// The text beside the curve's end.
    pub label: String,
    /// The name in the legend.
    pub legend: String,
    /// Follows the name in parentheses, unless empty.
    pub remark: String,
    /// On the line, if its colour is that of another curve too.
    pub marker: Option<Marker>,
    /// Whether it is visible, or will be once there are data.
    pub visible: bool,
    /// Empty if the panel does not show it; the same for `eval`.
    pub train: Vec<Point>,
    pub eval: Vec<Point>,
    /// Diverged seeds, each with its own lines.
    pub diverged: Vec<DivergedSeed>,
}

impl PanelView {
    /// Whether a line has a single point, which is drawn as a disc or a ring.
    pub(super) fn has_single_points(&self) -> bool {
        let mut lines = self.curves.iter().flat_map(|curve| {
            let seeds = curve.diverged.iter();
            let alone = seeds.flat_map(|seed| [&seed.train, &seed.eval]);
            alone.chain([&curve.train, &curve.eval])
        });
        lines.any(|line| line.len() == 1)
    }

    /// Whether the curve has marks of divergence.
    pub(super) fn has_marks(&self) -> bool {
        let mut seeds = self.curves.iter().flat_map(|curve| &curve.diverged);
        seeds.any(|seed| seed.end().is_some())
    }

    /// Whether any curve is a mean over different values.
    pub(super) fn has_spread(&self) -> bool {
        let mut points = self.curves.iter().flat_map(CurveView::points);
        points.any(|point| point.low < point.high)
    }
}

impl CurveView {
    fn points(&self) -> impl Iterator<Item = &Point> {
        let seeds = self.diverged.iter();
        let alone = seeds.flat_map(|seed| seed.train.iter().chain(&seed.eval));
        self.train.iter().chain(&self.eval).chain(alone)
    }

    /// Whether it has points but none of them is inside the frame.
    pub(super) fn is_off_scale(&self) -> bool {
        let has_mark = self.diverged.iter().any(|seed| seed.end().is_some());
        !self.visible && !has_mark && self.points().next().is_some()
    }

    /// Whether it has a line through the means over seeds.
    pub(super) fn has_mean(&self) -> bool {
        !self.train.is_empty() || !self.eval.is_empty()
    }

    /// The seed whose end has the label if there is no mean: the last one to diverge.
    pub(super) fn last_diverged(&self) -> Option<&DivergedSeed> {
        let seeds = self.diverged.iter().rev();
        seeds
            .filter(|_| !self.has_mean())
            .find(|seed| seed.end().is_some())
    }
}

/// The views of a figure's panels. Panels whose axis ends are not set share them, so that they are
/// comparable.
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
    let lines: Vec<Vec<Lines>> = lines.into_iter().map(drawn).collect();
    let depths = lines.iter().map(|lines| depths(sweep, lines));
    let depths: Vec<Vec<usize>> = depths.filter(|depths| !is_one_depth(depths)).collect();
    let colours = CurveColours::of(&depths, figure.style);
    let views = panels.iter().zip(lines);
    views
        .map(|(panel, lines)| view(sweep, figure, panel, lines, (shared, &colours)))
        .collect()
}

/// The depths of a panel's nets.
fn depths(sweep: &Sweep, lines: &[Lines]) -> Vec<usize> {
    let nets = lines
        .iter()
        .map(|lines| &sweep.configurations[lines.configuration]);
    nets.map(|net| net.model.depth).collect()
}

/// At most [`CURVES_MAX`] of a panel's lines, evenly spaced in its order.
fn drawn(lines: Vec<Lines>) -> Vec<Lines> {
    let all = lines.len();
    if all <= CURVES_MAX {
        return lines;
    }
    let chosen: HashSet<usize> = (0..CURVES_MAX).map(|i| i * all / CURVES_MAX).collect();
    let lines = lines.into_iter().enumerate();
    let lines = lines.filter(|(place, _)| chosen.contains(place));
    lines.map(|(_, lines)| lines).collect()
}

/// The name of the evaluation error of these configurations.
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
    (shared, colours): ((f64, f64), &CurveColours),
) -> PanelView {
    let y = Axis::errors(
        axis_name(sweep, panel),
        panel.y_min.unwrap_or(shared.0),
        panel.y_max.unwrap_or(shared.1),
        &panel.y_ticks,
    );
    let last = lines.iter().map(|lines| {
        let recorded = all_points(lines).map(|(_, point)| point.iteration).max();
        lines.iterations.max(recorded.unwrap_or(0))
    });
    let x = Axis::iterations(last.max().unwrap_or(0));
    let indices: Vec<usize> = lines.iter().map(|lines| lines.configuration).collect();
    let only_depth = only_depth_differs(sweep, panel, &indices);
    let colours = colours.of_panel(&depths(sweep, &lines));
    let markers = markers(&colours);
    let curves = lines
        .into_iter()
        .zip(colours.into_iter().zip(markers))
        .map(|(lines, look)| curve(sweep, panel, lines, look, &y, only_depth))
        .collect();
    PanelView {
        title: panel.title.clone(),
        curves,
        references: references(sweep, panel, figure.reference),
        x,
        y,
        names: Names::default(),
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
    (colour, marker): (Colour, Option<Marker>),
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
    let (train, eval) = (panel.show != Show::Test, panel.show != Show::Train);
    let seeds = Seeds::of(&lines, sweep.adaptive.is_some());
    let diverged = lines.diverged.into_iter().map(|seed| DivergedSeed {
        train: shown(seed.train, train),
        eval: shown(seed.eval, eval),
        ..seed
    });
    let mut curve = CurveView {
        colour,
        label,
        legend: full,
        remark: String::new(),
        marker,
        visible: true,
        train: shown(lines.train, train),
        eval: shown(lines.eval, eval),
        diverged: diverged.collect(),
    };
    let off_scale = curve.points().all(|point| point.mean > y.high)
        || curve.points().all(|point| point.mean < y.low);
    curve.visible = !off_scale;
    let has_points = curve.points().next().is_some();
    curve.remark = seeds.remark(has_points, off_scale);
    if let Some(seed) = curve.last_diverged() {
        curve.label = format!("{}: diverged at iteration {}", curve.label, seed.at);
    }
    curve
}

/// The legend's remark on a configuration's seeds.
struct Seeds {
    recorded: usize,
    planned: usize,
    /// The iterations at which seeds diverged, ascending.
    diverged: Vec<u64>,
    /// Whether the results decide the number of seeds.
    adaptive: bool,
}

impl Seeds {
    fn of(lines: &Lines, adaptive: bool) -> Seeds {
        Seeds {
            recorded: lines.seeds_recorded,
            planned: lines.seeds_planned,
            diverged: lines.diverged.iter().map(|seed| seed.at).collect(),
            adaptive,
        }
    }

    /// `no data yet`, `off scale`, `2 of 3 seeds`, `diverged at iteration 3`, or several of these;
    /// empty if there is nothing to remark.
    fn remark(&self, has_points: bool, off_scale: bool) -> String {
        let (recorded, planned) = (self.recorded, self.planned);
        let mut parts = Vec::new();
        match of_seeds(&self.diverged, planned) {
            None if !has_points => return "no data yet".to_owned(),
            None => {}
            Some(words) if has_points => parts.push(words),
            Some(words) => parts.push(words + ", before the first point"),
        }
        if has_points && off_scale {
            parts.insert(0, "off scale".to_owned());
        } else if recorded < planned {
            parts.insert(0, format!("{recorded} of {planned} seeds"));
        } else if self.adaptive && parts.is_empty() {
            parts.push(format!("{recorded} seeds"));
        }
        parts.join("; ")
    }
}

/// Every point of a configuration, with whether it is training error.
fn all_points(lines: &Lines) -> impl Iterator<Item = (bool, &Point)> {
    let seeds = lines.diverged.iter();
    let train = seeds
        .clone()
        .flat_map(|seed| &seed.train)
        .chain(&lines.train);
    let eval = seeds.flat_map(|seed| &seed.eval).chain(&lines.eval);
    let train = train.map(|point| (true, point));
    train.chain(eval.map(|point| (false, point)))
}

fn shown(points: Vec<Point>, show: bool) -> Vec<Point> {
    if show { points } else { Vec::new() }
}

/// Whether the panel's configurations differ only in depth, so that `56-layer` identifies one.
fn only_depth_differs(sweep: &Sweep, panel: &Panel, indices: &[usize]) -> bool {
    let models: Vec<_> = indices
        .iter()
        .filter_map(|&index| sweep.configurations.get(index))
        .map(|configuration| &configuration.model)
        .collect();
    let depths: HashSet<usize> = models.iter().map(|model| model.depth).collect();
    let shortcuts: HashSet<_> = models.iter().map(|model| model.shortcut).collect();
    let named_by_model = indices.iter().zip(&models).all(|(&index, model)| {
        [model.name(), model.name_with_option()].contains(&panel.label(index).to_owned())
    });
    depths.len() == models.len() && shortcuts.len() <= 1 && named_by_model
}

/// The error range of the panels that leave an end open; all of 0 to 100 without data.
fn shared_range(panels: &[Panel], lines: &[Vec<Lines>]) -> (f64, f64) {
    let open = panels
        .iter()
        .zip(lines)
        .filter(|(panel, _)| panel.y_min.is_none() || panel.y_max.is_none());
    let points = open.flat_map(|(panel, lines)| {
        let is_shown = |is_train| match panel.show {
            Show::Both => true,
            Show::Train => is_train,
            Show::Test => !is_train,
        };
        let points = lines.iter().flat_map(all_points);
        points
            .filter(move |(is_train, _)| is_shown(*is_train))
            .map(|(_, point)| point)
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
