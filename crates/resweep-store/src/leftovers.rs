//! What lies in the results folder and is no longer needed: found here, removed in `tidy`.
//!
//! Only what the database or the program's own names vouch for is looked at: the folders
//! `checkpoints`, `logs` and `locks`, and temporary files beside the database, in the cache and
//! beside the figures. Symbolic links are seen as links and never followed.

use std::collections::{HashMap, HashSet};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use rusqlite::Connection;

use super::points::{collect, unsigned};
use super::{checkpoints, process, usage};
use resweep_core::domain::{RunId, TrainingId};
use resweep_core::files::TEMPORARY_PREFIX;

/// A file without a row that is younger may be about to get one.
const GRACE: Duration = Duration::from_secs(60);

/// Why something is no longer needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// A checkpoint of a training that `--fresh` has replaced by another.
    Superseded,
    /// A checkpoint of a run that diverged, which nothing goes on from.
    Diverged,
    /// The last checkpoint of a finished run, which only a longer run would go on from.
    Finished,
    /// Below `checkpoints`, and no row of the database names it.
    Unlisted,
    /// A log of a run that the database does not know.
    Log,
    /// The lock of a process that has died.
    Lock,
    /// A file that was never finished.
    Temporary,
}

/// A file, or a symbolic link, that is no longer needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    pub path: PathBuf,
    pub reason: Reason,
    pub bytes: u64,
}

/// A checkpoint whose row is to go.
pub(super) struct Obsolete {
    pub training: TrainingId,
    pub iteration: u64,
    path: PathBuf,
    reason: Reason,
}

/// The checkpoints that nothing goes on from, but for runs that a living process works on. With
/// `everything` also the last ones of finished runs, unless another run has yet to grow from them.
pub(super) fn obsolete(
    connection: &Connection,
    database: &Path,
    everything: bool,
) -> rusqlite::Result<Vec<Obsolete>> {
    let busy = busy_runs(connection, database)?;
    let wanted = wanted_runs(connection)?;
    let rows = collect(
        connection,
        "SELECT trainings.id, iteration, trainings.run_id, trainings.number,
             current.id IS NOT trainings.id, status
         FROM checkpoints
         JOIN trainings ON trainings.id = checkpoints.training_id
         LEFT JOIN current_trainings AS current ON current.run_id = trainings.run_id
         LEFT JOIN current_attempts ON current_attempts.run_id = trainings.run_id",
        [],
        |row| {
            let (run_id, iteration): (String, u64) = (row.get(2)?, unsigned(row, 1)?);
            let status: Option<String> = row.get(5)?;
            let reason = match status.as_deref() {
                _ if row.get(4)? => Some(Reason::Superseded),
                Some("diverged") => Some(Reason::Diverged),
                Some("finished") if everything && !wanted.contains(&run_id) => {
                    Some(Reason::Finished)
                }
                _ => None,
            };
            let folder = checkpoints::folder(database, &run_id, unsigned(row, 3)?);
            let reason = reason.filter(|_| !busy.contains(&run_id));
            let training = TrainingId(row.get(0)?);
            Ok(reason.map(|reason| Obsolete {
                training,
                iteration,
                path: folder.join(checkpoints::file_name(iteration)),
                reason,
            }))
        },
    )?;
    Ok(rows.into_iter().flatten().collect())
}

/// What can be removed once the rows of `obsolete` are gone, in the order of the paths.
pub(super) fn find(
    connection: &Connection,
    database: &Path,
    obsolete: &[Obsolete],
) -> rusqlite::Result<Vec<Leftover>> {
    let obsolete = obsolete.iter().map(|gone| (gone.path.clone(), gone.reason));
    let survey = Survey {
        root: database.parent().unwrap_or(Path::new("")),
        database,
        obsolete: obsolete.collect(),
        now: SystemTime::now(),
    };
    let mut found = survey.checkpoints(connection)?;
    found.extend(survey.logs(connection)?);
    found.extend(survey.locks());
    found.extend(survey.temporary(connection)?);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

struct Survey<'a> {
    /// The results folder.
    root: &'a Path,
    database: &'a Path,
    obsolete: HashMap<PathBuf, Reason>,
    now: SystemTime,
}

