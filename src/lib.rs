//! resweep trains sweeps of plain and residual networks and draws the figures of
//! "Deep Residual Learning for Image Recognition" (He et al. 2015).
//!
//! This package is the command line; the work is done by the crates under `crates/`, which
//! `ARCHITECTURE.md` describes.

// The standard macros panic when a stream is full or closed; `output` has `outln!` and `errln!`.
#![cfg_attr(not(test), deny(clippy::disallowed_macros, clippy::disallowed_methods))]

#[macro_use]
mod output;

pub mod cli;
pub mod commands;
pub mod export;
pub mod progress;
pub mod report;
