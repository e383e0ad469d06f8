//! Removes sweeps and runs, and renames sweeps. Must not touch anything that a living process
//! trains, or that another sweep contains.

use std::io;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::database::Database;
use super::points::collect;
use super::{StoreError, database, garbage, joint_figures, process};
use resweep_core::domain::RunId;
use resweep_core::files::Place;

/// The object to remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A sweep, and its runs that no other sweep contains.
    Sweep(String),
    /// The results of a run; its sweep keeps it as a pending run.
    Run(RunId),
}

/// A run to remove, or to keep because another sweep contains it or has a run with it as parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovedRun {
    pub id: RunId,
    pub label: String,
    pub stays: bool,
}

/// The objects that a removal deletes.
#[derive(Debug, Default)]
pub struct Removal {
    pub runs: Vec<RemovedRun>,
    pub files: Vec<Place>,
    pub bytes: u64,
    /// The folders with figures of the sweep and others that are among those files.
    pub joint: Vec<Place>,
    /// The folders of those files, which are removed if they are empty then.
    folders: Vec<Place>,
    /// Files that could not be removed after their rows.
    pub failed: Vec<(Place, io::Error)>,
}

impl Removal {
    /// Adds the figures that show a sweep together with others.
    fn add_joint_figures(&mut self, root: &Place, sweep: &str) {
        for (_, folder) in joint_figures::folders(root, sweep) {
            let files = joint_figures::files(&folder);
            if files.is_empty() {
                continue;
            }
            for file in files {
                self.bytes += file.bytes;
                self.files.push(file.place);
            }
            self.folders.push(folder.clone());
            self.joint.push(folder);
        }
    }
}

/// Returns what [`remove`] would remove.
///
/// # Errors
/// There is no such sweep or run; a process trains it; the database cannot be read.
pub fn removal(path: &Path, target: &Target) -> Result<Removal, StoreError> {
    let Some(connection) = database::open_for_reading(path)? else {
        return Err(unknown(path, target));
    };
    find(&connection, path, target)
}

/// Removes a sweep or the results of a run: rows first, files once that is committed.
///
/// # Errors
/// As of [`removal`], or the database cannot be written; then nothing is removed.
pub fn remove(path: &Path, target: &Target) -> Result<Removal, StoreError> {
    let mut connection = open(path, target)?;
    let failed = |source| StoreError::of_sqlite(path, source);
    let tx = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(failed)?;
    let mut removal = find(&tx, path, target)?;
    for run in removal.runs.iter().filter(|run| !run.stays) {
        forget_training(&tx, &run.id).map_err(failed)?;
    }
    if let Target::Sweep(name) = target {
        forget_sweep(&tx, name).map_err(failed)?;
        for run in removal.runs.iter().filter(|run| !run.stays) {
            forget_run(&tx, &run.id).map_err(failed)?;
        }
    }
    tx.commit().map_err(failed)?;
    for file in &removal.files {
        match file.remove_file() {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                removal.failed.push((file.clone(), error));
            }
            _ => {}
        }
    }
    for folder in &removal.folders {
        remove_empty(folder);
    }
    Ok(removal)
}

/// Renames a sweep in the database, its folder, and the folders of its figures with others. The caller
/// must redraw its figures, which contain the name.
///
/// # Errors
/// There is no sweep `from`, or there is one named `to`; a process trains it; the database or the
/// folder cannot be written.
pub fn rename(path: &Path, from: &str, to: &str) -> Result<(), StoreError> {
    let target = Target::Sweep(from.to_owned());
    let mut connection = open(path, &target)?;
    let failed = |source| StoreError::of_sqlite(path, source);
    let tx = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(failed)?;
    let sweep = sweep_id(&tx, from)
        .map_err(failed)?
        .ok_or_else(|| unknown(path, &target))?;
    refuse_busy(&tx, path, sweep, from)?;
    let root = super::beside(path);
    let (old, new) = (root.join(from), root.join(to));
    if sweep_id(&tx, to).map_err(failed)?.is_some() || new.exists() {
        return Err(StoreError::NameTaken {
            path: path.to_owned(),
            name: to.to_owned(),
        });
    }
    // The recorded text has the old name; an override replaces it.
    tx.execute(
        "UPDATE sweeps SET name = ?2,
             overrides_json = json_insert(overrides_json, '$[#]', 'sweep.name=' || ?2)
         WHERE id = ?1",
        params![sweep, to],
    )
    .map_err(failed)?;
    if old.exists() {
        move_folder(&old, &new)?;
    }
    tx.commit().map_err(failed)?;
    for (name, folder) in joint_figures::folders(&root, from) {
        let new = root.join(joint_figures::renamed(&name, from, to));
        if !new.exists() {
            move_folder(&folder, &new)?;
        }
    }
    Ok(())
}

