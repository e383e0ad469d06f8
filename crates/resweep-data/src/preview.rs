//! Renders augmented samples of each class as the network sees them, for viewing.

use image::RgbImage;

use super::augment::{self, View};
use super::dataset::Data;
use super::draw;
use super::image_set::ImageSet;
use resweep_core::domain::Augmentation;
use resweep_core::domain::streams::{self, Stream};

/// Samples of one class.
#[derive(Debug, Clone)]
pub struct Row {
    pub class: String,
    /// Square tiles of the data's size in pixels.
    pub tiles: Vec<RgbImage>,
}

/// `columns` training samples of each of the first `rows` classes, drawn with `seed`, augmented and
/// normalised as for a network and converted back to colours by the inverse normalisation. Padding,
/// which is zero to the network, therefore has the mean colour, and with a mean image a shifted
/// crop shows a faint shadow of that image. A class without images has a row without tiles.
pub fn samples(
    data: &Data,
    augmentation: Augmentation,
    rows: usize,
    columns: usize,
    seed: u64,
) -> Vec<Row> {
    let mut choice = streams::rng(seed, Stream::Order);
    let mut views = streams::rng(seed, Stream::Augmentation);
    let train = &data.train;
    let classes = data.classes.iter().enumerate().take(rows);
    classes
        .map(|(label, class)| {
            let members = members(train, label);
            let picks = (0..if members.is_empty() { 0 } else { columns })
                .map(|_| members[draw::below(&mut choice, members.len())]);
            let tiles = picks.map(|index| {
                let view = match augmentation {
                    Augmentation::None => View::centred(train.size),
                    Augmentation::PadCropFlip => View::random(train.size, &mut views),
                };
                tile(data, index, view)
            });
            Row {
                class: class.clone(),
                tiles: tiles.collect(),
            }
        })
        .collect()
}

/// The images of a class.
fn members(set: &ImageSet, label: usize) -> Vec<usize> {
    (0..set.len())
        .filter(|&index| usize::from(set.labels[index]) == label)
        .collect()
}

fn tile(data: &Data, index: usize, view: View) -> RgbImage {
    let train = &data.train;
    let mut values = vec![0.0; train.stride()];
    augment::render(
        train.image(index),
        train.size,
        view,
        &data.normaliser,
        &mut values,
    );
    let pixels = data.normaliser.invert(&values);
    let size = train.size as u32;
    RgbImage::from_raw(size, size, pixels).unwrap_or_else(|| RgbImage::new(size, size))
}
