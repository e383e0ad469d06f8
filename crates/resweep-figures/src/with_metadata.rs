//! A figure with its metadata.

use std::path::PathBuf;

use super::drawing::{PIXELS_PER_UNIT, rasterise, write_file};
use super::metadata::encode;
use super::{Drawing, Metadata, RenderError};
use resweep_core::files::Place;

/// A drawing whose files contain metadata about its source. Equal input gives equal bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrawingWithMetadata {
    pub drawing: Drawing,
    pub metadata: Metadata,
}

impl DrawingWithMetadata {
    /// As [`Drawing::png`], with the metadata as text chunks.
    ///
    /// # Errors
    /// When the drawing cannot be rasterised or encoded.
    pub fn png(&self) -> Result<Vec<u8>, RenderError> {
        encode(
            rasterise(&self.drawing.svg, PIXELS_PER_UNIT)?,
            &self.metadata,
        )
    }

    /// The SVG document with the metadata.
    pub fn svg(&self) -> String {
        self.metadata.in_svg(&self.drawing.svg)
    }

    /// Writes `folder/stem.png` and `folder/stem.svg`; returns their paths in this order.
    ///
    /// Creates the folder. Each file is written atomically and replaces an existing one.
    ///
    /// # Errors
    /// When the drawing cannot be rasterised or encoded, or a file cannot be written.
    pub fn write(&self, folder: &Place, stem: &str) -> Result<Vec<PathBuf>, RenderError> {
        let (png, svg) = (self.png()?, self.svg());
        Ok(vec![
            write_file(folder, &format!("{stem}.png"), &png)?,
            write_file(folder, &format!("{stem}.svg"), svg.as_bytes())?,
        ])
    }
}
