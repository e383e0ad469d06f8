//! Computes the layout of a figure from the measured texts. Pure.
//!
//! From top to bottom: title, rows of panels (each with its title, its legend and its plot), the
//! key to line styles, the caption. Lengths are in page units of one CSS pixel.

use super::clip::{Rect, Xy};
use super::labels;
use super::legend::{Entry, Legend, legend};
use super::metrics::{
    AXIS_NAME, BELOW_PLOT, CAPTION_ROW, CAPTION_SIZE, ENTRY, KEY_GAP, KEY_ROW, LABEL_HEIGHT,
    LEGEND_BELOW, LEGEND_ROW, MARGIN, PANEL_GAP, PANEL_TITLE_ROW, PANEL_TITLE_SIZE, TEXT_SIZE,
    TICK_GAP, TITLE_GAP, TITLE_ROW, TITLE_SIZE,
};
use super::names::{Space, distinct};
use super::series::DivergedSeed;
use super::text::{Weight, shorten, widest, width, wrap};
use super::view::{LabelPlacement, PanelView};

/// A direct label longer than this is shortened; one that says that a run diverged may be longer,
/// since it usually lies in the plot.
const LABEL_LIMIT: f64 = 150.0;
const DIVERGED_LABEL_LIMIT: f64 = 240.0;
/// Right of a plot without direct labels, for half of the last tick's label.
const LEAST_COLUMN: f64 = 14.0;

/// The geometry of a figure.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Layout {
    pub width: f64,
    pub height: f64,
    /// Lines of text with their left ends.
    pub title: Vec<(Xy, String)>,
    pub caption: Vec<(Xy, String)>,
    /// Left ends of the key's entries.
    pub key: Vec<Xy>,
    pub panels: Vec<PanelLayout>,
}

/// A panel's geometry. Texts are given by their left ends, centred in height.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PanelLayout {
    pub title: (Xy, String),
    pub legend: Vec<Entry>,
    /// One direct label for each curve, and one for each of the paper's.
    pub labels: Vec<String>,
    pub reference_labels: Vec<String>,
    pub plot: Rect,
    /// Centre of the error axis's name; `None` where the panel at the left has the same.
    pub y_name: Option<Xy>,
}

/// The number of panels in a row, the figure's width where nothing asks for more, and the
/// least width of a plot.
fn proportions(panels: usize) -> (usize, f64, f64) {
    match panels {
        0 | 1 => (1, 680.0, 400.0),
        2 | 4 => (2, 900.0, 270.0),
        _ => (3, 960.0, 210.0),
    }
}

/// The width that a plot has at least in a figure of so many panels.
pub(super) fn least_plot_width(panels: usize) -> f64 {
    proportions(panels).2
}

/// The widths beside the plots of one column of panels.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Column {
    /// Left of the plot: the error axis's name and tick labels.
    gutter: f64,
    /// Right of the plot: direct labels.
    beside: f64,
}

/// How panels share a page.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Arrangement {
    /// Panels in a row.
    pub columns: usize,
    /// The page's width where nothing asks for more.
    pub wished_width: f64,
    pub least_plot_width: f64,
    /// Least and greatest height of a plot.
    pub plot_heights: (f64, f64),
}

/// Lays out a figure. `key` has the texts that explain its line styles.
pub(super) fn layout(title: &str, caption: &str, views: &[PanelView], key: &[&str]) -> Layout {
    let (columns, wished_width, least_plot_width) = proportions(views.len());
    let arrangement = Arrangement {
        columns,
        wished_width,
        least_plot_width,
        plot_heights: (230.0, 350.0),
    };
    arranged(title, caption, views, key, arrangement)
}

