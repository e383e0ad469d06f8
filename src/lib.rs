//! resweep trains sweeps of plain and residual networks and draws the figures of
//! "Deep Residual Learning for Image Recognition" (He et al. 2015).
//!
//! This package is the command line; the work is done by the crates under `crates/`, which
//! `ARCHITECTURE.md` describes.

pub mod cli;
pub mod commands;
pub mod export;
pub mod progress;
pub mod report;
