//! Reads CIFAR-10 and CIFAR-100 in their official binary layout.
//!
//! A record is one label byte (CIFAR-100: the coarse label, then the fine one, which is used) and
//! 3,072 pixel bytes: the red plane, then green, then blue, each 32 rows of 32 pixels.

mod layout;

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use image::RgbImage;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::dataset::{DatasetInfo, Labels, Source};
use super::error::DataError;
use super::files;
use super::image_set::ImageSet;
use super::resize;
pub use layout::{CIFAR10, CIFAR100, Layout};
use layout::{PLANE, SIZE};
use resweep_core::domain::{hex, is_unprintable};

/// Loads the images at `image_size` pixels; scales them if that is not 32.
pub(crate) fn load(layout: &Layout, path: &Path, image_size: usize) -> Result<Source, DataError> {
    let folder = layout.locate(path);
    let mut hash = Sha256::new();
    let (mut train, mut test) = (ImageSet::empty(image_size), ImageSet::empty(image_size));
    for (name, bytes) in layout.files() {
        let file = folder.join(name);
        let content = read_checked(layout, path, &file, bytes)?;
        hash.update(&content);
        let set = if name == layout.test {
            &mut test
        } else {
            &mut train
        };
        decode(layout, &file, &content, set)?;
    }
    Ok(Source {
        train,
        test,
        classes: class_names(layout, &folder),
        fingerprint: hex(&hash.finalize()),
        warnings: Vec::new(),
    })
}

/// The properties of the data set, without decoding images.
pub(crate) fn describe(layout: &Layout, path: &Path) -> Result<DatasetInfo, DataError> {
    let folder = layout.locate(path);
    let mut hash = Sha256::new();
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for (name, bytes) in layout.files() {
        let file = folder.join(name);
        let content = read_checked(layout, path, &file, bytes)?;
        hash.update(&content);
        let set = if name == layout.test {
            &mut test
        } else {
            &mut train
        };
        set.extend(labels(layout, &file, &content)?);
    }
    Ok(DatasetInfo {
        fingerprint: hex(&hash.finalize()),
        classes: usize::from(layout.classes),
        train_images: train.len(),
        labels: Some(Arc::new(Labels { train, test })),
        decoding_bytes: 0,
        warnings: Vec::new(),
    })
}

/// The published properties of the data set, without its files.
pub(crate) fn published(layout: &Layout) -> DatasetInfo {
    let [records, _] = layout.records;
    DatasetInfo {
        fingerprint: format!("unknown: {}", layout.dataset),
        classes: usize::from(layout.classes),
        train_images: records * layout.train.len(),
        labels: None,
        decoding_bytes: 0,
        warnings: Vec::new(),
    }
}

/// Reads a file after checking its length.
fn read_checked(
    layout: &Layout,
    path: &Path,
    file: &Path,
    expected: u64,
) -> Result<Vec<u8>, DataError> {
    let found = match fs::metadata(file) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(missing(layout, file, path));
        }
        Err(error) => return Err(files::read_error(file, error)),
    };
    check_length(layout, file, found, expected)?;
    files::read(file)
}

/// The error for a missing file, which depends on the content of `path`.
fn missing(layout: &Layout, file: &Path, path: &Path) -> DataError {
    let (dataset, folder) = (layout.dataset, path.to_owned());
    if let Some(archive) = layout.archive_in(path) {
        return DataError::Packed {
            dataset,
            archive,
            folder,
        };
    }
    match layout.python_version(path) {
        Some(found) => DataError::PythonVersion {
            dataset,
            found,
            folder,
        },
        None => DataError::Missing {
            dataset,
            file: file.to_owned(),
        },
    }
}

fn check_length(layout: &Layout, file: &Path, found: u64, expected: u64) -> Result<(), DataError> {
    if found == expected {
        return Ok(());
    }
    Err(DataError::Length {
        dataset: layout.dataset,
        file: file.to_owned(),
        found,
        expected,
    })
}

