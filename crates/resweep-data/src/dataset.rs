//! The types of a data set: images in memory, and the properties that a plan needs.

use std::sync::Arc;

use super::image_set::ImageSet;
use super::normalise::Normaliser;
use super::split;
use resweep_core::domain::{EvalSet, ImageCounts, Spread, Validation};

/// A set of images.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Part {
    /// The training images.
    #[default]
    Train,
    /// The evaluation images.
    Eval,
}

/// A data set in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Data {
    pub train: ImageSet,
    pub eval: ImageSet,
    /// Which images `eval` contains.
    pub eval_set: EvalSet,
    /// The names of the classes, by label.
    pub classes: Vec<String>,
    /// SHA-256, in hexadecimal, of the images and labels; independent of their path.
    pub fingerprint: String,
    /// Converts bytes to the network's input, with the statistics of `train`.
    pub normaliser: Normaliser,
    /// Warnings, such as skipped images.
    pub warnings: Vec<String>,
}

impl Data {
    /// One of the two sets.
    pub fn part(&self, part: Part) -> &ImageSet {
        match part {
            Part::Train => &self.train,
            Part::Eval => &self.eval,
        }
    }
}

/// The result of the loader of one kind of data set.
pub struct Source {
    pub train: ImageSet,
    pub test: ImageSet,
    pub classes: Vec<String>,
    pub fingerprint: String,
    pub warnings: Vec<String>,
}

/// The properties of a data set that a plan needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetInfo {
    /// As [`Data::fingerprint`].
    pub fingerprint: String,
    pub classes: usize,
    /// Training images before any are held out.
    pub train_images: usize,
    /// The labels of all images, if known.
    pub labels: Option<Arc<Labels>>,
    /// An upper bound of the memory for decoding the images, besides their decoded pixels; 0 if they
    /// are not decoded.
    pub decoding_bytes: u64,
    /// Warnings, such as skipped files.
    pub warnings: Vec<String>,
}

/// The labels of a data set's images, in their order.
#[derive(Debug, PartialEq, Eq)]
pub struct Labels {
    pub train: Vec<u16>,
    pub test: Vec<u16>,
}

impl DatasetInfo {
    /// The number of images of a run with this `validation` setting; `None` if the labels are
    /// unknown or no training image would remain.
    pub fn counts(&self, validation: Validation) -> Option<ImageCounts> {
        let Labels { train, test } = &**self.labels.as_ref()?;
        let spread = |labels: Vec<u16>| Spread::of(labels, self.classes);
        let (train, eval, eval_set) = match validation {
            Validation::None => (train.clone(), test.clone(), EvalSet::Test),
            Validation::Images(count) => {
                let held_out = split::chosen(train.len(), count).ok()?;
                let part = |wanted: bool| {
                    let pairs = train.iter().zip(&held_out);
                    let part = pairs.filter(|(_, held_out)| **held_out == wanted);
                    part.map(|(label, _)| *label).collect()
                };
                (part(false), part(true), EvalSet::Validation)
            }
        };
        Some(ImageCounts {
            classes: self.classes as u64,
            train: spread(train),
            eval: spread(eval),
            eval_set,
        })
    }
}
