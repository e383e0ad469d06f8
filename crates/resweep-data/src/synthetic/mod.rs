//! Generates the built-in images: ten shapes in loosely typical colours, at any size.
//!
//! Each image shows one shape at a random position, size and angle on a shaded background, with
//! noise (see `docs/data.md`). Image `i` depends on the version and on `i` alone, and drawing uses
//! only operations with exact IEEE 754 rounding, so the images have the same bits on every machine.

mod scene;
mod shapes;

use std::sync::Arc;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::dataset::{DatasetInfo, Labels, Source};
use super::image_set::ImageSet;
use resweep_core::domain::hex;
use resweep_core::domain::streams::{self, Stream};
use scene::Scene;

/// Training images, the same number of each class.
pub const TRAIN_IMAGES: usize = 10_000;

/// Test images, the same number of each class.
pub const TEST_IMAGES: usize = 2_000;

/// The names of the classes, by label.
pub const CLASSES: [&str; 10] = shapes::NAMES;

/// Incremented whenever a pixel changes: it is part of every run's identity.
const VERSION: u32 = 1;

/// Generates the data set at `size` x `size` pixels.
pub(crate) fn load(size: usize) -> Source {
    Source {
        train: generate(0, TRAIN_IMAGES, size),
        test: generate(TRAIN_IMAGES, TEST_IMAGES, size),
        classes: CLASSES.map(str::to_owned).to_vec(),
        fingerprint: fingerprint(size),
        warnings: Vec::new(),
    }
}

/// The properties of the data set, without drawing images.
pub(crate) fn describe(size: usize) -> DatasetInfo {
    DatasetInfo {
        fingerprint: fingerprint(size),
        classes: CLASSES.len(),
        train_images: TRAIN_IMAGES,
        labels: Some(Arc::new(Labels {
            train: (0..TRAIN_IMAGES).map(label).collect(),
            test: (TRAIN_IMAGES..TRAIN_IMAGES + TEST_IMAGES)
                .map(label)
                .collect(),
        })),
        decoding_bytes: 0,
        warnings: Vec::new(),
    }
}

/// SHA-256, in hexadecimal, of what determines the pixels: version and size.
fn fingerprint(size: usize) -> String {
    let identity = format!("resweep synthetic images, version {VERSION}, {size} pixels");
    hex(&Sha256::digest(identity))
}

/// The images `first..first + count`; labels cycle through the classes.
fn generate(first: usize, count: usize, size: usize) -> ImageSet {
    let mut set = ImageSet::empty(size);
    set.labels = (first..first + count).map(label).collect();
    set.images = vec![0; count * set.stride()];
    let stride = set.stride();
    (set.images.par_chunks_exact_mut(stride).enumerate()).for_each(|(place, pixels)| {
        let index = first + place;
        let mut rng = streams::rng(index as u64, Stream::Synthetic);
        Scene::random(label(index), &mut rng).draw(size, &mut rng, pixels);
    });
    set
}

fn label(index: usize) -> u16 {
    (index % CLASSES.len()) as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image_set::pixel_fingerprint;

    /// If these values change, every run on synthetic data gives another result: increment
    /// `VERSION`, so that stored runs are not mistaken for new ones.
    #[test]
    fn pixels_have_not_changed() {
        let pixels = |size| {
            let (train, test) = (generate(0, 1_000, size), generate(TRAIN_IMAGES, 100, size));
            pixel_fingerprint([&train, &test])
        };
        assert_eq!(VERSION, 1);
        assert_eq!(
            [pixels(16), pixels(32)],
            [
                "936fdb858663963833e17561b5b6f7a01525506a3cef5d2e80592017ddcf242e",
                "e193e69d2920db55f1554bc90c92be73e51d698fecc2862db0bf537140d5c969",
            ]
        );
    }

    #[test]
    fn classes_are_balanced_and_test_images_are_new() {
        let (train, test) = (generate(0, 200, 16), generate(TRAIN_IMAGES, 200, 16));
        for class in 0..10 {
            assert_eq!(
                train.labels.iter().filter(|&&label| label == class).count(),
                20
            );
        }
        assert!((0..200).all(|i| (0..200).all(|j| train.image(i) != test.image(j))));
    }

    #[test]
    fn fingerprints_differ_between_sizes() {
        assert_ne!(fingerprint(16), fingerprint(32));
    }
}
