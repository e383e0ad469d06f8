//! Metadata in the files of a figure: keys and values that describe what it was drawn from.
//!
//! A PNG has them as text chunks (W3C PNG specification, 11.3.3) before the pixels, an SVG as
//! `<metadata>`. This module does not interpret them.

use std::io::Cursor;

use resvg::tiny_skia::Pixmap;

use super::RenderError;
use resweep_core::domain::printable;

/// The prefix of each text chunk's keyword.
const PREFIX: &str = "resweep:";
/// The XML namespace of the metadata in an SVG.
const NAMESPACE: &str = "urn:resweep:facts";
/// ASCII texts longer than this number of bytes are compressed.
const COMPRESSED_FROM: usize = 1000;
/// The limit for the memory of the texts of one picture, in bytes: far more than 100,000 runs need.
const TEXT_BYTES_MAX: usize = 64_000_000;

/// Keys and values, in insertion order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metadata(Vec<(String, String)>);

impl Metadata {
    /// Adds an entry. Keys have at most 60 lower-case letters, digits and `-`.
    pub fn push(&mut self, key: &str, value: impl Into<String>) {
        self.0.push((key.to_owned(), value.into()));
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        let mut entries = self.0.iter();
        entries
            .find(|(known, _)| known == key)
            .map(|(_, value)| value.as_str())
    }

    /// Inserts the entries into an SVG document as its metadata.
    pub(super) fn in_svg(&self, svg: &str) -> String {
        let Some(end) = head(svg).filter(|_| !self.0.is_empty()) else {
            return svg.to_owned();
        };
        let mut metadata = format!("\n<metadata>\n<facts xmlns=\"{NAMESPACE}\">\n");
        for (key, value) in &self.0 {
            let (key, value) = (escaped(key), escaped(value));
            metadata.push_str(&format!("<fact name=\"{key}\">{value}</fact>\n"));
        }
        metadata.push_str("</facts>\n</metadata>");
        let (head, rest) = svg.split_at(end);
        format!("{head}{metadata}{rest}")
    }
}

/// The end of an SVG document's description: metadata must follow it, because screen readers read
/// the first elements.
fn head(svg: &str) -> Option<usize> {
    const DESCRIPTION: &str = "</desc>";
    let root = svg.find("<svg")?;
    let begin = root + svg[root..].find('>')? + 1;
    let described = svg[begin..].find("<svg").unwrap_or(svg.len() - begin);
    let end = svg[begin..begin + described].find(DESCRIPTION);
    Some(end.map_or(begin, |end| begin + end + DESCRIPTION.len()))
}

/// Encodes a picture with the entries as text chunks.
pub(super) fn encode(pixels: Pixmap, metadata: &Metadata) -> Result<Vec<u8>, RenderError> {
    let failed = |error: png::EncodingError| RenderError::Encode {
        message: error.to_string(),
    };
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, pixels.width(), pixels.height());
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    for (key, value) in &metadata.0 {
        let keyword = format!("{PREFIX}{key}");
        if value.is_ascii() && value.len() >= COMPRESSED_FROM {
            encoder.add_ztxt_chunk(keyword, value.clone())
        } else {
            encoder.add_itxt_chunk(keyword, value.clone())
        }
        .map_err(failed)?;
    }
    let mut writer = encoder.write_header().map_err(failed)?;
    writer
        .write_image_data(&pixels.take_demultiplied())
        .map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(bytes)
}

/// Why a picture's metadata could not be read.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    #[error("it is not a PNG")]
    NotPng,
    #[error("it is cut off or damaged: {0}")]
    Damaged(png::DecodingError),
    #[error("it has no resweep metadata; was it drawn by an older version, or edited?")]
    NoFacts,
}

/// A picture read from a PNG.
pub struct Picture {
    metadata: Metadata,
    reader: png::Reader<Cursor<Vec<u8>>>,
}

impl Picture {
    /// Reads everything before the pixels.
    ///
    /// # Errors
    /// When it is not a PNG, is damaged, or has no resweep metadata.
    pub fn open(bytes: Vec<u8>) -> Result<Picture, PictureError> {
        if !bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            return Err(PictureError::NotPng);
        }
        let limits = png::Limits {
            bytes: TEXT_BYTES_MAX,
        };
        let decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
        let reader = decoder.read_info().map_err(PictureError::Damaged)?;
        let metadata = metadata_of(reader.info()).map_err(PictureError::Damaged)?;
        if metadata.0.is_empty() {
            return Err(PictureError::NoFacts);
        }
        Ok(Picture { metadata, reader })
    }

    /// The metadata.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Whether another picture has the same pixels. Decodes pixels only if the sizes agree.
    ///
    /// # Errors
    /// When the pixels of one of them are damaged.
    pub fn same_pixels(self, other: Picture) -> Result<bool, PictureError> {
        let (own, others) = (self.reader.info().size(), other.reader.info().size());
        Ok(own == others && self.pixels()? == other.pixels()?)
    }

    /// Decodes the pixels.
    fn pixels(mut self) -> Result<Vec<u8>, PictureError> {
        let too_large = || PictureError::Damaged(png::DecodingError::LimitsExceeded);
        let mut pixels = vec![0; self.reader.output_buffer_size().ok_or_else(too_large)?];
        let frame = self.reader.next_frame(&mut pixels);
        frame.map_err(PictureError::Damaged)?;
        Ok(pixels)
    }
}

fn metadata_of(info: &png::Info<'_>) -> Result<Metadata, png::DecodingError> {
    let mut metadata = Metadata::default();
    let mut room = TEXT_BYTES_MAX;
    for chunk in &info.utf8_text {
        if let Some(key) = chunk.keyword.strip_prefix(PREFIX) {
            metadata.push(key, text(chunk.clone(), &mut room)?);
        }
    }
    for chunk in &info.compressed_latin1_text {
        if let Some(key) = chunk.keyword.strip_prefix(PREFIX) {
            let mut chunk = chunk.clone();
            chunk.decompress_text_with_limit(room)?;
            let value = chunk.get_text()?;
            room = room.saturating_sub(value.len());
            metadata.push(key, value);
        }
    }
    Ok(metadata)
}

fn text(
    mut chunk: png::text_metadata::ITXtChunk,
    room: &mut usize,
) -> Result<String, png::DecodingError> {
    chunk.decompress_text_with_limit(*room)?;
    let value = chunk.get_text()?;
    *room = room.saturating_sub(value.len());
    Ok(value)
}

/// Text escaped for XML content and attributes; keeps line breaks.
pub(super) fn escaped(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(printable).collect();
    let text = lines.join("\n");
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
