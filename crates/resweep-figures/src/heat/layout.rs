//! Computes the layout of a figure of heat maps from the measured texts. Pure.

use super::super::clip::{Rect, Xy};
use super::super::layout::paragraph;
use super::super::metrics::{
    AXIS_NAME, CAPTION_ROW, CAPTION_SIZE, MARGIN, PANEL_GAP, PANEL_TITLE_ROW, PANEL_TITLE_SIZE,
    TEXT_SIZE, TICK_GAP, TITLE_GAP, TITLE_ROW, TITLE_SIZE,
};
use super::super::names::{Space, distinct};
use super::super::text::{Weight, widest};
use super::view::{Cell, HeatView};

/// Height of a line in a cell, and the padding and minimum size of a cell.
pub(super) const CELL_LINE: f64 = 15.0;
const CELL_PADDING: f64 = 9.0;
const LEAST_CELL_WIDTH: f64 = 62.0;
const LEAST_CELL_HEIGHT: f64 = 36.0;
/// The gap between cells and colour scale, and the scale's width.
const SCALE_GAP: f64 = 16.0;
const SCALE_WIDTH: f64 = 12.0;
/// Height below the cells for the column names and the axis's name.
const BELOW_CELLS: f64 = 44.0;
/// The minimum height of all cells together: that of the scale with its name.
const LEAST_CELLS: f64 = 110.0;
/// The page's preferred width, which is exceeded only if needed, and its minimum.
const WISHED_WIDTH: f64 = 960.0;
const LEAST_WIDTH: f64 = 440.0;

/// The geometry of a figure.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct HeatLayout {
    pub width: f64,
    pub height: f64,
    /// Lines of text with their left ends.
    pub title: Vec<(Xy, String)>,
    pub caption: Vec<(Xy, String)>,
    pub maps: Vec<MapLayout>,
}

/// The geometry of a heat map.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct MapLayout {
    /// Left end and text.
    pub title: (Xy, String),
    /// The rectangle of all cells.
    pub cells: Rect,
    /// Width and height of a cell.
    pub cell: (f64, f64),
    pub scale: Rect,
    /// Centres of the row axis's name and of the scale's name, which are rotated.
    pub rows_name: Xy,
    pub scale_name: Xy,
}

/// Sizes that all maps of a figure share.
struct Sizes {
    cell: (f64, f64),
    /// Left of the cells.
    gutter: f64,
    /// Right of the cells.
    beside: f64,
    has_title: bool,
}

/// Arranges the maps in rows, as many per row as fit on the page.
pub(super) fn layout(title: &str, caption: &str, views: &[HeatView]) -> HeatLayout {
    let sizes = sizes(views);
    let widths: Vec<f64> = views.iter().map(|view| sizes.width(view)).collect();
    let widest = widths.iter().copied().fold(0.0, f64::max);
    let room = WISHED_WIDTH - 2.0 * MARGIN + PANEL_GAP;
    let fitting = ((room / (widest + PANEL_GAP)) as usize).clamp(1, views.len().max(1));
    let step = widest + PANEL_GAP;
    let width = (2.0 * MARGIN + fitting as f64 * step - PANEL_GAP)
        .max(LEAST_WIDTH)
        .ceil();
    let text_width = width - 2.0 * MARGIN;
    let heading = (TITLE_SIZE, Weight::Bold);
    let (title, below_title) = paragraph(title, heading, MARGIN, TITLE_ROW, text_width);
    let mut y = below_title + TITLE_GAP;
    let mut maps = Vec::new();
    let mut titles = titles(views, &sizes).into_iter();
    for row in views.chunks(fitting) {
        let tallest = row
            .iter()
            .map(|view| sizes.height(view))
            .fold(0.0, f64::max);
        let lefts = (0..).map(|i| MARGIN + f64::from(i) * step);
        let placed = row.iter().zip(lefts);
        maps.extend(placed.map(|(view, left)| {
            let title = titles.next().unwrap_or_default();
            map(view, title, &sizes, (left, y))
        }));
        y += tallest + PANEL_GAP;
    }
    let small = (CAPTION_SIZE, Weight::Regular);
    let (caption, bottom) = paragraph(caption, small, y - PANEL_GAP, CAPTION_ROW, text_width);
    HeatLayout {
        width,
        height: (bottom + 10.0).ceil(),
        title,
        caption,
        maps,
    }
}

