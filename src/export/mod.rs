//! Writes results in the formats of other programs: tables, and TensorBoard event files.
//!
//! [`RowWriter`] writes tables as CSV or JSON Lines, [`tensorboard`] one run's event file;
//! `settings` names a run's settings as in the sweep file; [`Folder`] protects files that were
//! not exported. This module must not read the store or train.

mod folder;
mod rows;
mod settings;
pub mod tensorboard;

pub use folder::{ExportError, Folder};
pub use rows::{RowFormat, RowWriter};
pub use settings::{rounded, settings};
