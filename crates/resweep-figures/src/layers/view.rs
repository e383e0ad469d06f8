//! Computes the content of a figure of layer responses. Pure.

use std::collections::{HashMap, HashSet};

use resweep_core::analysis::paper::{Curve, curves};
use resweep_core::domain::{LayerStat, ModelConfig, Panel, Reference, RunId, Shortcut};

use super::super::axis::{Axis, outlier_limit, round_range};
use super::super::diverged::of_seeds;
use super::super::markers::{Marker, markers, of_type};
use super::super::palette::{Colour, CurveColours, is_one_depth};
use super::super::reference::ReferenceView;
use super::super::scene::Scene;
use super::super::series::Point;
use super::super::view::{CurveView, LabelPlacement, PanelView};

const ORDERED: &str = "layer index";
const SORTED: &str = "layer index, sorted by size";

/// One plot.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LayersView {
    /// The iteration of its points is a layer from 1, and their error a standard deviation.
    pub panel: PanelView,
    /// Whether each curve is of a plain net.
    pub plain: Vec<bool>,
}

/// One net's responses.
struct Responses {
    configuration: usize,
    /// In the order of the layers; empty if no run has measured them.
    means: Vec<f64>,
    seeds: usize,
    /// The iterations at which runs diverged, ascending.
    diverged: Vec<u64>,
}

/// The plots row by row: every panel's layers in order, then every panel's layers sorted.
pub(super) fn views(scene: &Scene, layers: &HashMap<RunId, Vec<LayerStat>>) -> Vec<LayersView> {
    let panels = &scene.figure.panels;
    let all: Vec<Vec<Responses>> = panels
        .iter()
        .map(|panel| responses(scene, panel, layers))
        .collect();
    let highest = highest(scene, &all);
    let last = all.iter().flatten().map(|net| net.means.len()).max();
    let x = |name| Axis {
        name,
        ..Axis::iterations(last.unwrap_or(0) as u64)
    };
    let looks = looks(scene, &all);
    let row = |sorted: bool| {
        let drawn = panels.iter().zip(all.iter().zip(&looks));
        drawn.map(move |(panel, (nets, looks))| {
            let x = x(if sorted { SORTED } else { ORDERED });
            view(scene, panel, (nets, looks), sorted, (x, highest))
        })
    };
    row(false).chain(row(true)).collect()
}

/// A curve's colour, and the marker on its line.
type Look = (Colour, Option<Marker>);

/// The look of each net in each panel: colours by depth and markers by shortcut type, or a look for
/// each net of a panel if these are the same for two of them.
fn looks(scene: &Scene, all: &[Vec<Responses>]) -> Vec<Vec<Look>> {
    let nets: Vec<Vec<(usize, Shortcut)>> = all
        .iter()
        .map(|nets| nets.iter().map(|net| model(scene, net)))
        .map(|models| models.map(|net| (net.depth, net.shortcut)).collect())
        .collect();
    let has_twins = |nets: &Vec<(usize, Shortcut)>| {
        let mut seen = HashSet::new();
        nets.iter().any(|net| !seen.insert(*net))
    };
    let by_depth = !nets.iter().any(has_twins);
    let depths = nets.iter().map(|nets| nets.iter().map(|net| net.0));
    let depths: Vec<Vec<usize>> = depths.map(Iterator::collect).collect();
    let named = depths.iter().filter(|of| by_depth || !is_one_depth(of));
    let colours = CurveColours::of(&named.cloned().collect::<Vec<_>>(), scene.figure.style);
    let look = |(nets, depths): (&Vec<(usize, Shortcut)>, &Vec<usize>)| -> Vec<Look> {
        let types: Vec<Shortcut> = nets.iter().map(|net| net.1).collect();
        if by_depth {
            let look = |(depth, of)| (colours.of_depth(depth), of_type(of, &types));
            return nets.iter().copied().map(look).collect();
        }
        let colours = colours.of_panel(depths);
        let markers = markers(&colours);
        colours.into_iter().zip(markers).collect()
    };
    nets.iter().zip(&depths).map(look).collect()
}

/// The upper end of an axis for all responses, rounded up: the paper's, and ours without outliers.
fn highest(scene: &Scene, all: &[Vec<Responses>]) -> f64 {
    let own = || all.iter().flatten().map(|net| net.means.iter().copied());
    let peaks = own().filter_map(|stds| stds.reduce(f64::max));
    let limit = outlier_limit(peaks.collect(), false);
    let own = own().flatten().filter(|std| *std <= limit);
    let papers = all.iter().flat_map(|nets| references(scene, nets, false));
    let papers = papers.flat_map(|net| net.train.into_iter().chain(net.eval));
    let papers = papers.flatten().map(|(_, std)| std);
    let finite = own.chain(papers).filter(|std| std.is_finite());
    round_range(0.0, finite.fold(0.0, f64::max)).1
}

