//! Heat maps: final errors by the values of two keys, as colours and numbers.

mod layout;
mod paint;
mod view;

pub(super) use view::{Cell, HeatView};

use super::scene::Scene;
use super::{Drawing, RenderError, describe};

/// Draws a heat map. Cells without a finished run say so; cells that are not in the sweep are
/// hatched.
pub(super) fn draw(scene: &Scene) -> Result<Drawing, RenderError> {
    let Some(grid) = &scene.figure.grid else {
        let sweep = scene.sweep.name.clone();
        return Err(RenderError::NothingShown { sweep });
    };
    let views = view::views(scene, grid);
    let caption = scene.caption(false);
    let layout = layout::layout(scene.title(), &caption, &views);
    let words = describe::maps(scene, &caption, &views);
    let theme = scene.figure.style.theme;
    let svg = super::canvas::page((layout.width, layout.height), theme, &words, |canvas| {
        paint::paint(canvas, &views, &layout)
    })?;
    Ok(Drawing { svg })
}
