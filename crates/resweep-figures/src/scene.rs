//! The input of every kind of figure, and the title and caption that all kinds have.

use std::collections::HashMap;

use resweep_core::domain::{Curves, Figure, Run, RunId, Sweep};

use super::RenderError;
use super::canvas::{Anchor, Canvas, Font};
use super::caption::{caption, measured};
use super::clip::Xy;
use super::metrics::{CAPTION_SIZE, TITLE_SIZE};
use super::palette::Colour;
use super::series::Progress;
use super::text::Weight;

/// The input of a figure.
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
