//! Draws the key to line styles: a sample of each with its meaning.

use resweep_core::domain::{Figure, FigureKind, Shortcut, Show, Sweep, TrainLine};

use super::RenderError;
use super::canvas::{Anchor, Canvas, Font, Stroke};
use super::clip::{Rect, Xy};
use super::metrics::{ENTRY, SAMPLE, TEXT_SIZE};
use super::palette::Colour;
use super::panel::{POINT_RADIUS, draw_mark};
use super::strokes::{
    BAND_OPACITY, SEED_RADIUS, behind, bold, dashed, fine, response, ring, seeds_range,
};
use super::text::Weight;
use super::view::{PanelView, line_names};

/// The line styles of a figure.
pub(super) struct Key {
    /// The style of training error.
    pub train: fn(Colour) -> Stroke,
    entries: Vec<(Sample, &'static str)>,
    /// Whether the samples of both errors include single points.
    points: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sample {
    Train,
    Eval,
    Spread,
    /// Individual seeds on the bar that they span.
    Seeds,
    Plain,
    Residual,
    Reference,
    /// A cross.
    Diverged,
}

/// The line styles of plain and residual nets, if the figure has both.
fn kinds_of_nets(sweep: &Sweep, figure: &Figure) -> Vec<(Sample, &'static str)> {
    let shown = figure.panels.iter().flat_map(|panel| &panel.configurations);
    let nets = shown.filter_map(|&index| sweep.configurations.get(index));
    let (plain, residual): (Vec<_>, Vec<_>) =
        nets.partition(|net| net.model.shortcut == Shortcut::None);
    match plain.is_empty() || residual.is_empty() {
        true => Vec::new(),
        false => vec![(Sample::Plain, "plain"), (Sample::Residual, "residual")],
    }
}

const DIVERGED: (Sample, &str) = (Sample::Diverged, "diverged");

impl Key {
    /// The key of a figure. Training and test error have different styles only if a panel shows
    /// both; elsewhere all lines are solid and the axes name the error.
    pub(super) fn of(sweep: &Sweep, figure: &Figure, views: &[PanelView]) -> Key {
        let both = figure.panels.iter().any(|panel| panel.show == Show::Both);
        let mut entries = Vec::new();
        if both {
            let [train, eval] = line_names(sweep, figure);
            entries.extend([(Sample::Train, train), (Sample::Eval, eval)]);
        }
        if figure.kind == FigureKind::LayerResponses {
            entries = kinds_of_nets(sweep, figure);
        }
        if views.iter().any(PanelView::has_spread) {
            entries.push(match figure.kind {
                FigureKind::ErrorVsDepth => (Sample::Seeds, "single seeds, lowest to highest"),
                _ => (Sample::Spread, "lowest to highest seed"),
            });
        }
        if views.iter().any(PanelView::has_marks) {
            entries.push(DIVERGED);
        }
        if views.iter().any(|view| !view.references.is_empty()) {
            entries.push((Sample::Reference, "the paper's curves"));
        }
        let train = match figure.style.train_line {
            _ if !both => bold,
            TrainLine::Dashed => dashed,
            TrainLine::Thin => fine,
        };
        let points = figure.kind == FigureKind::ErrorVsDepth
            || views.iter().any(PanelView::has_single_points);
        Key {
            train,
            entries,
            points,
        }
    }

    /// Adds an entry for the cross that marks divergence.
    pub(super) fn add_diverged(&mut self) {
        self.entries.push(DIVERGED);
    }

    pub(super) fn has_reference(&self) -> bool {
        let mut samples = self.entries.iter().map(|(sample, _)| *sample);
        samples.any(|sample| sample == Sample::Reference)
    }

    pub(super) fn texts(&self) -> Vec<&'static str> {
        self.entries.iter().map(|(_, text)| *text).collect()
    }

    /// Draws each entry with its sample's left end at its position.
    pub(super) fn draw(&self, canvas: &Canvas, places: &[Xy]) -> Result<(), RenderError> {
        for ((sample, text), at) in self.entries.iter().zip(places) {
            self.draw_sample(canvas, *sample, *at)?;
            let font = Font {
                size: TEXT_SIZE,
                weight: Weight::Regular,
                colour: canvas.scheme().ink,
            };
            canvas.text(text, (at.0 + ENTRY, at.1), Anchor::Start, font)?;
        }
        Ok(())
    }

    fn draw_sample(
        &self,
        canvas: &Canvas,
        sample: Sample,
        (left, y): Xy,
    ) -> Result<(), RenderError> {
        let scheme = canvas.scheme();
        let right = left + SAMPLE;
        let stroke = match sample {
            Sample::Train => (self.train)(scheme.ink),
            Sample::Eval => bold(scheme.ink),
            Sample::Reference => behind(bold(scheme.reference)),
            Sample::Plain => response(scheme.ink, true),
            Sample::Residual => response(scheme.ink, false),
            Sample::Diverged => return draw_mark(canvas, (left + SAMPLE / 2.0, y), scheme.ink),
            Sample::Seeds => {
                let x = left + SAMPLE / 2.0;
                let ends = [(x, y - 6.0), (x, y + 6.0)];
                canvas.line(&ends, seeds_range(scheme.ink))?;
                for down in [-6.0, 1.0, 6.0] {
                    canvas.disc((x, y + down), SEED_RADIUS, scheme.ink)?;
                }
                return Ok(());
            }
            Sample::Spread => {
                let (top, bottom) = (y - 5.0, y + 5.0);
                let band = Rect {
                    left,
                    top,
                    right,
                    bottom,
                };
                return canvas.fill_rect(&band, scheme.ink, BAND_OPACITY);
            }
        };
        canvas.line(&[(left, y), (right, y)], stroke)?;
        let middle = (left + SAMPLE / 2.0, y);
        match sample {
            Sample::Train if self.points => canvas.ring(middle, POINT_RADIUS, ring(scheme.ink)),
            Sample::Eval if self.points => canvas.disc(middle, POINT_RADIUS, scheme.ink),
            _ => Ok(()),
        }
    }
}
