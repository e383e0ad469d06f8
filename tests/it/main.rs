//! The integration tests, one program: it links once, and its tests share `support`.
//!
//! Those of the store and of the scheduler alone are in their crates, also named `it`.
//! `cargo test --test it NAME` runs the tests whose path contains NAME.

mod care;
mod cli;
mod construction;
mod cuda_engine;
mod cuda_sweep;
mod damaged_database;
mod data_batches;
mod data_download;
mod data_folder;
mod enough_seeds;
mod export;
mod findings;
mod first_steps;
mod fused_engine;
mod guarantees;
mod hostile;
mod kernels;
mod layer_stats;
mod papers;
mod power_cut;
mod pytorch_parity;
mod record_docs;
mod recorded;
mod render_figure;
mod render_kinds;
mod report;
mod results_folder;
mod results_links;
mod resume;
mod scale;
mod slurm;
mod support;
mod sweep_file;
mod terminal;
mod torture;
mod tutorial;
mod upkeep;
mod verify;
mod visual;
