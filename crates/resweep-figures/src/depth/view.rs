//! Computes the content of a panel of errors against depth. Pure.

use std::collections::BTreeSet;

use resweep_core::domain::{Panel, Reference, Shortcut, Show};

use super::super::axis::{Axis, round_range};
use super::super::diverged::of_seeds;
use super::super::finals::{Finals, finals, range};
use super::super::layout::least_plot_width;
use super::super::palette::{Colour, shortcut_colour};
use super::super::reference::ReferenceView;
use super::super::scene::Scene;
use super::super::series::Point;
use super::super::view::{CurveView, LabelPlacement, PanelView, axis_name};
use super::axis;
use super::reference::references;
use resweep_core::analysis::statistics::mean;

/// One plot.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct DepthView {
    /// A curve for each shortcut type; the iteration of its points is a depth.
    pub panel: PanelView,
    /// The runs behind every mean over several.
    pub seeds: Vec<Seed>,
    /// Depths at which every run diverged, in the colour of their curve.
    pub diverged: Vec<(u64, Colour)>,
}

/// The final error of one run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Seed {
    pub depth: u64,
    /// In percent.
    pub error: f64,
    pub colour: Colour,
}

/// The content of one panel, before its axes are known.
struct Shown<'a> {
    panel: &'a Panel,
    finals: Vec<Finals>,
    /// Ascending.
    depths: Vec<usize>,
    references: Vec<ReferenceView>,
}

/// The views of a figure's panels. Panels of the same error whose axis ends are not set share them,
/// so that they are comparable.
pub(super) fn views(scene: &Scene) -> Vec<DepthView> {
    let panels = scene.figure.panels.iter();
    let all: Vec<Shown> = panels.map(|panel| shown(scene, panel)).collect();
    let view = |shown: &Shown| {
        let same = all
            .iter()
            .filter(|other| other.panel.show == shown.panel.show);
        view(scene, shown, shared_range(same))
    };
    all.iter().map(view).collect()
}

fn shown<'a>(scene: &Scene, panel: &'a Panel) -> Shown<'a> {
    let finals = finals(scene.sweep, panel, scene.runs, scene.curves);
    let depths: BTreeSet<usize> = finals.iter().map(|f| depth(scene, f)).collect();
    let depths: Vec<usize> = depths.into_iter().collect();
    let is_plain = |f: &Finals| shortcut(scene, f) == Shortcut::None;
    let references = match (scene.figure.reference, depths.first(), depths.last()) {
        (Reference::Paper | Reference::PaperScaled, Some(&first), Some(&last)) => {
            let plain = finals.iter().any(is_plain);
            let residual = !finals.iter().all(is_plain);
            references(plain, residual, (first, last), panel.show)
        }
        _ => Vec::new(),
    };
    Shown {
        panel,
        finals,
        depths,
        references,
    }
}

fn shared_range<'a>(panels: impl Iterator<Item = &'a Shown<'a>>) -> (f64, f64) {
    let errors = panels.flat_map(|shown| {
        let own = errors_of(shown.panel.show)
            .into_iter()
            .flat_map(|show| shown.finals.iter().flat_map(move |f| f.of(show)))
            .copied();
        let nets = shown.references.iter();
        let lines = nets.flat_map(|net| net.train.iter().chain(&net.eval));
        own.chain(lines.flatten().map(|point| point.1))
    });
    let (low, high) = range(errors);
    if low <= high {
        round_range(low, high)
    } else {
        (0.0, 100.0)
    }
}

/// The errors that a panel draws.
fn errors_of(show: Show) -> Vec<Show> {
    match show {
        Show::Both => vec![Show::Train, Show::Test],
        one => vec![one],
    }
}

