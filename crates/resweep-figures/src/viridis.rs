//! The colour scale of heat maps.

use plotters::prelude::{ColorMap, ViridisRGB};

use super::palette::Colour;

/// The colour at `share` of viridis, 0 (dark violet) to 1 (yellow): perceptually uniform, and
/// legible with colour-blindness (Smith, van der Walt and Firing 2015).
pub(super) fn viridis(share: f64) -> Colour {
    let colour = ViridisRGB.get_color(share.clamp(0.0, 1.0) as f32);
    Colour(colour.0, colour.1, colour.2)
}

/// Black or white, whichever has more contrast with `colour`.
pub(super) fn text_on(colour: Colour) -> Colour {
    let (black, white) = (Colour(0, 0, 0), Colour(255, 255, 255));
    if colour.contrast(black) > colour.contrast(white) {
        black
    } else {
        white
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_is_viridis() {
        // from the 256 colours of the published table
        for (share, [r, g, b]) in [
            (0.0, [0.267004, 0.004874, 0.329415]),
            (0.25, [0.229739, 0.322361, 0.545706]),
            (0.5, [0.127568, 0.566949, 0.550556]),
            (0.75, [0.369214, 0.788888, 0.382914]),
            (1.0, [0.993248, 0.906157, 0.143936]),
        ] {
            let Colour(red, green, blue) = viridis(share);
            for (found, published) in [(red, r), (green, g), (blue, b)] {
                let off = (f64::from(found) - published * 255.0).abs();
                assert!(off <= 2.5, "at {share}: {found} for {}", published * 255.0);
            }
        }
        assert_eq!((viridis(-1.0), viridis(2.0)), (viridis(0.0), viridis(1.0)));
    }

    #[test]
    fn text_can_be_read_on_every_colour() {
        for step in 0..=1000 {
            let colour = viridis(f64::from(step) / 1000.0);
            assert!(text_on(colour).contrast(colour) >= 4.5, "{colour:?}");
        }
    }
}
