//! What the results mean: the paper's own numbers to hold them against. Pure: no files, no
//! drawing.

pub mod paper;
