//! The command line of resweep, which trains sweeps of plain and residual networks and draws the
//! figures of "Deep Residual Learning for Image Recognition" (He et al. 2015).
//!
//! The crates under `crates/` do the work; see `ARCHITECTURE.md`.

// The standard macros panic when a stream is full or closed; use `outln!` and `errln!` of `output`.
#![cfg_attr(not(test), deny(clippy::disallowed_macros, clippy::disallowed_methods))]

#[macro_use]
mod output;

pub mod cli;
pub mod commands;
pub mod export;
mod format;
pub mod progress;
pub mod report;
