//! Image files to pixels of the model's size, in parallel, wary of hostile files.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use image::{DynamicImage, ImageDecoder, ImageReader, Limits};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::listing::Entry;
use crate::error::shown;
use crate::image_set::ImageSet;
use crate::resize;
use resweep_core::domain::printable;

/// Limits against image bombs: no photograph of a training set comes near them.
const MAX_FILE_BYTES: u64 = 64 << 20;
const MAX_SIDE: u32 = 16_384;
const MAX_DECODED_BYTES: u64 = 256 << 20;

/// Images that are larger than this decoded take turns, so that many of them in many threads do
/// not fill the memory.
const LARGE_BYTES: u64 = 32 << 20;
static LARGE: Mutex<()> = Mutex::new(());

/// An image that could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broken {
    /// From the root of the data set, as it can be shown.
    pub path: String,
    pub reason: String,
}

/// Decodes the entries at `size` pixels: the images in the order of the entries, and those that
/// could not be decoded.
pub fn all(root: &Path, entries: &[Entry], size: usize) -> (ImageSet, Vec<Broken>) {
    let decoded: Vec<Result<Vec<u8>, String>> = (entries.par_iter())
        .map(|entry| one(&root.join(&entry.path), entry.bytes, size))
        .collect();
    let (mut set, mut broken) = (ImageSet::empty(size), Vec::new());
    for (entry, result) in entries.iter().zip(decoded) {
        match result {
            Ok(pixels) => set.push(&pixels, entry.label),
            Err(reason) => broken.push(Broken {
                path: shown(&entry.path),
                reason,
            }),
        }
    }
    (set, broken)
}

/// One image: decoded by what its content says it is, turned upright, without its alpha
/// channel, cut to a square and scaled.
fn one(path: &Path, bytes: u64, size: usize) -> Result<Vec<u8>, String> {
    if bytes > MAX_FILE_BYTES {
        return Err(format!(
            "{bytes} bytes are more than the {MAX_FILE_BYTES} allowed"
        ));
    }
    let file = File::open(path).map_err(|error| error.to_string())?;
    pixels(BufReader::new(file), size)
}

/// The pixels of an image file's content, `size` x `size` x channels.
pub fn pixels(content: impl BufRead + Seek, size: usize) -> Result<Vec<u8>, String> {
    let square = |image: DynamicImage| resize::to_square(image.into_rgb8(), size).into_raw();
    decode(content, square).map_err(|error| printable(&error.to_string()))
}

/// What `then` makes of the image.
fn decode<T>(
    content: impl BufRead + Seek,
    then: impl FnOnce(DynamicImage) -> T,
) -> image::ImageResult<T> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    let mut reader = ImageReader::new(content).with_guessed_format()?;
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder()?;
    limits.reserve(decoder.total_bytes())?;
    let _turn = (decoder.total_bytes() > LARGE_BYTES)
        .then(|| LARGE.lock().unwrap_or_else(PoisonError::into_inner));
    let orientation = decoder.orientation()?;
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    Ok(then(image))
}
