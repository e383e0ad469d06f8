//! Draws layer responses, as in the paper's figure 7: the standard deviation of each 3x3 layer's
//! output after BN, before ReLU and addition.

mod paint;
mod view;

use std::collections::HashMap;

use resweep_core::domain::{LayerStat, RunId};

use super::canvas::page;
use super::direct::CROWDED;
use super::key::Key;
use super::layout::{Arrangement, arranged};
use super::metrics::LABEL_HEIGHT;
use super::scene::Scene;
use super::view::PanelView;
use super::{Drawing, RenderError, describe};

/// The maximum height of a plot that is enlarged to make space for all labels.
const HIGHEST_PLOT: f64 = 350.0;

/// Draws each panel of the figure as two plots: the layers in order, and below sorted by size.
pub(super) fn draw(
    scene: &Scene,
    layers: &HashMap<RunId, Vec<LayerStat>>,
) -> Result<Drawing, RenderError> {
    let views = view::views(scene, layers);
    let columns = scene.figure.panels.len();
    let plots: Vec<PanelView> = views.iter().map(|view| view.panel.clone()).collect();
    let most = plots.iter().map(|plot| {
        let all = plot.curves.len() + plot.references.len();
        plot.curves.len().max(all.min(CROWDED))
    });
    let labels = (most.max().unwrap_or(0) as f64 * LABEL_HEIGHT).min(HIGHEST_PLOT);
    let arrangement = Arrangement {
        columns,
        wished_width: if columns == 1 { 680.0 } else { 960.0 },
        least_plot_width: if columns == 1 { 400.0 } else { 270.0 },
        plot_heights: (170.0_f64.max(labels), 190.0_f64.max(labels)),
    };
    let key = Key::of(scene.sweep, scene.figure, &plots);
    let caption = scene.caption(key.has_reference());
    let title = scene.title();
    let layout = arranged(title, &caption, &plots, &key.texts(), arrangement);
    let words = describe::curves(scene, &caption, &plots);
    let theme = scene.figure.style.theme;
    let svg = page((layout.width, layout.height), theme, &words, |canvas| {
        paint::paint(canvas, &views, &layout, &key)
    })?;
    Ok(Drawing { svg })
}