fn move_folder(old: &Place, new: &Place) -> Result<(), StoreError> {
    std::fs::rename(&**old, &**new).map_err(|source| StoreError::Folder {
        path: new.to_path_buf(),
        source,
    })
}

fn open(path: &Path, target: &Target) -> Result<Database, StoreError> {
    let Some(found) = database::open_as_it_is(path)? else {
        return Err(unknown(path, target));
    };
    database::refuse_older(&found, path)?;
    drop(found);
    database::connect(path)
}

fn find(connection: &Connection, path: &Path, target: &Target) -> Result<Removal, StoreError> {
    let failed = |source| StoreError::of_sqlite(path, source);
    let runs = match target {
        Target::Sweep(name) => {
            let sweep = sweep_id(connection, name).map_err(failed)?;
            let sweep = sweep.ok_or_else(|| unknown(path, target))?;
            refuse_busy(connection, path, sweep, name)?;
            runs_of(connection, sweep).map_err(failed)?
        }
        Target::Run(id) => vec![
            one(connection, id)
                .map_err(failed)?
                .ok_or_else(|| unknown(path, target))?,
        ],
    };
    let busy = garbage::busy_runs(connection, path).map_err(failed)?;
    if let Some(run) = runs
        .iter()
        .find(|run| !run.stays && busy.contains(&run.id.0))
    {
        return Err(StoreError::InTraining {
            path: path.to_owned(),
            what: format!("run `{}`", run.label),
        });
    }
    let mut removal = Removal::default();
    for folder in folders(connection, path, target, &runs).map_err(failed)? {
        garbage::collect_files(&folder, &mut |file| {
            removal.bytes += file.bytes;
            removal.files.push(file.place);
        });
        removal.folders.push(folder);
    }
    if let Target::Sweep(name) = target {
        removal.add_joint_figures(&super::beside(path), name);
    }
    removal.runs = runs;
    Ok(removal)
}

fn sweep_id(connection: &Connection, name: &str) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT id FROM sweeps WHERE name = ?1";
    connection
        .query_row(sql, [name], |row| row.get(0))
        .optional()
}

/// The runs of a sweep. Keeps those that another sweep contains, or that are parents of its runs.
fn runs_of(connection: &Connection, sweep: i64) -> rusqlite::Result<Vec<RemovedRun>> {
    collect(
        connection,
        "SELECT run_id, label,
             EXISTS (SELECT 1 FROM sweep_runs AS other
                 WHERE other.run_id = sweep_runs.run_id AND other.sweep_id != ?1)
             OR EXISTS (SELECT 1 FROM run_needs
                 WHERE needs = sweep_runs.run_id AND run_needs.run_id NOT IN
                     (SELECT run_id FROM sweep_runs WHERE sweep_id = ?1))
         FROM sweep_runs WHERE sweep_id = ?1 ORDER BY position",
        [sweep],
        removed_run,
    )
}

/// A run; it is kept if several sweeps contain it.
fn one(connection: &Connection, id: &RunId) -> rusqlite::Result<Option<RemovedRun>> {
    connection
        .query_row(
            "SELECT runs.id, coalesce(min(label), runs.name), count(label) > 1
             FROM runs LEFT JOIN sweep_runs ON sweep_runs.run_id = runs.id
             WHERE runs.id = ?1 GROUP BY runs.id",
            [&id.0],
            removed_run,
        )
        .optional()
}

fn removed_run(row: &rusqlite::Row<'_>) -> rusqlite::Result<RemovedRun> {
    Ok(RemovedRun {
        id: RunId(row.get(0)?),
        label: row.get(1)?,
        stays: row.get(2)?,
    })
}

