//! Draws the recorded curves of a sweep as SVG, PNG and PDF figures, and writes its tables.
//!
//! Nothing here reads the store: the curves are arguments. A figure goes through the modules in the
//! order of the table, which are pure up to `plot`.
//!
//! | modules | contents |
//! |---|---|
//! | `figure`, `scene` | selects the kind of figure; what every kind gets |
//! | `curves`, `depth`, `heat`, `layers` | the kinds: error against iterations, final error against depth, heat maps, layer responses |
//! | [`series`], `finals`, `decimate`, `clip` | runs and their curves as lines, final errors |
//! | `view`, `reference`, `axis` | the content of a panel, the paper's curves, ticks |
//! | `layout`, `legend`, `key`, `labels`, `direct`, `names`, `caption`, `describe`, `diverged` | texts and their positions |
//! | `metrics`, `palette`, `viridis`, `markers`, `strokes`, `text`, `plot` | sizes, colours, marks, line styles, fonts, positions on the page |
//! | `panel`, `canvas` | draws; `canvas` is the only file that uses plotters |
//! | `drawing`, `pdf`, `with_metadata`, `metadata` | files: SVG, PNG and PDF, with the data and settings of the figure |
//! | `contact_sheet`, `tables` | images in a grid; the results of `analysis` as tables |

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
