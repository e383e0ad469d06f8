//! Reads class folders: `train/<class>/` with images at any depth, and `test/` or `val/` in the
//! same form.
//!
//! The folder is listed every time. Decoded pixels are stored in a cache file whose name is a hash
//! of the listing, so adding, removing or changing an image creates a new one. Images are decoded
//! only if no cache file has them.

mod budget;
mod cache;
mod classes;
mod decode;
mod jpeg;
mod listing;
mod near;
mod png;
mod walk;

use std::path::Path;
use std::sync::Arc;

use super::dataset::{DatasetInfo, Labels, Source};
use super::error::DataError;
use super::image_set::pixel_fingerprint;
use cache::{Cached, Header};
use decode::Broken;
pub(crate) use decode::pixels;
use listing::Listing;
use rayon::prelude::*;
use resweep_core::domain::BrokenImage;
use resweep_core::files::Place;
use walk::Entry;

/// The folder and the options for reading it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub root: &'a Path,
    pub broken_image: BrokenImage,
    /// The fraction of the images used for testing, if there is no test folder.
    pub test_fraction: Option<f64>,
    /// Height and width in pixels.
    pub image_size: usize,
    /// The folder of the cache files.
    pub cache: &'a Path,
}

/// Loads the images, from the cache if possible.
pub(crate) fn load(request: Request<'_>) -> Result<Source, DataError> {
    let listing = request.list()?;
    let file = request.file(&listing);
    let cached = match cache::read(&file, request.image_size, listing.classes.len()) {
        Some(cached) => cached,
        None => build(request, &listing)?,
    };
    let Cached {
        header,
        train,
        test,
    } = cached;
    let warnings = judge(&listing, &header, request.broken_image)?;
    Ok(Source {
        train,
        test,
        classes: listing.classes,
        fingerprint: header.fingerprint,
        warnings,
    })
}

/// The properties of the data set; decodes the images only if the cache lacks them.
pub(crate) fn describe(request: Request<'_>) -> Result<DatasetInfo, DataError> {
    let listing = request.list()?;
    let file = request.file(&listing);
    let (header, labels) =
        match cache::read_labels(&file, request.image_size, listing.classes.len()) {
            Some(known) => known,
            None => {
                let built = build(request, &listing)?;
                let (train, test) = (built.train.labels, built.test.labels);
                (built.header, Labels { train, test })
            }
        };
    let warnings = judge(&listing, &header, request.broken_image)?;
    Ok(DatasetInfo {
        fingerprint: header.fingerprint,
        classes: listing.classes.len(),
        train_images: header.train,
        labels: Some(Arc::new(labels)),
        decoding_bytes: header.largest.together(rayon::current_num_threads()),
        warnings,
    })
}

/// The number of images whose EXIF orientation turns or mirrors them, and of all images.
pub(crate) fn turned(request: Request<'_>) -> Result<(usize, usize), DataError> {
    let listing = request.list()?;
    let images: Vec<&Entry> = listing.train.iter().chain(&listing.test).collect();
    let turned = images.par_iter();
    let turned = turned.filter(|image| decode::is_turned(&listing.root.join(&image.path)));
    Ok((turned.count(), images.len()))
}

impl Request<'_> {
    fn list(&self) -> Result<Listing, DataError> {
        listing::read(self.root, self.test_fraction)
    }

    fn file(&self, listing: &Listing) -> Place {
        Place::of_file(self.cache).join(listing.cache_name(self.image_size))
    }
}

/// Whether a file is a complete cache of such images.
pub(crate) fn is_cache(file: &Path, image_size: usize, classes: usize) -> bool {
    let file = &Place::of_file(file);
    cache::read_labels(file, image_size, classes).is_some()
        && cache::read(file, image_size, classes).is_some()
}

/// Decodes all images and writes the cache.
///
/// # Errors
/// Also when an image is added, changed or removed meanwhile: the cache would not match the
/// listing.
fn build(request: Request<'_>, listing: &Listing) -> Result<Cached, DataError> {
    listing.settle();
    let image_size = request.image_size;
    let split = |entries| decode::all(&listing.root, entries, image_size);
    let (train, test) = (split(&listing.train), split(&listing.test));
    let largest = train.largest.or(test.largest);
    let mut broken = train.broken;
    broken.extend(test.broken);
    let (train, test) = (train.images, test.images);
    let file = request.file(listing);
    if request.file(&request.list()?) != file {
        return Err(DataError::Changing {
            root: listing.root.clone(),
        });
    }
    let header = Header {
        size: image_size,
        train: train.len(),
        test: test.len(),
        broken,
        largest,
        fingerprint: pixel_fingerprint([&train, &test]),
    };
    let cached = Cached {
        header,
        train,
        test,
    };
    match cache::write(&file, &cached) {
        // Readers of another user's results decode the images each time.
        Err(error) if error.is_denied() => {}
        written => written?,
    }
    Ok(cached)
}

/// Turns broken images into an error, or into a warning that names them.
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
    let lengths = [header.train, header.test];
    for (split, len) in listing.names.into_iter().zip(lengths) {
        if len == 0 {
            return Err(DataError::NothingLeft {
                root: root.clone(),
                split,
            });
        }
    }
    let mut all = listing.warnings.clone();
    all.extend(warnings(&header.broken));
    Ok(all)
}

/// One line for each of the first broken images, and the number of the others.
fn warnings(broken: &[Broken]) -> Vec<String> {
    const NAMED: usize = 10;
    let mut lines: Vec<String> = (broken.iter().take(NAMED))
        .map(|image| format!("skipped {}: {}", image.path, image.reason))
        .collect();
    if broken.len() > NAMED {
        let (more, images) = match broken.len() - NAMED {
            1 => (1, "image"),
            more => (more, "images"),
        };
        lines.push(format!("skipped {more} more broken {images}"));
    }
    lines
}
