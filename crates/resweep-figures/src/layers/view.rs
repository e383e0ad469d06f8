//! What a figure of layer responses shows. Pure.

use std::collections::HashMap;

use resweep_core::analysis::paper::{Curve, curves};
use resweep_core::domain::{LayerStat, Panel, Reference, RunId, Shortcut};

use super::super::axis::{Axis, round_range};
use super::super::diverged::of_seeds;
use super::super::palette::{Colour, colours};
use super::super::reference::ReferenceView;
use super::super::scene::Scene;
use super::super::series::Point;
use super::super::view::{CurveView, PanelView};

const ORDERED: &str = "layer index";
const SORTED: &str = "layer index, sorted by size";

/// One plot.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LayersView {
    /// What its points have as iteration is a layer from 1, and as error a standard deviation.
    pub panel: PanelView,
    /// Whether each curve is of a plain net.
    pub plain: Vec<bool>,
    /// Whether the curves are named above: not again below.
    pub has_legend: bool,
}

/// One net's responses.
struct Responses {
    configuration: usize,
    /// In the order of the layers; empty where no run has measured them.
    means: Vec<f64>,
    seeds: usize,
    /// Where runs diverged, ascending.
    diverged: Vec<u64>,
}

/// The plots row by row: every panel's layers in order, then every panel's layers sorted.
pub(super) fn views(scene: &Scene, layers: &HashMap<RunId, Vec<LayerStat>>) -> Vec<LayersView> {
    let panels = &scene.figure.panels;
    let all: Vec<Vec<Responses>> = panels
        .iter()
        .map(|panel| responses(scene, panel, layers))
        .collect();
    let stds = all
        .iter()
        .flatten()
        .flat_map(|net| net.means.iter().copied());
    let highest = stds.filter(|std| std.is_finite()).fold(0.0, f64::max);
    let highest = round_range(0.0, highest).1;
    let last = all.iter().flatten().map(|net| net.means.len()).max();
    let x = |name| Axis {
        name,
        ..Axis::iterations(last.unwrap_or(0) as u64)
    };
    let row = |sorted: bool| {
        let drawn = panels.iter().zip(&all);
        drawn.map(move |(panel, nets)| {
            let x = x(if sorted { SORTED } else { ORDERED });
            view(scene, panel, nets, sorted, (x, highest))
        })
    };
    row(false).chain(row(true)).collect()
}

fn view(
    scene: &Scene,
    panel: &Panel,
    nets: &[Responses],
    sorted: bool,
    (x, highest): (Axis, f64),
) -> LayersView {
    let y = Axis::errors(
        "standard deviation",
        panel.y_min.unwrap_or(0.0),
        panel.y_max.unwrap_or(highest),
        &panel.y_ticks,
    );
    let colours = depth_colours(scene, nets);
    let shown = nets.iter().zip(colours);
    LayersView {
        panel: PanelView {
            title: panel.title.clone().filter(|_| !sorted),
            curves: shown
                .map(|(net, colour)| curve(scene, panel, net, colour, sorted))
                .collect(),
            references: references(scene, nets, sorted),
            x,
            y,
        },
        plain: nets.iter().map(|net| is_plain(scene, net)).collect(),
        has_legend: !sorted,
    }
}

fn curve(scene: &Scene, panel: &Panel, net: &Responses, colour: Colour, sorted: bool) -> CurveView {
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
    let remark = match (net.seeds, scene.sweep.seeds.len()) {
        (0, all) => of_seeds(&net.diverged, all).unwrap_or_else(|| "no data yet".to_owned()),
        (some, all) if some < all => format!("{some} of {all} seeds"),
        _ => String::new(),
    };
    CurveView {
        colour,
        legend: label.clone(),
        label,
        remark,
        marker: None,
        visible: net.seeds > 0,
        train: Vec::new(),
        eval: points.collect(),
        diverged: Vec::new(),
    }
}

/// The paper's curves of the nets that the panel shows; plain ones in the place of training error,
/// which is dashed.
fn references(scene: &Scene, nets: &[Responses], sorted: bool) -> Vec<ReferenceView> {
    if scene.figure.reference == Reference::None {
        return Vec::new();
    }
    let of = if sorted { "sorted" } else { "original" };
    let shown = curves().iter().filter(|curve| {
        let is_meant = |net: &&Responses| {
            let model = &scene.sweep.configurations[net.configuration].model;
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

/// One colour for each depth, shared by plain and residual nets as in the paper.
fn depth_colours(scene: &Scene, nets: &[Responses]) -> Vec<Colour> {
    let depth = |index: usize| scene.sweep.configurations[index].model.depth;
    let mut firsts: Vec<usize> = Vec::new();
    for net in nets {
        if !firsts
            .iter()
            .any(|&first| depth(first) == depth(net.configuration))
        {
            firsts.push(net.configuration);
        }
    }
    let colours = colours(&scene.sweep.configurations, &firsts, scene.figure.look);
    let of = |net: &Responses| {
        let same = |&first: &usize| depth(first) == depth(net.configuration);
        let place = firsts.iter().position(same).unwrap_or(0);
        colours[place]
    };
    nets.iter().map(of).collect()
}

fn is_plain(scene: &Scene, net: &Responses) -> bool {
    let model = &scene.sweep.configurations[net.configuration].model;
    model.shortcut == Shortcut::None
}
