//! The report: a sweep's figures, tables and runs as one HTML file that needs nothing else.
//!
//! `model` is what it shows (pure); `payload` packs curves and configurations for the page's own script, with
//! `decimate` keeping long curves small; `policy` locks the page down; and `page.html` is filled
//! in by askama, which escapes every value. The script and the style are `assets/`.
//! Nothing here reads a file or the store, and the same input gives the same bytes.

mod assets;
mod decimate;
mod limits;
mod model;
mod payload;
mod policy;
mod row;
mod template;
mod words;

pub use model::{Attempt, Drawn, Entry, Report, Standing, Table, Tail};
pub use template::{PageError, render};
