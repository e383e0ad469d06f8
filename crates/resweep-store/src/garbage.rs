//! Finds files in the results folder that are no longer needed; `gc` removes them.
//!
//! Only files with names that the program gives are found: checkpoints, logs, locks, and temporary
//! files, each in its own folder. Other files are kept, and no symbolic link is followed.

use std::collections::{HashMap, HashSet};
use std::io::Read as _;
use std::path::{Component, Path};
use std::time::{Duration, SystemTime};

use rusqlite::Connection;

use super::points::{collect, unsigned};
use super::{checkpoints, process};
use resweep_core::domain::{RunId, TrainingId};
use resweep_core::files::{Entry, Place};

/// A younger file without a row may be about to get one.
const GRACE: Duration = Duration::from_secs(60);

/// Why something is no longer needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// A checkpoint of a training that `--fresh` has replaced.
    Superseded,
    /// A checkpoint of a diverged run, from which nothing resumes.
    Diverged,
    /// The last checkpoint of a finished run, from which only a longer run would resume.
    Finished,
    /// A file below `checkpoints` without a row.
    Unlisted,
    /// A log of a run that is not in the database.
    Log,
    /// A journal, order or log of a submission that is closed.
    Submission,
    /// The lock of a process that has died.
    Lock,
    /// A file that was not completed.
    Temporary,
}

/// A file, or a symbolic link, that is no longer needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GarbageFile {
    pub path: Place,
    pub reason: Reason,
    pub bytes: u64,
}

/// A checkpoint whose row is to be deleted.
pub(super) struct Obsolete {
    pub training: TrainingId,
    pub iteration: u64,
    path: Place,
    reason: Reason,
}

/// The checkpoints from which nothing resumes, except those of runs that a living process trains.
/// With `everything` also the last ones of finished runs, unless a pending run needs them as
/// parent.
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

/// The files that can be removed once the rows of `obsolete` are deleted, sorted by path.
pub(super) fn find(
    connection: &Connection,
    database: &Path,
    obsolete: &[Obsolete],
) -> rusqlite::Result<Vec<GarbageFile>> {
    let obsolete = obsolete.iter().map(|gone| (gone.path.clone(), gone.reason));
    let survey = Survey {
        root: super::beside(database),
        database,
        obsolete: obsolete.collect(),
        now: SystemTime::now(),
    };
    let mut found = survey.checkpoints(connection)?;
    found.extend(survey.logs(connection)?);
    for folder in closed_submissions(connection, database)? {
        collect_files(&folder, &mut |file| {
            found.push(garbage_file(file, Reason::Submission));
        });
    }
    found.extend(survey.locks());
    found.extend(survey.temporary(connection)?);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

struct Survey<'a> {
    /// The results folder.
    root: Place,
    database: &'a Path,
    obsolete: HashMap<Place, Reason>,
    now: SystemTime,
}

impl Survey<'_> {
    fn checkpoints(&self, connection: &Connection) -> rusqlite::Result<Vec<GarbageFile>> {
        let busy = busy_runs(connection, self.database)?;
        let listed = listed(connection, self.database)?;
        let mut found = Vec::new();
        let runs = self.root.join("checkpoints").entries().into_iter();
        let idle = runs.filter(|run| !run.name().is_some_and(|name| busy.contains(name)));
        let trainings = idle.flat_map(|run| run.place.entries());
        let trainings = trainings.filter(|entry| is_number(entry.name()));
        for file in trainings.flat_map(|training| training.place.entries()) {
            match self.obsolete.get(&file.place) {
                Some(&reason) => found.push(garbage_file(file, reason)),
                None if listed.contains(&file.place) || !checkpoints::is_ours(&file) => {}
                None => found.extend(self.old(file, Reason::Unlisted)),
            }
        }
        Ok(found)
    }

    fn logs(&self, connection: &Connection) -> rusqlite::Result<Vec<GarbageFile>> {
        let known = known_logs(connection)?;
        let of_unknown = self.root.join("logs").entries().into_iter();
        let of_unknown =
            of_unknown.filter(|run| !run.name().is_some_and(|name| known.contains(name)));
        Ok(of_unknown
            .flat_map(|run| run.place.entries())
            .filter(|file| is_number(file.name().and_then(|name| name.strip_suffix(".log"))))
            .filter(|file| file.is_file || file.is_link)
            .filter_map(|file| self.old(file, Reason::Log))
            .collect())
    }

    /// A process is registered in a transaction, at whose end it holds the lock.
    fn locks(&self) -> Vec<GarbageFile> {
        let locks = self.root.join("locks").entries().into_iter();
        locks
            .filter(|entry| entry.is_file)
            .filter_map(|entry| {
                let process: i64 = entry.name()?.strip_suffix(".lock")?.parse().ok()?;
                let dead = !process::may_live(self.database, process);
                dead.then(|| garbage_file(entry, Reason::Lock))
            })
            .collect()
    }

    fn temporary(&self, connection: &Connection) -> rusqlite::Result<Vec<GarbageFile>> {
        let sweeps: Vec<String> =
            collect(connection, "SELECT name FROM sweeps", [], |row| row.get(0))?;
        // Names from the database must not lead out of the folder.
        let plain = |name: &&String| {
            let mut parts = Path::new(name.as_str()).components();
            matches!(
                (parts.next(), parts.next()),
                (Some(Component::Normal(_)), None)
            )
        };
        let figures = sweeps.iter().filter(plain).map(|name| self.root.join(name));
        let folders = [self.root.clone(), self.root.join("cache")]
            .into_iter()
            .chain(figures);
        Ok(folders
            .flat_map(|folder| folder.entries())
            .filter(Entry::is_temporary)
            .filter_map(|entry| self.old(entry, Reason::Temporary))
            .collect())
    }

    /// `None` for a file that was just written, or whose age is unknown.
    fn old(&self, entry: Entry, reason: Reason) -> Option<GarbageFile> {
        let age = self.now.duration_since(entry.modified?).ok()?;
        (age >= GRACE).then(|| garbage_file(entry, reason))
    }
}

