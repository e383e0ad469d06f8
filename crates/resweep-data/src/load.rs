//! Loads the data set of a configuration, ready for training.

use std::error::Error;
use std::path::{Path, PathBuf};

use super::cifar;
use super::dataset::{Data, DatasetInfo};
use super::error::DataError;
use super::folder;
use super::normalise::Normaliser;
use super::split;
use super::synthetic;
use resweep_core::domain::{DataConfig, Dataset, EvalSet, Validation};

/// Loads a data set at `image_size` x `image_size` pixels.
///
/// `cache` is a folder for decoded images, created when needed, not a link; only class folders use
/// it, and it may be deleted at any time.
///
/// # Errors
/// Missing, damaged or unreadable files; the message says what to do.
pub fn load(config: &DataConfig, image_size: usize, cache: &Path) -> Result<Data, DataError> {
    start_threads()?;
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

/// The properties of a data set, decoding as little as possible: the version of the synthetic
/// images, the bytes of CIFAR's files, or the cache of a class folder, which is created if it is
/// missing or stale.
///
/// # Errors
/// As [`load`].
pub fn describe(
    config: &DataConfig,
    image_size: usize,
    cache: &Path,
) -> Result<DatasetInfo, DataError> {
    start_threads()?;
    match config.dataset {
        Dataset::Synthetic => Ok(synthetic::describe(image_size)),
        Dataset::Cifar10 => cifar::describe(&cifar::CIFAR10, &path(config)?),
        Dataset::Cifar100 => cifar::describe(&cifar::CIFAR100, &path(config)?),
        Dataset::Folder => folder::describe(request(config, &path(config)?, image_size, cache)),
    }
}

/// Starts the threads that decode and draw images; Rayon would panic where they cannot start.
fn start_threads() -> Result<(), DataError> {
    let built = rayon::ThreadPoolBuilder::new().build_global();
    match built.as_ref().map_err(Error::source) {
        // Without a cause: they run already.
        Ok(()) | Err(None) => Ok(()),
        Err(Some(cause)) => Err(DataError::Threads {
            reason: cause.to_string(),
        }),
    }
}

/// The number of images of a class folder whose EXIF orientation turns or mirrors them, which is
/// ignored in training, and of all its images. Reads the head of every file.
///
/// # Errors
/// A folder that cannot be read, or without classes.
pub fn turned(config: &DataConfig) -> Result<(usize, usize), DataError> {
    let root = path(config)?;
    folder::turned(request(config, &root, 0, Path::new("")))
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
pub fn published(dataset: Dataset) -> Option<DatasetInfo> {
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
