//! Figures: what a sweep's runs recorded, drawn as SVG and PNG.
//!
//! The way through: [`series`] turns runs and their curves into plottable lines (pure);
//! `view`, `reference`, `axis`, `layout`, `legend`, `key`, `labels`, `direct`, `caption`, `decimate`
//! and `clip` decide what is shown and where (pure); `figure` and `panel` draw it on a `canvas`, the
//! only file that knows plotters; and `drawing` turns the SVG into a PNG with the embedded font and
//! writes both, `stamped` with the `facts` that say what it was made from. That is error against
//! iterations; `depth`, `heat` and `layers` do the same for the other kinds of figures.
//! `contact_sheet` shows images, `tables` writes what `analysis` found.
//! Nothing here reads the store: the curves come in as arguments.

mod axis;
mod canvas;
mod caption;
mod clip;
mod contact_sheet;
mod decimate;
mod depth;
mod describe;
mod direct;
mod diverged;
mod drawing;
mod error;
mod facts;
mod figure;
mod finals;
mod heat;
mod key;
mod labels;
mod layers;
mod layout;
mod legend;
mod markers;
mod names;
mod palette;
mod panel;
mod plot;
mod reference;
pub mod series;
mod stamped;
mod strokes;
mod tables;
mod text;
mod view;
mod viridis;

pub use contact_sheet::{Sheet, Tile, contact_sheet};
pub use drawing::{Drawing, PIXELS_PER_UNIT};
pub use error::RenderError;
pub use facts::{Facts, Picture, PictureError};
pub use figure::{draw, draw_layers};
pub use stamped::Stamped;
pub use tables::{Section, TableFormat, sections, table};
pub use text::unknown_warning;
