//! Decoded images in memory.

use sha2::{Digest, Sha256};

use resweep_core::domain::hex;

/// Colour channels of every image: red, green, blue.
pub const CHANNELS: usize = 3;

/// Decoded square images with their labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSet {
    /// Images x height x width x channels, one byte each.
    pub images: Vec<u8>,
    /// One class index for each image.
    pub labels: Vec<u16>,
    /// Height and width in pixels.
    pub size: usize,
}

impl ImageSet {
    pub fn empty(size: usize) -> Self {
        Self {
            images: Vec::new(),
            labels: Vec::new(),
            size,
        }
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Bytes of one image: height x width x channels.
    pub fn stride(&self) -> usize {
        self.size * self.size * CHANNELS
    }

    /// The pixels of one image, height x width x channels.
    ///
    /// # Panics
    /// When `index` is not below [`len`](Self::len).
    pub fn image(&self, index: usize) -> &[u8] {
        let stride = self.stride();
        &self.images[index * stride..(index + 1) * stride]
    }

    pub fn push(&mut self, pixels: &[u8], label: u16) {
        debug_assert_eq!(pixels.len(), self.stride());
        self.images.extend_from_slice(pixels);
        self.labels.push(label);
    }
}

/// SHA-256, in hexadecimal, of decoded images: size, labels and pixels of each set.
pub fn pixel_fingerprint(sets: [&ImageSet; 2]) -> String {
    let mut hash = Sha256::new();
    for set in sets {
        hash.update((set.size as u64).to_le_bytes());
        hash.update((set.len() as u64).to_le_bytes());
        for label in &set.labels {
            hash.update(label.to_le_bytes());
        }
        hash.update(&set.images);
    }
    hex(&hash.finalize())
}
