//! Draws a sweep's figure: error against iterations, as in the paper's figures 1 and 6.

use std::collections::HashMap;

use resweep_core::domain::{Curves, Figure, FigureKind, LayerStat, Run, RunId, Sweep};

use super::canvas::{Anchor, Canvas, Font, page};
use super::caption::{caption, measured, shown_configurations};
use super::clip::Xy;
use super::key::Key;
use super::layout::{CAPTION_SIZE, Layout, TITLE_SIZE, layout};
use super::palette::Colour;
use super::panel::draw_panel;
use super::series::{Progress, progress};
use super::text::Weight;
use super::view::{PanelView, views};
use super::{Drawing, RenderError, depth, describe, heat, layers};

/// Draws `figure`, one of those that `sweep` declares, from what has been recorded so far.
///
/// `runs` are all the sweep's runs as planned; `curves` holds those of them that have recorded
/// anything. Errors are drawn in percent, as means over seeds with the range from the lowest
/// to the highest seed shaded. Values that are not finite are left out. A run that diverged before
/// its first point counts as recorded: the figure says that it did.
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
    check_shown(sweep, figure)?;
    let progress = progress(&figure.panels, runs, curves);
    if progress.recorded == 0 {
        let sweep = sweep.name.clone();
        return Err(RenderError::NothingRecorded { sweep });
    }
    let scene = Scene {
        sweep,
        figure,
        runs,
        curves,
        progress,
    };
    match figure.kind {
        FigureKind::ErrorVsIteration => draw_curves(&scene),
        FigureKind::ErrorVsDepth => depth::draw(&scene),
        FigureKind::HeatMap => heat::draw(&scene),
        FigureKind::LayerResponses => draw_layers(sweep, figure, runs, curves, &HashMap::new()),
    }
}

/// Draws a `figure` of [`FigureKind::LayerResponses`] from `layers`, which holds those of `runs`
/// that have measured their layers at the end of the training; `curves` say which diverged.
///
/// # Errors
///
/// [`RenderError::NothingShown`] when no panel names a configuration, and
/// [`RenderError::NoLayerStats`] when none of the runs that the figure shows is in `layers`.
pub fn draw_layers(
    sweep: &Sweep,
    figure: &Figure,
    runs: &[Run],
    curves: &HashMap<RunId, Curves>,
    layers: &HashMap<RunId, Vec<LayerStat>>,
) -> Result<Drawing, RenderError> {
    check_shown(sweep, figure)?;
    let is_shown = |run: &&Run| {
        let mut panels = figure.panels.iter();
        panels.any(|panel| panel.configurations.contains(&run.configuration))
    };
    let shown: Vec<&Run> = runs.iter().filter(is_shown).collect();
    let measured = shown.iter().filter(|run| layers.contains_key(&run.id));
    let measured = measured.count();
    if measured == 0 {
        let sweep = sweep.name.clone();
        return Err(RenderError::NoLayerStats { sweep });
    }
    let of = |run: &&Run| curves.get(&run.id)?.diverged;
    let mut diverged: Vec<u64> = shown.iter().filter_map(of).collect();
    diverged.sort_unstable();
    let scene = Scene {
        sweep,
        figure,
        runs,
        curves,
        progress: Progress {
            planned: shown.len(),
            recorded: measured + diverged.len(),
            complete: measured,
            diverged,
            ..Progress::default()
        },
    };
    layers::draw(&scene, layers)
}

fn check_shown(sweep: &Sweep, figure: &Figure) -> Result<(), RenderError> {
    if shown_configurations(sweep, figure).next().is_some() {
        return Ok(());
    }
    let sweep = sweep.name.clone();
    Err(RenderError::NothingShown { sweep })
}

/// What a figure is drawn from.
pub(super) struct Scene<'a> {
    pub sweep: &'a Sweep,
    pub figure: &'a Figure,
    pub runs: &'a [Run],
    pub curves: &'a HashMap<RunId, Curves>,
    pub progress: Progress,
}

impl Scene<'_> {
    pub(super) fn title(&self) -> &str {
        let title = self.figure.title.as_ref().or(self.sweep.title.as_ref());
        title.unwrap_or(&self.sweep.name)
    }

    pub(super) fn caption(&self, has_reference: bool) -> String {
        let day = measured(self.figure, self.runs, self.curves);
        caption(self.sweep, self.figure, &self.progress, day, has_reference)
    }
}

fn draw_curves(scene: &Scene) -> Result<Drawing, RenderError> {
    let Scene { sweep, figure, .. } = *scene;
    let views = views(sweep, figure, scene.runs, scene.curves);
    let key = Key::of(sweep, figure, &views);
    let caption = scene.caption(key.has_reference());
    let layout = layout(scene.title(), &caption, &views, &key.texts());
    let words = describe::curves(scene, &caption, &views);
    let size = (layout.width, layout.height);
    let svg = page(size, figure.look.theme, &words, |canvas| {
        paint(canvas, &views, &layout, &key)
    })?;
    Ok(Drawing { svg })
}

fn paint(
    canvas: &Canvas,
    views: &[PanelView],
    layout: &Layout,
    key: &Key,
) -> Result<(), RenderError> {
    for (view, panel) in views.iter().zip(&layout.panels) {
        draw_panel(canvas, view, panel, key.train)?;
    }
    draw_texts(canvas, &layout.title, &layout.caption)?;
    key.draw(canvas, &layout.key)
}

/// Writes a figure's title and caption.
pub(super) fn draw_texts(
    canvas: &Canvas,
    title: &[(Xy, String)],
    caption: &[(Xy, String)],
) -> Result<(), RenderError> {
    let large = font(TITLE_SIZE, Weight::Bold, canvas.scheme().ink);
    for (at, line) in title {
        canvas.text(line, *at, Anchor::Start, large)?;
    }
    let small = font(CAPTION_SIZE, Weight::Regular, canvas.scheme().grey);
    for (at, line) in caption {
        canvas.text(line, *at, Anchor::Start, small)?;
    }
    Ok(())
}

fn font(size: f64, weight: Weight, colour: Colour) -> Font {
    Font {
        size,
        weight,
        colour,
    }
}
