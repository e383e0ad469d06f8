//! Lists the images of a class folder data set, without decoding them.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

use super::classes::{self, Class};
use super::near;
use super::walk::{self, Entry, Left};
use crate::error::{DataError, examples, shown};
use crate::files;
use resweep_core::domain::hex;

const LAYOUT: &str = "`train/<class>/` and `test/<class>/` (or `val/<class>/`)";

/// Incremented whenever decoding or the cache format changes, which invalidates old caches.
const CACHE_VERSION: u32 = 2;

/// The resolution of file system clocks: a file that changes twice within it may have the same time
/// both times.
const CLOCK_TICK: Duration = Duration::from_millis(20);

/// The most warnings about the files of single classes; the rest is counted.
const WARNINGS_MAX: usize = 20;

/// The images of a data set, class by class and sorted by path.
#[derive(Debug, PartialEq, Eq)]
pub struct Listing {
    pub root: PathBuf,
    /// Names of the classes; their indices are the labels.
    pub classes: Vec<String>,
    pub train: Vec<Entry>,
    pub test: Vec<Entry>,
    /// `train` and `test`, or the folders used instead.
    pub names: [&'static str; 2],
    /// Which files were skipped and why, one sentence each.
    pub warnings: Vec<String>,
}

impl Listing {
    /// The file name of the cache of these images at this size.
    pub fn cache_name(&self, image_size: usize) -> String {
        let mut hash = Sha256::new();
        hash.update(CACHE_VERSION.to_le_bytes());
        hash.update((image_size as u64).to_le_bytes());
        hash.update(self.root.as_os_str().as_encoded_bytes());
        hash.update((self.train.len() as u64).to_le_bytes());
        for entry in self.train.iter().chain(&self.test) {
            hash.update([0]);
            hash.update(entry.path.as_os_str().as_encoded_bytes());
            hash.update([0]);
            hash.update(entry.label.to_le_bytes());
            hash.update(entry.stamp.bytes());
        }
        format!(
            "folder-{}-{image_size}px.images",
            &hex(&hash.finalize())[..24]
        )
    }

    /// Waits until every later change of a file gets a time other than the listed one.
    pub fn settle(&self) {
        let entries = self.train.iter().chain(&self.test);
        let newest = entries.map(|entry| entry.stamp.newest()).max();
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |now| now.as_nanos());
        if newest.is_some_and(|newest| newest + CLOCK_TICK.as_nanos() > now) {
            thread::sleep(CLOCK_TICK);
        }
    }
}

/// Lists a data set. With a `test_fraction`, the test images are split off from the training
/// folder, or from `root` itself if it has no `train` folder.
///
/// # Errors
/// A missing split, fewer than two or too many classes, a class whose name cannot be shown or that
/// has no images, classes that differ between the splits, or a `test_fraction` together with a test
/// folder.
pub fn read(root: &Path, test_fraction: Option<f64>) -> Result<Listing, DataError> {
    let root = fs::canonicalize(root).map_err(|source| files::read_error(root, source))?;
    match test_fraction {
        None => read_both(root),
        Some(fraction) => read_and_divide(root, fraction),
    }
}

