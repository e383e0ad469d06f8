//! What the fuzz targets drive.

#[path = "../tests/hostile/drive.rs"]
pub mod drive;
