//! Draws a figure of any kind: checks that it has content, and calls the module of its kind.

use std::collections::HashMap;

use resweep_core::domain::{Curves, Figure, FigureKind, LayerStat, Run, RunId, Sweep};

use super::caption::shown_configurations;
use super::scene::Scene;
use super::series::{Progress, progress};
use super::{Drawing, RenderError, curves, depth, heat, layers};

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
/// [`RenderError::NothingMeasured`] or [`RenderError::NothingRecorded`] when none of the runs that
/// the figure shows has a point.
pub fn draw(
    sweep: &Sweep,
    figure: &Figure,
    runs: &[Run],
    curves: &HashMap<RunId, Curves>,
) -> Result<Drawing, RenderError> {
    check_shown(sweep, figure)?;
    let progress = progress(&figure.panels, runs, curves);
    if progress.recorded == 0 {
        return Err(nothing_to_draw(sweep, runs, curves));
    }
    let scene = Scene {
        sweep,
        figure,
        runs,
        curves,
        progress,
    };
    match figure.kind {
        FigureKind::ErrorVsIteration => curves::draw(&scene),
        FigureKind::ErrorVsDepth => depth::draw(&scene),
        FigureKind::HeatMap => heat::draw(&scene),
        FigureKind::LayerResponses => draw_layers(sweep, figure, runs, curves, &HashMap::new()),
    }
}

/// The error for runs without points: attempts that failed or have just begun are recorded too.
fn nothing_to_draw(sweep: &Sweep, runs: &[Run], curves: &HashMap<RunId, Curves>) -> RenderError {
    let is_started = |run: &Run| {
        let curves = curves.get(&run.id);
        curves.is_some_and(|curves| curves.measured.is_some())
    };
    let is_any_started = runs.iter().any(is_started);
    let sweep = sweep.name.clone();
    match is_any_started {
        true => RenderError::NothingMeasured { sweep },
        false => RenderError::NothingRecorded { sweep },
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
