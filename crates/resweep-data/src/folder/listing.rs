//! Which images a class folder data set has, without opening them.

use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

use crate::error::{DataError, shown};
use crate::files;
use resweep_core::domain::{hex, is_unprintable};

const LAYOUT: &str = "`train/<class>/` and `test/<class>/` (or `val/<class>/`)";

/// Raised whenever decoding or the cache's form changes, so that old caches are left aside.
const CACHE_VERSION: u32 = 1;

/// Labels are 16 bits wide.
const CLASSES_MAX: usize = 1 << 16;

/// The images of a data set, sorted by path.
#[derive(Debug, PartialEq, Eq)]
pub struct Listing {
    pub root: PathBuf,
    /// Names of the class folders; their places are the labels.
    pub classes: Vec<String>,
    pub train: Vec<Entry>,
    pub test: Vec<Entry>,
    /// `test` or `val`.
    pub test_name: &'static str,
}

/// One image file.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// From the root of the data set.
    pub path: PathBuf,
    pub label: u16,
    pub bytes: u64,
    /// Time of the last change in nanoseconds since 1970, 0 where it is not known.
    pub modified: u128,
}

impl Listing {
    /// The name of the cache file of these images at this size.
    pub fn cache_name(&self, image_size: usize) -> String {
        let mut hash = Sha256::new();
        hash.update(CACHE_VERSION.to_le_bytes());
        hash.update((image_size as u64).to_le_bytes());
        hash.update(self.root.as_os_str().as_encoded_bytes());
        for entry in self.train.iter().chain(&self.test) {
            hash.update([0]);
            hash.update(entry.path.as_os_str().as_encoded_bytes());
            hash.update([0]);
            hash.update(entry.bytes.to_le_bytes());
            hash.update(entry.modified.to_le_bytes());
        }
        format!(
            "folder-{}-{image_size}px.images",
            &hex(&hash.finalize())[..24]
        )
    }
}

/// Lists a data set. Hidden files, files that are no images and links to folders are left out.
///
/// # Errors
/// A missing split, fewer than two or too many classes, a class whose name cannot be shown or
/// that has no images, or classes that differ between the splits.
pub fn read(root: &Path) -> Result<Listing, DataError> {
    let root = fs::canonicalize(root).map_err(|source| files::read_error(root, source))?;
    let train = root.join("train");
    let test_name = (["test", "val"].into_iter()).find(|name| root.join(name).is_dir());
    let test_name = test_name.unwrap_or("test");
    let test = root.join(test_name);
    for path in [&train, &test] {
        if !path.is_dir() {
            return Err(DataError::NoSplit {
                path: path.clone(),
                layout: LAYOUT,
            });
        }
    }
    let classes = common_classes(&train, &test)?;
    Ok(Listing {
        train: entries(&root, "train", &classes)?,
        test: entries(&root, test_name, &classes)?,
        root,
        classes,
        test_name,
    })
}

/// The class folders of both splits, which must be the same.
fn common_classes(train: &Path, test: &Path) -> Result<Vec<String>, DataError> {
    let (classes, others) = (
        class_folders(train, CLASSES_MAX)?,
        class_folders(test, CLASSES_MAX)?,
    );
    if classes.len() < 2 {
        return Err(DataError::TooFewClasses {
            path: train.to_owned(),
            found: classes.len(),
        });
    }
    // Both are sorted.
    let only_in = |split, here: &[String], there: &[String]| {
        let name = (here.iter()).find(|name| there.binary_search(name).is_err())?;
        Some(format!("`{name}` is only in {}", shown(split)))
    };
    let difference = only_in(train, &classes, &others).or_else(|| only_in(test, &others, &classes));
    match difference {
        None => Ok(classes),
        Some(difference) => Err(DataError::ClassesDiffer {
            train: train.to_owned(),
            test: test.to_owned(),
            difference,
        }),
    }
}

/// The names of the folders in a split, at most so many, sorted; links are not followed.
fn class_folders(split: &Path, most: usize) -> Result<Vec<String>, DataError> {
    let mut folders = visible(split)?;
    folders.retain(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    if folders.len() > most {
        return Err(DataError::TooManyClasses {
            path: split.to_owned(),
            found: folders.len(),
            most,
        });
    }
    let names: Result<Vec<String>, DataError> = folders.iter().map(class_name).collect();
    let mut names = names?;
    names.sort_unstable();
    Ok(names)
}

/// A class is shown in figures and on terminals by its folder's name.
fn class_name(folder: &DirEntry) -> Result<String, DataError> {
    let name = folder.file_name().into_string().ok();
    name.filter(|name| !name.chars().any(is_unprintable))
        .ok_or_else(|| DataError::ClassName {
            path: folder.path(),
        })
}

/// The images of a split, class by class.
fn entries(root: &Path, split: &str, classes: &[String]) -> Result<Vec<Entry>, DataError> {
    let mut all = Vec::new();
    for (label, class) in classes.iter().enumerate() {
        let relative = Path::new(split).join(class);
        let folder = root.join(&relative);
        let mut images: Vec<Entry> = (visible(&folder)?.iter())
            .filter_map(|file| entry(file, &relative, label as u16))
            .collect();
        if images.is_empty() {
            return Err(DataError::EmptyClass { path: folder });
        }
        images.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        all.append(&mut images);
    }
    Ok(all)
}

/// An image file, or a link that claims to lead to one.
fn entry(file: &DirEntry, folder: &Path, label: u16) -> Option<Entry> {
    let name = PathBuf::from(file.file_name());
    let extension = name.extension()?.to_str()?.to_ascii_lowercase();
    if !["jpg", "jpeg", "png"].contains(&extension.as_str()) {
        return None;
    }
    // A link to nothing is listed, so that decoding reports it.
    let metadata = fs::metadata(file.path()).ok();
    if metadata.as_ref().is_some_and(|data| !data.is_file()) {
        return None;
    }
    let modified = metadata.as_ref().and_then(|data| data.modified().ok());
    let since_1970 = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    Some(Entry {
        path: folder.join(name),
        label,
        bytes: metadata.map_or(0, |data| data.len()),
        modified: since_1970.map_or(0, |duration| duration.as_nanos()),
    })
}

/// What a folder holds, without hidden entries (`._*` of macOS, `.thumbnails`).
fn visible(folder: &Path) -> Result<Vec<DirEntry>, DataError> {
    let entries = fs::read_dir(folder).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
    let mut entries = entries.map_err(|source| files::read_error(folder, source))?;
    entries.retain(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_classes_than_labels_are_refused_and_as_many_are_not() {
        assert_eq!(CLASSES_MAX, usize::from(u16::MAX) + 1);
        let split = tempfile::tempdir().expect("a temporary folder");
        for name in ["a", "b", "c"] {
            fs::create_dir(split.path().join(name)).expect("a folder");
        }
        assert_eq!(class_folders(split.path(), 3).expect("three").len(), 3);
        let message = class_folders(split.path(), 2)
            .expect_err("too many")
            .to_string();
        assert!(
            message.contains("holds 3 class folders; at most 2"),
            "{message}"
        );
    }
}
