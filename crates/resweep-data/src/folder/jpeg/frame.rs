//! The components of a JPEG, and which of their coefficients have been read.

/// Marks a coefficient that no scan has provided yet.
const NEVER: u8 = u8::MAX;

/// An image's size in blocks.
pub struct Frame {
    pub progressive: bool,
    /// MCUs of an interleaved scan.
    pub mcus: [usize; 2],
    pub components: Vec<Component>,
}

/// One colour channel.
pub struct Component {
    pub id: u8,
    /// Blocks of an MCU, horizontally and vertically.
    pub sampling: [usize; 2],
    /// Blocks that contain a part of the image: those of a scan of this component alone.
    pub blocks: [usize; 2],
    /// Which coefficients of each block are not zero, as far as a progressive image has been read;
    /// one bit for each in zigzag order. Empty for other images.
    pub nonzero: Vec<u64>,
    /// Blocks per row of `nonzero`.
    pub stride: usize,
    /// The lowest bit read of each coefficient in zigzag order, or `NEVER`.
    known: [u8; 64],
}

impl Frame {
    /// Reads a frame header; `None` if it is invalid or its samples do not have 8 bits.
    pub fn read(segment: &[u8], progressive: bool) -> Option<Self> {
        let (&[precision, h1, h0, w1, w0, count], rest) = segment.split_first_chunk::<6>()?;
        let height = usize::from(u16::from_be_bytes([h1, h0]));
        let width = usize::from(u16::from_be_bytes([w1, w0]));
        let described: Vec<&[u8]> = rest.chunks_exact(3).take(usize::from(count)).collect();
        let sampling = |entry: &&[u8]| [usize::from(entry[1] >> 4), usize::from(entry[1] & 15)];
        let sound = |side: &usize| (1..=4).contains(side);
        if precision != 8
            || width * height == 0
            || !(1..=4).contains(&described.len())
            || !described.iter().map(sampling).all(|s| s.iter().all(sound))
        {
            return None;
        }
        let most = |side: usize| described.iter().map(|c| sampling(c)[side]).max();
        let most = [most(0)?, most(1)?];
        let size = [width, height];
        let mcus = [0, 1].map(|side| size[side].div_ceil(8 * most[side]));
        let components = described.iter().map(|entry| {
            let sampling = sampling(entry);
            let blocks = [0, 1].map(|side| (size[side] * sampling[side]).div_ceil(8 * most[side]));
            let stride = mcus[0] * sampling[0];
            let stored = if progressive {
                stride * mcus[1] * sampling[1]
            } else {
                0
            };
            Component {
                id: entry[0],
                sampling,
                blocks,
                nonzero: vec![0; stored],
                stride,
                known: [NEVER; 64],
            }
        });
        Some(Self {
            progressive,
            mcus,
            components: components.collect(),
        })
    }

    /// Whether every coefficient has been read down to its last bit.
    pub fn is_complete(&self) -> bool {
        let mut known = self.components.iter().flat_map(|component| component.known);
        known.all(|lowest| lowest == 0)
    }
}

impl Component {
    /// Records that a scan provides these coefficients down to the bit `lowest`.
    pub fn learn(&mut self, coefficients: std::ops::RangeInclusive<usize>, lowest: u8) {
        self.known[coefficients].fill(lowest);
    }
}
