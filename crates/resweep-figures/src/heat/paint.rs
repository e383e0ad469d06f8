//! Paints heat maps at the positions of the layout.

use super::super::RenderError;
use super::super::canvas::{Anchor, Canvas, Font};
use super::super::clip::{Rect, Xy, clip_line};
use super::super::metrics::{PANEL_TITLE_SIZE, TEXT_SIZE};
use super::super::palette::Colour;
use super::super::scene::draw_texts;
use super::super::strokes::thin;
use super::super::text::Weight;
use super::super::viridis::{text_on, viridis};
use super::layout::{CELL_LINE, HeatLayout, MapLayout, cell_lines};
use super::view::{Cell, HeatView};

/// The gap between cells, which separates neighbours of similar colours.
const SEAM: f64 = 1.0;
/// Distance between hatch lines.
const HATCH: f64 = 7.0;
/// The number of steps of the colour scale.
const SCALE_STEPS: usize = 64;
const TICK: f64 = 4.0;

pub(super) fn paint(
    canvas: &Canvas,
    views: &[HeatView],
    layout: &HeatLayout,
) -> Result<(), RenderError> {
    for (view, map) in views.iter().zip(&layout.maps) {
        draw_map(canvas, view, map)?;
    }
    draw_texts(canvas, &layout.title, &layout.caption)
}

fn draw_map(canvas: &Canvas, view: &HeatView, map: &MapLayout) -> Result<(), RenderError> {
    let ink = canvas.scheme().ink;
    let (at, title) = &map.title;
    let bold = font(PANEL_TITLE_SIZE, Weight::Bold, ink);
    canvas.text(title, *at, Anchor::Start, bold)?;
    let columns = view.columns.values.len().max(1);
    for (index, cell) in view.cells.iter().enumerate() {
        draw_cell(
            canvas,
            view,
            cell,
            &place(map, index / columns, index % columns),
        )?;
    }
    let text = font(TEXT_SIZE, Weight::Regular, ink);
    for (row, value) in view.rows.values.iter().enumerate() {
        let (_, y) = middle(&place(map, row, 0));
        let at = (map.cells.left - 8.0, y);
        canvas.text(value, at, Anchor::End, text)?;
    }
    for (column, value) in view.columns.values.iter().enumerate() {
        let (x, _) = middle(&place(map, 0, column));
        let at = (x, map.cells.bottom + 12.0);
        canvas.text(value, at, Anchor::Middle, text)?;
    }
    let (x, _) = middle(&map.cells);
    let below = (x, map.cells.bottom + 29.0);
    canvas.text(&view.columns.name, below, Anchor::Middle, text)?;
    canvas.text_upwards(&view.rows.name, map.rows_name, text)?;
    draw_scale(canvas, view, map)
}

fn draw_cell(
    canvas: &Canvas,
    view: &HeatView,
    cell: &Cell,
    place: &Rect,
) -> Result<(), RenderError> {
    let scheme = canvas.scheme();
    let colour = match cell {
        Cell::Error { mean, .. } => {
            let colour = viridis(view.scale.share(*mean));
            canvas.fill_rect(place, colour, 1.0)?;
            text_on(colour)
        }
        Cell::Waiting(_) => {
            canvas.fill_rect(place, scheme.grid, 0.45)?;
            scheme.ink
        }
        Cell::Absent => return hatch(canvas, place),
    };
    let lines = cell_lines(cell);
    let (x, y) = middle(place);
    let top = y - CELL_LINE * (lines.len() as f64 - 1.0) / 2.0;
    for (i, line) in lines.iter().enumerate() {
        let at = (x, top + CELL_LINE * i as f64);
        let text = font(TEXT_SIZE, Weight::Regular, colour);
        canvas.text(line, at, Anchor::Middle, text)?;
    }
    Ok(())
}

/// Draws parallel lines across a cell.
fn hatch(canvas: &Canvas, cell: &Rect) -> Result<(), RenderError> {
    let stroke = thin(canvas.scheme().grid);
    let (width, height) = (cell.width(), cell.height());
    let count = ((width + height) / HATCH) as usize;
    for i in 1..=count {
        let x = cell.left + HATCH * i as f64;
        let line = [(x, cell.top), (x - height, cell.bottom)];
        for part in clip_line(&line, cell) {
            canvas.line(&part, stroke)?;
        }
    }
    Ok(())
}

/// Draws the colours from the lowest error (bottom) to the highest, with ticks.
fn draw_scale(canvas: &Canvas, view: &HeatView, map: &MapLayout) -> Result<(), RenderError> {
    let bar = map.scale;
    let y = |share: f64| bar.bottom - share * bar.height();
    for step in (0..SCALE_STEPS).rev() {
        let [from, to] = [step, step + 1].map(|step| step as f64 / SCALE_STEPS as f64);
        // Each piece extends to the bottom: adjacent pieces would leave light seams.
        let piece = Rect { top: y(to), ..bar };
        canvas.fill_rect(&piece, viridis((from + to) / 2.0), 1.0)?;
    }
    let ink = canvas.scheme().ink;
    let text = font(TEXT_SIZE, Weight::Regular, ink);
    for &tick in &view.scale.ticks {
        let y = y(view.scale.share(tick));
        canvas.line(&[(bar.right, y), (bar.right + TICK, y)], thin(ink))?;
        let at = (bar.right + TICK + 4.0, y);
        canvas.text(&view.scale.label(tick), at, Anchor::Start, text)?;
    }
    canvas.text_upwards(view.scale.name, map.scale_name, text)
}

/// The rectangle of a cell, without the gap.
fn place(map: &MapLayout, row: usize, column: usize) -> Rect {
    let (width, height) = map.cell;
    let left = map.cells.left + width * column as f64;
    let top = map.cells.top + height * row as f64;
    Rect {
        left: left + SEAM,
        top: top + SEAM,
        right: left + width - SEAM,
        bottom: top + height - SEAM,
    }
}

fn middle(rect: &Rect) -> Xy {
    (
        (rect.left + rect.right) / 2.0,
        (rect.top + rect.bottom) / 2.0,
    )
}

fn font(size: f64, weight: Weight, colour: Colour) -> Font {
    Font {
        size,
        weight,
        colour,
    }
}
