//! Draws one panel: legend, axes, spread, lines and labels.

use super::RenderError;
use super::canvas::{Anchor, Canvas, Font, Stroke};
use super::clip::{Rect, Xy, clip_line, clip_polygon};
use super::decimate::Shown;
use super::direct::draw_labels;
use super::layout::PanelLayout;
use super::legend::{draw_legend, sample};
use super::markers::places;
use super::metrics::{PANEL_TITLE_SIZE, TEXT_SIZE};
use super::palette::Colour;
use super::plot::Plot;
use super::series::Point;
use super::strokes::{BAND_OPACITY, MARK, behind, beside, bold, fine, mark, ring, thin};
use super::text::Weight;
use super::view::PanelView;

/// Opacity of the spread over seeds if there are more than [`FEW_CURVES`] curves, whose bands
/// overlap.
const FAINT_BAND_OPACITY: f64 = 0.1;
const FEW_CURVES: usize = 5;
/// Radius of a line with a single point.
pub(super) const POINT_RADIUS: f64 = 2.6;
const TICK: f64 = 4.0;

/// The font of ticks, axes and labels.
pub(super) fn text_font(canvas: &Canvas) -> Font {
    Font {
        size: TEXT_SIZE,
        weight: Weight::Regular,
        colour: canvas.scheme().ink,
    }
}

/// Draws a panel. `train` is the style of training error in this figure.
pub(super) fn draw_panel(
    canvas: &Canvas,
    view: &PanelView,
    layout: &PanelLayout,
    train: fn(Colour) -> Stroke,
) -> Result<(), RenderError> {
    let frame = layout.plot;
    let plot = Plot { view, frame };
    draw_title(canvas, layout)?;
    draw_legend(canvas, view, &layout.legend, sample)?;
    draw_grid(canvas, &plot)?;
    draw_references(canvas, &plot, train, bold)?;
    for curve in &view.curves {
        draw_band(canvas, &plot, &curve.train, curve.colour)?;
        draw_band(canvas, &plot, &curve.eval, curve.colour)?;
    }
    let shown: Vec<[Shown; 2]> = view.curves.iter().map(|curve| plot.lines(curve)).collect();
    draw_diverged(canvas, &plot, train)?;
    for (curve, [line, _]) in view.curves.iter().zip(&shown) {
        draw_train(canvas, &plot, line, (train, curve.colour), |stroke| stroke)?;
    }
    for (curve, [_, line]) in view.curves.iter().zip(&shown) {
        draw_line(canvas, &plot, &line.points, bold(curve.colour))?;
    }
    draw_markers(canvas, &plot, &shown)?;
    draw_axes(canvas, &plot, layout)?;
    draw_marks(canvas, &plot)?;
    draw_labels(canvas, &plot, layout, &shown)
}

/// The lines of diverged seeds, fainter if the others have a mean.
fn draw_diverged(
    canvas: &Canvas,
    plot: &Plot,
    train: fn(Colour) -> Stroke,
) -> Result<(), RenderError> {
    for curve in &plot.view.curves {
        let has_mean = curve.has_mean();
        let look = |stroke: Stroke| if has_mean { beside(stroke) } else { stroke };
        for seed in &curve.diverged {
            let [trained, evaluated] = plot.diverged_lines(seed);
            draw_train(canvas, plot, &trained, (train, curve.colour), look)?;
            draw_line(canvas, plot, &evaluated.points, look(bold(curve.colour)))?;
        }
    }
    Ok(())
}

/// Draws markers on the main lines of the curves that have one.
pub(super) fn draw_markers(
    canvas: &Canvas,
    plot: &Plot,
    shown: &[[Shown; 2]],
) -> Result<(), RenderError> {
    for (index, (curve, [train, eval])) in plot.view.curves.iter().zip(shown).enumerate() {
        let Some(marker) = curve.marker else { continue };
        let main = if eval.points.is_empty() { train } else { eval };
        let places = places(&main.points, index);
        for at in places.into_iter().filter(|at| plot.frame.contains(*at)) {
            marker.draw(canvas, at, curve.colour)?;
        }
    }
    Ok(())
}

/// A cross at each diverged seed.
fn draw_marks(canvas: &Canvas, plot: &Plot) -> Result<(), RenderError> {
    for curve in &plot.view.curves {
        for at in curve.diverged.iter().filter_map(|seed| plot.mark(seed)) {
            draw_mark(canvas, at, curve.colour)?;
        }
    }
    Ok(())
}

/// Draws the cross that marks divergence, on a background that separates it from the lines below.
pub(super) fn draw_mark(canvas: &Canvas, (x, y): Xy, colour: Colour) -> Result<(), RenderError> {
    let behind = Stroke {
        width: 2.2 * mark(colour).width,
        ..mark(canvas.scheme().background)
    };
    for stroke in [behind, mark(colour)] {
        for down in [MARK, -MARK] {
            canvas.line(&[(x - MARK, y - down), (x + MARK, y + down)], stroke)?;
        }
    }
    Ok(())
}

/// Labels the curves of a panel beside their ends.
pub(super) fn label_curves(
    canvas: &Canvas,
    plot: &Plot,
    layout: &PanelLayout,
) -> Result<(), RenderError> {
    let curves = plot.view.curves.iter();
    let shown: Vec<[Shown; 2]> = curves.map(|curve| plot.lines(curve)).collect();
    draw_labels(canvas, plot, layout, &shown)
}

