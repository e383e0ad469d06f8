//! Loads the data set of a configuration, ready for training.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::batches::Part;
use super::cifar;
use super::error::DataError;
use super::folder;
use super::image_set::ImageSet;
use super::normalise::Normaliser;
use super::split;
use super::synthetic;
use resweep_core::domain::{DataConfig, Dataset, EvalSet, ImageCounts, Spread, Validation};

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
pub(super) struct Source {
    pub train: ImageSet,
    pub test: ImageSet,
    pub classes: Vec<String>,
    pub fingerprint: String,
    pub warnings: Vec<String>,
}

/// Loads a data set at `image_size` x `image_size` pixels.
///
/// `cache` is a folder for decoded images, created when needed, not a link; only class folders use it, and it
/// may be deleted at any time.
///
/// # Errors
/// Missing, damaged or unreadable files; the message says what to do.
pub fn load(config: &DataConfig, image_size: usize, cache: &Path) -> Result<Data, DataError> {
    let source = match config.dataset {
        Dataset::Synthetic => synthetic::load(image_size),
        Dataset::Cifar10 => cifar::load(&cifar::CIFAR10, &path(config)?, image_size)?,
        Dataset::Cifar100 => cifar::load(&cifar::CIFAR100, &path(config)?, image_size)?,
        Dataset::Folder => folder::load(request(config, &path(config)?, image_size, cache))?,
    };
    let (train, eval, eval_set) = match config.validation {
        Validation::None => (source.train, source.test, EvalSet::Test),
        Validation::Images(count) => {
            let (rest, held_out) = split::hold_out(&source.train, count)?;
            (rest, held_out, EvalSet::Validation)
        }
    };
    Ok(Data {
        normaliser: Normaliser::new(config.normalisation, &train),
        train,
        eval,
        eval_set,
        classes: source.classes,
        fingerprint: source.fingerprint,
        warnings: source.warnings,
    })
}

/// The properties of a data set that a plan needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// As [`Data::fingerprint`].
    pub fingerprint: String,
    pub classes: usize,
    /// Training images before any are held out.
    pub train_images: usize,
    /// The labels of all images, if known.
    pub labels: Option<Arc<Labels>>,
    /// Warnings, such as skipped files.
    pub warnings: Vec<String>,
}

/// The labels of a data set's images, in their order.
#[derive(Debug, PartialEq, Eq)]
pub struct Labels {
    pub train: Vec<u16>,
    pub test: Vec<u16>,
}

impl Facts {
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

/// The properties of a data set, decoding as little as possible: the version of the synthetic
/// images, the bytes of CIFAR's files, or the cache of a class folder, which is created if it is
/// missing or stale.
///
/// # Errors
/// As [`load`].
pub fn describe(config: &DataConfig, image_size: usize, cache: &Path) -> Result<Facts, DataError> {
    match config.dataset {
        Dataset::Synthetic => Ok(synthetic::describe(image_size)),
        Dataset::Cifar10 => cifar::describe(&cifar::CIFAR10, &path(config)?),
        Dataset::Cifar100 => cifar::describe(&cifar::CIFAR100, &path(config)?),
        Dataset::Folder => folder::describe(request(config, &path(config)?, image_size, cache)),
    }
}

/// The folder and options of a class folder data set.
fn request<'a>(
    config: &DataConfig,
    root: &'a Path,
    image_size: usize,
    cache: &'a Path,
) -> folder::Request<'a> {
    folder::Request {
        root,
        broken_image: config.broken_image,
        test_fraction: config.test_fraction,
        image_size,
        cache,
    }
}

/// The properties of a data set whose size is published, without its images; `None` for class
/// folders. If only the images determine the fingerprint, it is marked as unknown.
pub fn published(dataset: Dataset) -> Option<Facts> {
    match dataset {
        Dataset::Cifar10 => Some(cifar::published(&cifar::CIFAR10)),
        Dataset::Cifar100 => Some(cifar::published(&cifar::CIFAR100)),
        Dataset::Synthetic | Dataset::Folder => None,
    }
}

fn path(config: &DataConfig) -> Result<PathBuf, DataError> {
    config.path.clone().ok_or(DataError::NoPath {
        dataset: name(config.dataset),
    })
}

/// The name in sweep files.
fn name(dataset: Dataset) -> &'static str {
    match dataset {
        Dataset::Synthetic => "synthetic",
        Dataset::Cifar10 => "cifar10",
        Dataset::Cifar100 => "cifar100",
        Dataset::Folder => "folder",
    }
}
