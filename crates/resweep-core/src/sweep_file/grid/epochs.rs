//! Converts `epochs`, passes over the training images, to iterations.
//!
//! Batches are taken from one endless sequence of permutations of the training images, so a batch
//! can contain images of two epochs, and every batch is full. The number of iterations is the
//! smallest after which every image was used `epochs` times: `epochs` x images / batch size,
//! rounded up.

use super::context::CountImages;
use super::data;
use crate::domain::DataConfig;

/// The maximum number of iterations of a run.
const ITERATIONS_MAX: f64 = 1e9;

/// Counts the training images of a configuration, without the validation split.
pub fn images(
    data: &DataConfig,
    image_size: usize,
    count_images: CountImages<'_>,
) -> Result<usize, String> {
    let all = match data::train_images(data.dataset) {
        Some(all) => all,
        None => count_images(data, image_size)?,
    };
    match all.saturating_sub(data.validation.images()) {
        0 => Err("there is no image to train on".to_owned()),
        images => Ok(images),
    }
}

/// Returns the iterations after which every image was used `epochs` times.
pub fn iterations(epochs: f64, images: usize, batch_size: usize) -> Result<u64, String> {
    #[expect(clippy::cast_precision_loss, reason = "both are far below 2^53")]
    let exact = epochs * images as f64 / batch_size as f64;
    let nearest = exact.round();
    // Without this, rounding errors of binary fractions would add an iteration.
    let whole = if (exact - nearest).abs() < 1e-6 {
        nearest
    } else {
        exact.ceil()
    };
    if whole > ITERATIONS_MAX {
        return Err(format!("{whole} iterations are more than {ITERATIONS_MAX}"));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is between 1 and 1e9"
    )]
    Ok(whole.max(1.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_are_rounded_up_to_whole_iterations() {
        let cases = [
            (10.0, 50_000, 128, 3907), // 3906.25
            (1.0, 50_000, 128, 391),   // 390.625
            (163.84, 50_000, 128, 64_000),
            (3.0, 10_000, 100, 300),
            (0.3, 10_000, 100, 30),
            (0.001, 100, 128, 1),
            (2.0, 24, 16, 3),
        ];
        for (epochs, images, batch_size, expected) in cases {
            let found = iterations(epochs, images, batch_size);
            assert_eq!(found, Ok(expected), "{epochs} of {images} by {batch_size}");
        }
        assert!(iterations(1e6, 50_000, 1).is_err());
    }
}
