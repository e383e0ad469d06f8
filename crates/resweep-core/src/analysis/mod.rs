//! Analyses measurements: final errors over seeds, comparison with the paper, and verdicts by the
//! rules in `docs/tables.md`. Pure functions: no drawing, no files, no database.
//!
//! [`finals`] computes each run's final errors from its curves; [`summary`] combines the seeds of a
//! configuration with the values in [`paper`]; [`pairs`] selects the configurations to compare,
//! [`verdicts`] judges the paper's claims, [`expectations`] those of the sweep file, [`repeats`]
//! decides whether more seeds are needed, [`chance`] whether a run ended no better than guessing,
//! and [`findings`] collects everything.

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

pub use finals::Recorded;
pub use findings::Findings;
pub use repeats::{SeedGrowth, grow};
