//! Converts bytes to the network's input: `x = (pixel / 255 - mean) / deviation`.
//!
//! The statistics are those of the training images. They are exact integer sums, so they do not
//! depend on the order of the images.

use super::image_set::{CHANNELS, ImageSet};
use resweep_core::domain::Normalisation;

/// The affine map of each position of an image from bytes to the network's input, and its inverse:
/// `x = pixel * scale[channel] - offset[position]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Normaliser {
    scale: [f32; CHANNELS],
    /// Height x width x channels.
    offset: Vec<f32>,
}

impl Normaliser {
    /// The map of kind `kind`, with the statistics of `train`:
    ///
    /// - per-pixel mean: subtracts the mean training image; no division (the paper, section 4.2);
    /// - per channel: the mean and the population standard deviation of all pixels of a channel.
    pub fn new(kind: Normalisation, train: &ImageSet) -> Self {
        match kind {
            Normalisation::PerPixelMean => Self::per_pixel(train),
            Normalisation::PerChannel => Self::per_channel(train),
        }
    }

    fn per_pixel(train: &ImageSet) -> Self {
        let mut sums = vec![0_u64; train.stride()];
        for image in train.images.chunks_exact(train.stride()) {
            for (sum, &pixel) in sums.iter_mut().zip(image) {
                *sum += u64::from(pixel);
            }
        }
        let count = train.len().max(1) as f64;
        Self {
            scale: [1.0 / 255.0; CHANNELS],
            offset: sums
                .iter()
                .map(|&sum| (sum as f64 / count / 255.0) as f32)
                .collect(),
        }
    }

    fn per_channel(train: &ImageSet) -> Self {
        let [mean, deviation] = channel_statistics(train);
        let scale = deviation.map(|deviation| (1.0 / (255.0 * deviation)) as f32);
        let offset = std::array::from_fn::<f32, CHANNELS, _>(|channel| {
            (mean[channel] / deviation[channel]) as f32
        });
        Self {
            scale,
            offset: offset.repeat(train.size * train.size),
        }
    }

    /// The mean that is subtracted from pixels in 0..1: channels x height x width, PyTorch's order.
    pub fn mean(&self) -> Vec<f32> {
        let deviation = self.deviation();
        let planes = (0..CHANNELS).flat_map(|channel| {
            let plane = self.offset.iter().skip(channel).step_by(CHANNELS);
            plane.map(move |offset| offset * deviation[channel])
        });
        planes.collect()
    }

    /// The divisor of each channel.
    pub fn deviation(&self) -> [f32; CHANNELS] {
        self.scale.map(|scale| 1.0 / (255.0 * scale))
    }

    /// The factor of each channel, for bytes.
    pub fn scale(&self) -> &[f32; CHANNELS] {
        &self.scale
    }

    /// The offset that is subtracted after scaling: height x width x channels.
    pub fn offset(&self) -> &[f32] {
        &self.offset
    }

    /// Height x width x channels of the images that the map is for.
    pub fn stride(&self) -> usize {
        self.offset.len()
    }

    /// Normalises the run of pixels that starts at `position` (a multiple of the channels).
    pub fn apply(&self, pixels: &[u8], position: usize, out: &mut [f32]) {
        let offset = &self.offset[position..position + pixels.len()];
        let pixels = pixels.chunks_exact(CHANNELS);
        let offset = offset.chunks_exact(CHANNELS);
        for ((out, pixel), offset) in out.chunks_exact_mut(CHANNELS).zip(pixels).zip(offset) {
            for channel in 0..CHANNELS {
                out[channel] = f32::from(pixel[channel]) * self.scale[channel] - offset[channel];
            }
        }
    }

    /// Converts one image, height x width x channels, back to bytes for display.
    pub fn invert(&self, values: &[f32]) -> Vec<u8> {
        let scale = self.scale.iter().cycle();
        (values.iter().zip(&self.offset).zip(scale))
            .map(|((value, offset), scale)| ((value + offset) / scale).round() as u8)
            .collect()
    }
}

