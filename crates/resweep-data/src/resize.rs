//! Crops and scales an image to the model's square size.

use image::RgbImage;
use image::imageops::{self, FilterType};

/// Crops the central square and scales it to `size` x `size` pixels. An image of that size is
/// unchanged.
pub fn to_square(image: RgbImage, size: usize) -> RgbImage {
    let (width, height) = image.dimensions();
    if (width as usize, height as usize) == (size, size) {
        return image;
    }
    let side = width.min(height);
    let (left, top) = ((width - side) / 2, (height - side) / 2);
    let square = imageops::crop_imm(&image, left, top, side, side);
    imageops::resize(&*square, size as u32, size as u32, FilterType::Triangle)
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn the_centre_of_a_wide_image_is_kept() {
        let image = RgbImage::from_fn(40, 20, |x, _| {
            if (10..30).contains(&x) {
                Rgb([200, 100, 50])
            } else {
                Rgb([0, 0, 0])
            }
        });
        let square = to_square(image, 10);
        assert_eq!(square.dimensions(), (10, 10));
        assert!(square.pixels().all(|pixel| pixel.0 == [200, 100, 50]));
    }

    #[test]
    fn halving_averages_rather_than_drops_pixels() {
        let image = RgbImage::from_fn(32, 32, |x, y| {
            Rgb([if (x + y) % 2 == 0 { 255 } else { 0 }; 3])
        });
        let square = to_square(image, 16);
        assert!(square.pixels().all(|pixel| pixel.0[0].abs_diff(128) < 16));
    }
}
