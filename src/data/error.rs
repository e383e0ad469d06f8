//! What can be wrong with a data set, with the file, what was found and what to do.

use std::io;
use std::path::PathBuf;

/// Why a data set could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    #[error("the data set `{dataset}` needs `data.path`, the folder that holds it")]
    NoPath { dataset: &'static str },

    #[error(
        "{file} is missing; `resweep data download {dataset}` fetches it, or set \
         `data.path` to the folder that holds it"
    )]
    Missing {
        dataset: &'static str,
        file: PathBuf,
    },

    #[error(
        "{file} has {found} bytes instead of {expected}; remove it and fetch it again with \
         `resweep data download {dataset}`"
    )]
    Length {
        dataset: &'static str,
        file: PathBuf,
        found: u64,
        expected: u64,
    },

    #[error(
        "{file} is corrupt: record {record} has the label {label}, labels end at {last}; remove \
         it and fetch it again with `resweep data download {dataset}`"
    )]
    Label {
        dataset: &'static str,
        file: PathBuf,
        record: usize,
        label: u8,
        last: u8,
    },

    #[error("cannot read {path}")]
    Read { path: PathBuf, source: io::Error },

    #[error("cannot write {path}")]
    Write { path: PathBuf, source: io::Error },

    #[error("{path} is missing; a class folder data set has {layout}")]
    NoSplit { path: PathBuf, layout: &'static str },

    #[error("{path} holds {found} class folders; at least two are needed")]
    TooFewClasses { path: PathBuf, found: usize },

    #[error("{path} holds no images (.jpg, .jpeg or .png)")]
    EmptyClass { path: PathBuf },

    #[error("the classes of {train} and {test} differ: {difference}")]
    ClassesDiffer {
        train: PathBuf,
        test: PathBuf,
        difference: String,
    },

    #[error(
        "cannot decode {count} of the images in {root}, {first} the first: {reason}; mend or \
         remove them, or set `data.broken_image = \"skip\"`"
    )]
    BrokenImages {
        root: PathBuf,
        count: usize,
        first: PathBuf,
        reason: String,
    },

    #[error("no image of {root} could be decoded for `{split}`")]
    NothingLeft { root: PathBuf, split: &'static str },

    #[error(
        "a validation set of {asked} images cannot be held out of {images} training images; \
         `data.validation` must be at least 1 and leave one image to train on"
    )]
    Validation { asked: usize, images: usize },
}
