//! Paints panels of errors against depth at the positions of the layout.

use super::super::RenderError;
use super::super::canvas::{Canvas, Stroke};
use super::super::key::Key;
use super::super::layout::{Layout, PanelLayout};
use super::super::legend::{draw_legend, sample};
use super::super::palette::Colour;
use super::super::panel::{
    draw_axes, draw_grid, draw_mark, draw_parts, draw_references, draw_title, label_curves,
};
use super::super::plot::Plot;
use super::super::scene::draw_texts;
use super::super::series::Point;
use super::super::strokes::{MARK, SEED_RADIUS, bold, ring, seeds_range};
use super::view::DepthView;

const MEAN_RADIUS: f64 = 3.2;
/// Radius of training error beside test error, and of the paper's points.
const SMALL_RADIUS: f64 = 2.2;

pub(super) fn paint(
    canvas: &Canvas,
    views: &[DepthView],
    layout: &Layout,
    key: &Key,
) -> Result<(), RenderError> {
    for (view, panel) in views.iter().zip(&layout.panels) {
        draw_panel(canvas, view, panel, key.train)?;
    }
    draw_texts(canvas, &layout.title, &layout.caption)?;
    key.draw(canvas, &layout.key)
}

fn draw_panel(
    canvas: &Canvas,
    view: &DepthView,
    layout: &PanelLayout,
    train: fn(Colour) -> Stroke,
) -> Result<(), RenderError> {
    let plot = Plot {
        view: &view.panel,
        frame: layout.plot,
    };
    draw_title(canvas, layout)?;
    draw_legend(canvas, &view.panel, &layout.legend, sample)?;
    draw_grid(canvas, &plot)?;
    draw_references(canvas, &plot, train, bold)?;
    let grey = canvas.scheme().reference;
    for net in &view.panel.references {
        let points = net.train.iter().chain(&net.eval).flatten();
        for at in points.map(|&point| plot.place(point)) {
            if plot.frame.contains(at) {
                canvas.disc(at, SMALL_RADIUS, grey)?;
            }
        }
    }
    for curve in &view.panel.curves {
        draw_line(canvas, &plot, &curve.train, train(curve.colour))?;
        draw_line(canvas, &plot, &curve.eval, bold(curve.colour))?;
    }
    for seed in &view.seeds {
        let at = plot.at(seed.depth, seed.error);
        if plot.frame.contains(at) {
            canvas.disc(at, SEED_RADIUS, seed.colour)?;
        }
    }
    draw_axes(canvas, &plot, layout)?;
    draw_marks(canvas, &plot, &view.diverged)?;
    label_curves(canvas, &plot, layout)
}

/// Draws a cross at the upper edge for each depth at which every run diverged, side by side if
/// several curves have one there.
fn draw_marks(canvas: &Canvas, plot: &Plot, diverged: &[(u64, Colour)]) -> Result<(), RenderError> {
    for (i, (depth, colour)) in diverged.iter().enumerate() {
        let before = diverged[..i].iter().filter(|(other, _)| other == depth);
        let aside = 3.0 * MARK * before.count() as f64;
        let (x, _) = plot.at(*depth, plot.view.y.high);
        draw_mark(canvas, (x + aside, plot.frame.top + MARK), *colour)?;
    }
    Ok(())
}

/// The ranges over seeds, the line through the means, and a disc at each mean.
fn draw_line(
    canvas: &Canvas,
    plot: &Plot,
    line: &[Point],
    stroke: Stroke,
) -> Result<(), RenderError> {
    for point in line.iter().filter(|point| point.low < point.high) {
        let bar = [point.low, point.high].map(|error| plot.at(point.iteration, error));
        draw_parts(canvas, plot, &bar, seeds_range(stroke.colour))?;
    }
    let means = line.iter().map(|p| plot.at(p.iteration, p.mean));
    let means: Vec<_> = means.collect();
    draw_parts(canvas, plot, &means, stroke)?;
    let is_bold = stroke == bold(stroke.colour);
    for at in means.into_iter().filter(|at| plot.frame.contains(*at)) {
        match is_bold {
            true => canvas.disc(at, MEAN_RADIUS, stroke.colour)?,
            false => canvas.ring(at, SMALL_RADIUS, ring(stroke.colour))?,
        }
    }
    Ok(())
}
