//! Pads, crops and mirrors images (paper, section 4.2).
//!
//! The normalised image is padded with zeros, which correspond to the mean, and a random window of
//! the image's size is cropped; half of the windows are mirrored.

use rand_chacha::ChaCha8Rng;

use super::draw;
use super::image_set::CHANNELS;
use super::normalise::Normaliser;

/// Pixels of padding on each side: 4 at 32 pixels as in the paper, an eighth at other sizes.
pub fn padding(size: usize) -> usize {
    size / 8
}

/// A crop of the padded image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// Top and left of the window in the padded image, each in `0..=2 * padding`.
    pub top: usize,
    pub left: usize,
    pub mirrored: bool,
}

impl View {
    /// The unchanged image.
    pub fn centred(size: usize) -> Self {
        Self {
            top: padding(size),
            left: padding(size),
            mirrored: false,
        }
    }

    /// Words of the random stream for each random view.
    pub const WORDS: u128 = 3;

    /// One of the (2 * padding + 1)^2 windows or its mirror image, all equally probable.
    pub fn random(size: usize, rng: &mut ChaCha8Rng) -> Self {
        let places = 2 * padding(size) + 1;
        Self {
            top: draw::below(rng, places),
            left: draw::below(rng, places),
            mirrored: draw::below(rng, 2) == 1,
        }
    }
}

/// Writes the view of `image`, normalised, into `out`; both are height x width x channels.
pub fn render(image: &[u8], size: usize, view: View, normaliser: &Normaliser, out: &mut [f32]) {
    let row_len = size * CHANNELS;
    for (y, row) in out.chunks_exact_mut(row_len).enumerate() {
        match (y + view.top).checked_sub(padding(size)) {
            Some(source) if source < size => {
                let start = source * row_len;
                let pixels = &image[start..start + row_len];
                render_row(pixels, start, size, view.left, normaliser, row);
                if view.mirrored {
                    mirror(row);
                }
            }
            _ => row.fill(0.0),
        }
    }
}

/// One row of the window: the part inside the image, and zeros on both sides.
fn render_row(
    pixels: &[u8],
    position: usize,
    size: usize,
    left: usize,
    normaliser: &Normaliser,
    row: &mut [f32],
) {
    let skipped = left.saturating_sub(padding(size)) * CHANNELS;
    let blank = padding(size).saturating_sub(left) * CHANNELS;
    let shared = row.len() - skipped - blank;
    row[..blank].fill(0.0);
    row[blank + shared..].fill(0.0);
    normaliser.apply(
        &pixels[skipped..skipped + shared],
        position + skipped,
        &mut row[blank..blank + shared],
    );
}

/// Reverses the pixels of a row.
fn mirror(row: &mut [f32]) {
    row.reverse();
    for pixel in row.chunks_exact_mut(CHANNELS) {
        pixel.reverse();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ImageSet;
    use resweep_core::domain::Normalisation;
    use resweep_core::domain::streams::{self, Stream};

    const SIZE: usize = 16;

    /// An image whose every value is its position, and the normaliser of an all-zero set.
    fn numbered() -> (Vec<u8>, Normaliser) {
        let image: Vec<u8> = (0..SIZE * SIZE * CHANNELS)
            .map(|i| (i % 251) as u8)
            .collect();
        let mut zeros = ImageSet::empty(SIZE);
        zeros.push(&vec![0; image.len()], 0);
        (image, Normaliser::new(Normalisation::PerPixelMean, &zeros))
    }

    /// The view, computed value by value from the definition.
    fn by_definition(image: &[u8], view: View) -> Vec<f32> {
        let pad = padding(SIZE);
        let mut out = Vec::new();
        for y in 0..SIZE {
            for x in 0..SIZE {
                let x = if view.mirrored { SIZE - 1 - x } else { x };
                for channel in 0..CHANNELS {
                    let (y, x) = (
                        (y + view.top).wrapping_sub(pad),
                        (x + view.left).wrapping_sub(pad),
                    );
                    let inside = y < SIZE && x < SIZE;
                    out.push(if inside {
                        f32::from(image[(y * SIZE + x) * CHANNELS + channel]) / 255.0
                    } else {
                        0.0
                    });
                }
            }
        }
        out
    }

    #[test]
    fn views_match_the_definition() {
        let (image, normaliser) = numbered();
        for top in 0..=4 {
            for left in 0..=4 {
                for mirrored in [false, true] {
                    let view = View {
                        top,
                        left,
                        mirrored,
                    };
                    let mut out = vec![f32::NAN; image.len()];
                    render(&image, SIZE, view, &normaliser, &mut out);
                    let difference = (out.iter().zip(by_definition(&image, view)))
                        .fold(0.0_f32, |most, (a, b)| most.max((a - b).abs()));
                    assert!(difference < 1e-6, "{view:?} differs by {difference}");
                }
            }
        }
    }

    #[test]
    fn padding_is_four_at_32_pixels_and_two_at_16() {
        assert_eq!((padding(32), padding(16)), (4, 2));
    }

    #[test]
    fn crops_and_mirrors_are_equally_probable() {
        let mut rng = streams::rng(3, Stream::Augmentation);
        let mut counts = [[0_u32; 2]; 25];
        for _ in 0..20_000 {
            let view = View::random(SIZE, &mut rng);
            counts[view.top * 5 + view.left][usize::from(view.mirrored)] += 1;
        }
        // 400 expected of each of the 50 views; five standard deviations are 100.
        assert!(
            counts
                .iter()
                .flatten()
                .all(|count| (300..500).contains(count)),
            "{counts:?}"
        );
    }
}
