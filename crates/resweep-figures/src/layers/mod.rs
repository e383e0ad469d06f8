//! Responses of the layers, as in the paper's figure 7: the standard deviation of each 3x3 layer's
//! output after BN, before the ReLU and the addition.

mod paint;
mod view;

use std::collections::HashMap;

use resweep_core::domain::{LayerStat, RunId};

use super::canvas::page;
use super::key::Key;
use super::layout::{Arrangement, arranged};
use super::scene::Scene;
use super::view::PanelView;
use super::{Drawing, RenderError, describe};

/// Draws each panel of the figure as two plots: the layers in order, and below sorted by size.
pub(super) fn draw(
    scene: &Scene,
    layers: &HashMap<RunId, Vec<LayerStat>>,
) -> Result<Drawing, RenderError> {
    let views = view::views(scene, layers);
    let columns = scene.figure.panels.len();
    let arrangement = Arrangement {
        columns,
        wished_width: if columns == 1 { 680.0 } else { 960.0 },
        least_plot_width: if columns == 1 { 400.0 } else { 270.0 },
        plot_heights: (170.0, 190.0),
    };
    let plots: Vec<PanelView> = views.iter().map(|view| view.panel.clone()).collect();
    let key = Key::of(scene.sweep, scene.figure, &plots);
    let caption = scene.caption(key.has_reference());
    let title = scene.title();
    let layout = arranged(title, &caption, &plots, &key.texts(), arrangement);
    let words = describe::curves(scene, &caption, &plots);
    let theme = scene.figure.look.theme;
    let svg = page((layout.width, layout.height), theme, &words, |canvas| {
        paint::paint(canvas, &views, &layout, &key)
    })?;
    Ok(Drawing { svg })
}