/// Mean and population standard deviation of each channel, of pixels in 0..1. The deviation of a
/// constant channel is 1, so that division is safe.
fn channel_statistics(train: &ImageSet) -> [[f64; CHANNELS]; 2] {
    let (mut sums, mut squares) = ([0_u64; CHANNELS], [0_u64; CHANNELS]);
    for pixel in train.images.chunks_exact(CHANNELS) {
        for channel in 0..CHANNELS {
            let value = u64::from(pixel[channel]);
            sums[channel] += value;
            squares[channel] += value * value;
        }
    }
    let count = (train.images.len() / CHANNELS).max(1) as f64;
    let mean = sums.map(|sum| sum as f64 / count / 255.0);
    let deviation = std::array::from_fn(|channel| {
        let square = squares[channel] as f64 / count / (255.0 * 255.0);
        let variance = (square - mean[channel] * mean[channel]).max(0.0);
        if variance < 1e-12 {
            1.0
        } else {
            variance.sqrt()
        }
    });
    [mean, deviation]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two images of 1x1 pixels: sizes are square.
    fn two_pixels() -> ImageSet {
        let mut set = ImageSet::empty(1);
        set.push(&[0, 100, 255], 0);
        set.push(&[51, 100, 0], 1);
        set
    }

    fn applied(normaliser: &Normaliser, pixels: &[u8]) -> Vec<f32> {
        let mut out = vec![0.0; pixels.len()];
        normaliser.apply(pixels, 0, &mut out);
        out
    }

    fn assert_close(found: &[f32], expected: &[f32]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
        }
    }

    #[test]
    fn per_pixel_mean_subtracts_the_mean_image() {
        let normaliser = Normaliser::new(Normalisation::PerPixelMean, &two_pixels());
        // Means by hand: 25.5 / 255 = 0.1, 100 / 255, 127.5 / 255 = 0.5.
        assert_close(&applied(&normaliser, &[0, 100, 255]), &[-0.1, 0.0, 0.5]);
        assert_close(&applied(&normaliser, &[51, 151, 0]), &[0.1, 0.2, -0.5]);
    }

    #[test]
    fn channels_get_zero_mean_and_unit_deviation() {
        let normaliser = Normaliser::new(Normalisation::PerChannel, &two_pixels());
        // Deviations by hand: 0.1, none (so 1), 0.5.
        assert_close(&applied(&normaliser, &[0, 100, 255]), &[-1.0, 0.0, 1.0]);
        assert_close(&applied(&normaliser, &[51, 151, 0]), &[1.0, 0.2, -1.0]);
    }

    #[test]
    fn per_pixel_means_differ_between_positions() {
        let mut set = ImageSet::empty(2);
        set.push(&(0..12).map(|value| value * 10).collect::<Vec<u8>>(), 0);
        let normaliser = Normaliser::new(Normalisation::PerPixelMean, &set);
        assert_close(&applied(&normaliser, set.image(0)), &[0.0; 12]);
    }

    #[test]
    fn mean_and_deviation_are_those_of_the_pixels_in_0_to_1() {
        let normaliser = Normaliser::new(Normalisation::PerPixelMean, &two_pixels());
        assert_close(&normaliser.mean(), &[0.1, 100.0 / 255.0, 0.5]);
        assert_close(&normaliser.deviation(), &[1.0; 3]);
        let normaliser = Normaliser::new(Normalisation::PerChannel, &two_pixels());
        assert_close(&normaliser.mean(), &[0.1, 100.0 / 255.0, 0.5]);
        assert_close(&normaliser.deviation(), &[0.1, 1.0, 0.5]);
    }

    #[test]
    fn means_lie_channel_by_channel() {
        let mut set = ImageSet::empty(2);
        set.push(&(0..12).collect::<Vec<u8>>(), 0);
        let normaliser = Normaliser::new(Normalisation::PerPixelMean, &set);
        let planes = [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11];
        assert_close(
            &normaliser.mean(),
            &planes.map(|pixel| pixel as f32 / 255.0),
        );
    }

    #[test]
    fn inverting_gives_the_bytes_back() {
        let set = two_pixels();
        for kind in [Normalisation::PerPixelMean, Normalisation::PerChannel] {
            let normaliser = Normaliser::new(kind, &set);
            let values = applied(&normaliser, set.image(0));
            assert_eq!(normaliser.invert(&values), set.image(0));
        }
    }
}