fn refuse_busy(
    connection: &Connection,
    path: &Path,
    sweep: i64,
    name: &str,
) -> Result<(), StoreError> {
    let failed = |source| StoreError::of_sqlite(path, source);
    let on_cluster = collect(
        connection,
        "SELECT site FROM submissions WHERE sweep_id = ?1 AND state != 'closed'",
        [sweep],
        |row| row.get::<_, String>(0),
    );
    if let Some(site) = on_cluster.map_err(failed)?.pop() {
        return Err(StoreError::OnCluster {
            path: path.to_owned(),
            sweep: name.to_owned(),
            site,
        });
    }
    // No process has the number -1.
    let found = process::at_sweep(connection, path, sweep, -1);
    match found.map_err(failed)? {
        None => Ok(()),
        Some((process, host)) => Err(StoreError::InTraining {
            path: path.to_owned(),
            what: format!("sweep `{name}` (process {process} on {host})"),
        }),
    }
}

fn unknown(path: &Path, target: &Target) -> StoreError {
    StoreError::NotRecorded {
        path: path.to_owned(),
        what: match target {
            Target::Sweep(name) => format!("sweep `{name}`"),
            Target::Run(id) => format!("run {}", id.short()),
        },
    }
}

fn forget_training(connection: &Connection, run: &RunId) -> rusqlite::Result<()> {
    for table in [
        "train_metrics",
        "eval_metrics",
        "layer_stats",
        "checkpoints",
    ] {
        let sql = format!(
            "DELETE FROM {table} WHERE training_id IN (SELECT id FROM trainings WHERE run_id = ?1)"
        );
        connection.execute(&sql, [&run.0])?;
    }
    connection.execute("DELETE FROM attempts WHERE run_id = ?1", [&run.0])?;
    connection.execute("DELETE FROM trainings WHERE run_id = ?1", [&run.0])?;
    Ok(())
}

fn forget_sweep(connection: &Connection, name: &str) -> rusqlite::Result<()> {
    for sql in [
        "DELETE FROM sweep_runs WHERE sweep_id = (SELECT id FROM sweeps WHERE name = ?1)",
        "UPDATE processes SET sweep_id = NULL
         WHERE sweep_id = (SELECT id FROM sweeps WHERE name = ?1)",
        "DELETE FROM sweeps WHERE name = ?1",
    ] {
        connection.execute(sql, [name])?;
    }
    Ok(())
}

fn forget_run(connection: &Connection, run: &RunId) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM run_images WHERE run_id = ?1", [&run.0])?;
    connection.execute(
        "DELETE FROM run_needs WHERE run_id = ?1 OR needs = ?1",
        [&run.0],
    )?;
    connection.execute("DELETE FROM runs WHERE id = ?1", [&run.0])?;
    Ok(())
}

/// The folders of the removed objects.
fn folders(
    connection: &Connection,
    path: &Path,
    target: &Target,
    runs: &[RemovedRun],
) -> rusqlite::Result<Vec<Place>> {
    let root = super::beside(path);
    let mut folders = Vec::new();
    if let Target::Sweep(name) = target {
        folders.push(root.join(name));
        for folder in submissions(connection, path, name)? {
            folders.extend(garbage::submission_files(&folder));
            folders.push(folder);
        }
    }
    for run in runs.iter().filter(|run| !run.stays) {
        folders.push(root.join("checkpoints").join(&run.id.0));
        folders.push(root.join("logs").join(run.id.short()));
    }
    Ok(folders)
}

/// The folders of a sweep's submissions.
fn submissions(connection: &Connection, path: &Path, sweep: &str) -> rusqlite::Result<Vec<Place>> {
    let folders = collect(
        connection,
        "SELECT folder, submissions.name FROM submissions JOIN sweeps ON sweeps.id = sweep_id
         WHERE sweeps.name = ?1",
        [sweep],
        |row| {
            let (folder, name): (String, String) = (row.get(0)?, row.get(1)?);
            Ok(garbage::submission_folder(path, &folder, &name))
        },
    )?;
    Ok(folders.into_iter().flatten().collect())
}

/// Removes a folder and those below it if they are empty.
fn remove_empty(folder: &Place) {
    for entry in folder.entries().into_iter().filter(|entry| entry.is_folder) {
        remove_empty(&entry.place);
    }
    // A file that could not be removed has been reported.
    let _ = folder.remove_folder();
}
