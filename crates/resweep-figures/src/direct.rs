//! Labels curves beside their ends, and the paper's curves if there is space.

use super::RenderError;
use super::canvas::{Anchor, Canvas, Font, Stroke};
use super::clip::{Rect, Xy};
use super::decimate::Shown;
use super::labels::{self, LabelPosition};
use super::layout::PanelLayout;
use super::metrics::{LABEL_HEIGHT, TEXT_SIZE};
use super::palette::Colour;
use super::plot::Plot;
use super::strokes::{far, thin};
use super::text::{Weight, width};
use super::view::LabelPlacement;

/// At this distance or more, a dotted line joins a curve's end to its label.
const FAR: f64 = 12.0;

/// With more labels in the margin, the paper's are left out.
pub(super) const CROWDED: usize = 10;

/// A text beside the end of a line.
struct Label<'a> {
    text: &'a str,
    end: Xy,
    place: LabelPosition,
    /// The end of the line.
    colour: Colour,
    font: Font,
    inside: bool,
}

/// The labels of the curves; includes the paper's if all fit, and is empty if the figure's own do
/// not fit.
fn labels<'a>(
    canvas: &Canvas,
    plot: &Plot,
    layout: &'a PanelLayout,
    shown: &[[Shown; 2]],
) -> Vec<Label<'a>> {
    let scheme = canvas.scheme();
    let own = plot.view.curves.iter().zip(&layout.labels).zip(shown);
    let own = own.filter_map(|((curve, text), [train, eval])| {
        let main = if eval.points.is_empty() { train } else { eval };
        let end = match curve.last_diverged() {
            Some(seed) => plot.mark(seed)?,
            None => plot.visible_end(&main.points)?,
        };
        Some((text.as_str(), end, curve.colour, scheme.text(curve.colour)))
    });
    let own: Vec<_> = own.collect();
    let references = plot.view.references.iter().zip(&layout.reference_labels);
    let references = references.filter_map(|(net, text)| {
        let end = plot.reference_end(net)?;
        Some((text.as_str(), end, scheme.reference, scheme.grey))
    });
    let all: Vec<_> = own.iter().copied().chain(references).collect();
    let is_crowded = plot.view.label_placement != LabelPlacement::AtEnds && all.len() > CROWDED;
    let with_references = if is_crowded { None } else { placed(plot, &all) };
    with_references
        .or_else(|| placed(plot, &own))
        .unwrap_or_default()
}

/// Places labels, given texts, ends of lines, and the colours of lines and texts; `None` if they do
/// not fit.
fn placed<'a>(plot: &Plot, named: &[(&'a str, Xy, Colour, Colour)]) -> Option<Vec<Label<'a>>> {
    let ends: Vec<(Xy, f64)> = named
        .iter()
        .map(|(text, end, ..)| (*end, width(text, TEXT_SIZE, Weight::Regular)))
        .collect();
    let in_margin = plot.view.label_placement != LabelPlacement::AtEnds;
    let places = labels::place(&ends, &plot.frame, LABEL_HEIGHT, in_margin)?;
    let labels = named.iter().zip(places);
    let label = |(&(text, end, colour, of_text), place): (&(_, _, _, _), LabelPosition)| Label {
        text,
        end,
        place,
        colour,
        font: Font {
            size: TEXT_SIZE,
            weight: Weight::Regular,
            colour: of_text,
        },
        inside: place.x < plot.frame.right,
    };
    Some(labels.map(label).collect())
}

/// Draws the labels, each joined to its line.
pub(super) fn draw_labels(
    canvas: &Canvas,
    plot: &Plot,
    layout: &PanelLayout,
    shown: &[[Shown; 2]],
) -> Result<(), RenderError> {
    let right = plot.frame.right;
    for label in labels(canvas, plot, layout, shown) {
        let Label { end, place, .. } = &label;
        let at = (place.x, place.y);
        if label.inside {
            backing(canvas, at, label.text)?;
        }
        let leader = Stroke {
            opacity: 0.6,
            ..thin(label.colour)
        };
        let bend = (end.0.max(right.min(place.x - 12.0)), end.1);
        if bend.0 - end.0 > FAR {
            canvas.line(&[*end, bend], far(label.colour))?;
            canvas.line(&[bend, (place.x - 2.0, place.y)], leader)?;
        } else {
            canvas.line(&[*end, bend, (place.x - 2.0, place.y)], leader)?;
        }
        canvas.text(label.text, at, Anchor::Start, label.font)?;
    }
    Ok(())
}

/// Lightens the background of a label inside the plot.
fn backing(canvas: &Canvas, (x, y): Xy, text: &str) -> Result<(), RenderError> {
    let rect = Rect {
        left: x - 1.0,
        top: y - LABEL_HEIGHT / 2.0 + 1.0,
        right: x + width(text, TEXT_SIZE, Weight::Regular) + 1.0,
        bottom: y + LABEL_HEIGHT / 2.0 - 1.0,
    };
    canvas.fill_rect(&rect, canvas.scheme().background, 0.7)
}
