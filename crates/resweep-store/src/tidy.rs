//! Removes what is no longer needed: rows first, files once that is committed.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, TransactionBehavior, params};

use super::leftovers::{self, Leftover, Obsolete};
use super::{StoreError, database, usage};
use resweep_core::files::Place;

/// What was removed, and what could not be.
#[derive(Debug, Default)]
pub struct Tidied {
    pub removed: Vec<Leftover>,
    pub failed: Vec<(PathBuf, io::Error)>,
}

/// What [`tidy`] would remove from the folder of the database at `path`, in the order of the
/// paths. With `everything` also the last checkpoints of finished runs.
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

/// Removes the checkpoints that nothing goes on from, and files that nobody will ask for again.
/// Nothing of a run that a living process works on is touched, nothing outside the folder, and
/// no file without a row that is younger than a minute.
///
/// # Errors
/// When the database cannot be written.
pub fn tidy(path: &Path, everything: bool) -> Result<Tidied, StoreError> {
    let failed = |source| StoreError::of_sqlite(path, source);
    // A database that is missing, another program's or of another version is left alone.
    let Some(found) = database::open_as_it_is(path)? else {
        return Ok(Tidied::default());
    };
    database::refuse_older(&found, path)?;
    drop(found);
    let mut connection = database::connect(path)?;
    let obsolete = forget(&mut connection, path, everything).map_err(failed)?;
    // Until its end no process can take a run or register itself.
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
