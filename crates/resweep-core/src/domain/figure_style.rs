//! The appearance of figures: background and colours of curves.

use serde::Serialize;
use strum::{EnumString, IntoStaticStr, VariantArray, VariantNames};

/// A figure's appearance; by default that of the paper, on white.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct FigureStyle {
    pub theme: Theme,
    pub palette: Palette,
    pub train_line: TrainLine,
}

/// Background and text.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    Serialize,
    EnumString,
    IntoStaticStr,
    VariantArray,
    VariantNames,
)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum Theme {
    #[default]
    Light,
    Dark,
}

/// The colours of curves.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    Serialize,
    EnumString,
    IntoStaticStr,
    VariantArray,
    VariantNames,
)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum Palette {
    /// The paper's colour for each of its depths.
    #[default]
    Paper,
    /// Colours that are distinguishable with colour-blindness (Okabe and Ito 2008).
    OkabeIto,
}

/// The line style of training error beside test error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, EnumString, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum TrainLine {
    /// As in the paper's figure 6.
    #[default]
    Dashed,
    /// As in its figure 4: thin and solid.
    Thin,
}
