//! Which images a class folder data set has, without opening them.

use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

use crate::data::error::DataError;
use crate::data::files;
use crate::domain::hex;

const LAYOUT: &str = "`train/<class>/` and `test/<class>/` (or `val/<class>/`)";

/// Raised whenever decoding or the cache's form changes, so that old caches are left aside.
const CACHE_VERSION: u32 = 1;

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
/// A missing split, fewer than two classes, a class without images, or classes that differ
/// between the splits.
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
    let (classes, others) = (class_folders(train)?, class_folders(test)?);
    if classes.len() < 2 {
        return Err(DataError::TooFewClasses {
            path: train.to_owned(),
            found: classes.len(),
        });
    }
    let only_in = |split, here: &[String], there: &[String]| {
        let name = here.iter().find(|name| !there.contains(name))?;
        Some(format!("`{name}` is only in {}", Path::display(split)))
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

/// The names of the folders in a split, sorted; links are not followed.
fn class_folders(split: &Path) -> Result<Vec<String>, DataError> {
    let mut names: Vec<String> = (visible(split)?.iter())
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort_unstable();
    Ok(names)
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
