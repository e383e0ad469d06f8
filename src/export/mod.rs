//! What was recorded, in the formats of other programs: tables, and TensorBoard's event files.
//!
//! [`RowWriter`] writes tables as CSV or JSON Lines, [`tensorboard`] one run's log; [`settings`]
//! names a run's settings as the sweep file does; [`Folder`] keeps what somebody else put there. Nothing here reads the store or trains.

mod folder;
mod rows;
mod settings;
pub mod tensorboard;

pub use folder::{ExportError, Folder};
pub use rows::{RowFormat, RowWriter};
pub use settings::{rounded, settings};
