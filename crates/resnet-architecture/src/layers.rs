//! The layers of a plain or residual network of depth 6n+2, as plain data.

use crate::{ModelConfig, Shortcut};

/// Colour channels of an input image.
const INPUT_CHANNELS: usize = 3;

/// A convolution without bias and the batch normalisation after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConvBn {
    /// Position among the network's convolutions, in the order of their parameters.
    pub index: usize,
    /// The convolution's name in PyTorch's ResNets: `layer1.0.conv1`.
    pub conv: String,
    /// The batch normalisation's name: `layer1.0.bn1`.
    pub bn: String,
    pub in_channels: usize,
    pub out_channels: usize,
    /// Height and width of the kernel: 3 (padded by 1) or 1 (not padded).
    pub kernel: usize,
    pub stride: usize,
    /// Height and width of the input in pixels.
    pub in_size: usize,
}

impl ConvBn {
    /// Height and width of the output in pixels.
    pub fn out_size(&self) -> usize {
        self.in_size / self.stride
    }

    /// Entries of the kernel.
    pub fn weights(&self) -> usize {
        self.out_channels * self.in_channels * self.kernel * self.kernel
    }

    /// Multiply-adds of the convolution on one image.
    fn flops(&self) -> usize {
        self.weights() * self.out_size() * self.out_size()
    }
}

/// How a block's input reaches the addition (paper, section 3.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlockShortcut {
    /// No addition: a plain net.
    None,
    Identity,
    /// Option A where the shape changes: every second pixel of every second row, and zeros for the
    /// new channels, which come after the old ones.
    SubsampleAndPad,
    /// A 1x1 convolution and batch normalisation.
    Projection(ConvBn),
}

/// Two 3x3 layers and the shortcut around them. Plain nets consist of the same blocks, without the
/// shortcut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResidualBlock {
    pub first: ConvBn,
    pub second: ConvBn,
    pub shortcut: BlockShortcut,
}

/// A whole network: a 3x3 convolution, three stages of blocks at full, half and quarter size
/// with w, 2w and 4w filters, global average pooling and a fully connected layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Architecture {
    pub stem: ConvBn,
    pub blocks: Vec<ResidualBlock>,
    /// Height and width of the last stage in pixels.
    pub out_size: usize,
    /// Inputs of the fully connected layer.
    pub features: usize,
    pub classes: usize,
}

impl Architecture {
    /// The network that `config` describes, for `classes` classes.
    pub fn new(config: &ModelConfig, classes: usize) -> Self {
        let mut layers = LayerCounter(0);
        let stem = layers.conv_bn(
            "conv1",
            "bn1",
            (INPUT_CHANNELS, config.width),
            (3, 1),
            config.image_size,
        );
        let mut blocks = Vec::with_capacity(3 * config.blocks_per_stage());
        let mut channels = config.width;
        let mut size = config.image_size;
        for stage in 0..3 {
            let out_channels = config.width << stage;
            for position in 0..config.blocks_per_stage() {
                let stride = if stage > 0 && position == 0 { 2 } else { 1 };
                let prefix = format!("layer{}.{position}", stage + 1);
                blocks.push(layers.block(
                    &prefix,
                    config.shortcut,
                    (channels, out_channels),
                    stride,
                    size,
                ));
                channels = out_channels;
                size /= stride;
            }
        }
        Self {
            stem,
            blocks,
            out_size: size,
            features: channels,
            classes,
        }
    }

    /// Every convolution with its batch normalisation, in the order of the parameters.
    pub fn layers(&self) -> impl Iterator<Item = &ConvBn> {
        std::iter::once(&self.stem).chain(self.blocks.iter().flat_map(|block| {
            let projection = match &block.shortcut {
                BlockShortcut::Projection(projection) => Some(projection),
                _ => None,
            };
            [&block.first, &block.second].into_iter().chain(projection)
        }))
    }

    /// Trainable parameters: kernels, BN's gamma and beta, the fully connected layer.
    pub fn parameters(&self) -> u64 {
        let convolutions: usize = self
            .layers()
            .map(|layer| layer.weights() + 2 * layer.out_channels)
            .sum();
        (convolutions + (self.features + 1) * self.classes) as u64
    }

    /// The number of classes for which such a network has `parameters` trainable parameters; `None`
    /// if there is none.
    pub fn classes_of(config: &ModelConfig, parameters: u64) -> Option<usize> {
        let without = Self::new(config, 0);
        let last_layer = parameters.checked_sub(without.parameters())?;
        let of_each_class = without.features as u64 + 1;
        (last_layer > 0 && last_layer.is_multiple_of(of_each_class))
            .then_some((last_layer / of_each_class) as usize)
    }

    /// Multiply-adds of one image's forward pass, which the paper calls FLOPs; only convolutions
    /// and the fully connected layer.
    pub fn forward_flops(&self) -> u64 {
        let convolutions: usize = self.layers().map(ConvBn::flops).sum();
        (convolutions + self.features * self.classes) as u64
    }
}

