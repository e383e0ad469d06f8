//! Draws a sweep's figure: error against iterations, as in the paper's figures 1 and 6.

use std::collections::{BTreeSet, HashMap};

use crate::domain::{Configuration, Curves, Dataset, Figure, Run, RunId, Show, Sweep};

use super::canvas::{Anchor, Canvas, Font, Stroke, page};
use super::clip::{Rect, Xy};
use super::layout::{CAPTION_SIZE, Layout, TEXT_SIZE, TITLE_SIZE, layout};
use super::palette::Colour;
use super::panel::draw_panel;
use super::series::{Progress, progress};
use super::strokes::{BAND_OPACITY, bold, dashed};
use super::text::{Weight, width};
use super::view::{PanelView, eval_name, views};
use super::{Drawing, RenderError};

/// A sample in the key to line styles, its distance to the text and that to the next sample.
const SAMPLE: f64 = 26.0;
const SAMPLE_GAP: f64 = 5.0;
const ENTRY_GAP: f64 = 22.0;

/// Draws `figure`, one of those that `sweep` declares, from what has been recorded so far.
///
/// `runs` are all the sweep's runs as planned; `curves` holds those of them that have recorded
/// anything. Errors are drawn in percent, as means over seeds with the range from the lowest
/// to the highest seed shaded. Values that are not finite are left out.
///
/// # Errors
///
/// [`RenderError::NothingShown`] when no panel names a configuration, and
/// [`RenderError::NothingRecorded`] when none of the runs that the figure shows has a point.
pub fn draw(
    sweep: &Sweep,
    figure: &Figure,
    runs: &[Run],
    curves: &HashMap<RunId, Curves>,
) -> Result<Drawing, RenderError> {
    let panels = &figure.panels;
    let shown = || shown_configurations(sweep, figure);
    if shown().next().is_none() {
        let sweep = sweep.name.clone();
        return Err(RenderError::NothingShown { sweep });
    }
    let progress = progress(panels, runs, curves);
    if progress.recorded == 0 {
        let sweep = sweep.name.clone();
        return Err(RenderError::NothingRecorded { sweep });
    }
    let views = views(sweep, figure, runs, curves);
    let title = figure.title.as_ref().or(sweep.title.as_ref());
    let title = title.unwrap_or(&sweep.name);
    let both = panels.iter().any(|panel| panel.show == Show::Both);
    let key = Key {
        eval: both.then(|| eval_name(sweep, panels.iter())),
        spread: has_spread(&views),
    };
    let has_key = key.spread || key.eval.is_some();
    let layout = layout(title, &caption(sweep, figure, progress), &views, has_key);
    let svg = page((layout.width, layout.height), figure.look.theme, |canvas| {
        paint(canvas, &views, &layout, &key)
    })?;
    Ok(Drawing { svg })
}

/// What the key to line styles explains.
struct Key {
    /// The name of the solid lines; `None` when all lines are solid and the axes name them.
    eval: Option<&'static str>,
    spread: bool,
}

fn paint(
    canvas: &Canvas,
    views: &[PanelView],
    layout: &Layout,
    key: &Key,
) -> Result<(), RenderError> {
    let (ink, grey) = (canvas.scheme().ink, canvas.scheme().grey);
    let train: fn(Colour) -> Stroke = if key.eval.is_some() { dashed } else { bold };
    for (view, panel) in views.iter().zip(&layout.panels) {
        draw_panel(canvas, view, panel, train)?;
    }
    for (at, line) in &layout.title {
        let font = font(TITLE_SIZE, Weight::Bold, ink);
        canvas.text(line, *at, Anchor::Start, font)?;
    }
    for (at, line) in &layout.caption {
        let font = font(CAPTION_SIZE, Weight::Regular, grey);
        canvas.text(line, *at, Anchor::Start, font)?;
    }
    draw_key(canvas, key, layout.key)
}

fn draw_key(canvas: &Canvas, key: &Key, (mut left, y): Xy) -> Result<(), RenderError> {
    let ink = canvas.scheme().ink;
    if let Some(eval) = key.eval {
        for (stroke, text) in [(dashed(ink), "training error"), (bold(ink), eval)] {
            canvas.line(&[(left, y), (left + SAMPLE, y)], stroke)?;
            left = key_text(canvas, text, (left, y))?;
        }
    }
    if key.spread {
        let sample = Rect {
            left,
            top: y - 5.0,
            right: left + SAMPLE,
            bottom: y + 5.0,
        };
        canvas.fill_rect(&sample, ink, BAND_OPACITY)?;
        key_text(canvas, "lowest to highest seed", (left, y))?;
    }
    Ok(())
}

/// Writes the text of the sample at (`left`, `y`), and returns where the next sample begins.
fn key_text(canvas: &Canvas, text: &str, (left, y): Xy) -> Result<f64, RenderError> {
    let font = font(TEXT_SIZE, Weight::Regular, canvas.scheme().ink);
    let left = left + SAMPLE + SAMPLE_GAP;
    canvas.text(text, (left, y), Anchor::Start, font)?;
    Ok(left + width(text, TEXT_SIZE, Weight::Regular) + ENTRY_GAP)
}

/// Sweep, images, seeds, spread and, while runs are missing, how far the sweep has come.
fn caption(sweep: &Sweep, figure: &Figure, progress: Progress) -> String {
    let images: BTreeSet<String> = shown_configurations(sweep, figure).map(images).collect();
    let images: Vec<String> = images.into_iter().collect();
    let mut parts = vec![format!("sweep {}", sweep.name), images.join(", ")];
    parts.push(match (&sweep.seeds_note, sweep.seeds.len()) {
        (Some(note), _) => format!("{note}; lines are means, bands span the lowest to the highest"),
        (None, 1) => "1 seed".to_owned(),
        (None, seeds) => {
            format!("{seeds} seeds: lines are means, bands span the lowest to the highest")
        }
    });
    let Progress {
        planned,
        recorded,
        complete,
    } = progress;
    if recorded < planned {
        parts.push(format!("{recorded} of {planned} runs so far"));
    }
    match recorded - complete {
        0 => {}
        1 => parts.push("1 run incomplete".to_owned()),
        incomplete => parts.push(format!("{incomplete} runs incomplete")),
    }
    parts.join(" \u{b7} ")
}

/// The images of a configuration, as people call them.
fn images(configuration: &Configuration) -> String {
    let data = &configuration.data;
    match data.dataset {
        Dataset::Synthetic => "synthetic images".to_owned(),
        Dataset::Cifar10 => "CIFAR-10".to_owned(),
        Dataset::Cifar100 => "CIFAR-100".to_owned(),
        Dataset::Folder => {
            let folder = data.path.as_deref().and_then(|path| path.file_name());
            folder.map_or("a folder of images".to_owned(), |name| {
                format!("images of {}", name.to_string_lossy())
            })
        }
    }
}

fn shown_configurations<'a>(
    sweep: &'a Sweep,
    figure: &'a Figure,
) -> impl Iterator<Item = &'a Configuration> {
    let panels = figure.panels.iter();
    panels
        .flat_map(|panel| &panel.configurations)
        .filter_map(|&index| sweep.configurations.get(index))
}

fn has_spread(views: &[PanelView]) -> bool {
    views
        .iter()
        .flat_map(|view| &view.curves)
        .flat_map(|curve| curve.train.iter().chain(&curve.eval))
        .any(|point| point.low < point.high)
}

fn font(size: f64, weight: Weight, colour: Colour) -> Font {
    Font {
        size,
        weight,
        colour,
    }
}
