//! Reads a sweep file and its `--set` overrides into a [`Sweep`](crate::domain::Sweep), or reports
//! every error in them.
//!
//! | module | contents |
//! |---|---|
//! | `sweep_text` | the text, and the steps from its bytes to the sweep |
//! | `read` | the steps from the parsed tree to the sweep |
//! | `together` | several sweeps as one, for figures and tables that compare them |
//! | `keys` | table of all keys |
//! | `parse` | TOML as a tree whose values know their positions |
//! | `overrides` | `--set KEY=VALUE` |
//! | `values` | checks each value and each table |
//! | `grid` | configurations of the grid |
//! | `figures`, `expect` | `[[figure]]` and `[[expect]]` |
//! | `diagnostics` | errors, and how they are printed |
//! | `starter`, `sites` | writes new sweep files; reads the site file, `clusters.toml` |
//!
//! Reading does not stop at the first error: an invalid value is kept as invalid, and later checks
//! skip it.
//!
//! Paths of data sets are relative to the working directory, as the path of the sweep file is, and
//! are stored as written: a sweep names the same folder wherever its file is.

mod diagnostics;
mod expect;
mod figures;
mod file;
mod grid;
mod keys;
mod limits;
mod overrides;
mod parse;
mod read;
mod sites;
mod starter;
mod sweep_text;
mod together;
mod values;

pub use diagnostics::error::{Mistakes, SweepFileError};
pub use grid::context::{CountImages, DataFolders, Surroundings};
pub use grid::data::SYNTHETIC_TRAIN_IMAGES;
pub use grid::resolve::points_default;
pub use keys::options::{KeyOption, key_options, override_keys};
pub use keys::synonyms::hint;
pub use sites::{Site, SiteEngine, Sites};
pub use starter::{StarterData, from_overrides, starter};
pub use sweep_text::{SweepText, load};
pub use together::{JOINT, Part, Together, together};
