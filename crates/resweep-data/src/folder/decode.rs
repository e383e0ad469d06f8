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
const FILES_BYTES: u64 = 128 << 20;
const DECODED_BYTES: u64 = 512 << 20;
static FILES: Budget = Budget::new(FILES_BYTES);
static DECODED: Budget = Budget::new(DECODED_BYTES);

/// The most memory of one image while it is decoded, in bytes: that of its file and its pixels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Largest {
    file: u64,
    decoded: u64,
}

impl Largest {
    pub fn or(self, other: Largest) -> Largest {
        Largest {
            file: self.file.max(other.file),
            decoded: self.decoded.max(other.decoded),
        }
    }

    /// The memory in which `threads` threads decode such images, in bytes.
    pub fn together(self, threads: usize) -> u64 {
        let within = |each: u64, budget: u64| (each * threads as u64).min(budget.max(each));
        within(self.file, FILES_BYTES) + within(self.decoded, DECODED_BYTES)
    }
}

/// Images that were decoded.
pub struct Decoded {
    /// In the order of the entries.
    pub images: ImageSet,
    pub broken: Vec<Broken>,
    pub largest: Largest,
}

/// An image that could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broken {
    /// Relative to the data set's root, with control characters escaped.
    pub path: String,
    pub reason: String,
}

/// Decodes the entries at `size` pixels.
pub fn all(root: &Path, entries: &[Entry], size: usize) -> Decoded {
    let results: Vec<_> = (entries.par_iter())
        .map(|entry| one(&root.join(&entry.path), entry.bytes, size))
        .collect();
    let mut decoded = Decoded {
        images: ImageSet::empty(size),
        broken: Vec::new(),
        largest: Largest::default(),
    };
    for (entry, (result, memory)) in entries.iter().zip(results) {
        decoded.largest = decoded.largest.or(memory);
        match result {
            Ok(pixels) => decoded.images.push(&pixels, entry.label),
            Err(reason) => decoded.broken.push(Broken {
                path: shown(&entry.path),
                reason,
            }),
        }
    }
    decoded
}

/// Decodes an image file. Returns the memory that it took as well.
fn one(path: &Path, bytes: u64, size: usize) -> (Result<Vec<u8>, String>, Largest) {
    let file = bytes.min(MAX_FILE_BYTES);
    let _share = FILES.take(file);
    let mut content = Vec::new();
    let read = File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut content))
        .map_err(|error| error.to_string());
    let mut decoded = 0;
    let pixels = read.and_then(|_| pixels_noting(&content, size, &mut decoded));
    (pixels, Largest { file, decoded })
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
    pixels_noting(content, size, &mut 0)
}

/// As [`pixels`]; sets `memory` to the bytes that decoding takes.
fn pixels_noting(content: &[u8], size: usize, memory: &mut u64) -> Result<Vec<u8>, String> {
    if content.len() as u64 > MAX_FILE_BYTES {
        return Err(format!(
            "the file is larger than the {MAX_FILE_BYTES} bytes allowed"
        ));
    }
    let square = |image: DynamicImage| resize::to_square(image.into_rgb8(), size).into_raw();
    let decoded = decode(content, memory, square);
    decoded.map_err(|error| printable(&in_one_line(&error.to_string())))
}

/// The text without line breaks: those of decoders can have several, also at the end.
fn in_one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ")
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
fn decode<T>(
    content: &[u8],
    memory: &mut u64,
    then: impl FnOnce(DynamicImage) -> T,
) -> Result<T, Problem> {
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
    let decoder = reader.into_decoder();
    if decoder.is_err() && format == ImageFormat::Jpeg {
        // A file that is cut off in its header; the decoder's message is about bytes.
        jpeg::check(content)?;
    }
    let decoder = decoder?;
    limits.reserve(as_colour_bytes(&decoder))?;
    *memory = working_bytes(&decoder, format, content);
    let _share = DECODED.take(*memory);
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
fn working_bytes(decoder: &impl ImageDecoder, format: ImageFormat, content: &[u8]) -> u64 {
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    let copy = match decoder.color_type() {
        ColorType::Rgb8 => 0,
        _ => 3 * pixels,
    };
    let inside = match format {
        ImageFormat::Jpeg if jpeg::is_progressive(content) => 7 * pixels,
        ImageFormat::Jpeg => pixels,
        ImageFormat::Png | ImageFormat::Bmp | ImageFormat::Pnm => 0,
        _ => 8 * pixels,
    };
    decoder.total_bytes() + copy + inside
}