/// Lays out a figure whose panels are arranged in another way than usual.
pub(super) fn arranged(
    title: &str,
    caption: &str,
    views: &[PanelView],
    key: &[&str],
    arrangement: Arrangement,
) -> Layout {
    let count = arrangement.columns;
    let columns: Vec<Column> = (0..count).map(|i| column(views, i, &arrangement)).collect();
    let taken: f64 = columns.iter().map(|c| c.gutter + c.beside).sum::<f64>()
        + PANEL_GAP * (count - 1) as f64
        + 2.0 * MARGIN;
    let plot_width = ((arrangement.wished_width - taken) / count as f64)
        .max(arrangement.least_plot_width)
        .floor();
    let (least_height, greatest_height) = arrangement.plot_heights;
    let plot_height = (0.8 * plot_width).clamp(least_height, greatest_height);
    let plot_height = plot_height.round();
    let width = (taken + count as f64 * plot_width).ceil();

    let text_width = width - 2.0 * MARGIN;
    let heading = (TITLE_SIZE, Weight::Bold);
    let (title, below_title) = paragraph(title, heading, MARGIN, TITLE_ROW, text_width);
    let mut y = below_title + TITLE_GAP;
    let mut panels = Vec::new();
    let titles = panel_titles(views, &columns, plot_width);
    for (row, titles) in views.chunks(count).zip(titles.chunks(count)) {
        let frame = Frame {
            top: y,
            size: (plot_width, plot_height),
            arrangement: &arrangement,
        };
        let (placed, bottom) = panel_row(row, titles, &columns, &frame);
        panels.extend(placed);
        y = bottom + PANEL_GAP;
    }
    y -= PANEL_GAP;
    let (key, y) = key_rows(key, y, text_width);
    let small = (CAPTION_SIZE, Weight::Regular);
    let (caption, bottom) = paragraph(caption, small, y, CAPTION_ROW, text_width);
    Layout {
        width,
        height: (bottom + 10.0).ceil(),
        title,
        caption,
        key,
        panels,
    }
}

/// The widths that column `index` of `count` needs.
fn column(views: &[PanelView], index: usize, arrangement: &Arrangement) -> Column {
    let count = arrangement.columns;
    let mut column = Column {
        gutter: 0.0,
        beside: LEAST_COLUMN,
    };
    let widest = |texts: &[String]| widest(texts, TEXT_SIZE, Weight::Regular);
    for row in views.chunks(count).filter(|row| index < row.len()) {
        let name = if names_errors(row, index) {
            AXIS_NAME
        } else {
            0.0
        };
        let gutter = name + widest(&tick_labels(&row[index])) + TICK_GAP;
        let own = labels_beside(&row[index], arrangement);
        let paper = reference_labels(&row[index]);
        let beside = labels::column(widest(&own).max(widest(&paper)));
        column.gutter = column.gutter.max(gutter);
        column.beside = column.beside.max(beside);
    }
    column
}

/// Whether the panel at `index` of a row names its error axis: not where the panel at its left
/// has the same name.
fn names_errors(row: &[PanelView], index: usize) -> bool {
    index == 0 || row[index].y.name != row[index - 1].y.name
}

/// Where a row of panels begins, and how large its plots are.
struct Frame<'a> {
    top: f64,
    size: (f64, f64),
    arrangement: &'a Arrangement,
}

/// Panels side by side; also the bottom of the row.
fn panel_row(
    views: &[PanelView],
    titles: &[String],
    columns: &[Column],
    frame: &Frame,
) -> (Vec<PanelLayout>, f64) {
    let (top, (plot_width, plot_height)) = (frame.top, frame.size);
    let has_title = views.iter().any(|view| view.title.is_some());
    let below_title = top + if has_title { PANEL_TITLE_ROW } else { 0.0 };
    let rooms = columns.iter().map(|column| plot_width + column.beside);
    let legends: Vec<Legend> = views
        .iter()
        .zip(rooms)
        .map(|(v, room)| match v.label_placement {
            LabelPlacement::WithoutLegend => Legend::none(),
            _ => legend(v, room),
        })
        .collect();
    let rows = legends.iter().map(|legend| legend.rows).max().unwrap_or(0);
    let plot_top = below_title + rows as f64 * LEGEND_ROW + LEGEND_BELOW;
    let mut cell = MARGIN;
    let mut panels = Vec::new();
    for (i, ((view, legend), column)) in views.iter().zip(legends).zip(columns).enumerate() {
        let left = cell + column.gutter;
        let plot = Rect {
            left,
            top: plot_top,
            right: left + plot_width,
            bottom: plot_top + plot_height,
        };
        let middle = (cell + TEXT_SIZE / 2.0, plot_top + plot_height / 2.0);
        panels.push(PanelLayout {
            title: ((left, top + TEXT_SIZE / 2.0), titles[i].clone()),
            legend: legend.moved((left, below_title)),
            labels: direct_labels(view, frame.arrangement),
            reference_labels: reference_labels(view),
            plot,
            y_name: names_errors(views, i).then_some(middle),
        });
        cell = plot.right + column.beside + PANEL_GAP;
    }
    (panels, plot_top + plot_height + BELOW_PLOT)
}

