//! The HTML report: a sweep's figures, tables and runs in one self-contained file.
//!
//! `model` is its content (pure); `payload` packs curves and configurations for the page's script,
//! with `decimate` thinning long curves; `policy` restricts what the page may load; askama fills in
//! `page.html` and escapes every value. `assets/` has the script and the style. This module must
//! not read files or the store; equal input gives equal bytes.

mod assets;
mod decimate;
mod index;
mod limits;
mod model;
mod payload;
mod policy;
mod row;
mod template;
mod words;

pub use index::{IndexEntry, render_index};
pub use model::{Attempt, Drawn, Entry, Report, Table, Tail};
pub use template::{PageError, render};
