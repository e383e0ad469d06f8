//! The errors of data sets, each with the file, the cause and the remedy.

use std::io;
use std::path::{Path, PathBuf};

use resweep_core::domain::printable;

/// A path for display, with control characters escaped.
pub(super) fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}

/// The first few of some paths.
pub(super) fn examples(paths: &[PathBuf]) -> String {
    const NAMED: usize = 3;
    let named: Vec<String> = paths.iter().take(NAMED).map(|path| shown(path)).collect();
    let more = if paths.len() > NAMED { ", ..." } else { "" };
    format!("{}{more}", named.join(", "))
}

/// Why a data set could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    #[error("the data set `{dataset}` needs `data.path`, the folder that holds it")]
    NoPath { dataset: &'static str },

    #[error(
        "{} is missing; `resweep data download {dataset}` fetches it, or set \
         `data.path` to the folder that holds it",
        shown(.file)
    )]
    Missing {
        dataset: &'static str,
        file: PathBuf,
    },

    #[error(
        "{} has {found} bytes instead of {expected}; remove it and fetch it again with \
         `resweep data download {dataset}`",
        shown(.file)
    )]
    Length {
        dataset: &'static str,
        file: PathBuf,
        found: u64,
        expected: u64,
    },

    #[error(
        "{} is corrupt: record {record} has the label {label}, labels end at {last}; remove \
         it and fetch it again with `resweep data download {dataset}`",
        shown(.file)
    )]
    Label {
        dataset: &'static str,
        file: PathBuf,
        record: usize,
        label: u8,
        last: u8,
    },

    #[error(
        "{} is not unpacked yet; `resweep data download {dataset} --to {}` verifies and unpacks it",
        shown(.archive),
        shown(.folder)
    )]
    Packed {
        dataset: &'static str,
        archive: PathBuf,
        folder: PathBuf,
    },

    #[error(
        "{} is the Python version of {dataset}, but resweep reads the binary version; \
         `resweep data download {dataset} --to {}` fetches it",
        shown(.found),
        shown(.folder)
    )]
    PythonVersion {
        dataset: &'static str,
        found: PathBuf,
        folder: PathBuf,
    },

    #[error("cannot start threads to read images: {reason}; memory or processes may be limited")]
    Threads { reason: String },

    #[error("cannot read {}", shown(.path))]
    Read { path: PathBuf, source: io::Error },

    #[error("cannot write {}", shown(.path))]
    Write { path: PathBuf, source: io::Error },

    #[error(
        "{} is missing; {}a class folder data set has {layout}, or set `data.test_fraction = 0.2` \
         to split off test images from the class folders",
        shown(.path),
        .instead.as_ref().map_or(String::new(), |instead| format!("{instead}; "))
    )]
    NoSplit {
        path: PathBuf,
        /// What to do with what is there.
        instead: Option<String>,
        layout: &'static str,
    },

    #[error("{} holds {found} class folders; at least two are needed", shown(.path))]
    TooFewClasses { path: PathBuf, found: usize },

    #[error(
        "{} holds {found} class folders; at most {most} are supported",
        shown(.path)
    )]
    TooManyClasses {
        path: PathBuf,
        found: usize,
        most: usize,
    },

    #[error(
        "{} is a class folder whose name is not UTF-8 or cannot be shown; rename it",
        shown(.path)
    )]
    ClassName { path: PathBuf },

    #[error(
        "{} contains no images (JPEG, PNG, WebP, BMP, GIF, TIFF, PNM){}",
        shown(.path),
        match .others.as_slice() {
            [] => String::new(),
            [one] => format!("; its only file is none: {}", shown(one)),
            others => format!("; its {} files are none: {}", others.len(), examples(others)),
        }
    )]
    EmptyClass {
        path: PathBuf,
        /// Files of other kinds.
        others: Vec<PathBuf>,
    },

    #[error(
        "{} exists, so `data.test_fraction` cannot split off test images; remove the key or \
         the folder",
        shown(.path)
    )]
    TwoTestSets { path: PathBuf },

    #[error(
        "`data.test_fraction` selects all {images} images of {} for testing; lower it or add images",
        shown(.path)
    )]
    NothingToTrain { path: PathBuf, images: usize },

    #[error(
        "`data.test_fraction` selects none of the {images} images of {} for testing; raise it or add \
         images",
        shown(.root)
    )]
    NothingToTest { root: PathBuf, images: usize },

    #[error(
        "files in {} changed while they were read; run the command again when they are complete",
        shown(.root)
    )]
    Changing { root: PathBuf },

    #[error("the classes of {} and {} differ: {difference}", shown(.train), shown(.test))]
    ClassesDiffer {
        train: PathBuf,
        test: PathBuf,
        difference: String,
    },

    #[error(
        "cannot decode {count} of the images in {}; the first is {first}: {reason}; repair or \
         remove them, or set `broken_image = \"skip\"` in [data]",
        shown(.root)
    )]
    BrokenImages {
        root: PathBuf,
        count: usize,
        /// Relative to the root, with control characters escaped.
        first: String,
        reason: String,
    },

    #[error("no image of {} could be decoded for `{split}`", shown(.root))]
    NothingLeft { root: PathBuf, split: &'static str },

    #[error(
        "a validation set of {asked} images cannot be held out of {images} training images; \
         `data.validation` must be at least 1 and leave one image to train on"
    )]
    Validation { asked: usize, images: usize },
}

impl DataError {
    /// Whether the data set is missing, rather than damaged or unreadable.
    pub fn is_missing(&self) -> bool {
        match self {
            Self::Missing { .. } | Self::NoSplit { .. } => true,
            Self::Read { source, .. } => source.kind() == io::ErrorKind::NotFound,
            _ => false,
        }
    }

    /// Whether a file could not be written because this user may not write there.
    pub(crate) fn is_denied(&self) -> bool {
        use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
        let Self::Write { source, .. } = self else {
            return false;
        };
        matches!(source.kind(), PermissionDenied | ReadOnlyFilesystem)
    }
}
