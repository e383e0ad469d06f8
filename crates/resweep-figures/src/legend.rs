//! A panel's legend: a sample of each line with the configuration's name.

use super::RenderError;
use super::canvas::{Anchor, Canvas, Font};
use super::clip::Xy;
use super::layout::TEXT_SIZE;
use super::strokes::{bold, thin};
use super::text::{Weight, shorten, widest};
use super::view::PanelView;

pub(super) const LEGEND_ROW: f64 = 17.0;
const GAP: f64 = 11.0;
/// A sample of a line, and its distance to the text.
pub(super) const SWATCH: f64 = 14.0;
pub(super) const SWATCH_GAP: f64 = 5.0;

/// A panel's legend, laid out from (0, 0).
pub(super) struct Legend {
    pub entries: Vec<(Xy, String)>,
    pub rows: usize,
}

impl Legend {
    /// The entries with their places moved from (0, 0) to (`left`, `top`).
    pub(super) fn moved(self, (left, top): Xy) -> Vec<(Xy, String)> {
        let entries = self.entries.into_iter();
        entries
            .map(|((x, y), text)| ((x + left, y + top), text))
            .collect()
    }
}

/// Lays out a panel's legend in aligned columns, row by row, no wider than `room`.
pub(super) fn legend(view: &PanelView, room: f64) -> Legend {
    let swatch = SWATCH + SWATCH_GAP;
    let short = |text: &str| shorten(text, TEXT_SIZE, Weight::Regular, room - swatch);
    let texts: Vec<String> = view
        .curves
        .iter()
        .map(|curve| short(&curve.legend))
        .collect();
    let step = swatch + widest(&texts, TEXT_SIZE, Weight::Regular) + GAP;
    let columns = (((room + GAP) / step).floor() as usize).clamp(1, texts.len().max(1));
    let rows = texts.len().div_ceil(columns);
    let place = |i: usize| {
        let (row, column) = (i / columns, i % columns);
        (column as f64 * step, (row as f64 + 0.5) * LEGEND_ROW)
    };
    let entries = texts.into_iter().enumerate();
    Legend {
        entries: entries.map(|(i, text)| (place(i), text)).collect(),
        rows,
    }
}

/// Draws a legend; curves of which nothing is to be seen are grey.
pub(super) fn draw_legend(
    canvas: &Canvas,
    view: &PanelView,
    entries: &[(Xy, String)],
) -> Result<(), RenderError> {
    for (curve, ((x, y), text)) in view.curves.iter().zip(entries) {
        let (stroke, colour) = if curve.visible {
            (bold(curve.colour), canvas.scheme().ink)
        } else {
            (thin(curve.colour), canvas.scheme().grey)
        };
        canvas.line(&[(*x, *y), (x + SWATCH, *y)], stroke)?;
        let font = Font {
            colour,
            size: TEXT_SIZE,
            weight: Weight::Regular,
        };
        canvas.text(text, (x + SWATCH + SWATCH_GAP, *y), Anchor::Start, font)?;
    }
    Ok(())
}
