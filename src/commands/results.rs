//! The paths in a results folder, and its database.

use std::path::{Path, PathBuf};

use resweep_store::{Store, StoreError};

/// Opens the database to plan a sweep. If every run trains again (`fresh`), those whose measurements
/// were changed count as not recorded: they are replaced.
///
/// # Errors
/// When the database cannot be read.
pub fn store(results: &Path, fresh: bool) -> Result<Store, StoreError> {
    let store = Store::open_read_only(&database(results))?;
    Ok(match fresh {
        true => store.skipping_changed_measurements(),
        false => store,
    })
}

/// The path of the database in a results folder.
pub fn database(results: &Path) -> PathBuf {
    results.join("resweep.db")
}

/// The folder for decoded images.
pub fn cache(results: &Path) -> PathBuf {
    results.join("cache")
}
