//! Class folders: `train/<class>/*.{jpg,jpeg,png}` and `test/` or `val/` in the same form.
//!
//! The listing is read each time; the decoded pixels are kept in a cache file whose name is a
//! hash of the listing, so a changed, added or removed image makes a new one.

mod cache;
mod decode;
mod listing;

use std::path::Path;
use std::sync::Arc;

use super::error::DataError;
use super::image_set::{ImageSet, pixel_fingerprint};
use super::load::{Facts, Labels, Source};
use cache::{Cached, Header};
use decode::Broken;
pub(crate) use decode::pixels;
use listing::Listing;
use resweep_core::domain::BrokenImage;

/// Loads the images at `image_size` pixels, from the cache where it has them.
pub(crate) fn load(
    root: &Path,
    broken_image: BrokenImage,
    image_size: usize,
    cache: &Path,
) -> Result<Source, DataError> {
    let listing = listing::read(root)?;
    let file = cache.join(listing.cache_name(image_size));
    let Cached {
        header,
        train,
        test,
    } = match cache::read(&file, image_size, listing.classes.len()) {
        Some(cached) => cached,
        None => build(&listing, image_size, &file)?,
    };
    let warnings = judge(&listing, &header, broken_image)?;
    Ok(Source {
        train,
        test,
        classes: listing.classes,
        fingerprint: header.fingerprint,
        warnings,
    })
}

/// What the images are; decodes them only where the cache does not have them.
pub(crate) fn describe(
    root: &Path,
    broken_image: BrokenImage,
    image_size: usize,
    cache: &Path,
) -> Result<Facts, DataError> {
    let listing = listing::read(root)?;
    let file = cache.join(listing.cache_name(image_size));
    let (header, labels) = match cache::read_labels(&file, image_size, listing.classes.len()) {
        Some(known) => known,
        None => {
            let built = build(&listing, image_size, &file)?;
            let (train, test) = (built.train.labels, built.test.labels);
            (built.header, Labels { train, test })
        }
    };
    let warnings = judge(&listing, &header, broken_image)?;
    Ok(Facts {
        fingerprint: header.fingerprint,
        classes: listing.classes.len(),
        train_images: header.train,
        labels: Some(Arc::new(labels)),
        warnings,
    })
}

/// Whether a file is a whole cache of such images.
pub(crate) fn is_cache(file: &Path, image_size: usize, classes: usize) -> bool {
    cache::read_labels(file, image_size, classes).is_some()
        && cache::read(file, image_size, classes).is_some()
}

/// Decodes everything and writes the cache.
fn build(listing: &Listing, image_size: usize, file: &Path) -> Result<Cached, DataError> {
    let mut broken = Vec::new();
    let mut split = |entries| -> ImageSet {
        let (set, failures) = decode::all(&listing.root, entries, image_size);
        broken.extend(failures);
        set
    };
    let (train, test) = (split(&listing.train), split(&listing.test));
    let header = Header {
        size: image_size,
        train: train.len(),
        test: test.len(),
        broken,
        fingerprint: pixel_fingerprint([&train, &test]),
    };
    let cached = Cached {
        header,
        train,
        test,
    };
    cache::write(file, &cached)?;
    Ok(cached)
}

/// What broken images mean: an error, or a warning that names them.
fn judge(
    listing: &Listing,
    header: &Header,
    broken_image: BrokenImage,
) -> Result<Vec<String>, DataError> {
    let root = &listing.root;
    if let (BrokenImage::Fail, Some(first)) = (broken_image, header.broken.first()) {
        return Err(DataError::BrokenImages {
            root: root.clone(),
            count: header.broken.len(),
            first: first.path.clone(),
            reason: first.reason.clone(),
        });
    }
    for (split, len) in [("train", header.train), (listing.test_name, header.test)] {
        if len == 0 {
            return Err(DataError::NothingLeft {
                root: root.clone(),
                split,
            });
        }
    }
    Ok(warnings(&header.broken))
}

/// One line for each of the first few broken images, and how many more there are.
fn warnings(broken: &[Broken]) -> Vec<String> {
    const NAMED: usize = 10;
    let mut lines: Vec<String> = (broken.iter().take(NAMED))
        .map(|image| format!("skipped {}: {}", image.path, image.reason))
        .collect();
    if broken.len() > NAMED {
        lines.push(format!(
            "skipped {} more broken images",
            broken.len() - NAMED
        ));
    }
    lines
}
