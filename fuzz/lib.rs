//! The modules that the fuzz targets drive, where they are looked for.

extern crate self as resweep;

#[path = "../src/data/mod.rs"]
pub mod data;
#[path = "../src/domain/mod.rs"]
pub mod domain;
#[path = "../tests/hostile/drive.rs"]
pub mod drive;
#[path = "../src/files.rs"]
mod files;
#[path = "../src/spec/mod.rs"]
pub mod spec;