fn view(scene: &Scene, shown: &Shown, shared: (f64, f64)) -> DepthView {
    let Shown { panel, finals, .. } = shown;
    let y = Axis::errors(
        axis_name(scene.sweep, panel),
        panel.y_min.unwrap_or(shared.0),
        panel.y_max.unwrap_or(shared.1),
        &panel.y_ticks,
    );
    let shortcuts: BTreeSet<Shortcut> = finals.iter().map(|f| shortcut(scene, f)).collect();
    let (mut seeds, mut curves, mut diverged) = (Vec::new(), Vec::new(), Vec::new());
    for &of in &shortcuts {
        let mut mine: Vec<&Finals> = finals.iter().filter(|f| shortcut(scene, f) == of).collect();
        mine.sort_by_key(|f| depth(scene, f));
        let colour = shortcut_colour(of, scene.figure.style);
        for show in errors_of(panel.show) {
            seeds.extend(
                mine.iter()
                    .flat_map(|f| single(f.of(show), depth(scene, f), colour)),
            );
        }
        let all = mine.iter().filter(|f| f.all_diverged());
        diverged.extend(all.map(|f| (depth(scene, f) as u64, colour)));
        let name = of.family_among(shortcuts.iter().copied());
        curves.push(curve(scene, panel.show, (name, colour), &mine, &y));
    }
    let panels = scene.figure.panels.len();
    DepthView {
        panel: PanelView {
            title: panel.title.clone(),
            curves,
            references: shown.references.clone(),
            x: axis::axis(&shown.depths, least_plot_width(panels)),
            y,
            label_placement: LabelPlacement::default(),
        },
        seeds,
        diverged,
    }
}

fn curve(
    scene: &Scene,
    show: Show,
    (name, colour): (&str, Colour),
    mine: &[&Finals],
    y: &Axis,
) -> CurveView {
    let line = |error: Show| -> Vec<Point> {
        let wanted = errors_of(show).contains(&error);
        let shown = mine.iter().filter(|_| wanted);
        shown
            .filter_map(|f| point(f.of(error), depth(scene, f)))
            .collect()
    };
    let (train, eval) = (line(Show::Train), line(Show::Test));
    let visible = |point: &Point| (y.low..=y.high).contains(&point.mean);
    CurveView {
        colour,
        label: name.to_owned(),
        legend: name.to_owned(),
        remark: remarks(scene, mine).join("; "),
        marker: None,
        visible: train.iter().chain(&eval).any(visible),
        train,
        eval,
        diverged: Vec::new(),
    }
}

/// The legend's remarks on depths without a final error, and on diverged seeds.
fn remarks(scene: &Scene, mine: &[&Finals]) -> Vec<String> {
    let mut remarks: Vec<String> = Vec::new();
    let is_missing = |f: &&&Finals| f.eval.is_empty() && f.train.is_empty() && !f.all_diverged();
    match mine.iter().filter(is_missing).count() {
        0 => {}
        all if all == mine.len() => remarks.push("no run finished".to_owned()),
        some => remarks.push(format!("{some} of {} depths to come", mine.len())),
    }
    let diverged: Vec<&&Finals> = mine.iter().filter(|f| !f.diverged.is_empty()).collect();
    match diverged[..] {
        [] => {}
        [only] => {
            let words = of_seeds(&only.diverged, only.planned).unwrap_or_default();
            let layers = depth(scene, only);
            remarks.push(format!("{layers} layers: {words}"));
        }
        ref several => {
            let depths = several.iter().map(|f| depth(scene, f).to_string());
            let depths = depths.collect::<Vec<_>>().join(", ");
            remarks.push(format!("diverged: {depths} layers"));
        }
    }
    remarks
}

/// Mean, lowest and highest of the finished seeds.
fn point(errors: &[f64], depth: usize) -> Option<Point> {
    let (low, high) = range(errors.iter().copied());
    Some(Point {
        iteration: depth as u64,
        mean: mean(errors)?,
        low,
        high,
    })
}

/// The individual seeds, if there are several.
fn single(errors: &[f64], depth: usize, colour: Colour) -> Vec<Seed> {
    let several = errors.iter().filter(|_| errors.len() > 1);
    several
        .map(|&error| Seed {
            depth: depth as u64,
            error,
            colour,
        })
        .collect()
}

fn depth(scene: &Scene, finals: &Finals) -> usize {
    scene.sweep.configurations[finals.configuration].model.depth
}

fn shortcut(scene: &Scene, finals: &Finals) -> Shortcut {
    scene.sweep.configurations[finals.configuration]
        .model
        .shortcut
}
