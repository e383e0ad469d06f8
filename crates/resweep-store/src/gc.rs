//! Removes what is no longer needed: rows first, and files after the commit.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, TransactionBehavior, params};

use super::garbage::{self, GarbageFile, Obsolete};
use super::{StoreError, database, soundness, usage};
use resweep_core::files::Place;

/// The removed files, and those that could not be removed.
#[derive(Debug, Default)]
pub struct Collected {
    pub removed: Vec<GarbageFile>,
    pub failed: Vec<(PathBuf, io::Error)>,
}

/// The files that [`collect_garbage`] would remove from the folder of the database at `path`, sorted by path.
/// With `everything` also the last checkpoints of finished runs.
///
/// # Errors
/// When the database cannot be read.
pub fn find_garbage(path: &Path, everything: bool) -> Result<Vec<GarbageFile>, StoreError> {
    let failed = |source| StoreError::of_sqlite(path, source);
    let Some(connection) = database::open_for_reading(path)? else {
        return Ok(Vec::new());
    };
    let tx = connection.unchecked_transaction().map_err(failed)?;
    let obsolete = garbage::obsolete(&tx, path, everything).map_err(failed)?;
    garbage::find(&tx, path, &obsolete).map_err(failed)
}

/// Removes the checkpoints from which nothing resumes, and files that are no longer needed. Must
/// not touch files of a run that a living process trains, anything outside the folder, or files
/// without a row that are younger than a minute.
///
/// # Errors
/// When the database cannot be written.
pub fn collect_garbage(path: &Path, everything: bool) -> Result<Collected, StoreError> {
    let failed = |source| StoreError::of_sqlite(path, source);
    // Ignores a database that is missing, or belongs to another program or version.
    let Some(found) = database::open_as_it_is(path)? else {
        return Ok(Collected::default());
    };
    database::refuse_older(&found, path)?;
    soundness::check(&found).map_err(failed)?;
    drop(found);
    let mut connection = database::connect(path)?;
    let obsolete = forget(&mut connection, path, everything).map_err(failed)?;
    // No process can claim a run or register itself before the transaction ends.
    let tx = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(failed)?;
    let mut found = garbage::find(&tx, path, &obsolete).map_err(failed)?;
    // The file that shows whose folder it is goes last.
    found.sort_by_key(|file| file.path.ends_with("order.json"));
    let submissions = garbage::closed_submissions(&tx, path).map_err(failed)?;
    let mut collected = Collected::default();
    for file in found {
        match file.path.remove_file() {
            Ok(()) => collected.removed.push(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => collected.failed.push((file.path.to_path_buf(), error)),
        }
    }
    remove_folders(&tx, path, &submissions).map_err(failed)?;
    Ok(collected)
}

/// Deletes the rows of checkpoints that are no longer needed.
fn forget(
    connection: &mut Connection,
    path: &Path,
    everything: bool,
) -> rusqlite::Result<Vec<Obsolete>> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let obsolete = garbage::obsolete(&tx, path, everything)?;
    for gone in &obsolete {
        tx.prepare_cached("DELETE FROM checkpoints WHERE training_id = ?1 AND iteration = ?2")?
            .execute(params![gone.training.0, gone.iteration as i64])?;
    }
    tx.commit()?;
    Ok(obsolete)
}

/// A living process may be about to write into the folders of its runs.
fn remove_folders(
    connection: &Connection,
    path: &Path,
    submissions: &[Place],
) -> rusqlite::Result<()> {
    let busy = garbage::busy_runs(connection, path)?;
    let root = super::beside(path).join("checkpoints");
    let spare = |folder: &Place| {
        let name = folder.file_name().and_then(|name| name.to_str());
        folder.folder() == root && name.is_some_and(|name| busy.contains(name))
    };
    usage::remove_empty_folders(&root, &spare);
    let logs = super::beside(path).join("logs");
    let known = garbage::known_logs(connection)?;
    let spare = |folder: &Place| {
        let name = folder.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| known.contains(name))
    };
    usage::remove_empty_folders(&logs, &spare);
    for folder in submissions {
        usage::remove_empty_folders(folder, &|_| false);
        let _ = folder.remove_folder();
        let _ = folder.folder().remove_folder();
    }
    Ok(())
}