/// The titles of all maps, distinct if the maps' titles are.
fn titles(views: &[HeatView], sizes: &Sizes) -> Vec<String> {
    let rooms = views.iter().map(|view| sizes.width(view) - sizes.gutter);
    let titles = views
        .iter()
        .map(|view| view.title.clone().unwrap_or_default());
    let space = Space {
        size: PANEL_TITLE_SIZE,
        weight: Weight::Bold,
        limit: rooms.fold(f64::INFINITY, f64::min),
    };
    distinct(&titles.collect::<Vec<String>>(), space)
}

fn map(view: &HeatView, title: String, sizes: &Sizes, (left, top): Xy) -> MapLayout {
    let (width, height) = sizes.cell;
    let cells_left = left + sizes.gutter;
    let cells_top = top + sizes.title_row();
    let cells = Rect {
        left: cells_left,
        top: cells_top,
        right: cells_left + width * view.columns.values.len() as f64,
        bottom: cells_top + height * view.rows.values.len() as f64,
    };
    let scale = Rect {
        left: cells.right + SCALE_GAP,
        right: cells.right + SCALE_GAP + SCALE_WIDTH,
        ..cells
    };
    let name_y = |rect: &Rect| (rect.top + rect.bottom) / 2.0;
    let room = sizes.width(view);
    MapLayout {
        title: ((cells_left, top + TEXT_SIZE / 2.0), title),
        cells,
        cell: sizes.cell,
        scale,
        rows_name: (left + TEXT_SIZE / 2.0, name_y(&cells)),
        scale_name: (left + room - TEXT_SIZE / 2.0, name_y(&scale)),
    }
}

fn sizes(views: &[HeatView]) -> Sizes {
    let widest = |texts: &[String]| widest(texts, TEXT_SIZE, Weight::Regular);
    let rows: Vec<String> = views
        .iter()
        .flat_map(|view| view.rows.values.clone())
        .collect();
    let ticks = views.iter().map(|view| &view.scale);
    let ticks: Vec<String> = ticks
        .flat_map(|scale| scale.ticks.iter().map(|&tick| scale.label(tick)))
        .collect();
    let mut texts: Vec<String> = Vec::new();
    let mut lines = 1;
    for view in views {
        texts.extend(view.columns.values.iter().cloned());
        for cell in &view.cells {
            let in_cell = cell_lines(cell);
            lines = lines.max(in_cell.len());
            texts.extend(in_cell);
        }
    }
    let width = (widest(&texts) + 2.0 * CELL_PADDING).max(LEAST_CELL_WIDTH);
    let fewest = views.iter().map(|view| view.rows.values.len()).min();
    let height = (lines as f64 * CELL_LINE + 2.0 * CELL_PADDING)
        .max(LEAST_CELL_HEIGHT)
        .max(LEAST_CELLS / fewest.unwrap_or(1).max(1) as f64);
    Sizes {
        cell: (width.ceil(), height),
        gutter: AXIS_NAME + widest(&rows) + TICK_GAP,
        beside: SCALE_GAP + SCALE_WIDTH + TICK_GAP + widest(&ticks) + AXIS_NAME,
        has_title: views.iter().any(|view| view.title.is_some()),
    }
}

/// The text in a cell, line by line.
pub(super) fn cell_lines(cell: &Cell) -> Vec<String> {
    match cell {
        Cell::Absent => Vec::new(),
        Cell::Waiting(words) => words.clone(),
        Cell::Error { lines, .. } => lines.clone(),
    }
}

impl Sizes {
    fn title_row(&self) -> f64 {
        if self.has_title { PANEL_TITLE_ROW } else { 0.0 }
    }

    fn width(&self, view: &HeatView) -> f64 {
        self.gutter + self.cell.0 * view.columns.values.len() as f64 + self.beside
    }

    fn height(&self, view: &HeatView) -> f64 {
        let cells = self.cell.1 * view.rows.values.len() as f64;
        self.title_row() + cells + BELOW_CELLS
    }
}