impl Survey<'_> {
    fn checkpoints(&self, connection: &Connection) -> rusqlite::Result<Vec<Leftover>> {
        let busy = busy_runs(connection, self.database)?;
        let listed = listed(connection, self.database)?;
        let mut found = Vec::new();
        for run in usage::entries(&self.root.join("checkpoints")) {
            let is_busy = |name: &str| busy.contains(name);
            if run
                .path
                .file_name()
                .and_then(|name| name.to_str())
                .is_some_and(is_busy)
            {
                continue;
            }
            for file in usage::files_at(run) {
                // A link may stand in the place of a folder.
                let leads_on = || listed.iter().any(|path| path.starts_with(&file.path));
                let in_use = listed.contains(&file.path) || file.is_link && leads_on();
                match self.obsolete.get(&file.path) {
                    Some(&reason) => found.push(leftover(file, reason)),
                    None if in_use => {}
                    None => found.extend(self.old(file, Reason::Unlisted)),
                }
            }
        }
        Ok(found)
    }

    fn logs(&self, connection: &Connection) -> rusqlite::Result<Vec<Leftover>> {
        let known = known_logs(connection)?;
        let of_unknown = usage::entries(&self.root.join("logs"))
            .into_iter()
            .filter(|entry| {
                let name = entry.path.file_name().unwrap_or_default();
                !name.to_str().is_some_and(|name| known.contains(name))
            });
        Ok(of_unknown
            .flat_map(usage::files_at)
            .filter_map(|file| self.old(file, Reason::Log))
            .collect())
    }

    /// Whoever registers a process does so in a transaction, at whose end the lock is held.
    fn locks(&self) -> Vec<Leftover> {
        let locks = usage::entries(&self.root.join("locks")).into_iter();
        locks
            .filter(|entry| entry.is_file)
            .filter_map(|entry| {
                let name = entry.path.file_name()?.to_str()?;
                let process: i64 = name.strip_suffix(".lock")?.parse().ok()?;
                let dead = !process::may_live(self.database, process);
                dead.then(|| leftover(entry, Reason::Lock))
            })
            .collect()
    }

    fn temporary(&self, connection: &Connection) -> rusqlite::Result<Vec<Leftover>> {
        let sweeps: Vec<String> =
            collect(connection, "SELECT name FROM sweeps", [], |row| row.get(0))?;
        // What the database says is not let out of the folder.
        let plain = |name: &&String| {
            let mut parts = Path::new(name.as_str()).components();
            matches!(
                (parts.next(), parts.next()),
                (Some(Component::Normal(_)), None)
            )
        };
        let figures = sweeps.iter().filter(plain).map(|name| self.root.join(name));
        let folders = [self.root.to_owned(), self.root.join("cache")]
            .into_iter()
            .chain(figures);
        Ok(folders
            .flat_map(|folder| usage::entries(&folder))
            .filter(|entry| {
                let name = entry.path.file_name().unwrap_or_default();
                let begins = name
                    .as_encoded_bytes()
                    .starts_with(TEMPORARY_PREFIX.as_bytes());
                begins && (entry.is_file || entry.is_link)
            })
            .filter_map(|entry| self.old(entry, Reason::Temporary))
            .collect())
    }

    /// Nothing for a file that was just written, or whose age cannot be told.
    fn old(&self, entry: usage::Entry, reason: Reason) -> Option<Leftover> {
        let age = self.now.duration_since(entry.modified?).ok()?;
        (age >= GRACE).then(|| leftover(entry, reason))
    }
}

fn leftover(entry: usage::Entry, reason: Reason) -> Leftover {
    Leftover {
        path: entry.path,
        reason,
        bytes: entry.bytes,
    }
}

/// The files of all checkpoints that have a row.
fn listed(connection: &Connection, database: &Path) -> rusqlite::Result<HashSet<PathBuf>> {
    let paths = collect(
        connection,
        "SELECT run_id, number, iteration
         FROM checkpoints JOIN trainings ON trainings.id = training_id",
        [],
        |row| {
            let run_id: String = row.get(0)?;
            let folder = checkpoints::folder(database, &run_id, unsigned(row, 1)?);
            Ok(folder.join(checkpoints::file_name(unsigned(row, 2)?)))
        },
    )?;
    Ok(paths.into_iter().collect())
}

/// The folders of the logs of all runs that the database knows.
pub(super) fn known_logs(connection: &Connection) -> rusqlite::Result<HashSet<String>> {
    let ids = collect(connection, "SELECT id FROM runs", [], |row| row.get(0))?;
    let short = |id| RunId(id).short().to_owned();
    Ok(ids.into_iter().map(short).collect())
}

/// The runs that others of a sweep grow from which have no result yet.
fn wanted_runs(connection: &Connection) -> rusqlite::Result<HashSet<String>> {
    let ids = collect(
        connection,
        "SELECT needs FROM run_needs
         LEFT JOIN current_attempts ON current_attempts.run_id = run_needs.run_id
         WHERE coalesce(status, 'new') NOT IN ('finished', 'diverged')
             AND run_needs.run_id IN (SELECT run_id FROM sweep_runs)",
        [],
        |row| row.get(0),
    )?;
    Ok(ids.into_iter().collect())
}

/// The runs that a living process works on.
pub(super) fn busy_runs(
    connection: &Connection,
    database: &Path,
) -> rusqlite::Result<HashSet<String>> {
    let rows = collect(
        connection,
        "SELECT run_id, process_id FROM attempts WHERE status = 'running' AND process_id IS NOT NULL",
        [],
        |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)),
    )?;
    let lives = |(_, process): &(String, i64)| process::may_live(database, *process);
    Ok(rows.into_iter().filter(lives).map(|(run, _)| run).collect())
}
