//! The colours of themes and curves: the paper's for its depths, other distinct ones for the rest.

use resweep_core::domain::{FigureStyle, Palette, Shortcut, Theme};

/// Red, green and blue in 0..=255.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Colour(pub u8, pub u8, pub u8);

/// A theme's colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scheme {
    pub background: Colour,
    /// Text and axes.
    pub ink: Colour,
    /// Less prominent text.
    pub grey: Colour,
    pub grid: Colour,
    /// The paper's curves.
    pub reference: Colour,
}

const LIGHT: Scheme = Scheme {
    background: WHITE,
    ink: Colour(26, 26, 26),
    grey: Colour(110, 110, 110),
    grid: Colour(205, 205, 205),
    reference: Colour(165, 165, 165),
};

const DARK: Scheme = Scheme {
    background: Colour(24, 26, 31),
    ink: Colour(232, 232, 232),
    grey: Colour(165, 167, 172),
    grid: Colour(66, 69, 77),
    reference: Colour(125, 127, 133),
};

const WHITE: Colour = Colour(255, 255, 255);
const BLACK: Colour = Colour(0, 0, 0);

/// The minimum contrasts of text and of lines with the background (WCAG 2.2, criteria 1.4.3 and
/// 1.4.11). Lines on white keep the paper's colours, of which dark yellow and cyan have less.
const TEXT_CONTRAST: f64 = 4.5;
const LINE_CONTRAST: f64 = 3.0;

impl Scheme {
    pub(super) fn of(theme: Theme) -> Scheme {
        match theme {
            Theme::Light => LIGHT,
            Theme::Dark => DARK,
        }
    }

    /// The same hue, with enough contrast for small text.
    pub(super) fn text(&self, colour: Colour) -> Colour {
        self.with_contrast(colour, TEXT_CONTRAST)
    }

    /// A curve's colour on this background.
    fn line(&self, colour: Colour) -> Colour {
        match (*self == DARK, colour) {
            (false, _) => colour,
            (true, BLACK) => self.ink,
            (true, _) => self.with_contrast(colour, LINE_CONTRAST),
        }
    }

    /// `colour`, mixed with as little black or white as needed for the contrast.
    fn with_contrast(&self, colour: Colour, least: f64) -> Colour {
        let away = if self.background.luminance() > 0.5 {
            BLACK
        } else {
            WHITE
        };
        (0..=100)
            .map(|percent| colour.mix(away, f64::from(percent) / 100.0))
            .find(|mixed| mixed.contrast(self.background) >= least)
            .unwrap_or(away)
    }
}

impl Colour {
    /// This colour mixed with a fraction (0 to 1) of another.
    pub(super) fn mix(self, other: Colour, share: f64) -> Colour {
        let mixed = |a: u8, b: u8| {
            let (a, b) = (f64::from(a), f64::from(b));
            (a + share * (b - a)).round() as u8
        };
        let Colour(r, g, b) = other;
        Colour(mixed(self.0, r), mixed(self.1, g), mixed(self.2, b))
    }

    /// Ratio of the luminances, 1 to 21, as WCAG 2.2 defines it.
    pub(super) fn contrast(self, other: Colour) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// Relative luminance of an sRGB colour, 0 to 1 (WCAG 2.2).
    fn luminance(self) -> f64 {
        let [r, g, b] = [self.0, self.1, self.2].map(|channel| {
            let share = f64::from(channel) / 255.0;
            if share <= 0.040_45 {
                share / 12.92
            } else {
                ((share + 0.055) / 1.055).powf(2.4)
            }
        });
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }
}

/// The paper's figure 6; cyan, green and magenta are slightly darker, for legibility on white.
const PAPER: [(usize, Colour); 6] = [
    (20, Colour(191, 191, 0)),
    (32, Colour(0, 190, 215)),
    (44, Colour(0, 165, 40)),
    (56, Colour(226, 0, 0)),
    (110, BLACK),
    (1202, Colour(205, 0, 205)),
];

