//! What every part of resweep shares and what needs no tensors, images, database or pictures.
//!
//! A sweep file becomes a plan, a plan becomes a schedule, and measurements become statistics.
//! Nothing here trains, decodes images, opens the database or draws; the other crates do, and
//! none of them sees another except `resweep-train`, which uses the engine and the data sets.
//!
//! | module | what it holds |
//! |---|---|
//! | [`domain`] | configurations, runs, events, metrics: the types that all crates exchange |
//! | [`sweep_file`] | reads a sweep file and reports every mistake with its line |
//! | [`plan`] | expands a sweep into runs, gives each its identity, estimates its time |
//! | [`schedule`] | decides which run starts next and drives the worker threads |
//! | [`analysis`] | means and intervals over seeds, verdicts, the paper's numbers |
//! | [`architecture`] | layers, parameters and FLOPs of the networks: the crate `resnet-architecture` |
//! | [`files`] | files that appear whole or not at all |
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
