//! The paths in a results folder.

use std::path::{Path, PathBuf};

/// The path of the database in a results folder.
pub fn database(results: &Path) -> PathBuf {
    results.join("resweep.db")
}

/// The folder for decoded images.
pub fn cache(results: &Path) -> PathBuf {
    results.join("cache")
}
