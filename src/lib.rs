//! resweep trains sweeps of plain and residual networks and draws the figures of
//! "Deep Residual Learning for Image Recognition" (He et al. 2015).
//!
//! Data flows one way: spec -> plan -> schedule -> train -> record -> render.

// Only the kernels of the training engine may lift this.
#![deny(unsafe_code)]

pub mod analysis;
pub mod cli;
pub mod commands;
pub mod data;
pub mod domain;
pub mod engine;
pub mod export;
mod files;
pub mod model;
pub mod page;
pub mod plan;
pub mod record;
pub mod render;
pub mod report;
pub mod schedule;
pub mod spec;
pub mod train;
