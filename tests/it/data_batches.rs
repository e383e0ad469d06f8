//! Training batches of the built-in images: order, augmentation, determinism.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use resweep_core::domain::{
    Augmentation, BrokenImage, DataConfig, Dataset, Normalisation, Validation,
};
use resweep_data::{Batch, Batches, Data, EvalBatches, Part, preview, synthetic};

const SIZE: usize = 16;
const STRIDE: usize = SIZE * SIZE * 3;

fn config(validation: Validation) -> DataConfig {
    DataConfig {
        dataset: Dataset::Synthetic,
        path: None,
        validation,
        augmentation: Augmentation::PadCropFlip,
        normalisation: Normalisation::PerPixelMean,
        test_fraction: None,
        broken_image: BrokenImage::Fail,
    }
}

fn load(validation: Validation) -> Data {
    resweep_data::load(&config(validation), SIZE, Path::new("unused")).unwrap()
}

static DATA: LazyLock<Arc<Data>> = LazyLock::new(|| Arc::new(load(Validation::None)));

/// A small part of the data, with images that differ in their pixels.
fn part(images: usize) -> Arc<Data> {
    let mut data = (**DATA).clone();
    data.train.images.truncate(images * STRIDE);
    data.train.labels.truncate(images);
    Arc::new(data)
}

fn bits(batch: &Batch) -> Vec<u32> {
    batch.images.iter().map(|value| value.to_bits()).collect()
}

fn first_batch(augmentation: Augmentation, seed: u64) -> Batch {
    let mut batch = Batch::default();
    Batches::new(DATA.clone(), augmentation, 64, seed).fill(&mut batch);
    batch
}

#[test]
fn synthetic_data_have_the_announced_form() {
    let data = &**DATA;
    assert_eq!(
        (data.train.len(), data.eval.len()),
        (synthetic::TRAIN_IMAGES, synthetic::TEST_IMAGES)
    );
    assert_eq!(data.train.images.len(), synthetic::TRAIN_IMAGES * STRIDE);
    assert_eq!(data.classes, synthetic::CLASSES);
    let facts =
        resweep_data::describe(&config(Validation::None), SIZE, Path::new("unused")).unwrap();
    assert_eq!(facts.fingerprint, data.fingerprint);
    assert_eq!(facts.train_images, data.train.len());
    assert_eq!(facts.classes, data.classes.len());
}

#[test]
fn batches_are_full_and_each_image_appears_once_per_epoch() {
    // Batches of 7 do not divide 20 images: the third goes over the end of the epoch.
    let data = part(20);
    let mut batches = Batches::new(data.clone(), Augmentation::None, 7, 5);
    let (mut batch, mut stream) = (Batch::default(), Vec::new());
    for _ in 0..20 {
        batches.fill(&mut batch);
        assert_eq!((batch.len(), batch.images.len()), (7, 7 * STRIDE));
        stream.extend(batch.images.chunks_exact(STRIDE).map(<[f32]>::to_vec));
    }
    let mut epochs = Vec::new();
    for epoch in stream.chunks_exact(20) {
        let mut sorted = epoch.to_vec();
        sorted.sort_by(|a, b| a.partial_cmp(b).unwrap());
        sorted.dedup();
        assert_eq!(sorted.len(), 20, "an image came twice");
        epochs.push(sorted);
    }
    assert_eq!(epochs.len(), 7);
    assert!(epochs.iter().all(|epoch| *epoch == epochs[0]));
}

#[test]
fn a_batch_may_be_larger_than_the_data() {
    let mut batch = Batch::default();
    Batches::new(part(3), Augmentation::None, 8, 5).fill(&mut batch);
    assert_eq!(batch.len(), 8);
}

#[test]
fn the_same_seed_gives_the_same_bits_and_another_seed_another_order() {
    let batch = first_batch(Augmentation::PadCropFlip, 1);
    assert_eq!(
        bits(&batch),
        bits(&first_batch(Augmentation::PadCropFlip, 1))
    );
    let other = first_batch(Augmentation::PadCropFlip, 2);
    assert_ne!(batch.labels, other.labels);
    // The order has a separate random stream.
    assert_eq!(batch.labels, first_batch(Augmentation::None, 1).labels);
}

#[test]
fn batch_without_pixels_has_the_same_picks() {
    let batches = || Batches::new(part(20), Augmentation::PadCropFlip, 7, 5);
    let (mut whole, mut bare) = (batches(), batches().rendered(false));
    let (mut expected, mut batch) = (Batch::default(), Batch::default());
    for _ in 0..20 {
        whole.fill(&mut expected);
        bare.fill(&mut batch);
        expected.images.clear();
        assert_eq!(batch, expected);
    }
}

#[test]
fn training_pixels_have_zero_mean_over_an_epoch() {
    let mut batches = Batches::new(DATA.clone(), Augmentation::None, 1_000, 1);
    let (mut batch, mut sums) = (Batch::default(), vec![0.0_f64; STRIDE]);
    for _ in 0..synthetic::TRAIN_IMAGES / 1_000 {
        batches.fill(&mut batch);
        for image in batch.images.chunks_exact(STRIDE) {
            for (sum, value) in sums.iter_mut().zip(image) {
                *sum += f64::from(*value);
            }
        }
    }
    let images = synthetic::TRAIN_IMAGES as f64;
    assert!(sums.iter().all(|sum| (sum / images).abs() < 1e-6));
}

#[test]
fn evaluation_visits_every_image_in_order() {
    let mut eval = EvalBatches::new(&DATA, Part::Eval, 300);
    let (mut batch, mut labels, mut lengths) = (Batch::default(), Vec::new(), Vec::new());
    while eval.fill(&mut batch) {
        lengths.push(batch.len());
        assert_eq!(batch.images.len(), batch.len() * STRIDE);
        labels.extend(batch.labels.iter().map(|&label| label as u16));
    }
    assert_eq!(lengths, [300, 300, 300, 300, 300, 300, 200]);
    assert_eq!(labels, DATA.eval.labels);
    assert!(!eval.fill(&mut batch));
}

#[test]
fn validation_images_are_excluded_from_training_and_statistics() {
    let split = load(Validation::Images(1_000));
    assert_eq!((split.train.len(), split.eval.len()), (9_000, 1_000));
    assert_ne!(split.normaliser, DATA.normaliser);
    assert_eq!(split.fingerprint, DATA.fingerprint);
    let message = resweep_data::load(
        &config(Validation::Images(10_000)),
        SIZE,
        Path::new("unused"),
    );
    let message = message.unwrap_err().to_string();
    assert!(
        message.contains("10000 images cannot be held out of 10000"),
        "{message}"
    );
}

#[test]
fn a_preview_shows_each_class_in_its_own_colours() {
    let rows = preview::samples(&DATA, Augmentation::None, 10, 4, 1);
    assert_eq!(rows.len(), 10);
    assert_eq!(rows[7].class, synthetic::CLASSES[7]);
    for (label, row) in rows.iter().enumerate() {
        assert_eq!(row.tiles.len(), 4);
        for tile in &row.tiles {
            let found = (0..DATA.train.len()).find(|&index| DATA.train.image(index) == &**tile);
            let found = found.expect("the tile is a training image");
            assert_eq!(usize::from(DATA.train.labels[found]), label);
        }
    }
}
