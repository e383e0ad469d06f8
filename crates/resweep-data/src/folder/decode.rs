//! Decodes image files to the model's size in parallel; must withstand damaged and hostile files.

use std::fs::File;
use std::io::{BufReader, Cursor, Read};
use std::path::Path;

use image::metadata::Orientation;
use image::{
    ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, guess_format,
};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::budget::Budget;
use super::walk::{Entry, FORMATS};
use super::{jpeg, png};
use crate::error::shown;
use crate::image_set::ImageSet;
use crate::resize;
use resweep_core::domain::printable;

/// Limits against decompression bombs, far above any photograph of a training set.
const MAX_FILE_BYTES: u64 = 64 << 20;
const MAX_SIDE: u32 = 16_384;
const MAX_DECODED_BYTES: u64 = 256 << 20;

/// The most bytes of files and of decoded images that all threads have in memory together.
static FILES: Budget = Budget::new(256 << 20);
static DECODED: Budget = Budget::new(1 << 30);

/// An image that could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broken {
    /// Relative to the data set's root, with control characters escaped.
    pub path: String,
    pub reason: String,
}

/// Decodes the entries at `size` pixels. Returns the images in the order of the entries, and those
/// that could not be decoded.
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

/// Decodes an image file.
fn one(path: &Path, bytes: u64, size: usize) -> Result<Vec<u8>, String> {
    let _share = FILES.take(bytes.min(MAX_FILE_BYTES));
    let mut content = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut content))
        .map_err(|error| error.to_string())?;
    pixels(&content, size)
}

/// Whether the EXIF orientation of an image file turns or mirrors it; not of a file that cannot be
/// read.
pub fn is_turned(path: &Path) -> bool {
    let orientation = || {
        let file = File::open(path).ok()?;
        let is_small = file.metadata().ok()?.len() <= MAX_FILE_BYTES;
        let reader = is_small.then(|| ImageReader::new(BufReader::new(file)))?;
        let mut decoder = reader.with_guessed_format().ok()?.into_decoder().ok()?;
        decoder.orientation().ok()
    };
    orientation().is_some_and(|found| found != Orientation::NoTransforms)
}

/// Decodes an image file's content to `size` x `size` x channels: drops the alpha channel, ignores
/// the EXIF orientation, crops to a square and scales.
pub fn pixels(content: &[u8], size: usize) -> Result<Vec<u8>, String> {
    if content.len() as u64 > MAX_FILE_BYTES {
        return Err(format!(
            "the file is larger than the {MAX_FILE_BYTES} bytes allowed"
        ));
    }
    let square = |image: DynamicImage| resize::to_square(image.into_rgb8(), size).into_raw();
    decode(content, square).map_err(|error| printable(&error.to_string()).replace("\\u{a}", " "))
}

/// Why an image could not be decoded.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("the file is empty")]
    Empty,
    #[error("it is not an image ({FORMATS})")]
    Unknown,
    #[error("{0:?} images cannot be decoded, only {FORMATS}")]
    Unsupported(ImageFormat),
    #[error(transparent)]
    Jpeg(#[from] jpeg::Flaw),
    #[error(transparent)]
    Png(#[from] png::CutOff),
    #[error(transparent)]
    Image(#[from] image::ImageError),
}

/// Calls `then` with the decoded image. The content, not the name, determines the format.
fn decode<T>(content: &[u8], then: impl FnOnce(DynamicImage) -> T) -> Result<T, Problem> {
    let format = match guess_format(content) {
        Ok(format) if format.reading_enabled() => format,
        Ok(format) => return Err(Problem::Unsupported(format)),
        Err(_) if content.is_empty() => return Err(Problem::Empty),
        Err(_) => return Err(Problem::Unknown),
    };
    let stripped = match format {
        ImageFormat::Png => Some(png::essential(content)?),
        _ => None,
    };
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    let content = stripped.as_deref().unwrap_or(content);
    let mut reader = ImageReader::with_format(Cursor::new(content), format);
    reader.limits(limits.clone());
    let decoder = reader.into_decoder()?;
    limits.reserve(as_colour_bytes(&decoder))?;
    let _share = DECODED.take(working_bytes(&decoder, format));
    if format == ImageFormat::Jpeg {
        jpeg::check(content)?;
    }
    Ok(then(DynamicImage::from_decoder(decoder)?))
}

/// Bytes of a decoded image, in 8-bit RGB if that is larger: a grey image has as many pixels at most as
/// one in colour.
fn as_colour_bytes(decoder: &impl ImageDecoder) -> u64 {
    let (width, height) = decoder.dimensions();
    let colour = 3 * u64::from(width) * u64::from(height);
    decoder.total_bytes().max(colour)
}

/// Approximate memory for decoding an image: the image, its copy in 8-bit RGB and the decoder's
/// buffers, such as the coefficients of progressive JPEGs.
fn working_bytes(decoder: &impl ImageDecoder, format: ImageFormat) -> u64 {
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    let copy = match decoder.color_type() {
        ColorType::Rgb8 => 0,
        _ => 3 * pixels,
    };
    let inside = match format {
        ImageFormat::Jpeg => 7 * pixels,
        ImageFormat::Png | ImageFormat::Bmp | ImageFormat::Pnm => 0,
        _ => 8 * pixels,
    };
    decoder.total_bytes() + copy + inside
}
