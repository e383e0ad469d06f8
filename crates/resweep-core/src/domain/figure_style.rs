//! The appearance of figures: background and colours of curves.

use serde::Serialize;

/// A figure's appearance; by default that of the paper, on white.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct FigureStyle {
    pub theme: Theme,
    pub palette: Palette,
    pub train_line: TrainLine,
}

/// Background and text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub enum Theme {
    #[default]
    Light,
    Dark,
}

/// The colours of curves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub enum Palette {
    /// The paper's colour for each of its depths.
    #[default]
    Paper,
    /// Colours that are distinguishable with colour-blindness (Okabe and Ito 2008).
    OkabeIto,
}

/// The line style of training error beside test error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub enum TrainLine {
    /// As in the paper's figure 6.
    #[default]
    Dashed,
    /// As in its figure 4: thin and solid.
    Thin,
}

impl FigureStyle {
    /// The accepted names of themes.
    pub const THEMES: [&str; 2] = ["light", "dark"];
    /// The accepted names of palettes.
    pub const PALETTES: [&str; 2] = ["paper", "okabe-ito"];
}

impl Theme {
    /// Parses one of [`FigureStyle::THEMES`].
    pub fn of(word: &str) -> Option<Theme> {
        match word {
            "light" => Some(Theme::Light),
            "dark" => Some(Theme::Dark),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Theme::Light => "light",
            Theme::Dark => "dark",
        }
    }
}

impl Palette {
    /// Parses one of [`FigureStyle::PALETTES`].
    pub fn of(word: &str) -> Option<Palette> {
        match word {
            "paper" => Some(Palette::Paper),
            "okabe-ito" => Some(Palette::OkabeIto),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Palette::Paper => "paper",
            Palette::OkabeIto => "okabe-ito",
        }
    }
}
