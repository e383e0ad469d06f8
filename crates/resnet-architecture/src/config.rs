//! The settings of a network, in the form in which they are stored with each run.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantNames};

use super::shortcut::Shortcut;

/// `[model]`: the network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelConfig {
    /// Layers with weights, 6n+2.
    pub depth: usize,
    pub shortcut: Shortcut,
    /// Filters of the first stage; the next two have twice and four times as many. 16 in the paper.
    pub width: usize,
    /// Height and width of the input in pixels, divisible by 4.
    pub image_size: usize,
    pub init: Init,
    /// The parameters to which weight decay applies.
    pub decay: DecayScope,
}

/// He initialisation: normal, standard deviation sqrt(2 / fan).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[derive(EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum Init {
    HeFanOut,
    HeFanIn,
}

/// The parameters to which weight decay applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[derive(EnumString, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum DecayScope {
    /// Every parameter.
    All,
    /// Convolution and fully connected weights; not BN's gamma and beta, nor the bias.
    Weights,
}

impl ModelConfig {
    /// The paper's network for CIFAR-10 (section 4.2).
    pub fn paper(depth: usize, shortcut: Shortcut) -> Self {
        Self {
            depth,
            shortcut,
            width: 16,
            image_size: 32,
            init: Init::HeFanOut,
            decay: DecayScope::All,
        }
    }

    /// The paper's name for the network: `plain-20`, `ResNet-20`; options B and C are named.
    pub fn name(&self) -> String {
        match self.shortcut {
            Shortcut::None => format!("plain-{}", self.depth),
            Shortcut::A => format!("ResNet-{}", self.depth),
            Shortcut::B => format!("ResNet-{} B", self.depth),
            Shortcut::C => format!("ResNet-{} C", self.depth),
        }
    }

    /// As [`ModelConfig::name`], with the option of every residual net: `ResNet-20 A`.
    pub fn name_with_option(&self) -> String {
        match self.shortcut {
            Shortcut::A => self.name() + " A",
            _ => self.name(),
        }
    }

    /// Blocks of two 3x3 layers in each of the three stages: the paper's n.
    pub fn blocks_per_stage(&self) -> usize {
        (self.depth - 2) / 6
    }

    /// The number of classes of such a network with `parameters` trainable parameters; `None` if no
    /// number of classes fits.
    pub fn classes(&self, parameters: u64) -> Option<u64> {
        let rest = parameters.checked_sub(self.convolution_parameters())?;
        let of_a_class = 4 * self.width as u64 + 1;
        (rest > 0 && rest.is_multiple_of(of_a_class)).then_some(rest / of_a_class)
    }

    /// Trainable parameters of all layers but the fully connected one: kernels, and gamma and beta
    /// of each BN.
    fn convolution_parameters(&self) -> u64 {
        let conv = |from: u64, to: u64, area: u64| from * to * area + 2 * to;
        let (width, blocks) = (self.width as u64, self.blocks_per_stage() as u64);
        let stages = (0..3).map(|stage| {
            let (from, to) = (width << (stage.max(1) - 1), width << stage);
            let layers = conv(from, to, 9) + (2 * blocks - 1) * conv(to, to, 9);
            let projections = match self.shortcut {
                Shortcut::None | Shortcut::A => 0,
                Shortcut::B if stage == 0 => 0,
                Shortcut::B => conv(from, to, 1),
                Shortcut::C => conv(from, to, 1) + (blocks - 1) * conv(to, to, 1),
            };
            layers + projections
        });
        conv(3, width, 9) + stages.sum::<u64>()
    }
}