fn view(
    scene: &Scene,
    panel: &Panel,
    (nets, looks): (&[Responses], &[Look]),
    sorted: bool,
    (x, highest): (Axis, f64),
) -> LayersView {
    let y = Axis::errors(
        "standard deviation",
        panel.y_min.unwrap_or(0.0),
        panel.y_max.unwrap_or(highest),
        &panel.y_ticks,
    );
    let label_placement = match sorted {
        true => LabelPlacement::WithoutLegend,
        false => LabelPlacement::InMargin,
    };
    let is_plain = |net| model(scene, net).shortcut == Shortcut::None;
    LayersView {
        panel: PanelView {
            title: panel.title.clone().filter(|_| !sorted),
            curves: nets
                .iter()
                .zip(looks)
                .map(|(net, look)| curve(scene, panel, net, (*look, &y), sorted))
                .collect(),
            references: references(scene, nets, sorted),
            x,
            y,
            label_placement,
        },
        plain: nets.iter().map(is_plain).collect(),
    }
}

fn curve(
    scene: &Scene,
    panel: &Panel,
    net: &Responses,
    ((colour, marker), y): (Look, &Axis),
    sorted: bool,
) -> CurveView {
    let mut stds = net.means.clone();
    if sorted {
        stds.sort_by(|a, b| b.total_cmp(a));
    }
    let numbered = stds.into_iter().zip(1..);
    let finite = numbered.filter(|(std, _)| std.is_finite());
    let points = finite.map(|(std, layer)| Point {
        iteration: layer,
        mean: std,
        low: std,
        high: std,
    });
    let label = panel.label(net.configuration).to_owned();
    let runs = scene.runs.iter();
    let planned = runs.filter(|run| run.configuration == net.configuration);
    let remark = match (net.seeds, planned.count()) {
        (0, all) => of_seeds(&net.diverged, all).unwrap_or_else(|| "no data yet".to_owned()),
        (some, all) if some < all => format!("{some} of {all} seeds"),
        _ => String::new(),
    };
    CurveView {
        colour,
        legend: label.clone(),
        label,
        remark,
        marker,
        visible: net.means.iter().any(|std| (y.low..=y.high).contains(std)),
        train: Vec::new(),
        eval: points.collect(),
        diverged: Vec::new(),
    }
}

/// The paper's curves of the panel's nets; plain ones take the place of training error, which is
/// dashed.
fn references(scene: &Scene, nets: &[Responses], sorted: bool) -> Vec<ReferenceView> {
    if scene.figure.reference == Reference::None {
        return Vec::new();
    }
    let of = if sorted { "sorted" } else { "original" };
    let shown = curves().iter().filter(|curve| {
        let is_meant = |net: &&Responses| {
            let model = model(scene, net);
            let papers = if curve.residual {
                Shortcut::A
            } else {
                Shortcut::None
            };
            (model.depth, model.shortcut) == (curve.depth, papers)
        };
        curve.figure == "fig7" && curve.panel == of && nets.iter().any(|net| is_meant(&net))
    });
    let view = |curve: &Curve| {
        let line = vec![curve.points.clone()];
        let (train, eval) = if curve.residual {
            (vec![], line)
        } else {
            (line, vec![])
        };
        ReferenceView {
            label: match curve.residual {
                true => format!("paper ResNet-{}", curve.depth),
                false => format!("paper plain-{}", curve.depth),
            },
            train,
            eval,
        }
    };
    shown.map(view).collect()
}

/// Means over the runs that have measured their layers.
fn responses(
    scene: &Scene,
    panel: &Panel,
    layers: &HashMap<RunId, Vec<LayerStat>>,
) -> Vec<Responses> {
    let known = panel.configurations.iter().copied();
    known
        .filter(|&index| index < scene.sweep.configurations.len())
        .map(|index| {
            let runs = scene.runs.iter().filter(|run| run.configuration == index);
            let measured: Vec<&Vec<LayerStat>> =
                runs.filter_map(|run| layers.get(&run.id)).collect();
            let runs = scene.runs.iter().filter(|run| run.configuration == index);
            let diverged = runs.filter_map(|run| scene.curves.get(&run.id)?.diverged);
            let mut diverged: Vec<u64> = diverged.collect();
            diverged.sort_unstable();
            let count = measured.iter().map(|stats| stats.len()).min().unwrap_or(0);
            let mean = |layer: usize| {
                let stds = measured.iter().map(|stats| stats[layer].std);
                stds.sum::<f64>() / measured.len() as f64
            };
            Responses {
                configuration: index,
                means: (0..count).map(mean).collect(),
                seeds: measured.len(),
                diverged,
            }
        })
        .collect()
}

fn model<'a>(scene: &'a Scene, net: &Responses) -> &'a ModelConfig {
    &scene.sweep.configurations[net.configuration].model
}