/// The images of one file's content, which must have `count` records, at `size` pixels.
pub fn records(
    layout: &Layout,
    file: &Path,
    content: &[u8],
    records: usize,
    size: usize,
) -> Result<ImageSet, DataError> {
    let expected = (records * layout.record_bytes()) as u64;
    check_length(layout, file, content.len() as u64, expected)?;
    let mut set = ImageSet::empty(size);
    decode(layout, file, content, &mut set)?;
    Ok(set)
}

/// The label of each record of a file.
fn labels(layout: &Layout, file: &Path, content: &[u8]) -> Result<Vec<u16>, DataError> {
    let records = content.chunks_exact(layout.record_bytes()).enumerate();
    records
        .map(|(record, bytes)| match bytes[layout.label_bytes - 1] {
            label if label < layout.classes => Ok(u16::from(label)),
            label => Err(DataError::Label {
                dataset: layout.dataset,
                file: file.to_owned(),
                record,
                label,
                last: layout.classes - 1,
            }),
        })
        .collect()
}

/// Appends a file's records to `set`, scaled to its size.
fn decode(
    layout: &Layout,
    file: &Path,
    content: &[u8],
    set: &mut ImageSet,
) -> Result<(), DataError> {
    set.labels.extend(labels(layout, file, content)?);
    let (size, stride) = (set.size, set.stride());
    let start = set.images.len();
    set.images.resize(set.labels.len() * stride, 0);
    (set.images[start..].par_chunks_exact_mut(stride))
        .zip(content.par_chunks_exact(layout.record_bytes()))
        .for_each(|(out, record)| {
            let pixels = interleave(&record[layout.label_bytes..]);
            out.copy_from_slice(resize::to_square(pixels, size).as_raw());
        });
    Ok(())
}

/// Converts three planes to pixels of three channels.
fn interleave(planes: &[u8]) -> RgbImage {
    RgbImage::from_fn(SIZE as u32, SIZE as u32, |x, y| {
        let place = y as usize * SIZE + x as usize;
        image::Rgb([
            planes[place],
            planes[PLANE + place],
            planes[2 * PLANE + place],
        ])
    })
}

/// The list of names is a few hundred bytes long.
const NAMES_BYTES_MAX: u64 = 1 << 16;

