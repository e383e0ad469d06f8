//! Computes the content of each panel: curves with colours and labels, axes with ranges. Pure.

use std::collections::{HashMap, HashSet};

use resweep_core::domain::{Curves, EvalSet, Figure, Panel, Quantity, Run, RunId, Show, Sweep};

use super::axis::{Axis, EPOCH, outlier_limit, round_log_range, round_range};
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
    /// Iterations or epochs.
    pub x: Axis,
    /// Error in percent, or loss.
    pub y: Axis,
    pub label_placement: LabelPlacement,
}

/// The position of a plot's labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum LabelPlacement {
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

    /// Whether any curve has marks of divergence.
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
        .map(|panel| {
            let values = (figure.axes.quantity, figure.smoothing);
            let mut lines = panel_lines(sweep, panel, runs, curves, values);
            if figure.axes.epochs {
                lines.iter_mut().for_each(|lines| in_epochs(sweep, lines));
            }
            lines
        })
        .collect();
    let shared = shared_range(figure, &lines);
    let lines: Vec<Vec<Lines>> = lines.into_iter().map(drawn).collect();
    let depths = lines.iter().map(|lines| depths(sweep, lines));
    let depths: Vec<Vec<usize>> = depths.filter(|depths| !is_one_depth(depths)).collect();
    let colours = CurveColours::of(&depths, figure.style);
    let views = panels.iter().zip(lines);
    views
        .map(|(panel, lines)| view(sweep, figure, panel, lines, (shared, &colours)))
        .collect()
}

/// Counts positions in ten-thousandths of an epoch. Without the number of images there are no lines.
fn in_epochs(sweep: &Sweep, lines: &mut Lines) {
    let batch = sweep.configurations[lines.configuration].train.batch_size as f64;
    let images = lines.train_images.map(|images| images as f64);
    let place = |iteration: u64| images.map(|images| iteration as f64 * batch / images * EPOCH);
    lines.iterations = place(lines.iterations).unwrap_or(0.0).round() as u64;
    let convert = |points: &mut Vec<Point>| {
        points.retain_mut(|point| match place(point.iteration) {
            Some(place) => {
                point.iteration = place.round() as u64;
                true
            }
            None => false,
        });
    };
    let seeds = lines.diverged.iter_mut();
    seeds.for_each(|seed| {
        [&mut seed.train, &mut seed.eval]
            .into_iter()
            .for_each(convert)
    });
    [&mut lines.train, &mut lines.eval]
        .into_iter()
        .for_each(convert);
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

/// The axes of a panel: all of the training across, its range of values upwards.
fn axes(
    sweep: &Sweep,
    figure: &Figure,
    panel: &Panel,
    lines: &[Lines],
    shared: (f64, f64),
) -> (Axis, Axis) {
    let name = match figure.axes.quantity {
        Quantity::Error => axis_name(sweep, panel),
        Quantity::Loss => loss_name(axis_name(sweep, panel)),
    };
    let (low, high) = (
        panel.y_min.unwrap_or(shared.0),
        panel.y_max.unwrap_or(shared.1),
    );
    let mut y = Axis::errors(name, low, high, &panel.y_ticks);
    if figure.axes.y_log {
        let ticks = y.ticks.clone();
        y = y.logarithmic(low);
        if !panel.y_ticks.is_empty() {
            y.ticks = ticks;
        }
    }
    let points = || lines.iter().flat_map(all_points);
    let positions = || points().map(|(_, point)| point.iteration);
    let planned = lines.iter().map(|lines| lines.iterations);
    let last = positions().chain(planned).max().unwrap_or(0);
    let mut x = match figure.axes.epochs {
        true => Axis::epochs(last),
        false => Axis::iterations(last),
    };
    if figure.axes.x_log {
        x = x.logarithmic(positions().min().unwrap_or(1) as f64);
    }
    (x, y)
}

/// What the lines of training and evaluation show.
pub(super) fn line_names(sweep: &Sweep, figure: &Figure) -> [&'static str; 2] {
    let names = ["training error", eval_name(sweep, figure.panels.iter())];
    match figure.axes.quantity {
        Quantity::Error => names,
        Quantity::Loss => names.map(loss_name),
    }
}

/// What an axis or a line of errors is called where losses are drawn.
pub(super) fn loss_name(error: &'static str) -> &'static str {
    match error {
        "training error (%)" | "training error" => "training loss",
        "validation error (%)" | "validation error" => "validation loss",
        "test error (%)" | "test error" => "test loss",
        "test or validation error" => "test or validation loss",
        _ => "loss",
    }
}

fn view(
    sweep: &Sweep,
    figure: &Figure,
    panel: &Panel,
    lines: Vec<Lines>,
    (shared, colours): ((f64, f64), &CurveColours),
) -> PanelView {
    let (x, y) = axes(sweep, figure, panel, &lines, shared);
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
        references: references(sweep, panel, figure),
        x,
        y,
        label_placement: LabelPlacement::default(),
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

/// The range of the panels that leave an end open; all of 0 to 100 without data. Losses that are
/// outliers are not in it.
fn shared_range(figure: &Figure, lines: &[Vec<Lines>]) -> (f64, f64) {
    let log = figure.axes.y_log;
    let panels = figure.panels.iter().zip(lines);
    let open = panels.filter(|(panel, _)| panel.y_min.is_none() || panel.y_max.is_none());
    let curves: Vec<Vec<f64>> = open
        .flat_map(|(panel, lines)| lines.iter().flat_map(|lines| shown_values(panel, lines)))
        .collect();
    let peaks = curves.iter().map(|values| values.iter().copied());
    let peaks = peaks.filter_map(|values| values.reduce(f64::max)).collect();
    let limit = match figure.axes.quantity {
        Quantity::Error => f64::INFINITY,
        Quantity::Loss => outlier_limit(peaks, log),
    };
    let ends = curves.into_iter().flatten();
    let ends = ends.filter(|end| *end <= limit && (!log || *end > 0.0));
    let (low, high) = ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), end| {
        (low.min(end), high.max(end))
    });
    match (low <= high, log) {
        (true, false) => round_range(low, high),
        (true, true) => round_log_range(low, high),
        (false, false) => (0.0, 100.0),
        (false, true) => (1.0, 100.0),
    }
}

/// The lowest and highest values of all seeds at the points of training and of evaluation that the
/// panel shows.
fn shown_values(panel: &Panel, lines: &Lines) -> [Vec<f64>; 2] {
    [(true, Show::Test), (false, Show::Train)].map(|(train, other)| {
        let points = all_points(lines);
        let points = points.filter(|(is_train, _)| *is_train == train && panel.show != other);
        let ends = points.flat_map(|(_, point)| [point.low, point.high]);
        ends.collect()
    })
}
