//! Draws the recorded curves of a sweep as SVG, PNG and PDF figures, and writes its tables.
//!
//! Nothing here reads the store: the curves are arguments. `figure` selects the kind of figure;
//! each kind takes a `scene` and returns a drawing:
//!
//! - `curves` (error against iterations), `depth`, `heat` and `layers` are the kinds.
//! - [`series`] turns runs and their curves into plottable lines; `view`, `reference`, `axis`,
//!   `layout`, `legend`, `key`, `labels`, `direct`, `caption`, `decimate` and `clip` compute the
//!   content and its positions. All of these are pure; `metrics` has the sizes that they share.
//! - `panel` draws on a `canvas`, the only file that uses plotters.
//! - `drawing` turns the SVG into a PNG with the embedded font and writes both; `with_metadata` adds
//!   `metadata`: the data and settings of the figure.
//!
//! `contact_sheet` draws images in a grid, and `tables` writes the results of `analysis`.

mod axis;
mod canvas;
mod caption;
mod clip;
mod contact_sheet;
mod curves;
mod decimate;
mod depth;
mod describe;
mod direct;
mod diverged;
mod drawing;
mod error;
mod figure;
mod finals;
mod heat;
mod key;
mod labels;
mod layers;
mod layout;
mod legend;
mod markers;
mod metadata;
mod metrics;
mod names;
mod palette;
mod panel;
mod pdf;
mod plot;
mod reference;
mod scene;
pub mod series;
mod strokes;
mod tables;
mod text;
mod view;
mod viridis;
mod with_metadata;

pub use contact_sheet::{Sheet, Tile, contact_sheet};
pub use drawing::{Drawing, PIXELS_PER_UNIT};
pub use error::RenderError;
pub use figure::{draw, draw_layers};
pub use metadata::{Metadata, Picture, PictureError};
pub use tables::{Section, TableFormat, sections, table};
pub use text::unknown_warning;
pub use with_metadata::{DrawingWithMetadata, PictureFormat};
