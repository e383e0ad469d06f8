//! resweep trains sweeps of plain and residual networks and draws the figures of
//! "Deep Residual Learning for Image Recognition" (He et al. 2015).
//!
//! Data flows one way: spec -> plan -> schedule -> train -> record -> render.

pub mod domain;
pub mod engine;
pub mod model;
