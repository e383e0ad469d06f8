//! Removes what is no longer needed: first the rows, and the files after the commit.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, TransactionBehavior, params};

use super::leftovers::{self, Leftover, Obsolete};
use super::{StoreError, database, soundness, usage};
use resweep_core::files::Place;

/// The removed files, and those that could not be removed.
#[derive(Debug, Default)]
pub struct Tidied {
    pub removed: Vec<Leftover>,
    pub failed: Vec<(PathBuf, io::Error)>,
}

/// The files that [`tidy`] would remove from the folder of the database at `path`, sorted by path.
/// With `everything` also the last checkpoints of finished runs.
///
/// # Errors
/// When the database cannot be read.
pub fn leftovers(path: &Path, everything: bool) -> Result<Vec<Leftover>, StoreError> {
    let failed = |source| StoreError::of_sqlite(path, source);
    let Some(connection) = database::open_for_reading(path)? else {
        return Ok(Vec::new());
    };
    let tx = connection.unchecked_transaction().map_err(failed)?;
    let obsolete = leftovers::obsolete(&tx, path, everything).map_err(failed)?;
    leftovers::find(&tx, path, &obsolete).map_err(failed)
}

/// Removes the checkpoints from which nothing resumes, and files that are no longer needed. Must
/// not touch files of a run that a living process trains, anything outside the folder, or files
/// without a row that are younger than a minute.
///
/// # Errors
/// When the database cannot be written.
pub fn tidy(path: &Path, everything: bool) -> Result<Tidied, StoreError> {
    let failed = |source| StoreError::of_sqlite(path, source);
    // Ignores a database that is missing, or belongs to another program or version.
    let Some(found) = database::open_as_it_is(path)? else {
        return Ok(Tidied::default());
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
    let found = leftovers::find(&tx, path, &obsolete).map_err(failed)?;
    let mut tidied = Tidied::default();
    for leftover in found {
        match leftover.path.remove_file() {
            Ok(()) => tidied.removed.push(leftover),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tidied.failed.push((leftover.path.to_path_buf(), error)),
        }
    }
    remove_folders(&tx, path).map_err(failed)?;
    Ok(tidied)
}

/// Deletes the rows of checkpoints that are no longer needed.
fn forget(
    connection: &mut Connection,
    path: &Path,
    everything: bool,
) -> rusqlite::Result<Vec<Obsolete>> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let obsolete = leftovers::obsolete(&tx, path, everything)?;
    for gone in &obsolete {
        tx.prepare_cached("DELETE FROM checkpoints WHERE training_id = ?1 AND iteration = ?2")?
            .execute(params![gone.training.0, gone.iteration as i64])?;
    }
    tx.commit()?;
    Ok(obsolete)
}

/// A living process may be about to write into the folders of its runs.
fn remove_folders(connection: &Connection, path: &Path) -> rusqlite::Result<()> {
    let busy = leftovers::busy_runs(connection, path)?;
    let root = super::beside(path).join("checkpoints");
    let spare = |folder: &Place| {
        let name = folder.file_name().and_then(|name| name.to_str());
        folder.folder() == root && name.is_some_and(|name| busy.contains(name))
    };
    usage::remove_empty_folders(&root, &spare);
    let logs = super::beside(path).join("logs");
    let known = leftovers::known_logs(connection)?;
    let spare = |folder: &Place| {
        let name = folder.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| known.contains(name))
    };
    usage::remove_empty_folders(&logs, &spare);
    Ok(())
}
