//! Line styles by meaning: which error, which part of a plot.

use super::canvas::Stroke;
use super::palette::Colour;

/// Radius of the dot that is a single seed.
pub(super) const SEED_RADIUS: f64 = 1.5;
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

/// The outline of a ring: training error of a single point.
pub(super) fn ring(colour: Colour) -> Stroke {
    Stroke {
        width: 1.2,
        ..bold(colour)
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

/// A solid thin line: training error as in the paper's figure 4, or with more points than dashes
/// can show.
pub(super) fn fine(colour: Colour) -> Stroke {
    Stroke {
        dash: None,
        ..dashed(colour)
    }
}

/// The paper's lines behind the figure's own: the same style, but thinner.
pub(super) fn behind(own: Stroke) -> Stroke {
    Stroke {
        width: 0.6 * own.width,
        ..own
    }
}

/// Half of the width and height of the mark at which a run diverged.
pub(super) const MARK: f64 = 4.0;

/// The strokes of that mark.
pub(super) fn mark(colour: Colour) -> Stroke {
    Stroke {
        width: 1.8,
        ..bold(colour)
    }
}

/// The line of one seed beside the mean of others: the same style, but fainter.
pub(super) fn beside(own: Stroke) -> Stroke {
    Stroke {
        opacity: 0.6,
        width: 0.7 * own.width,
        ..own
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

/// The line through the plot from the end of a curve to its label in the margin.
pub(super) fn far(colour: Colour) -> Stroke {
    Stroke {
        opacity: 0.7,
        dash: Some((1.0, 3.0)),
        ..thin(colour)
    }
}

/// The bar from the lowest to the highest seed of one configuration.
pub(super) fn seeds_range(colour: Colour) -> Stroke {
    Stroke {
        opacity: 0.35,
        width: 3.0,
        ..thin(colour)
    }
}

/// A net's responses, dashed for a plain one. Thinner than an error curve: a net of 110 layers has
/// many corners.
pub(super) fn response(colour: Colour, plain: bool) -> Stroke {
    let kind = if plain { dashed(colour) } else { bold(colour) };
    Stroke { width: 1.4, ..kind }
}