/// The left ends of the key's entries in rows from `top` down, and their bottom.
fn key_rows(texts: &[&str], top: f64, room: f64) -> (Vec<Xy>, f64) {
    let (mut x, mut y) = (MARGIN, top + KEY_ROW / 2.0);
    let mut places = Vec::new();
    for text in texts {
        let entry = ENTRY + width(text, TEXT_SIZE, Weight::Regular);
        if x > MARGIN && x + entry > MARGIN + room {
            (x, y) = (MARGIN, y + KEY_ROW);
        }
        places.push((x, y));
        x += entry + KEY_GAP;
    }
    let bottom = places.last().map_or(top, |(_, y)| y + KEY_ROW / 2.0);
    (places, bottom)
}

/// The titles of all panels, which differ where the panels' do. All have the room of the narrowest.
fn panel_titles(views: &[PanelView], columns: &[Column], plot_width: f64) -> Vec<String> {
    let rooms = columns.iter().map(|column| plot_width + column.beside);
    let limit = rooms.fold(f64::INFINITY, f64::min);
    let titles = views
        .iter()
        .map(|view| view.title.clone().unwrap_or_default());
    let titles: Vec<String> = titles.collect();
    let space = Space {
        size: PANEL_TITLE_SIZE,
        weight: Weight::Bold,
        limit,
    };
    distinct(&titles, space)
}

/// Lines of text from `top` down, and their bottom.
pub(super) fn paragraph(
    text: &str,
    (size, weight): (f64, Weight),
    top: f64,
    row: f64,
    room: f64,
) -> (Vec<(Xy, String)>, f64) {
    let lines: Vec<(Xy, String)> = wrap(text, size, weight, room)
        .into_iter()
        .enumerate()
        .map(|(i, line)| {
            let line = shorten(&line, size, weight, room);
            ((MARGIN, top + (i as f64 + 0.5) * row), line)
        })
        .collect();
    let bottom = top + lines.len() as f64 * row;
    (lines, bottom)
}

fn tick_labels(view: &PanelView) -> Vec<String> {
    let ticks = view.y.ticks.iter();
    ticks.map(|&tick| view.y.label(tick)).collect()
}

/// The names beside the curves' ends; none where so many curves can be seen that there is no room
/// for all.
fn direct_labels(view: &PanelView, arrangement: &Arrangement) -> Vec<String> {
    let room = (arrangement.plot_heights.1 / LABEL_HEIGHT) as usize;
    let at_the_edge = view
        .curves
        .iter()
        .filter(|curve| curve.visible && curve.has_mean());
    if at_the_edge.count() > 2 * room {
        return Vec::new();
    }
    let names: Vec<String> = view
        .curves
        .iter()
        .map(|curve| curve.label.clone())
        .collect();
    let diverged = view
        .curves
        .iter()
        .any(|curve| curve.last_diverged().is_some());
    let limit = if diverged {
        DIVERGED_LABEL_LIMIT
    } else {
        LABEL_LIMIT
    };
    distinct(&names, text_space(limit))
}

/// The labels that need room beside the plot: not those of curves that end so early that theirs
/// fits into the plot.
fn labels_beside(view: &PanelView, arrangement: &Arrangement) -> Vec<String> {
    let plot = arrangement.least_plot_width;
    let labels = direct_labels(view, arrangement)
        .into_iter()
        .zip(&view.curves);
    let beside = labels.filter(|(label, curve)| {
        let end = curve.last_diverged().and_then(DivergedSeed::end);
        view.label_placement != LabelPlacement::AtEnds
            || end.is_none_or(|end| {
                let x = view.x.share(end.iteration as f64) * plot;
                !labels::fits_inside(x, width(label, TEXT_SIZE, Weight::Regular), plot)
            })
    });
    beside.map(|(label, _)| label).collect()
}

fn text_space(limit: f64) -> Space {
    Space {
        size: TEXT_SIZE,
        weight: Weight::Regular,
        limit,
    }
}

