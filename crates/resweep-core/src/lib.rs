//! The parts of resweep that need no tensors, images, database or graphics.
//!
//! [`sweep_file`] reads a sweep file, [`plan`] expands it into runs, [`schedule`] trains them on
//! worker threads, and [`analysis`] evaluates their measurements. This crate must not train, decode
//! images, open the database or draw: other crates do.
//!
//! | module | contents |
//! |---|---|
//! | [`domain`] | configurations, runs, events, metrics: the types that all crates exchange |
//! | [`sweep_file`] | reads a sweep file and reports every mistake with its line |
//! | [`plan`] | expands a sweep into runs, gives each its identity, estimates its time |
//! | [`schedule`] | decides which run starts next and runs the worker threads |
//! | [`analysis`] | means and intervals over seeds, verdicts, the paper's numbers |
//! | [`architecture`] | layers, parameters and FLOPs of the networks: the crate `resnet-architecture` |
//! | [`files`] | atomic writes |
//!
//! ```
//! use resweep_core::architecture::Architecture;
//! use resweep_core::domain::{Configuration, Shortcut};
//!
//! let configuration = Configuration::paper(110, Shortcut::A);
//! let network = Architecture::new(&configuration.model, 10);
//! assert_eq!(network.parameters(), 1_727_962); // the paper says 1.7 M
//! ```

pub mod analysis;
pub mod domain;
pub mod files;
pub mod plan;
pub mod schedule;
pub mod sweep_file;

pub use resnet_architecture as architecture;
