//! The cache file of decoded images: reading it takes about a second, decoding a minute.
//!
//! The file is [`MAGIC`], the length of the header in 8 bytes, the header as JSON, then labels (2
//! bytes each) and pixels of the training set, and those of the test set. All numbers are
//! little-endian. The header's fingerprint is the checksum of everything after it. A damaged file
//! is treated as missing and is rewritten.

use std::fs::File;
use std::io::{BufReader, Read, Seek};

use serde::{Deserialize, Serialize};

use super::decode::{Broken, Largest};
use crate::dataset::Labels;
use crate::error::DataError;
use crate::files;
use crate::image_set::{ImageSet, pixel_fingerprint};
use resweep_core::files::Place;

const MAGIC: &[u8; 8] = b"resweep1";

/// No real header is this long; a larger length means damage.
const MAX_HEADER_BYTES: u64 = 64 << 20;

/// The header of a cache file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Height and width in pixels.
    pub size: usize,
    /// Images of each set.
    pub train: usize,
    pub test: usize,
    pub broken: Vec<Broken>,
    /// Absent from files of older versions.
    #[serde(default)]
    pub largest: Largest,
    /// The SHA-256 of the decoded pixels and labels.
    pub fingerprint: String,
}

/// A cache file's content.
#[derive(Debug, PartialEq, Eq)]
pub struct Cached {
    pub header: Header,
    pub train: ImageSet,
    pub test: ImageSet,
}

/// Writes a cache file atomically.
pub fn write(file: &Place, cached: &Cached) -> Result<(), DataError> {
    let header = serde_json::to_vec(&cached.header).map_err(|error| DataError::Write {
        path: file.to_path_buf(),
        source: error.into(),
    })?;
    let (train, test) = (&cached.train, &cached.test);
    let parts: [&[u8]; 7] = [
        MAGIC,
        &(header.len() as u64).to_le_bytes(),
        &header,
        &label_bytes(train),
        &train.images,
        &label_bytes(test),
        &test.images,
    ];
    files::write_whole(file, &parts)
}

/// Reads and checks a cache file of images of `size` x `size` pixels in `classes` classes; `None`
/// if it is missing or damaged.
pub fn read(path: &Place, size: usize, classes: usize) -> Option<Cached> {
    let (mut file, header) = open(path, size)?;
    let train = read_set(&mut file, header.train, size)?;
    let test = read_set(&mut file, header.test, size)?;
    let mut labels = train.labels.iter().chain(&test.labels);
    if labels.any(|label| usize::from(*label) >= classes) {
        return None;
    }
    (pixel_fingerprint([&train, &test]) == header.fingerprint).then_some(Cached {
        header,
        train,
        test,
    })
}

/// Reads the header and labels of a cache file; `None` if it is missing, of a size other than
/// `size`, of a wrong length, or has a label out of range.
pub fn read_labels(path: &Place, size: usize, classes: usize) -> Option<(Header, Labels)> {
    let (mut file, header) = open(path, size)?;
    let train = labels(&mut file, header.train)?;
    let pixels = header.train * ImageSet::empty(size).stride();
    file.seek_relative(i64::try_from(pixels).ok()?).ok()?;
    let test = labels(&mut file, header.test)?;
    let mut all = train.iter().chain(&test);
    all.all(|label| usize::from(*label) < classes)
        .then_some((header, Labels { train, test }))
}

/// The file behind its header, which agrees with `size` and with the file's length.
fn open(path: &Place, size: usize) -> Option<(BufReader<File>, Header)> {
    let file = path.open().ok()?;
    let total = file.metadata().ok()?.len();
    let mut file = BufReader::new(file);
    let header = parse_header(&mut file)?;
    if header.size != size {
        return None;
    }
    let start = file.stream_position().ok()?;
    let stride = ImageSet::empty(size).stride() + size_of::<u16>();
    let images = header.train.checked_add(header.test)?;
    let end = start.checked_add(images.checked_mul(stride)? as u64)?;
    (end == total).then_some((file, header))
}

fn parse_header(file: &mut impl Read) -> Option<Header> {
    let (mut magic, mut len) = ([0; 8], [0; 8]);
    file.read_exact(&mut magic).ok()?;
    file.read_exact(&mut len).ok()?;
    let len = u64::from_le_bytes(len);
    if &magic != MAGIC || len > MAX_HEADER_BYTES {
        return None;
    }
    let header = read_bytes(file, len as usize)?;
    serde_json::from_slice(&header).ok()
}

fn labels(file: &mut impl Read, len: usize) -> Option<Vec<u16>> {
    let bytes = read_bytes(file, len.checked_mul(size_of::<u16>())?)?;
    let pairs = bytes.chunks_exact(2);
    Some(
        pairs
            .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
            .collect(),
    )
}

fn read_set(file: &mut impl Read, len: usize, size: usize) -> Option<ImageSet> {
    let mut set = ImageSet::empty(size);
    set.labels = labels(file, len)?;
    set.images = read_bytes(file, len.checked_mul(set.stride())?)?;
    Some(set)
}

/// Reads exactly `len` bytes; a damaged length fails at the end of the file instead of allocating.
fn read_bytes(file: &mut impl Read, len: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(len as u64).read_to_end(&mut bytes).ok()?;
    (bytes.len() == len).then_some(bytes)
}

fn label_bytes(set: &ImageSet) -> Vec<u8> {
    set.labels
        .iter()
        .flat_map(|label| label.to_le_bytes())
        .collect()
}