/// For other depths, and for a second configuration of the same depth in a panel.
const PAPER_OTHERS: [Colour; 12] = [
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

/// Okabe and Ito, "Color Universal Design" (2008): orange, sky blue, bluish green, vermilion, black
/// and reddish purple, each for the depth with the nearest colour in the paper.
const OKABE_ITO: [(usize, Colour); 6] = [
    (20, Colour(230, 159, 0)),
    (32, Colour(86, 180, 233)),
    (44, Colour(0, 158, 115)),
    (56, Colour(213, 94, 0)),
    (110, BLACK),
    (1202, Colour(204, 121, 167)),
];

/// Okabe and Ito's eight colours in the order in which they are assigned to curves without a colour
/// of their own; yellow is last, as it is the hardest to see on white. Shades follow for figures of
/// more than eight curves.
const OKABE_ITO_OTHERS: [Colour; 18] = [
    Colour(0, 114, 178),
    Colour(213, 94, 0),
    Colour(0, 158, 115),
    Colour(86, 180, 233),
    Colour(204, 121, 167),
    Colour(230, 159, 0),
    BLACK,
    Colour(240, 228, 66),
    Colour(115, 80, 0),
    Colour(43, 90, 117),
    Colour(0, 79, 58),
    Colour(107, 47, 0),
    Colour(128, 128, 128),
    Colour(102, 61, 84),
    Colour(70, 60, 150),
    Colour(120, 114, 33),
    Colour(170, 217, 244),
    Colour(230, 188, 211),
];

/// The colours of a figure's curves: each depth has one, the same in all panels.
pub(super) struct CurveColours {
    scheme: Scheme,
    of_depths: Vec<(usize, Colour)>,
    /// Colours for the other curves; those that no depth of the figure uses come first.
    others: Vec<Colour>,
}

impl CurveColours {
    /// Assigns colours to panels of these depths. A depth of the paper has its colour of the
    /// palette; other depths get unused colours.
    pub(super) fn of(panels: &[Vec<usize>], style: FigureStyle) -> CurveColours {
        let (known, free): (_, &[Colour]) = match style.palette {
            Palette::Paper => (&PAPER, &PAPER_OTHERS),
            Palette::OkabeIto => (&OKABE_ITO, &OKABE_ITO_OTHERS),
        };
        let known = |depth: usize| known.iter().find(|(of, _)| *of == depth).map(|(_, c)| *c);
        let mut depths: Vec<usize> = Vec::new();
        for &depth in panels.iter().flatten() {
            if !depths.contains(&depth) {
                depths.push(depth);
            }
        }
        let fixed: Vec<Colour> = depths.iter().filter_map(|&depth| known(depth)).collect();
        let free: Vec<Colour> = free
            .iter()
            .copied()
            .filter(|c| !fixed.contains(c))
            .collect();
        let mut next = free.iter().copied().cycle();
        let mut colour = |depth| known(depth).or_else(|| next.next()).unwrap_or(BLACK);
        let of_depths: Vec<(usize, Colour)> = depths.iter().map(|&d| (d, colour(d))).collect();
        let is_taken = |c: &Colour| of_depths.iter().any(|(_, taken)| taken == c);
        let (taken, mut others): (Vec<Colour>, Vec<Colour>) =
            free.iter().partition(|c| is_taken(c));
        others.extend(taken);
        CurveColours {
            scheme: Scheme::of(style.theme),
            of_depths,
            others,
        }
    }

    pub(super) fn of_depth(&self, depth: usize) -> Colour {
        let mut known = self.of_depths.iter();
        let colour = known
            .find(|(of, _)| *of == depth)
            .map_or(BLACK, |(_, c)| *c);
        self.scheme.line(colour)
    }

    /// Returns one colour for each curve of a panel, given their depths. The first curve of a depth
    /// has the colour of the depth; each of the others has a colour that no other curve of the
    /// panel has, while there are any. In a panel of a single depth no curve has the colour of the
    /// depth.
    pub(super) fn of_panel(&self, depths: &[usize]) -> Vec<Colour> {
        let is_first = |i: usize| !is_one_depth(depths) && !depths[..i].contains(&depths[i]);
        let firsts = (0..depths.len()).filter(|&i| is_first(i));
        let used: Vec<Colour> = firsts.map(|i| self.of_depth(depths[i])).collect();
        let lines: Vec<Colour> = self.others.iter().map(|&c| self.scheme.line(c)).collect();
        let (used, unused): (Vec<Colour>, Vec<Colour>) =
            lines.into_iter().partition(|c| used.contains(c));
        let mut others = unused.iter().chain(&used).copied().cycle();
        let colour = |i: usize| match is_first(i) {
            true => self.of_depth(depths[i]),
            false => others.next().unwrap_or(BLACK),
        };
        (0..depths.len()).map(colour).collect()
    }
}

/// Whether a panel compares nets of one depth; its curves then have the same colours in all such
/// panels.
pub(super) fn is_one_depth(depths: &[usize]) -> bool {
    depths.len() > 1 && depths.iter().all(|depth| *depth == depths[0])
}

/// The colour of a shortcut type, the same in every figure.
pub(super) fn shortcut_colour(shortcut: Shortcut, style: FigureStyle) -> Colour {
    let others = match style.palette {
        Palette::Paper => [PAPER_OTHERS[0], PAPER_OTHERS[1], PAPER_OTHERS[2]],
        Palette::OkabeIto => [
            OKABE_ITO_OTHERS[0],
            OKABE_ITO_OTHERS[1],
            OKABE_ITO_OTHERS[2],
        ],
    };
    let [a, b, c] = others;
    Scheme::of(style.theme).line(match shortcut {
        Shortcut::None => BLACK,
        Shortcut::A => a,
        Shortcut::B => b,
        Shortcut::C => c,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every colour of both palettes, without duplicates.
    fn palettes() -> [Vec<Colour>; 2] {
        let paper = PAPER.iter().map(|(_, colour)| *colour).chain(PAPER_OTHERS);
        [paper.collect(), OKABE_ITO_OTHERS.to_vec()]
    }

    fn style(palette: Palette) -> FigureStyle {
        FigureStyle {
            palette,
            ..FigureStyle::default()
        }
    }

    #[test]
    fn shortcut_types_have_the_same_colours_in_all_panels() {
        let panels = [vec![8; 3], vec![20; 3], vec![56; 3]];
        let colours = CurveColours::of(&[], FigureStyle::default());
        let first = colours.of_panel(&panels[0]);
        assert!(panels.iter().all(|panel| colours.of_panel(panel) == first));
        let alone = CurveColours::of(&[vec![20]], FigureStyle::default()).of_panel(&[20]);
        assert_eq!(alone, [Colour(191, 191, 0)], "the paper's for 20 layers");
    }

    #[test]
    fn a_depth_has_the_same_colour_in_every_panel() {
        let panels = [vec![20, 26, 38], vec![38, 20], vec![26, 26, 38]];
        for palette in [Palette::Paper, Palette::OkabeIto] {
            let colours = CurveColours::of(&panels, style(palette));
            let [first, second, third] = [0, 1, 2].map(|panel| colours.of_panel(&panels[panel]));
            assert_eq!(second, [first[2], first[0]]);
            assert_eq!((third[0], third[2]), (first[1], first[2]));
            assert!(!first.contains(&third[1]), "of its own: {third:?}");
        }
    }

    #[test]
    fn okabe_and_itos_unused_colours_are_taken_before_shades() {
        let depths = [8, 14, 20, 26, 38, 50, 62, 68];
        let colours = CurveColours::of(&[depths.to_vec()], style(Palette::OkabeIto));
        let taken = colours.of_panel(&depths);
        assert!(
            OKABE_ITO_OTHERS[..8]
                .iter()
                .all(|eight| taken.contains(eight))
        );
        assert_eq!(taken[2], Colour(230, 159, 0), "20 layers are orange");
    }

    #[test]
    fn contrasts_are_those_that_wcag_defines() {
        assert!((BLACK.contrast(WHITE) - 21.0).abs() < 1e-9);
        assert!((WHITE.contrast(WHITE) - 1.0).abs() < 1e-9);
        // W3C's example of a grey that just passes on white, #767676: 4.54
        assert!((Colour(0x76, 0x76, 0x76).contrast(WHITE) - 4.54).abs() < 0.005);
    }

    #[test]
    fn every_text_can_be_read_in_both_themes() {
        for theme in [Theme::Light, Theme::Dark] {
            let scheme = Scheme::of(theme);
            let curves = palettes().into_iter().flatten();
            let labels = curves.map(|colour| scheme.text(scheme.line(colour)));
            for colour in labels.chain([scheme.ink, scheme.grey]) {
                let contrast = colour.contrast(scheme.background);
                assert!(contrast >= 4.5, "{theme:?}: {colour:?} has {contrast:.2}");
            }
        }
    }

    #[test]
    fn lines_can_be_seen_on_the_dark_theme() {
        for colour in palettes().into_iter().flatten() {
            let drawn = DARK.line(colour);
            assert!(drawn.contrast(DARK.background) >= 3.0, "{colour:?}");
        }
    }

    #[test]
    fn colours_that_are_dark_enough_are_kept() {
        assert_eq!(LIGHT.text(Colour(226, 0, 0)), Colour(226, 0, 0));
        assert_eq!(LIGHT.line(Colour(191, 191, 0)), Colour(191, 191, 0));
        assert_eq!(DARK.line(BLACK), DARK.ink);
    }

    #[test]
    fn all_colours_differ_in_both_themes() {
        for (palette, theme) in palettes()
            .into_iter()
            .flat_map(|palette| [(palette.clone(), LIGHT), (palette, DARK)])
        {
            let drawn: Vec<Colour> = palette.into_iter().map(|c| theme.line(c)).collect();
            for (i, colour) in drawn.iter().enumerate() {
                assert!(!drawn[..i].contains(colour), "{colour:?} appears twice");
            }
        }
    }

    /// The transformation of linear RGB for an eye without red, green or blue cones: Machado,
    /// Oliveira and Fernandes 2009, "A Physiologically-based Model for Simulation of Color Vision
    /// Deficiency", severity 1.
    const DEFICIENCIES: [[[f64; 3]; 3]; 3] = [
        [
            [0.152_286, 1.052_583, -0.204_868],
            [0.114_503, 0.786_281, 0.099_216],
            [-0.003_882, -0.048_116, 1.051_998],
        ],
        [
            [0.367_322, 0.860_646, -0.227_968],
            [0.280_085, 0.672_501, 0.047_413],
            [-0.011_820, 0.042_940, 0.968_881],
        ],
        [
            [1.255_528, -0.076_749, -0.178_779],
            [-0.078_411, 0.930_809, 0.147_602],
            [0.004_733, 0.691_367, 0.303_900],
        ],
    ];
    /// From linear RGB to CIE XYZ, D65 (IEC 61966-2-1), each row divided by the white's.
    const XYZ: [[f64; 3]; 3] = [
        [0.433_9, 0.376_2, 0.189_9],
        [0.212_6, 0.715_2, 0.072_2],
        [0.017_7, 0.109_5, 0.872_8],
    ];

    fn product(matrix: [[f64; 3]; 3], vector: [f64; 3]) -> [f64; 3] {
        matrix.map(|row| row[0] * vector[0] + row[1] * vector[1] + row[2] * vector[2])
    }

    /// The colour as such an eye sees it, in CIE L*a*b*.
    fn seen(colour: Colour, deficiency: [[f64; 3]; 3]) -> [f64; 3] {
        let Colour(r, g, b) = colour;
        let linear = [r, g, b].map(|channel| Colour(channel, channel, channel).luminance());
        let shown = product(deficiency, linear).map(|channel| channel.clamp(0.0, 1.0));
        let [x, y, z] = product(XYZ, shown).map(|share| {
            if share > 0.008_856 {
                share.cbrt()
            } else {
                7.787 * share + 16.0 / 116.0
            }
        });
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }

    #[test]
    fn okabe_and_itos_eight_colours_differ_for_every_kind_of_colour_blindness() {
        let eight = &OKABE_ITO_OTHERS[..8];
        for scheme in [LIGHT, DARK] {
            for deficiency in DEFICIENCIES {
                let seen: Vec<[f64; 3]> = eight
                    .iter()
                    .map(|&colour| seen(scheme.line(colour), deficiency))
                    .collect();
                for (i, a) in seen.iter().enumerate() {
                    for b in &seen[..i] {
                        let squares = (0..3).map(|c| (a[c] - b[c]).powi(2));
                        let distance = squares.sum::<f64>().sqrt();
                        // a difference of 2.3 is just noticeable
                        assert!(distance > 15.0, "{distance:.1} of {:?}", eight[i]);
                    }
                }
            }
        }
    }
}
