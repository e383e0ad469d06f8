//! Draws a sweep's figure: error against iterations, as in the paper's figures 1 and 6.

use std::collections::HashMap;

use crate::domain::{Curves, Figure, Run, RunId, Sweep};

use super::canvas::{Anchor, Canvas, Font, page};
use super::caption::{caption, measured, shown_configurations};
use super::key::Key;
use super::layout::{CAPTION_SIZE, Layout, TITLE_SIZE, layout};
use super::palette::Colour;
use super::panel::draw_panel;
use super::series::progress;
use super::text::Weight;
use super::view::{PanelView, views};
use super::{Drawing, RenderError};

/// Draws `figure`, one of those that `sweep` declares, from what has been recorded so far.
///
/// `runs` are all the sweep's runs as planned; `curves` holds those of them that have recorded
/// anything. Errors are drawn in percent, as means over seeds with the range from the lowest
/// to the highest seed shaded. Values that are not finite are left out.
///
/// # Errors
///
/// [`RenderError::NothingShown`] when no panel names a configuration, and
/// [`RenderError::NothingRecorded`] when none of the runs that the figure shows has a point.
pub fn draw(
    sweep: &Sweep,
    figure: &Figure,
    runs: &[Run],
    curves: &HashMap<RunId, Curves>,
) -> Result<Drawing, RenderError> {
    let shown = || shown_configurations(sweep, figure);
    if shown().next().is_none() {
        let sweep = sweep.name.clone();
        return Err(RenderError::NothingShown { sweep });
    }
    let progress = progress(&figure.panels, runs, curves);
    if progress.recorded == 0 {
        let sweep = sweep.name.clone();
        return Err(RenderError::NothingRecorded { sweep });
    }
    let views = views(sweep, figure, runs, curves);
    let title = figure.title.as_ref().or(sweep.title.as_ref());
    let title = title.unwrap_or(&sweep.name);
    let key = Key::of(sweep, figure, &views);
    let day = measured(figure, runs, curves);
    let caption = caption(sweep, figure, progress, day, key.has_reference());
    let layout = layout(title, &caption, &views, &key.texts());
    let svg = page((layout.width, layout.height), figure.look.theme, |canvas| {
        paint(canvas, &views, &layout, &key)
    })?;
    Ok(Drawing { svg })
}

fn paint(
    canvas: &Canvas,
    views: &[PanelView],
    layout: &Layout,
    key: &Key,
) -> Result<(), RenderError> {
    let (ink, grey) = (canvas.scheme().ink, canvas.scheme().grey);
    for (view, panel) in views.iter().zip(&layout.panels) {
        draw_panel(canvas, view, panel, key.train)?;
    }
    for (at, line) in &layout.title {
        let font = font(TITLE_SIZE, Weight::Bold, ink);
        canvas.text(line, *at, Anchor::Start, font)?;
    }
    for (at, line) in &layout.caption {
        let font = font(CAPTION_SIZE, Weight::Regular, grey);
        canvas.text(line, *at, Anchor::Start, font)?;
    }
    key.draw(canvas, &layout.key)
}

fn font(size: f64, weight: Weight, colour: Colour) -> Font {
    Font {
        size,
        weight,
        colour,
    }
}
