//! A panel's legend: a sample of each line with the configuration's name.

use super::RenderError;
use super::canvas::{Anchor, Canvas, Font};
use super::clip::Xy;
use super::metrics::{LEGEND_ROW, SWATCH, SWATCH_GAP, TEXT_SIZE};
use super::names::{Space, distinct};
use super::strokes::{bold, thin};
use super::text::{Weight, widest};
use super::view::{CurveView, PanelView};

const GAP: f64 = 11.0;

/// A legend of more rows shows [`FEW`] curves and how many more there are.
const ROWS_MAX: usize = 16;
const FEW: usize = 12;
/// The share of an entry that is left to the name at least.
const LEAST_NAME: f64 = 0.4;

/// A panel's legend, laid out from (0, 0).
pub(super) struct Legend {
    /// Those of the first curves; behind them may be how many more there are.
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
    let space = Space {
        size: TEXT_SIZE,
        weight: Weight::Regular,
        limit: room - swatch,
    };
    let shown = |count: usize| texts(&view.curves[..count], space);
    let columns = |texts: &[String]| {
        let step = swatch + widest(texts, TEXT_SIZE, Weight::Regular) + GAP;
        let columns = (((room + GAP) / step).floor() as usize).clamp(1, texts.len().max(1));
        (columns, step)
    };
    let all = view.curves.len();
    let narrowest = (((room + GAP) / (swatch + GAP)) as usize).max(1);
    let may_fit = all <= ROWS_MAX * narrowest;
    let mut texts = shown(if may_fit { all } else { FEW });
    if !may_fit || texts.len().div_ceil(columns(&texts).0) > ROWS_MAX {
        texts = shown(FEW);
        texts.push(format!("+ {} more", all - FEW));
    }
    let (columns, step) = columns(&texts);
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

/// Names with what is remarked on them, which keeps its room where names are long.
fn texts(curves: &[CurveView], space: Space) -> Vec<String> {
    let remark = |curve: &CurveView| match curve.remark.as_str() {
        "" => String::new(),
        remark => format!(" ({remark})"),
    };
    let remarks: Vec<String> = curves.iter().map(remark).collect();
    let taken = widest(&remarks, space.size, space.weight);
    let limit = (space.limit - taken).max(LEAST_NAME * space.limit);
    let names: Vec<String> = curves.iter().map(|curve| curve.legend.clone()).collect();
    let names = distinct(&names, Space { limit, ..space });
    let texts: Vec<String> = names
        .iter()
        .zip(&remarks)
        .map(|(n, r)| n.clone() + r)
        .collect();
    distinct(&texts, space)
}

/// Draws a legend; curves of which nothing is to be seen are grey.
pub(super) fn draw_legend(
    canvas: &Canvas,
    view: &PanelView,
    entries: &[(Xy, String)],
) -> Result<(), RenderError> {
    let scheme = canvas.scheme();
    for (i, ((x, y), text)) in entries.iter().enumerate() {
        let more = i == FEW && entries.len() < view.curves.len();
        let curve = view.curves.get(i).filter(|_| !more);
        let colour = match curve {
            Some(curve) if curve.visible => scheme.ink,
            _ => scheme.grey,
        };
        if let Some(curve) = curve {
            let stroke = if curve.visible { bold } else { thin };
            canvas.line(&[(*x, *y), (x + SWATCH, *y)], stroke(curve.colour))?;
            if let Some(marker) = curve.marker {
                marker.draw(canvas, (x + SWATCH / 2.0, *y), curve.colour)?;
            }
        }
        let font = Font {
            colour,
            size: TEXT_SIZE,
            weight: Weight::Regular,
        };
        canvas.text(text, (x + SWATCH + SWATCH_GAP, *y), Anchor::Start, font)?;
    }
    Ok(())
}
