//! The names and lengths of CIFAR's files.

use std::path::{Path, PathBuf};

use crate::image_set::CHANNELS;

/// Height and width of CIFAR's images in pixels.
pub const SIZE: usize = 32;

/// Bytes of one colour plane.
pub const PLANE: usize = SIZE * SIZE;

/// One of the two layouts.
#[derive(Debug)]
pub struct Layout {
    pub dataset: &'static str,
    /// The folder in the official archive.
    pub folder: &'static str,
    /// The official archive.
    pub archive: &'static str,
    /// The folder and the archive of the Python version, and one of its files.
    pub python: [&'static str; 3],
    pub train: &'static [&'static str],
    pub test: &'static str,
    /// Images in each training file, and in the test file.
    pub records: [usize; 2],
    /// Label bytes of a record; the last one is used.
    pub label_bytes: usize,
    pub classes: u8,
    /// The file with the names of the classes, one a line.
    pub names: &'static str,
}

pub const CIFAR10: Layout = Layout {
    dataset: "cifar10",
    folder: "cifar-10-batches-bin",
    archive: "cifar-10-binary.tar.gz",
    python: [
        "cifar-10-batches-py",
        "cifar-10-python.tar.gz",
        "data_batch_1",
    ],
    train: &[
        "data_batch_1.bin",
        "data_batch_2.bin",
        "data_batch_3.bin",
        "data_batch_4.bin",
        "data_batch_5.bin",
    ],
    test: "test_batch.bin",
    records: [10_000, 10_000],
    label_bytes: 1,
    classes: 10,
    names: "batches.meta.txt",
};

pub const CIFAR100: Layout = Layout {
    dataset: "cifar100",
    folder: "cifar-100-binary",
    archive: "cifar-100-binary.tar.gz",
    python: ["cifar-100-python", "cifar-100-python.tar.gz", "train"],
    train: &["train.bin"],
    test: "test.bin",
    records: [50_000, 10_000],
    label_bytes: 2,
    classes: 100,
    names: "fine_label_names.txt",
};

impl Layout {
    /// Bytes of one record.
    pub fn record_bytes(&self) -> usize {
        self.label_bytes + CHANNELS * PLANE
    }

    /// The files that hold images, with their lengths in bytes, training files first.
    pub fn files(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let bytes = self
            .records
            .map(|records| (records * self.record_bytes()) as u64);
        (self.train.iter().map(move |&name| (name, bytes[0])))
            .chain(std::iter::once((self.test, bytes[1])))
    }

    /// The folder of the files: `path` itself or the archive's folder in it.
    pub fn locate(&self, path: &Path) -> PathBuf {
        let inner = path.join(self.folder);
        // If access is denied, treat it as present: reading it says why.
        let is_there = |name: &str| !matches!(path.join(name).try_exists(), Ok(false));
        let here = is_there(self.train[0]) || is_there(self.test);
        if here || !inner.is_dir() {
            path.to_owned()
        } else {
            inner
        }
    }

    /// The official archive in `path`, if it is there.
    pub fn archive_in(&self, path: &Path) -> Option<PathBuf> {
        let archive = path.join(self.archive);
        archive.is_file().then_some(archive)
    }

    /// The version for Python in `path`, unpacked or not.
    pub fn python_version(&self, path: &Path) -> Option<PathBuf> {
        let [folder, archive, file] = self.python;
        let inside = [folder, archive].map(|name| path.join(name));
        let itself = path.ends_with(folder) || path.join(file).is_file();
        let mut found = inside
            .into_iter()
            .filter(|path| matches!(path.try_exists(), Ok(true)));
        found.next().or_else(|| itself.then(|| path.to_owned()))
    }
}
