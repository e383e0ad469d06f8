//! Draws final error against depth, one line per shortcut type.

mod axis;
mod paint;
mod reference;
mod view;

use super::canvas::page;
use super::key::Key;
use super::layout::layout;
use super::scene::Scene;
use super::view::PanelView;
use super::{Drawing, RenderError, describe};

/// Draws a figure of final errors against depth. A depth without a finished run has no point; the
/// line joins its neighbours.
pub(super) fn draw(scene: &Scene) -> Result<Drawing, RenderError> {
    let views = view::views(scene);
    let plots: Vec<PanelView> = views.iter().map(|view| view.panel.clone()).collect();
    let mut key = Key::of(scene.sweep, scene.figure, &plots);
    if views.iter().any(|view| !view.diverged.is_empty()) {
        key.add_diverged();
    }
    let caption = scene.caption(key.has_reference());
    let layout = layout(scene.title(), &caption, &plots, &key.texts());
    let words = describe::curves(scene, &caption, &plots);
    let theme = scene.figure.style.theme;
    let svg = page((layout.width, layout.height), theme, &words, |canvas| {
        paint::paint(canvas, &views, &layout, &key)
    })?;
    Ok(Drawing { svg })
}