pub(super) fn draw_title(canvas: &Canvas, layout: &PanelLayout) -> Result<(), RenderError> {
    let (at, title) = &layout.title;
    let heading = Font {
        size: PANEL_TITLE_SIZE,
        weight: Weight::Bold,
        ..text_font(canvas)
    };
    canvas.text(title, *at, Anchor::Start, heading)
}

pub(super) fn draw_grid(canvas: &Canvas, plot: &Plot) -> Result<(), RenderError> {
    let stroke = Stroke {
        dash: Some((2.5, 2.5)),
        ..thin(canvas.scheme().grid)
    };
    for &tick in plot.view.y.ticks.iter().filter(|&&t| t > plot.view.y.low) {
        let (_, y) = plot.at(0, tick);
        canvas.line(&[(plot.frame.left, y), (plot.frame.right, y)], stroke)?;
    }
    Ok(())
}

/// Draws the paper's curves, behind the others.
pub(super) fn draw_references(
    canvas: &Canvas,
    plot: &Plot,
    train: fn(Colour) -> Stroke,
    eval: fn(Colour) -> Stroke,
) -> Result<(), RenderError> {
    let grey = canvas.scheme().reference;
    for net in &plot.view.references {
        let train = net.train.iter().map(|line| (line, train(grey)));
        let eval = net.eval.iter().map(|line| (line, eval(grey)));
        for (line, stroke) in train.chain(eval) {
            let points: Vec<Xy> = line.iter().map(|&at| plot.place(at)).collect();
            draw_parts(canvas, plot, &points, behind(stroke))?;
        }
    }
    Ok(())
}

pub(super) fn draw_axes(
    canvas: &Canvas,
    plot: &Plot,
    layout: &PanelLayout,
) -> Result<(), RenderError> {
    let Rect {
        left,
        top,
        right,
        bottom,
    } = plot.frame;
    let (font, line) = (text_font(canvas), thin(canvas.scheme().ink));
    let corner = [(left, top), (left, bottom), (right, bottom)];
    canvas.line(&corner, line)?;
    for &tick in &plot.view.y.ticks {
        let (_, y) = plot.at(0, tick);
        canvas.line(&[(left - TICK, y), (left, y)], line)?;
        let label = plot.view.y.label(tick);
        canvas.text(&label, (left - TICK - 4.0, y), Anchor::End, font)?;
    }
    for &tick in &plot.view.x.ticks {
        let x = left + plot.view.x.share(tick) * plot.frame.width();
        canvas.line(&[(x, bottom), (x, bottom + TICK)], line)?;
        let label = plot.view.x.label(tick);
        canvas.text(&label, (x, bottom + 12.0), Anchor::Middle, font)?;
    }
    let middle = (left + right) / 2.0;
    canvas.text(
        plot.view.x.name,
        (middle, bottom + 29.0),
        Anchor::Middle,
        font,
    )?;
    match layout.y_name {
        Some(at) => canvas.text_upwards(plot.view.y.name, at, font),
        None => Ok(()),
    }
}

/// The spread over seeds, if any: a band, or a bar at a single point.
fn draw_band(
    canvas: &Canvas,
    plot: &Plot,
    line: &[Point],
    colour: Colour,
) -> Result<(), RenderError> {
    if !line.iter().any(|point| point.low < point.high) {
        return Ok(());
    }
    if let [only] = line {
        let bar = [only.low, only.high].map(|error| plot.at(only.iteration, error));
        return draw_parts(canvas, plot, &bar, thin(colour));
    }
    let upper = plot.shown(line.iter().map(|p| plot.at(p.iteration, p.high)));
    let lower = plot.shown(line.iter().map(|p| plot.at(p.iteration, p.low)));
    let lower = lower.points.into_iter().rev();
    let band: Vec<Xy> = upper.points.into_iter().chain(lower).collect();
    let visible = clip_polygon(&band, &plot.frame);
    if visible.is_empty() {
        return Ok(());
    }
    let few = plot.view.curves.len() <= FEW_CURVES;
    let opacity = if few {
        BAND_OPACITY
    } else {
        FAINT_BAND_OPACITY
    };
    canvas.fill(&visible, colour, opacity)
}

/// A line of training error, or a ring for a single point; `look` makes a single seed's line
/// fainter. In a figure of one error only it is a normal line.
fn draw_train(
    canvas: &Canvas,
    plot: &Plot,
    line: &Shown,
    (train, colour): (fn(Colour) -> Stroke, Colour),
    look: impl Fn(Stroke) -> Stroke,
) -> Result<(), RenderError> {
    let is_ring = train(colour) != bold(colour);
    let stroke = if line.dense { fine } else { train };
    match line.points[..] {
        [only] if is_ring && plot.frame.contains(only) => {
            canvas.ring(only, POINT_RADIUS, look(ring(colour)))
        }
        ref points => draw_line(canvas, plot, points, look(stroke(colour))),
    }
}

/// A line, or a disc for a single point.
fn draw_line(
    canvas: &Canvas,
    plot: &Plot,
    points: &[Xy],
    stroke: Stroke,
) -> Result<(), RenderError> {
    if let [only] = *points {
        if plot.frame.contains(only) {
            canvas.disc(only, POINT_RADIUS, stroke.colour)?;
        }
        return Ok(());
    }
    draw_parts(canvas, plot, points, stroke)
}

/// Draws the visible parts of the line through `points`.
pub(super) fn draw_parts(
    canvas: &Canvas,
    plot: &Plot,
    points: &[Xy],
    stroke: Stroke,
) -> Result<(), RenderError> {
    for part in clip_line(points, &plot.frame) {
        canvas.line(&part, stroke)?;
    }
    Ok(())
}
