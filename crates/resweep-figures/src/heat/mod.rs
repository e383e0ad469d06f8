//! Heat maps: final errors by the values of two keys, as colours and numbers.

mod layout;
mod paint;
mod view;

use view::{Cell, HeatView};

use super::canvas::Words;
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
    let words = words(scene, &caption, &views);
    let theme = scene.figure.style.theme;
    let svg = super::canvas::page((layout.width, layout.height), theme, &words, |canvas| {
        paint::paint(canvas, &views, &layout)
    })?;
    Ok(Drawing { svg })
}

/// The text alternative of the figure.
fn words(scene: &Scene, caption: &str, views: &[HeatView]) -> Words {
    let panels = views.iter().map(|view| {
        let columns = view.columns.values.len().max(1);
        let cells = view.cells.iter().enumerate().filter_map(|(i, cell)| {
            let (row, column) = (&view.rows, &view.columns);
            let (row, column) = (&row.values[i / columns], &column.values[i % columns]);
            let said = match cell {
                Cell::Absent => return None,
                Cell::Waiting(lines) | Cell::Error { lines, .. } => lines.join(" "),
            };
            Some(format!("{column}, {row}: {said}"))
        });
        let head = format!(
            "{} by {} and {}",
            view.scale.name, view.rows.name, view.columns.name
        );
        describe::panel(view.title.as_deref(), &head, cells.collect())
    });
    describe::words(scene, caption, panels.collect())
}
