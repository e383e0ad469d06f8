//! The errors of drawing and writing figures.

use std::path::PathBuf;

/// Why a figure could not be drawn or written.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// Runs of the figure were started, but none has recorded a point.
    #[error("no run of sweep `{sweep}` has a measurement yet; see `resweep status {sweep}`")]
    NothingMeasured { sweep: String },
    /// None of the figure's runs was started.
    #[error(
        "no run of sweep `{sweep}` has been recorded yet; run it with `resweep run` and its sweep file"
    )]
    NothingRecorded { sweep: String },
    /// The figure has no panel, or no panel names a configuration.
    #[error("the figure of sweep `{sweep}` shows no configuration; name some in `[figure]`")]
    NothingShown { sweep: String },
    /// None of the runs in a figure of layer responses has measured them.
    #[error(
        "no run of sweep `{sweep}` has measured its layers yet, which is done at the end of a run with `layer_stats = true` in `[train]`; train it with `resweep run`"
    )]
    NoLayerStats { sweep: String },
    /// No run has recorded how many images it trains on.
    #[error(
        "no run of sweep `{sweep}` has recorded how many images it trains on, so its epochs are not known; set `x = \"iterations\"` in `[figure]`"
    )]
    NoEpochs { sweep: String },
    /// A tile's bytes are not those of a square RGB image.
    #[error("a tile of {size} x {size} pixels needs {expected} bytes of RGB, but has {found}")]
    Tile {
        size: usize,
        expected: usize,
        found: usize,
    },
    /// The picture exceeds the maximum size of an image.
    #[error("a picture of {width} x {height} pixels is too large to draw")]
    TooLarge { width: u32, height: u32 },
    #[error("cannot draw the figure: {message}")]
    Draw { message: String },
    #[error("cannot rasterise the figure")]
    Rasterise(#[from] resvg::usvg::Error),
    #[error("cannot encode the picture as PNG: {message}")]
    Encode { message: String },
    #[error("cannot convert the figure to PDF: {message}")]
    Pdf { message: String },
    #[error("cannot write the table: {0}")]
    Table(String),
    #[error("cannot write `{path}`")]
    Write {
        path: PathBuf,
        source: std::io::Error,
    },
}
