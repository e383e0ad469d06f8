//! Errors of a sweep file: positions, messages with their corrections, and how they are printed.
//!
//! Nothing here knows a key or a value; the other folders make [`problem::Problem`]s.

pub mod error;
pub mod problem;
pub mod render;
pub mod source;
pub mod suggest;
