//! Reads the bytes of a sweep file or a site file, and decodes them.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use super::diagnostics::error::SweepFileError;
use super::diagnostics::problem::Problem;
use super::diagnostics::source::{SourceId, Span};
use super::limits::FILE_BYTES_MAX;

pub fn read_file(path: &Path) -> Result<Vec<u8>, SweepFileError> {
    let unreadable = |source| SweepFileError::Unreadable {
        path: path.to_owned(),
        source,
    };
    // Opening a pipe without a writer, or a device, can block forever.
    let kind = fs::metadata(path).map_err(unreadable)?.file_type();
    if !kind.is_file() && !kind.is_dir() {
        return Err(SweepFileError::NoFile {
            path: path.to_owned(),
        });
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(SweepFileError::TooLarge {
            path: path.to_owned(),
        });
    }
    if is_utf16(&bytes) {
        return Err(SweepFileError::Utf16 {
            path: path.to_owned(),
        });
    }
    Ok(bytes)
}

/// Detects UTF-16: the text has a byte order mark, or begins with an ASCII character in two bytes.
/// UTF-8 text has no zero bytes.
fn is_utf16(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, 1..=0x7f, ..] | [1..=0x7f, 0, ..]
    )
}

/// Decodes the file and returns the position of the first byte that is not UTF-8; such bytes are
/// replaced.
pub fn decode(bytes: Vec<u8>) -> (String, Option<usize>) {
    match String::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let start = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            (text, Some(start))
        }
    }
}

pub fn not_utf8(start: usize) -> Problem {
    let at = Span {
        source: SourceId::File,
        start,
        // The length of the replacement character.
        end: start + '\u{fffd}'.len_utf8(),
    };
    let problem = Problem::new(at, "this is not UTF-8").label("from here on");
    problem.help("save the file as UTF-8 text")
}