/// Numbers the convolutions in the order of their creation.
struct LayerCounter(usize);

impl LayerCounter {
    fn conv_bn(
        &mut self,
        conv: &str,
        bn: &str,
        (in_channels, out_channels): (usize, usize),
        (kernel, stride): (usize, usize),
        in_size: usize,
    ) -> ConvBn {
        let index = self.0;
        self.0 += 1;
        ConvBn {
            index,
            conv: conv.to_owned(),
            bn: bn.to_owned(),
            in_channels,
            out_channels,
            kernel,
            stride,
            in_size,
        }
    }

    fn block(
        &mut self,
        prefix: &str,
        shortcut: Shortcut,
        (in_channels, out_channels): (usize, usize),
        stride: usize,
        size: usize,
    ) -> ResidualBlock {
        let first = self.conv_bn(
            &format!("{prefix}.conv1"),
            &format!("{prefix}.bn1"),
            (in_channels, out_channels),
            (3, stride),
            size,
        );
        let second = self.conv_bn(
            &format!("{prefix}.conv2"),
            &format!("{prefix}.bn2"),
            (out_channels, out_channels),
            (3, 1),
            size / stride,
        );
        let grows = in_channels != out_channels;
        let shortcut = match shortcut {
            Shortcut::None => BlockShortcut::None,
            Shortcut::A if grows => BlockShortcut::SubsampleAndPad,
            Shortcut::C => self.projection(prefix, (in_channels, out_channels), stride, size),
            Shortcut::B if grows => {
                self.projection(prefix, (in_channels, out_channels), stride, size)
            }
            Shortcut::A | Shortcut::B => BlockShortcut::Identity,
        };
        ResidualBlock {
            first,
            second,
            shortcut,
        }
    }

    fn projection(
        &mut self,
        prefix: &str,
        channels: (usize, usize),
        stride: usize,
        size: usize,
    ) -> BlockShortcut {
        BlockShortcut::Projection(self.conv_bn(
            &format!("{prefix}.downsample.0"),
            &format!("{prefix}.downsample.1"),
            channels,
            (1, stride),
            size,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn architecture(depth: usize, shortcut: Shortcut) -> Architecture {
        Architecture::new(&ModelConfig::paper(depth, shortcut), 10)
    }

    fn parameters(depth: usize, shortcut: Shortcut) -> u64 {
        architecture(depth, shortcut).parameters()
    }

    #[test]
    fn the_number_of_classes_follows_from_that_of_the_parameters() {
        let shortcuts = [Shortcut::None, Shortcut::A, Shortcut::B, Shortcut::C];
        for (depth, shortcut) in [8, 20, 56].iter().flat_map(|d| shortcuts.map(|s| (*d, s))) {
            let mut config = ModelConfig::paper(depth, shortcut);
            for (width, classes) in [(2, 2), (16, 10), (5, 100)] {
                config.width = width;
                let parameters = Architecture::new(&config, classes).parameters();
                assert_eq!(config.classes(parameters), Some(classes as u64));
                assert_eq!(config.classes(parameters + 1), None);
            }
        }
    }

    #[test]
    fn parameter_counts_are_those_of_the_paper() {
        for (depth, expected) in [
            (20, 269_722),
            (32, 464_154),
            (44, 658_586),
            (56, 853_018),
            (110, 1_727_962),
            (1202, 19_421_274),
        ] {
            assert_eq!(
                parameters(depth, Shortcut::A),
                expected,
                "option A, {depth}"
            );
            assert_eq!(
                parameters(depth, Shortcut::None),
                expected,
                "plain, {depth}"
            );
            assert_eq!(
                parameters(depth, Shortcut::B),
                expected + 2_752,
                "B, {depth}"
            );
        }
        for (depth, expected) in [(20, 283_962), (56, 900_858), (110, 1_826_202)] {
            assert_eq!(
                parameters(depth, Shortcut::C),
                expected,
                "option C, {depth}"
            );
        }
    }

    #[test]
    fn the_number_of_classes_follows_from_the_number_of_parameters() {
        let model = &ModelConfig::paper(20, Shortcut::B);
        for classes in [1, 2, 10, 1000] {
            let parameters = Architecture::new(model, classes).parameters();
            assert_eq!(Architecture::classes_of(model, parameters), Some(classes));
            assert_eq!(Architecture::classes_of(model, parameters + 1), None);
        }
        assert_eq!(Architecture::classes_of(model, 7), None);
    }

    #[test]
    fn resnet_20_does_41_million_multiply_adds() {
        // 3*16*9*1024 + 6*16*16*9*1024 + (16+5*32)*32*9*256 + (32+5*64)*64*9*64 + 64*10
        assert_eq!(architecture(20, Shortcut::A).forward_flops(), 40_551_040);
    }
}