/// Whether a path is a folder; an error if only its reading fails, since it may be one.
fn is_folder(path: &Path) -> Result<bool, DataError> {
    match fs::metadata(path) {
        Ok(found) => Ok(found.is_dir()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(source) => Err(files::read_error(path, source)),
    }
}

fn read_both(root: PathBuf) -> Result<Listing, DataError> {
    let has_val = is_folder(&root.join("val"))?;
    let has_test = is_folder(&root.join("test"))?;
    let test_name = if has_val && !has_test { "val" } else { "test" };
    let names = ["train", test_name];
    for name in names {
        let path = root.join(name);
        if !is_folder(&path)? {
            return Err(DataError::NoSplit {
                instead: near::instead(&root, name)?,
                path,
                layout: LAYOUT,
            });
        }
    }
    let mut warnings = Vec::new();
    if has_test && has_val {
        warnings.push("the folder val is skipped because the folder test exists".to_owned());
    }
    let classes = classes::common(&root, names, &mut warnings)?;
    let mut left = Vec::new();
    let mut split = |name: &str, folder: fn(&Class) -> &String| -> Result<Vec<Entry>, DataError> {
        let mut all = Vec::new();
        for (label, class) in classes.iter().enumerate() {
            let relative = Path::new(name).join(folder(class));
            all.append(&mut images(&root, &relative, label as u16, &mut left)?);
        }
        Ok(all)
    };
    let train = split(names[0], |class| &class.train)?;
    let test = split(names[1], |class| &class.test)?;
    warnings.extend(about_files(&left));
    Ok(Listing {
        classes: classes.into_iter().map(|class| class.name).collect(),
        root,
        train,
        test,
        names,
        warnings,
    })
}

fn read_and_divide(root: PathBuf, fraction: f64) -> Result<Listing, DataError> {
    let has_train = is_folder(&root.join("train"))?;
    for name in ["test", "val"] {
        let path = root.join(name);
        if has_train && is_folder(&path)? {
            return Err(DataError::TwoTestSets { path });
        }
    }
    let base = Path::new(if has_train { "train" } else { "" });
    let mut warnings = Vec::new();
    let classes = classes::of(&root, base, &mut warnings)?;
    let (mut train, mut test, mut left) = (Vec::new(), Vec::new(), Vec::new());
    let mut untested = Vec::new();
    for (label, class) in classes.iter().enumerate() {
        let folder = base.join(&class.train);
        let all = images(&root, &folder, label as u16, &mut left)?;
        let (chosen, rest): (Vec<Entry>, Vec<Entry>) = all.into_iter().partition(|entry| {
            let path = entry.path.strip_prefix(base).unwrap_or(&entry.path);
            is_test(path, fraction)
        });
        if rest.is_empty() {
            return Err(DataError::NothingToTrain {
                path: root.join(folder),
                images: chosen.len(),
            });
        }
        if chosen.is_empty() {
            untested.push(PathBuf::from(&class.name));
        }
        train.extend(rest);
        test.extend(chosen);
    }
    if test.is_empty() {
        return Err(DataError::NothingToTest {
            root,
            images: train.len(),
        });
    }
    if !untested.is_empty() {
        let (without, all) = (untested.len(), classes.len());
        let named = examples(&untested);
        warnings.push(format!(
            "{without} of {all} classes have no test image with `data.test_fraction = {fraction}`: \
             {named}"
        ));
    }
    warnings.extend(about_files(&left));
    Ok(Listing {
        classes: classes.into_iter().map(|class| class.name).collect(),
        root,
        train,
        test,
        names: ["train", "test"],
        warnings,
    })
}

/// Whether the image at a path, relative to the folder of the classes, is a test image. Depends on
/// a hash of the path, so that adding images moves no other image.
fn is_test(path: &Path, fraction: f64) -> bool {
    let parts = path.iter().map(|part| part.to_string_lossy());
    let path: Vec<String> = parts.map(|part| classes::composed(&part)).collect();
    let digest = Sha256::digest(path.join("/"));
    let leading = digest.iter().take(8);
    let place = leading.fold(0_u64, |place, byte| place << 8 | u64::from(*byte));
    (place as f64) < fraction * 2_f64.powi(64)
}

/// The images of a class folder; an error if there are none.
fn images(
    root: &Path,
    folder: &Path,
    label: u16,
    left: &mut Vec<(PathBuf, usize, Left)>,
) -> Result<Vec<Entry>, DataError> {
    let found = walk::class(root, folder, label)?;
    if found.images.is_empty() {
        return Err(DataError::EmptyClass {
            path: root.join(folder),
            others: found.left.files,
        });
    }
    left.push((folder.to_owned(), found.images.len(), found.left));
    Ok(found.images)
}

/// One sentence for each class with skipped files.
fn about_files(left: &[(PathBuf, usize, Left)]) -> Vec<String> {
    let sentences = left.iter().flat_map(|(folder, images, left)| {
        let files = left.files.len();
        let all = images + files;
        let skipped = match files {
            1 => "is skipped because its",
            _ => "are skipped because their",
        };
        let files = (files > 0).then(|| {
            format!(
                "{files} of {all} files in {} {skipped} format is none of {}: {}",
                shown(folder),
                walk::FORMATS,
                examples(&left.files)
            )
        });
        let folders = (!left.folders.is_empty()).then(|| {
            format!(
                "{} in {} skipped because a link leads back to a folder that has been read: {}",
                match left.folders.len() {
                    1 => "1 folder".to_owned(),
                    count => format!("{count} folders"),
                },
                shown(folder),
                examples(&left.folders)
            )
        });
        files.into_iter().chain(folders)
    });
    let mut sentences: Vec<String> = sentences.collect();
    if sentences.len() > WARNINGS_MAX {
        let more = sentences.len() - WARNINGS_MAX;
        sentences.truncate(WARNINGS_MAX);
        let classes = match more {
            1 => "class",
            _ => "classes",
        };
        sentences.push(format!("files of {more} more {classes} are skipped"));
    }
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_share_is_close_to_the_fraction_and_depends_on_the_path_only() {
        let paths: Vec<PathBuf> = (0..1000).map(|n| format!("cat/{n}.png").into()).collect();
        let chosen = |fraction| paths.iter().filter(|path| is_test(path, fraction)).count();
        assert!((150..250).contains(&chosen(0.2)), "{}", chosen(0.2));
        let smaller = |path: &&PathBuf| is_test(path, 0.1);
        assert!(paths.iter().filter(smaller).all(|path| is_test(path, 0.2)));
        // the same name in another Unicode form
        assert_eq!(
            is_test(Path::new("caf\u{e9}/1"), 0.5),
            is_test(Path::new("cafe\u{301}/1"), 0.5)
        );
    }
}
