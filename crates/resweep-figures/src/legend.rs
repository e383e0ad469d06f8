//! Draws a panel's legend: a sample of each line with the configuration's name.

use super::RenderError;
use super::canvas::{Anchor, Canvas, Font, Stroke};
use super::clip::Xy;
use super::metrics::{LEGEND_ROW, SWATCH, SWATCH_GAP, TEXT_SIZE};
use super::names::{Space, distinct};
use super::strokes::{bold, thin};
use super::text::{Weight, widest, width};
use super::view::{CurveView, PanelView};

const GAP: f64 = 11.0;

/// A legend with more rows shows [`FEW`] curves and the number of the others.
const ROWS_MAX: usize = 16;
const FEW: usize = 12;
/// The minimum fraction of an entry for the name.
const LEAST_NAME: f64 = 0.4;
/// What an entry may exceed its columns by, as a share of a column.
const ROUNDING: f64 = 1e-9;

/// A panel's legend, laid out from (0, 0).
pub(super) struct Legend {
    pub entries: Vec<Entry>,
    pub rows: usize,
}

/// A text with the position of its sample.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub at: Xy,
    pub text: String,
    /// Index of the curve that it names; `None` for the number of unnamed curves.
    pub curve: Option<usize>,
}

impl Legend {
    /// The layout of a panel without a legend.
    pub(super) fn none() -> Legend {
        Legend {
            entries: Vec::new(),
            rows: 0,
        }
    }

    /// The entries, moved from (0, 0) to (`left`, `top`).
    pub(super) fn moved(self, (left, top): Xy) -> Vec<Entry> {
        let entries = self.entries.into_iter();
        entries
            .map(|entry| Entry {
                at: (entry.at.0 + left, entry.at.1 + top),
                ..entry
            })
            .collect()
    }
}

/// Lays out a panel's legend in aligned columns, row by row, within the width `room`. Curves
/// outside the frame are counted but not named.
pub(super) fn legend(view: &PanelView, room: f64) -> Legend {
    let swatch = SWATCH + SWATCH_GAP;
    let space = Space {
        size: TEXT_SIZE,
        weight: Weight::Regular,
        limit: room - swatch,
    };
    let (outside, inside): (Vec<_>, Vec<_>) = view
        .curves
        .iter()
        .enumerate()
        .partition(|(_, curve)| curve.is_off_scale());
    let shown = |count: usize| {
        let mut texts = texts(inside[..count].iter().map(|(_, curve)| *curve), space);
        let more = inside.len() - count;
        texts.extend((more > 0).then(|| format!("+ {more} more")));
        texts.extend((!outside.is_empty()).then(|| format!("+ {} off scale", outside.len())));
        texts
    };
    let all = inside.len();
    let narrowest = (((room + GAP) / (swatch + GAP)) as usize).max(1);
    let may_fit = all <= ROWS_MAX * narrowest;
    let mut named = if may_fit { all } else { FEW };
    let mut texts = shown(named);
    let mut grid = Grid::of(&texts, room);
    if grid.rows > ROWS_MAX {
        named = FEW;
        texts = shown(named);
        grid = Grid::of(&texts, room);
    }
    let entry = |(i, text): (usize, String)| Entry {
        at: grid.at(i),
        text,
        curve: inside[..named].get(i).map(|(index, _)| *index),
    };
    Legend {
        entries: texts.into_iter().enumerate().map(entry).collect(),
        rows: grid.rows,
    }
}

/// The width of an entry with the gap after it.
fn entry_width(text: &str) -> f64 {
    SWATCH + SWATCH_GAP + width(text, TEXT_SIZE, Weight::Regular) + GAP
}

/// Entries in aligned columns, row by row. A long entry may span several columns.
struct Grid {
    /// The distance between the left ends of two columns.
    step: f64,
    /// Column and row of each entry.
    cells: Vec<(usize, usize)>,
    rows: usize,
}

impl Grid {
    /// The arrangement of `texts` within `room`: columns as wide as the widest entry, or narrower
    /// ones if these need at most half of the rows.
    fn of(texts: &[String], room: f64) -> Grid {
        let entries: Vec<f64> = texts.iter().map(|text| entry_width(text)).collect();
        let mut steps = entries.clone();
        steps.push(SWATCH + SWATCH_GAP + GAP);
        steps.sort_by(|a, b| b.total_cmp(a));
        steps.dedup();
        let widest = Grid::with_step(steps[0], &entries, room);
        let narrower = steps[1..].iter();
        let narrower = narrower.map(|&step| Grid::with_step(step, &entries, room));
        let best = narrower.min_by_key(|grid| grid.rows);
        let best = best.filter(|grid| 2 * grid.rows <= widest.rows);
        best.unwrap_or(widest)
    }