fn reference_labels(view: &PanelView) -> Vec<String> {
    let references = view.references.iter();
    references.map(|net| net.label.clone()).collect()
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::super::axis::Axis;
    use super::super::palette::Colour;
    use super::super::view::CurveView;
    use super::*;

    fn random_view(rng: &mut ChaCha8Rng) -> PanelView {
        let words = [
            "ResNet-56",
            "plain-110",
            "B",
            "lr=0.05",
            "train.weight_decay=0.0001",
        ];
        let curves = (0..rng.random_range(0..=12)).map(|_| {
            let text = words[..rng.random_range(1..=words.len())].join(" ");
            CurveView {
                colour: Colour(0, 0, 0),
                label: text.clone(),
                legend: text,
                remark: "1 of 3 seeds".to_owned(),
                marker: None,
                visible: true,
                train: Vec::new(),
                eval: Vec::new(),
                diverged: Vec::new(),
            }
        });
        let curves = curves.collect();
        let title = rng.random_bool(0.5).then(|| words.repeat(3).join(" "));
        PanelView {
            title,
            curves,
            references: Vec::new(),
            x: Axis::iterations(rng.random_range(1..100_000)),
            y: Axis::errors("error (%)", 0.0, rng.random_range(1.0..100.0), &[]),
            label_placement: LabelPlacement::default(),
        }
    }

    /// The boxes of all texts of a figure, with the labels at the ends that `rng` draws.
    fn boxes(layout: &Layout, rng: &mut ChaCha8Rng) -> Vec<Rect> {
        let mut boxes = Vec::new();
        let mut add = |(x, y): Xy, text: &str, size: f64, weight: Weight| {
            boxes.push(Rect {
                left: x,
                top: y - size / 2.0,
                right: x + width(text, size, weight),
                bottom: y + size / 2.0,
            });
        };
        for (at, line) in &layout.title {
            add(*at, line, TITLE_SIZE, Weight::Bold);
        }
        for (at, line) in &layout.caption {
            add(*at, line, CAPTION_SIZE, Weight::Regular);
        }
        for panel in &layout.panels {
            add(
                panel.title.0,
                &panel.title.1,
                PANEL_TITLE_SIZE,
                Weight::Bold,
            );
            for entry in &panel.legend {
                add(entry.at, &entry.text, TEXT_SIZE, Weight::Regular);
            }
            let ends: Vec<(Xy, f64)> = panel
                .labels
                .iter()
                .map(|text| {
                    let x = rng.random_range(panel.plot.left..=panel.plot.right);
                    let y = rng.random_range(panel.plot.top..=panel.plot.bottom);
                    let x = if rng.random_bool(0.5) {
                        panel.plot.right
                    } else {
                        x
                    };
                    ((x, y), width(text, TEXT_SIZE, Weight::Regular))
                })
                .collect();
            let places =
                labels::place(&ends, &panel.plot, LABEL_HEIGHT, false).expect("12 labels fit");
            for (place, text) in places.iter().zip(&panel.labels) {
                add((place.x, place.y), text, TEXT_SIZE, Weight::Regular);
            }
        }
        boxes
    }

    #[test]
    fn no_text_leaves_the_page_or_covers_another() {
        for seed in 0..60 {
            println!("seed {seed}");
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let count = rng.random_range(1..=6);
            let views: Vec<PanelView> = (0..count).map(|_| random_view(&mut rng)).collect();
            let title = "A title of some words ".repeat(rng.random_range(1..=8));
            let key: &[&str] = if seed % 2 == 0 { &["test error"] } else { &[] };
            let layout = layout(&title, &title.repeat(2), &views, key);
            let boxes = boxes(&layout, &mut rng);
            for (i, a) in boxes.iter().enumerate() {
                assert!(a.left >= 0.0 && a.right <= layout.width + 1e-6, "{a:?}");
                assert!(a.top >= 0.0 && a.bottom <= layout.height, "{a:?}");
                for b in &boxes[i + 1..] {
                    let apart_across = a.right <= b.left || b.right <= a.left;
                    let apart_down = a.bottom <= b.top || b.bottom <= a.top;
                    let empty = a.width() == 0.0 || b.width() == 0.0;
                    assert!(apart_across || apart_down || empty, "{a:?} covers {b:?}");
                }
            }
        }
    }

    #[test]
    fn plots_of_a_row_are_alike_and_in_line() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let views: Vec<PanelView> = (0..3).map(|_| random_view(&mut rng)).collect();
        let layout = layout("title", "caption", &views, &["test error"]);
        let plots: Vec<Rect> = layout.panels.iter().map(|panel| panel.plot).collect();
        for pair in plots.windows(2) {
            assert_eq!((pair[0].top, pair[0].bottom), (pair[1].top, pair[1].bottom));
            assert!((pair[0].width() - pair[1].width()).abs() < 1e-6);
            assert!(pair[0].right < pair[1].left);
        }
        assert!(layout.panels[0].y_name.is_some() && layout.panels[1].y_name.is_none());
    }
}