fn garbage_file(entry: Entry, reason: Reason) -> GarbageFile {
    GarbageFile {
        path: entry.place,
        reason,
        bytes: entry.bytes,
    }
}

/// Whether it is a number as the program writes it into names.
fn is_number(name: Option<&str>) -> bool {
    name.is_some_and(|name| name.parse::<u64>().is_ok())
}

/// The files of all checkpoints with a row.
fn listed(connection: &Connection, database: &Path) -> rusqlite::Result<HashSet<Place>> {
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

/// The log folders of all runs in the database.
pub(super) fn known_logs(connection: &Connection) -> rusqlite::Result<HashSet<String>> {
    let ids = collect(connection, "SELECT id FROM runs", [], |row| row.get(0))?;
    let short = |id| RunId(id).short().to_owned();
    Ok(ids.into_iter().map(short).collect())
}

/// The parents of runs that have no result yet.
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

/// The runs that a living process trains.
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
    let submitted = collect(
        connection,
        "SELECT run_id FROM submission_runs WHERE state = 'open'",
        [],
        |row| row.get(0),
    )?;
    let lives = |(_, process): &(String, i64)| process::may_live(database, *process);
    let local = rows.into_iter().filter(lives).map(|(run, _)| run);
    Ok(local.chain(submitted).collect())
}

/// What `resweep submit` and the tasks write into the folder of a submission.
const SUBMISSION_NAMES: [&str; 7] = [
    "order.json",
    "job.sh",
    "owner",
    "free",
    "log",
    "tasks",
    "runs",
];

/// The longest `order.json` that is read.
const ORDER_BYTES_MAX: u64 = 1 << 20;

/// The files and folders of closed submissions. Nothing else in their folders is listed.
pub(super) fn closed_submissions(
    connection: &Connection,
    database: &Path,
) -> rusqlite::Result<Vec<Place>> {
    let sql = "SELECT folder, name FROM submissions WHERE state = 'closed'";
    let folders = collect(connection, sql, [], |row| {
        let (folder, name): (String, String) = (row.get(0)?, row.get(1)?);
        Ok(submission_folder(database, &folder, &name))
    })?;
    let folders = folders.iter().flatten();
    Ok(folders.flat_map(submission_files).collect())
}

/// The folder of the submission `name`; `None` if `folder` is that of something else. Whoever can write
/// the database could enter any folder, so the folder's `order.json` has to name the submission. No link
/// is followed below the results folder, or to the submission in the folder of its site.
pub(super) fn submission_folder(database: &Path, folder: &str, name: &str) -> Option<Place> {
    let place = Place::below(&super::beside(database), Path::new(folder)).ok()?;
    let order = place.join("order.json").open().ok()?;
    let order: serde_json::Value = serde_json::from_reader(order.take(ORDER_BYTES_MAX)).ok()?;
    (order["name"] == name).then_some(place)
}

/// The files and folders in the folder of a submission.
pub(super) fn submission_files(folder: &Place) -> Vec<Place> {
    SUBMISSION_NAMES.map(|name| folder.join(name)).to_vec()
}

/// Passes on every file at or below a place; links count as files and are not followed.
pub(super) fn collect_files(place: &Place, pass_on: &mut dyn FnMut(Entry)) {
    match place.entry() {
        Some(entry) if !entry.is_folder => pass_on(entry),
        _ => collect_files_below(place, pass_on),
    }
}

fn collect_files_below(folder: &Place, pass_on: &mut dyn FnMut(Entry)) {
    for entry in folder.entries() {
        if entry.is_folder {
            collect_files_below(&entry.place, pass_on);
        } else {
            pass_on(entry);
        }
    }
}