/// The archive's class names if its list is complete, otherwise `class 0`, `class 1`...
fn class_names(layout: &Layout, folder: &Path) -> Vec<String> {
    let file = folder.join(layout.names);
    let readable =
        fs::metadata(&file).is_ok_and(|data| data.is_file() && data.len() <= NAMES_BYTES_MAX);
    let text = readable.then(|| fs::read_to_string(&file).ok()).flatten();
    let listed: Vec<String> = (text.unwrap_or_default())
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect();
    let shown = |name: &String| !name.chars().any(is_unprintable);
    if listed.len() == usize::from(layout.classes) && listed.iter().all(shown) {
        listed
    } else {
        (0..layout.classes)
            .map(|class| format!("class {class}"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use tempfile::TempDir;

    use super::*;

    /// CIFAR-10's layout with 30 images a training file and 20 test images.
    const SMALL: Layout = Layout {
        records: [30, 20],
        ..CIFAR10
    };
    const SMALL_100: Layout = Layout {
        records: [300, 100],
        ..CIFAR100
    };

    /// Records whose labels cycle through the classes and whose planes are constant: red is the
    /// record's number, green twice and blue three times that, modulo 256.
    fn records(layout: &Layout, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count * layout.record_bytes());
        for record in 0..count {
            bytes.extend(std::iter::repeat_n(0, layout.label_bytes - 1));
            bytes.push((record % usize::from(layout.classes)) as u8);
            for plane in 1..=3 {
                bytes.extend(std::iter::repeat_n((record * plane) as u8, PLANE));
            }
        }
        bytes
    }

    fn write(layout: &Layout, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        for (name, bytes) in layout.files() {
            let records = records(layout, bytes as usize / layout.record_bytes());
            fs::write(folder.join(name), records).unwrap();
        }
    }

    fn message(layout: &Layout, folder: &Path) -> String {
        load(layout, folder, 32).err().unwrap().to_string()
    }

    #[test]
    fn the_official_files_have_the_published_lengths() {
        assert!(CIFAR10.files().all(|(_, bytes)| bytes == 30_730_000));
        let lengths: Vec<u64> = CIFAR100.files().map(|(_, bytes)| bytes).collect();
        assert_eq!(lengths, [153_700_000, 30_740_000]);
    }

    #[test]
    fn images_are_read_with_their_labels_and_interleaved_channels() {
        let folder = TempDir::new().unwrap();
        write(&SMALL, folder.path());
        fs::write(
            folder.path().join(SMALL.names),
            "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n",
        )
        .unwrap();
        let source = load(&SMALL, folder.path(), 32).unwrap();
        assert_eq!((source.train.len(), source.test.len()), (150, 20));
        assert_eq!(source.classes.concat(), "abcdefghij");
        assert_eq!(source.train.labels[30 + 17], 7);
        assert_eq!(source.train.image(7)[..6], [7, 14, 21, 7, 14, 21]);
        assert_eq!(
            source.fingerprint,
            describe(&SMALL, folder.path()).unwrap().fingerprint
        );
    }

    #[test]
    fn rows_and_columns_keep_their_places() {
        let mut planes = vec![0; 3 * PLANE];
        planes[PLANE + 5 * SIZE + 9] = 77;
        let pixels = interleave(&planes).into_raw();
        let lit: Vec<usize> = (0..pixels.len())
            .filter(|&place| pixels[place] != 0)
            .collect();
        assert_eq!(lit, [(5 * SIZE + 9) * 3 + 1]);
    }

    #[test]
    fn the_folder_of_the_archive_is_found_and_the_path_leaves_the_fingerprint_alone() {
        let folder = TempDir::new().unwrap();
        let inner = folder.path().join("cifar-10-batches-bin");
        write(&SMALL, &inner);
        let outer = describe(&SMALL, folder.path()).unwrap().fingerprint;
        assert_eq!(outer, describe(&SMALL, &inner).unwrap().fingerprint);
    }

    #[test]
    fn fine_labels_are_used_and_images_scaled_to_the_model() {
        let folder = TempDir::new().unwrap();
        write(&SMALL_100, folder.path());
        let source = load(&SMALL_100, folder.path(), 4).unwrap();
        assert_eq!(source.train.labels[199], 99);
        assert_eq!(source.classes[99], "class 99");
        assert_eq!(source.train.image(60)[..3], [60, 120, 180]);
    }

    #[test]
    fn a_missing_file_is_named_with_the_way_to_get_it() {
        let folder = TempDir::new().unwrap();
        let missing = message(&CIFAR10, folder.path());
        assert!(missing.contains("data_batch_1.bin is missing"), "{missing}");
        assert!(
            missing.contains("resweep data download cifar10"),
            "{missing}"
        );
        assert!(missing.contains("resweep data download"), "{missing}");
    }

    #[test]
    fn short_long_and_corrupt_files_are_named_with_the_remedy() {
        let folder = TempDir::new().unwrap();
        write(&SMALL, folder.path());
        let third: PathBuf = folder.path().join("data_batch_3.bin");
        let whole = fs::read(&third).unwrap();
        fs::write(&third, &whole[..whole.len() - 1]).unwrap();
        let short = message(&SMALL, folder.path());
        assert!(
            short.contains("data_batch_3.bin has 92189 bytes instead of 92190"),
            "{short}"
        );
        fs::write(&third, [&whole[..], &[0]].concat()).unwrap();
        assert!(message(&SMALL, folder.path()).contains("92191 bytes"));
        let mut corrupt = whole;
        corrupt[2 * SMALL.record_bytes()] = 10;
        fs::write(&third, corrupt).unwrap();
        let label = message(&SMALL, folder.path());
        assert!(
            label.contains("data_batch_3.bin is corrupt: record 2 has the label 10"),
            "{label}"
        );
    }
}
