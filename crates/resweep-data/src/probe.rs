//! Entry points for the fuzz targets and their regression tests: the readers of data sets, on bytes
//! in memory. Not for other use.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::Path;

use super::cifar::{self, CIFAR10, CIFAR100};
use super::download::{self, Archive};
use super::error::DataError;
use super::folder;
use super::image_set::ImageSet;
use resweep_core::domain::Dataset;

/// The pixels of an image file of a class folder, `size` x `size` x channels, or the reason for an
/// error.
pub fn image(content: &[u8], size: usize) -> Result<Vec<u8>, String> {
    folder::pixels(content, size)
}

/// The records of one file of CIFAR, scaled to `size` x `size` pixels; CIFAR-100 unless the data
/// set is CIFAR-10. A file must have `records` records.
///
/// # Errors
/// A file of another length, or a label out of range.
pub fn cifar(
    dataset: Dataset,
    content: &[u8],
    records: usize,
    size: usize,
) -> Result<ImageSet, DataError> {
    let layout = match dataset {
        Dataset::Cifar10 => &CIFAR10,
        _ => &CIFAR100,
    };
    cifar::records(layout, Path::new("fuzzed.bin"), content, records, size)
}

/// Whether a file is a complete cache of images of `size` x `size` pixels in `classes` classes.
pub fn cache(file: &Path, size: usize, classes: usize) -> bool {
    folder::is_cache(file, size, classes)
}

/// Writes the files that `archive` needs from a `.tar` to `folder`. Returns the names of those with
/// their full length.
///
/// # Errors
/// Damage, an archive that unpacks to more bytes than allowed, or a folder that cannot be written.
pub fn unpack(archive: &Archive, tar: impl Read, folder: &Path) -> io::Result<BTreeSet<String>> {
    download::extract(archive, tar, folder)
}
