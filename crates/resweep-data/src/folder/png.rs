//! Removes everything from a PNG file that its pixels do not depend on.
//!
//! Colour profiles and texts are compressed and can unpack to hundreds of megabytes; the decoder
//! must not read them.

/// Bytes of the signature, and of a chunk without its content.
const SIGNATURE: usize = 8;
const FRAME: usize = 12;

/// The file ends before its last chunk.
#[derive(Debug, thiserror::Error)]
#[error("the PNG is cut off: its end (IEND) is missing")]
pub struct CutOff;

/// The file without optional chunks and without data after its end.
///
/// # Errors
/// A file that ends before IEND.
pub fn essential(bytes: &[u8]) -> Result<Vec<u8>, CutOff> {
    let mut kept = bytes.get(..SIGNATURE).ok_or(CutOff)?.to_vec();
    let mut rest = &bytes[SIGNATURE..];
    loop {
        let (length, behind) = rest.split_first_chunk::<4>().ok_or(CutOff)?;
        let kind = behind.first_chunk::<4>().ok_or(CutOff)?;
        let length = FRAME + u32::from_be_bytes(*length) as usize;
        let chunk = rest.get(..length).ok_or(CutOff)?;
        // names of critical chunks begin in upper case
        if kind[0].is_ascii_uppercase() || kind == b"tRNS" {
            kept.extend_from_slice(chunk);
        }
        if kind == b"IEND" {
            return Ok(kept);
        }
        rest = &rest[length..];
    }
}
