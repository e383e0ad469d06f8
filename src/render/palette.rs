//! Colours of curves: the paper's for its depths, distinct others for the rest.

use crate::domain::{Configuration, Sweep};

/// Red, green and blue in 0..=255.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Colour(pub u8, pub u8, pub u8);

pub(super) const WHITE: Colour = Colour(255, 255, 255);
pub(super) const INK: Colour = Colour(26, 26, 26);
pub(super) const GREY: Colour = Colour(110, 110, 110);
pub(super) const GRID: Colour = Colour(205, 205, 205);

/// The paper's figure 6; cyan, green and magenta a little darker, to be read on white.
const PAPER: [(usize, Colour); 6] = [
    (20, Colour(191, 191, 0)),
    (32, Colour(0, 190, 215)),
    (44, Colour(0, 165, 40)),
    (56, Colour(226, 0, 0)),
    (110, Colour(0, 0, 0)),
    (1202, Colour(205, 0, 205)),
];

/// For other depths, and for a second configuration of a depth within a panel.
const OTHERS: [Colour; 12] = [
    Colour(31, 119, 200),
    Colour(255, 127, 14),
    Colour(118, 66, 180),
    Colour(140, 86, 75),
    Colour(240, 110, 180),
    Colour(0, 110, 100),
    Colour(125, 125, 125),
    Colour(20, 40, 120),
    Colour(150, 200, 60),
    Colour(120, 0, 40),
    Colour(110, 190, 255),
    Colour(200, 150, 100),
];

impl Colour {
    /// The same hue, dark enough for small text on white.
    pub(super) fn for_text(self) -> Colour {
        let [r, g, b] = [self.0, self.1, self.2].map(f64::from);
        let luminance = (0.299 * r + 0.587 * g + 0.114 * b) / 255.0;
        let factor = if luminance > 0.42 {
            0.42 / luminance
        } else {
            1.0
        };
        let [r, g, b] = [r, g, b].map(|channel| (channel * factor).round() as u8);
        Colour(r, g, b)
    }
}

/// One colour for each of a panel's configurations. The first of a depth that the paper shows
/// has the paper's colour; each of the others has a colour that no other curve of the panel
/// has, as long as there are any left.
pub(super) fn colours(sweep: &Sweep, configurations: &[usize]) -> Vec<Colour> {
    let depths: Vec<Option<usize>> = configurations
        .iter()
        .map(|&index| sweep.configurations.get(index).map(depth))
        .collect();
    let mut others = OTHERS.iter().copied().cycle();
    depths
        .iter()
        .enumerate()
        .map(|(i, depth)| {
            let first = !depths[..i].contains(depth);
            let paper = PAPER.iter().find(|(of, _)| Some(*of) == *depth);
            match paper {
                Some(&(_, colour)) if first => colour,
                _ => others.next().unwrap_or(INK),
            }
        })
        .collect()
}

fn depth(configuration: &Configuration) -> usize {
    configuration.model.depth
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_dark_enough_to_read_on_white() {
        for colour in PAPER.iter().map(|(_, colour)| *colour).chain(OTHERS) {
            let Colour(r, g, b) = colour.for_text();
            let luminance = 0.299 * f64::from(r) + 0.587 * f64::from(g) + 0.114 * f64::from(b);
            assert!(luminance < 0.43 * 255.0, "{colour:?}");
        }
        assert_eq!(Colour(226, 0, 0).for_text(), Colour(226, 0, 0));
    }

    #[test]
    fn all_colours_differ() {
        let mut all: Vec<Colour> = PAPER.iter().map(|(_, colour)| *colour).collect();
        all.extend(OTHERS);
        for (i, colour) in all.iter().enumerate() {
            assert!(!all[..i].contains(colour), "{colour:?} appears twice");
        }
    }
}
