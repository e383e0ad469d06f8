//! Draws error against iterations, as in the paper's figures 1 and 6.

use super::canvas::{Canvas, page};
use super::key::Key;
use super::layout::{Layout, layout};
use super::panel::draw_panel;
use super::scene::{Scene, draw_texts};
use super::view::{PanelView, views};
use super::{Drawing, RenderError, describe};

/// Draws a figure of curves against iterations.
pub(super) fn draw(scene: &Scene) -> Result<Drawing, RenderError> {
    let Scene { sweep, figure, .. } = *scene;
    check_epochs(scene)?;
    let views = views(sweep, figure, scene.runs, scene.curves);
    let key = Key::of(sweep, figure, &views);
    let caption = scene.caption(key.has_reference());
    let layout = layout(scene.title(), &caption, &views, &key.texts());
    let words = describe::curves(scene, &caption, &views);
    let size = (layout.width, layout.height);
    let svg = page(size, figure.style.theme, &words, |canvas| {
        paint(canvas, &views, &layout, &key)
    })?;
    Ok(Drawing { svg })
}

/// Epochs are known where the runs have recorded how many images they train on.
fn check_epochs(scene: &Scene) -> Result<(), RenderError> {
    let known = scene
        .curves
        .values()
        .any(|curves| curves.train_images.is_some());
    if known || !scene.figure.axes.epochs {
        return Ok(());
    }
    Err(RenderError::NoEpochs {
        sweep: scene.sweep.name.clone(),
    })
}

fn paint(
    canvas: &Canvas,
    views: &[PanelView],
    layout: &Layout,
    key: &Key,
) -> Result<(), RenderError> {
    for (view, panel) in views.iter().zip(&layout.panels) {
        draw_panel(canvas, view, panel, key.train)?;
    }
    draw_texts(canvas, &layout.title, &layout.caption)?;
    key.draw(canvas, &layout.key)
}
