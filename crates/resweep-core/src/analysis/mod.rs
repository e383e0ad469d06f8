//! What the measurements say: final errors over seeds, the paper's numbers, and verdicts by a
//! written rule (`docs/tables.md`). Pure: no drawing, no files, no database.
//!
//! The way through: [`finals`] takes each run's final errors from its curves; [`summary`] puts the
//! seeds of a configuration together with the numbers of [`paper`]; [`pairs`] says which
//! configurations are compared, [`verdicts`] what that shows, [`expectations`] whether it
//! is what the sweep file expects, [`repeats`] whether more seeds are needed, [`chance`] whether a
//! run ended no better than guessing, and [`findings`] collects it all.

pub mod chance;
pub mod expectations;
pub mod finals;
pub mod findings;
pub mod pairs;
pub mod paper;
pub mod repeats;
pub mod statistics;
pub mod summary;
pub mod verdicts;

pub use finals::{End, Recorded};
pub use findings::Findings;
pub use repeats::{Growth, grow};
