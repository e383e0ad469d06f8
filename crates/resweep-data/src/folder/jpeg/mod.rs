//! Checks that a JPEG file is complete.
//!
//! The decoder fills missing parts with grey. This module parses the same file and decodes its
//! Huffman codes without computing pixels: every scan must have the codes of all its blocks and end
//! at a marker, the scans together must provide every coefficient, and the last marker must be the
//! end of the image. Data after that marker are ignored. Kinds of JPEG that the decoder rejects
//! anyway (arithmetic coding, lossless, 12 bits) are not checked.

mod bits;
mod frame;
mod scan;

use bits::{Bits, Huffman};
use frame::Frame;
use scan::Scan;

/// The most bytes tolerated between the codes of a scan and the next marker: some cameras add
/// padding.
const PADDING_MAX: usize = 16;

/// The most scans of a file; the decoder has the same limit.
const SCANS_MAX: usize = 100;

/// Why a file is incomplete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    #[error("the JPEG is cut off or damaged in its header")]
    Header,
    #[error("the JPEG is cut off: its end-of-image marker is missing")]
    NoEnd,
    #[error("the JPEG is cut off or damaged: its data end before the last block")]
    Short,
    #[error("the JPEG is damaged: a header of its scans is invalid")]
    Scan,
    #[error("the JPEG is damaged: its data contain an invalid Huffman code")]
    Code,
    #[error("the JPEG is damaged: bytes are left over after its last block")]
    Leftover,
    #[error("the JPEG is damaged: a restart marker is missing or out of order")]
    Restart,
    #[error("the JPEG is cut off: some of its scans are missing")]
    Scans,
}

/// Checks the content of a JPEG file.
///
/// # Errors
/// The first flaw.
pub fn check(bytes: &[u8]) -> Result<(), Flaw> {
    Walk::default().file(bytes)
}

/// Whether a decoder has to keep all coefficients until the end of the file.
pub fn is_progressive(bytes: &[u8]) -> bool {
    let mut at = 0;
    while let Some((marker, start)) = next_marker(bytes, at) {
        match marker {
            0xc2 | 0xc6 | 0xca | 0xce => return true,
            // The first scan: the frame header has been read.
            0xda => return false,
            0x01 | 0xd0..=0xd9 => at = start,
            _ => at = start + segment(bytes, start).map_or(0, |segment| 2 + segment.len()),
        }
    }
    false
}

/// The state after the segments read so far.
#[derive(Default)]
struct Walk {
    frame: Option<Frame>,
    dc: [Option<Huffman>; 4],
    ac: [Option<Huffman>; 4],
    /// MCUs between two restart markers, 0 for none.
    restart_interval: usize,
    scans: usize,
}

impl Walk {
    fn file(&mut self, bytes: &[u8]) -> Result<(), Flaw> {
        let mut at = 0;
        loop {
            let marker;
            (marker, at) = next_marker(bytes, at).ok_or(self.missing())?;
            match marker {
                0xd9 => return self.end(),
                0x01 | 0xd0..=0xd8 => continue,
                _ => {}
            }
            let segment = segment(bytes, at).ok_or(self.missing())?;
            at += 2 + segment.len();
            match marker {
                0xc0..=0xc2 => match Frame::read(segment, marker == 0xc2) {
                    Some(frame) => self.frame = Some(frame),
                    None if segment.first() != Some(&8) => return Ok(()),
                    None => return Err(Flaw::Header),
                },
                0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => return Ok(()),
                0xc4 => self.tables(segment)?,
                0xdd if segment.len() == 2 => {
                    self.restart_interval =
                        usize::from(u16::from_be_bytes([segment[0], segment[1]]));
                }
                0xda => at = self.scan(segment, bytes, at)?,
                _ => {}
            }
        }
    }

    /// The error when the file ends without its end marker.
    fn missing(&self) -> Flaw {
        match self.scans {
            0 => Flaw::Header,
            _ => Flaw::NoEnd,
        }
    }

    /// Reads Huffman tables, of which a segment may have several.
    fn tables(&mut self, mut segment: &[u8]) -> Result<(), Flaw> {
        while let Some((&head, rest)) = segment.split_first() {
            let (table, length) = Huffman::read(rest).ok_or(Flaw::Header)?;
            let kind = if head >> 4 == 0 {
                &mut self.dc
            } else {
                &mut self.ac
            };
            kind[usize::from(head & 3)] = Some(table);
            segment = &rest[length..];
        }
        Ok(())
    }

    /// Decodes a scan whose codes begin at `at`. Returns the offset at which to search for the next
    /// marker.
    fn scan(&mut self, header: &[u8], bytes: &[u8], at: usize) -> Result<usize, Flaw> {
        self.scans += 1;
        let frame = self.frame.as_mut().filter(|_| self.scans <= SCANS_MAX);
        let frame = frame.ok_or(Flaw::Scan)?;
        let scan = Scan::read(header, frame, &self.dc, &self.ac).ok_or(Flaw::Scan)?;
        let mut bits = Bits::new(bytes, at);
        scan.decode(frame, &mut bits, self.restart_interval)?;
        if bits.leftover() > PADDING_MAX {
            return Err(Flaw::Leftover);
        }
        Ok(bits.at())
    }

    fn end(&self) -> Result<(), Flaw> {
        match &self.frame {
            Some(frame) if self.scans > 0 && frame.is_complete() => Ok(()),
            Some(_) if self.scans > 0 => Err(Flaw::Scans),
            _ => Err(Flaw::Header),
        }
    }
}

/// The code of the next marker from `at` on, and the offset of its segment.
fn next_marker(bytes: &[u8], mut at: usize) -> Option<(u8, usize)> {
    loop {
        match bytes.get(at..at + 2)? {
            [0xff, 0xff] => at += 1,
            [0xff, 0x00] => at += 2,
            [0xff, marker] => return Some((*marker, at + 2)),
            _ => at += 1,
        }
    }
}

/// The content of the segment at `at`, without its length.
fn segment(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let length = bytes.get(at..at + 2)?;
    let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
    bytes.get(at + 2..at + length.max(2))
}
