//! Builds the configurations of a sweep.
//!
//! `axes` and `rules` read `[axes]`, `[[zip]]`, `[[exclude]]` and `[[include]]`; `expand` makes the
//! points of the grid, `parents` adds those that others grow from, `resolve` turns points into
//! configurations, and `labels` names them.

pub mod axes;
pub mod context;
pub mod data;
mod epochs;
pub mod expand;
pub mod labels;
pub mod parents;
pub mod resolve;
pub mod rules;
