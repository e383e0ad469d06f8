//! How figures look: their background and the colours of their curves.

use serde::Serialize;

/// A figure's look; the paper's on white unless told otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Look {
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

/// Colours of curves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub enum Palette {
    /// The paper's colour for each of its depths.
    #[default]
    Paper,
    /// Colours that people with colour-blindness can tell apart (Okabe and Ito 2008).
    OkabeIto,
}

/// How training error is drawn beside test error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub enum TrainLine {
    /// As in the paper's figure 6.
    #[default]
    Dashed,
    /// As in its figure 4: thin and solid.
    Thin,
}

impl Look {
    /// Every word that an option or a key can say, for a theme.
    pub const THEMES: [&str; 2] = ["light", "dark"];
    /// The same for a palette.
    pub const PALETTES: [&str; 2] = ["paper", "okabe-ito"];
}

impl Theme {
    /// The theme of one of [`Look::THEMES`].
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
    /// The palette of one of [`Look::PALETTES`].
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