    fn with_step(step: f64, entries: &[f64], room: f64) -> Grid {
        let columns = (((room + GAP) / step).floor() as usize).max(1);
        let (mut column, mut row) = (0, 0);
        let mut cells = Vec::new();
        for entry in entries {
            let span = ((entry / step - ROUNDING).ceil() as usize).clamp(1, columns);
            if column + span > columns {
                (column, row) = (0, row + 1);
            }
            cells.push((column, row));
            column += span;
        }
        Grid {
            step,
            rows: cells.last().map_or(0, |(_, row)| row + 1),
            cells,
        }
    }

    /// The left end of an entry, centred in height.
    fn at(&self, entry: usize) -> Xy {
        let (column, row) = self.cells[entry];
        (column as f64 * self.step, (row as f64 + 0.5) * LEGEND_ROW)
    }
}

/// Names with their remarks; long names are shortened, remarks are not.
fn texts<'a>(curves: impl Iterator<Item = &'a CurveView> + Clone, space: Space) -> Vec<String> {
    let remark = |curve: &CurveView| match curve.remark.as_str() {
        "" => String::new(),
        remark => format!(" ({remark})"),
    };
    let remarks: Vec<String> = curves.clone().map(remark).collect();
    let taken = widest(&remarks, space.size, space.weight);
    let limit = (space.limit - taken).max(LEAST_NAME * space.limit);
    let names: Vec<String> = curves.map(|curve| curve.legend.clone()).collect();
    let names = distinct(&names, Space { limit, ..space });
    let texts: Vec<String> = names
        .iter()
        .zip(&remarks)
        .map(|(n, r)| n.clone() + r)
        .collect();
    distinct(&texts, space)
}

/// Draws a legend; invisible curves are grey. `stroke` is the style of a curve's sample.
pub(super) fn draw_legend(
    canvas: &Canvas,
    view: &PanelView,
    entries: &[Entry],
    stroke: impl Fn(usize, &CurveView) -> Stroke,
) -> Result<(), RenderError> {
    let scheme = canvas.scheme();
    for Entry {
        at: (x, y),
        text,
        curve,
    } in entries
    {
        let named = curve.and_then(|index| Some((index, view.curves.get(index)?)));
        let is_grey = named.is_none_or(|(_, curve)| !curve.visible);
        if let Some((index, curve)) = named {
            canvas.line(&[(*x, *y), (x + SWATCH, *y)], stroke(index, curve))?;
            if let Some(marker) = curve.marker {
                marker.draw(canvas, (x + SWATCH / 2.0, *y), curve.colour)?;
            }
        }
        let font = Font {
            colour: if is_grey { scheme.grey } else { scheme.ink },
            size: TEXT_SIZE,
            weight: Weight::Regular,
        };
        canvas.text(text, (x + SWATCH + SWATCH_GAP, *y), Anchor::Start, font)?;
    }
    Ok(())
}

/// The style of an error's sample: bold, or thin if the curve is invisible.
pub(super) fn sample(_: usize, curve: &CurveView) -> Stroke {
    if curve.visible {
        bold(curve.colour)
    } else {
        thin(curve.colour)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Column and row of each text where three of `plain-20` fit side by side.
    fn cells(texts: &[&str]) -> Vec<(usize, usize)> {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        Grid::of(&texts, 3.5 * entry_width("plain-20")).cells
    }

    #[test]
    fn entries_of_one_length_are_in_columns() {
        let texts = ["plain-20", "plain-32", "plain-44", "plain-56"];
        assert_eq!(cells(&texts), [(0, 0), (1, 0), (2, 0), (0, 1)]);
    }

    #[test]
    fn a_long_entry_spans_columns_and_leaves_the_others_side_by_side() {
        let long = "plain-110 (diverged at iteration 10)";
        let texts = [
            "plain-20", "plain-32", "plain-44", "plain-56", "plain-68", long,
        ];
        let rows = cells(&texts).into_iter().map(|(_, row)| row);
        assert_eq!(rows.collect::<Vec<_>>(), [0, 0, 0, 1, 1, 2]);
        // Two rows instead of three are not worth ragged columns.
        let columns = cells(&["plain-20", "plain-32", long]);
        let columns = columns.into_iter().map(|(column, _)| column);
        assert_eq!(columns.collect::<Vec<_>>(), [0; 3]);
    }
}
