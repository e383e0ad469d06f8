//! Describes a network's convolutions for the kernels: channels padded to whole vectors, and the
//! method that computes each.

use super::kernels::{CHANNEL_MULTIPLE, Direct, InstructionSet, Winograd};
use crate::model::{Architecture, BlockShortcut, ConvBn};

/// Chunks that a batch is split into. One thread computes a chunk, and sums over the batch are
/// added chunk by chunk, so the number of threads changes no bit.
const CHUNKS: usize = 8;

/// `channels`, padded.
pub fn padded_channels(channels: usize) -> usize {
    channels.next_multiple_of(CHANNEL_MULTIPLE)
}

/// The largest number of chunks for batches of up to `batch` images.
pub fn most_chunks(batch: usize) -> usize {
    CHUNKS.min(batch)
}

/// Images in each chunk but the last, for a batch of `batch` images.
pub fn chunk_images(batch: usize) -> usize {
    batch.div_ceil(CHUNKS)
}

/// The shape of an image or activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// Height and width in pixels.
    pub size: usize,
    /// Channels in memory, padded.
    pub channels: usize,
}

impl Grid {
    /// Floats of one image.
    pub fn len(self) -> usize {
        self.size * self.size * self.channels
    }

    /// Floats between two rows of a padded image.
    pub fn padded_pitch(self) -> usize {
        Winograd::padded_size(self.size) * self.channels
    }

    /// Floats of a padded image.
    pub fn padded_len(self) -> usize {
        Winograd::padded_size(self.size) * self.padded_pitch()
    }

    /// Winograd tiles in one image.
    pub fn tiles(self) -> usize {
        Winograd::tiles(self.size).pow(2)
    }

    /// Images whose tiles are multiplied together.
    pub fn group_images(self) -> usize {
        (Winograd::GROUP / self.tiles()).max(1)
    }
}

/// One convolution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Convolution {
    /// The layer's position among the network's convolutions.
    pub index: usize,
    pub input: Grid,
    pub output: Grid,
    /// Channels of the parameters, without padding.
    pub in_channels: usize,
    pub out_channels: usize,
    pub kernel: usize,
    pub stride: usize,
}

/// The kernels that compute a convolution.
#[derive(Debug, Clone, Copy)]
pub enum Method {
    Winograd(Winograd),
    Direct(Direct),
}

impl Convolution {
    fn new(layer: &ConvBn, in_memory_channels: usize) -> Self {
        Self {
            index: layer.index,
            input: Grid {
                size: layer.in_size,
                channels: in_memory_channels,
            },
            output: Grid {
                size: layer.out_size(),
                channels: padded_channels(layer.out_channels),
            },
            in_channels: layer.in_channels,
            out_channels: layer.out_channels,
            kernel: layer.kernel,
            stride: layer.stride,
        }
    }

    /// The kernels that compute it. A transform does not pay off for the first layer's three
    /// channels.
    pub fn method(&self) -> Method {
        let (in_channels, out_channels) = (self.input.channels, self.output.channels);
        let transformable = in_channels.is_multiple_of(CHANNEL_MULTIPLE);
        if (self.kernel, self.stride, transformable) == (3, 1, true) {
            return Method::Winograd(Winograd {
                in_channels,
                out_channels,
                size: self.input.size,
            });
        }
        Method::Direct(Direct {
            in_channels,
            out_channels,
            kernel: self.kernel,
            stride: self.stride,
            pitch: if self.is_padded() {
                self.input.padded_pitch()
            } else {
                self.input.size * in_channels
            },
            out_size: self.output.size,
        })
    }

    /// Whether the input is padded: for all but 1x1 kernels.
    pub fn is_padded(&self) -> bool {
        self.kernel > 1
    }

    /// Floats of an input image in the layout of the direct method.
    pub fn input_len(&self) -> usize {
        if self.is_padded() {
            self.input.padded_len()
        } else {
            self.input.len()
        }
    }

    /// Entries of the kernel in the parameters.
    pub fn parameters(&self) -> usize {
        self.kernel * self.kernel * self.in_channels * self.out_channels
    }

    /// Entries of the kernel in memory.
    pub fn kernel_len(&self) -> usize {
        self.kernel * self.kernel * self.input.channels * self.output.channels
    }

    /// Entries of the prepared kernel, in the method's layout.
    pub fn prepared_len(&self) -> usize {
        match self.method() {
            Method::Winograd(winograd) => winograd.kernel_len(),
            Method::Direct(_) => self.kernel_len(),
        }
    }
}

/// How a block's input reaches its sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShortcutKind {
    None,
    Identity,
    SubsampleAndPad,
    Projection(Convolution),
}

/// A block's convolutions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    pub first: Convolution,
    pub second: Convolution,
    pub shortcut: ShortcutKind,
}

/// All layers but the fully connected one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backbone {
    pub stem: Convolution,
    pub blocks: Vec<Block>,
    /// Features of an image, without padding.
    pub features: usize,
}

impl Backbone {
    /// The convolutions of `architecture`.
    pub fn new(architecture: &Architecture) -> Self {
        let inside = |layer| Convolution::new(layer, padded_channels(layer.in_channels));
        let blocks = architecture.blocks.iter().map(|block| Block {
            first: inside(&block.first),
            second: inside(&block.second),
            shortcut: match &block.shortcut {
                BlockShortcut::None => ShortcutKind::None,
                BlockShortcut::Identity => ShortcutKind::Identity,
                BlockShortcut::SubsampleAndPad => ShortcutKind::SubsampleAndPad,
                BlockShortcut::Projection(layer) => ShortcutKind::Projection(inside(layer)),
            },
        });
        Self {
            stem: Convolution::new(&architecture.stem, architecture.stem.in_channels),
            blocks: blocks.collect(),
            features: architecture.features,
        }
    }

    /// Every convolution, in the order of their indices.
    pub fn convolutions(&self) -> impl Iterator<Item = &Convolution> {
        std::iter::once(&self.stem).chain(self.blocks.iter().flat_map(|block| {
            let projection = match &block.shortcut {
                ShortcutKind::Projection(projection) => Some(projection),
                _ => None,
            };
            [&block.first, &block.second].into_iter().chain(projection)
        }))
    }

    /// The maximum of `len` over the convolutions.
    pub fn largest(&self, len: impl Fn(&Convolution) -> usize) -> usize {
        self.convolutions().map(len).max().unwrap_or_default()
    }

    /// Whether the vector length of `set` divides the channels of every layer.
    pub fn divides(&self, set: InstructionSet) -> bool {
        let mut channels = self.convolutions().map(|conv| conv.output.channels);
        channels.all(|channels| channels.is_multiple_of(set.lanes()))
    }

    /// The fastest instruction set of this CPU whose vector length divides the channels of every
    /// layer.
    pub fn fastest(&self) -> InstructionSet {
        let mut sets = InstructionSet::available().into_iter();
        sets.find(|set| self.divides(*set))
            .unwrap_or(InstructionSet::Portable)
    }

    /// The shapes of the input of each block and of the output of the last.
    pub fn block_outputs(&self) -> impl Iterator<Item = Grid> {
        let outputs = self.blocks.iter().map(|block| block.second.output);
        std::iter::once(self.stem.output).chain(outputs)
    }

    /// The shape that enters the average pooling.
    pub fn last(&self) -> Grid {
        self.block_outputs().last().unwrap_or(self.stem.output)
    }
}
