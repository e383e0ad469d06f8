//! A figure with its metadata.

use std::path::{Path, PathBuf};

use strum::EnumString;

use super::drawing::{PIXELS_PER_UNIT, rasterise, write_file};
use super::metadata::encode;
use super::pdf::pdf;
use super::{Drawing, Metadata, RenderError};
use resweep_core::files::Place;

/// A drawing whose files contain metadata about its source. Equal input gives equal bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrawingWithMetadata {
    pub drawing: Drawing,
    pub metadata: Metadata,
}

/// The format of a figure's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString)]
#[strum(ascii_case_insensitive)]
pub enum PictureFormat {
    Png,
    Svg,
    Pdf,
}

impl PictureFormat {
    /// The format that a file's name asks for by its ending; `None` for any other ending.
    pub fn of(path: &Path) -> Option<PictureFormat> {
        path.extension()?.to_str()?.parse().ok()
    }
}

impl DrawingWithMetadata {
    /// The bytes of a file of one format. A PDF has its title, program and
    /// sweep only.
    ///
    /// # Errors
    /// When the drawing cannot be rasterised, encoded or converted.
    pub fn bytes(&self, format: PictureFormat) -> Result<Vec<u8>, RenderError> {
        match format {
            PictureFormat::Png => self.png(),
            PictureFormat::Svg => Ok(self.svg().into_bytes()),
            PictureFormat::Pdf => pdf(&self.drawing.svg, &self.metadata),
        }
    }

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
