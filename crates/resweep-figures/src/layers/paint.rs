//! Paints layer responses at the positions of the layout.

use super::super::RenderError;
use super::super::canvas::Canvas;
use super::super::clip::Xy;
use super::super::decimate::Shown;
use super::super::direct::draw_labels;
use super::super::key::Key;
use super::super::layout::{Layout, PanelLayout};
use super::super::legend::draw_legend;
use super::super::panel::{
    draw_axes, draw_grid, draw_markers, draw_parts, draw_references, draw_title,
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
    draw_legend(canvas, &view.panel, &layout.legend, |index, curve| {
        response(curve.colour, view.plain.get(index) == Some(&true))
    })?;
    draw_grid(canvas, &plot)?;
    draw_references(canvas, &plot, dashed, |grey| response(grey, false))?;
    for (curve, &plain) in view.panel.curves.iter().zip(&view.plain) {
        let points = curve.eval.iter().map(|p| plot.at(p.iteration, p.mean));
        let points: Vec<Xy> = points.collect();
        draw_parts(canvas, &plot, &points, response(curve.colour, plain))?;
    }
    let curves = view.panel.curves.iter();
    let shown: Vec<[Shown; 2]> = curves.map(|curve| plot.lines(curve)).collect();
    draw_markers(canvas, &plot, &shown)?;
    draw_axes(canvas, &plot, layout)?;
    draw_labels(canvas, &plot, layout, &shown)
}
