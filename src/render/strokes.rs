//! The looks of lines: which error, which part of a plot.

use super::canvas::Stroke;
use super::palette::Colour;

/// Opacity of the spread over seeds.
pub(super) const BAND_OPACITY: f64 = 0.18;

/// A solid bold line: test error.
pub(super) fn bold(colour: Colour) -> Stroke {
    Stroke {
        colour,
        opacity: 1.0,
        width: 2.0,
        dash: None,
    }
}

/// A dashed thin line: training error.
pub(super) fn dashed(colour: Colour) -> Stroke {
    Stroke {
        colour,
        opacity: 1.0,
        width: 1.0,
        dash: Some((4.5, 2.5)),
    }
}

/// Axes, ticks and leader lines.
pub(super) fn thin(colour: Colour) -> Stroke {
    Stroke {
        colour,
        opacity: 1.0,
        width: 0.8,
        dash: None,
    }
}
