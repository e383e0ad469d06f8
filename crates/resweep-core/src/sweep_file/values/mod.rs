//! Checks what is written for each key: values, ranges, and the tables of single values.
//!
//! `section` reads a table, `check` one value by the kind of its key; `setting` has the results.

pub mod assign;
pub mod check;
pub mod head;
pub mod lists;
pub mod numbers;
pub mod ranges;
pub mod repeats;
pub mod scalars;
pub mod section;
pub mod seeds;
pub mod setting;
pub mod tables;
pub mod text;
pub mod warmup;
