//! Draws layer responses where the layout puts them.

use super::super::RenderError;
use super::super::canvas::{Anchor, Canvas};
use super::super::clip::Xy;
use super::super::key::Key;
use super::super::layout::{Layout, PanelLayout};
use super::super::metrics::{SWATCH, SWATCH_GAP};
use super::super::panel::{
    draw_axes, draw_grid, draw_parts, draw_references, draw_title, label_curves, text_font,
};
use super::super::plot::Plot;
use super::super::scene::draw_texts;
use super::super::strokes::{dashed, response};
use super::view::LayersView;

pub(super) fn paint(
    canvas: &Canvas,
    views: &[LayersView],
    layout: &Layout,
    key: &Key,
) -> Result<(), RenderError> {
    for (view, panel) in views.iter().zip(&layout.panels) {
        draw_panel(canvas, view, panel)?;
    }
    draw_texts(canvas, &layout.title, &layout.caption)?;
    key.draw(canvas, &layout.key)
}

fn draw_panel(canvas: &Canvas, view: &LayersView, layout: &PanelLayout) -> Result<(), RenderError> {
    let plot = Plot {
        view: &view.panel,
        frame: layout.plot,
    };
    draw_title(canvas, layout)?;
    if view.has_legend {
        draw_legend(canvas, view, &layout.legend)?;
    }
    draw_grid(canvas, &plot)?;
    draw_references(canvas, &plot, dashed, |grey| response(grey, false))?;
    for (curve, &plain) in view.panel.curves.iter().zip(&view.plain) {
        let points = curve.eval.iter().map(|p| plot.at(p.iteration, p.mean));
        let points: Vec<Xy> = points.collect();
        draw_parts(canvas, &plot, &points, response(curve.colour, plain))?;
    }
    draw_axes(canvas, &plot, layout)?;
    label_curves(canvas, &plot, layout)
}

fn draw_legend(
    canvas: &Canvas,
    view: &LayersView,
    entries: &[(Xy, String)],
) -> Result<(), RenderError> {
    let curves = view.panel.curves.iter().zip(&view.plain);
    for ((curve, &plain), ((x, y), text)) in curves.zip(entries) {
        let swatch = [(*x, *y), (x + SWATCH, *y)];
        canvas.line(&swatch, response(curve.colour, plain))?;
        let mut font = text_font(canvas);
        if !curve.visible {
            font.colour = canvas.scheme().grey;
        }
        canvas.text(text, (x + SWATCH + SWATCH_GAP, *y), Anchor::Start, font)?;
    }
    Ok(())
}
