//! The shortcut types: option A, B or C of the paper, or none.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray, VariantNames};

/// How a block's input joins its output (paper, sections 3.3 and 4.1).
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
    VariantArray,
    VariantNames,
)]
#[strum(const_into_str)]
pub enum Shortcut {
    /// A plain net: no shortcut at all.
    #[serde(rename = "none")]
    #[strum(to_string = "none")]
    None,
    /// Identity; where the shape changes, every second pixel and zero-padded channels.
    A,
    /// Projection (1x1 convolution and BN) where the shape changes, identity elsewhere.
    B,
    /// Projection on every block.
    C,
}

impl Shortcut {
    /// The name of nets of this type, without their depth: `plain`, `ResNet`, `ResNet B`.
    pub fn family(self) -> &'static str {
        match self {
            Shortcut::None => "plain",
            Shortcut::A => "ResNet",
            Shortcut::B => "ResNet B",
            Shortcut::C => "ResNet C",
        }
    }

    /// As [`Shortcut::family`], but `ResNet A` beside other residual types.
    pub fn family_among(self, mut types: impl Iterator<Item = Shortcut>) -> &'static str {
        let names_option = self == Shortcut::A && types.any(Shortcut::has_projections);
        if names_option {
            "ResNet A"
        } else {
            self.family()
        }
    }

    /// Whether it is option B or C.
    pub fn has_projections(self) -> bool {
        matches!(self, Shortcut::B | Shortcut::C)
    }
}
