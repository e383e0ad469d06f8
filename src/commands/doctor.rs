//! Implements `resweep doctor`: checks the database and its checkpoints, and recovers data.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use indicatif::DecimalBytes;

use super::exit_code::ExitCode;
use super::rescue;
use super::results::database;
use super::table::grouped;
use crate::cli::{self, DoctorArgs};
use crate::format::counted;
use resweep_core::domain::shell_quoted;
use resweep_store::{BadCheckpoint, ChangedMeasurements, Examination, Fault, Room, Store, Usage};

/// With less free space than this, the next checkpoints may not fit.
const ROOM_MIN_BYTES: u64 = 1_000_000_000;

/// The same for free inodes.
const FILES_MIN: u64 = 1_000;

/// The most messages of SQLite that are shown; further ones are similar.
const MESSAGES_SHOWN: usize = 3;

/// Prints the state of the results; recovers what can be read if requested.
pub fn execute(args: &DoctorArgs) -> anyhow::Result<ExitCode> {
    let path = database(&args.results.results);
    let examination = Examination::of(&path)?;
    match &examination {
        Some(examination) => show(examination, &path),
        None => outln!("{}: nothing has been run yet", path.display()),
    }
    let room = Room::at(&args.results.results);
    room.into_iter().for_each(show_room);
    let clusters = examination.iter().filter(|found| found.is_sound());
    let clusters: Vec<Clusters> = clusters.filter_map(|_| Clusters::of(&path).ok()).collect();
    let failed = clusters.iter().filter_map(Clusters::note);
    for note in examination.iter().flat_map(notes).chain(failed) {
        outln!("note: {note}");
    }
    let found = examination.iter().flat_map(|found| problems(found, &path));
    let found = found.chain(clusters.iter().flat_map(|found| found.problems(&path)));
    let problems: Vec<String> = found
        .chain(room.into_iter().flat_map(little_room))
        .collect();
    for problem in &problems {
        outln!("problem: {problem}");
    }
    let Some(examination) = examination else {
        return Ok(exit_code(&problems));
    };
    match &args.save {
        Some(to) => rescue::recover(&path, to)?,
        None if !examination.is_sound() => rescue::show_recoverable(&path)?,
        None => {}
    }
    if problems.is_empty() {
        outln!("no problems found");
    }
    Ok(exit_code(&problems))
}

fn exit_code(problems: &[String]) -> ExitCode {
    if problems.is_empty() {
        ExitCode::Success
    } else {
        ExitCode::RunsFailed
    }
}

/// Prints what was checked and its size.
fn show(examination: &Examination, path: &Path) {
    let usage = Usage::of(path);
    let version = examination
        .version
        .map(|version| format!("schema {version}"));
    let state = match examination.is_sound() {
        false => "damaged",
        true if examination.changed.is_empty() => "sound",
        true => "readable, but measurements were changed",
    };
    let facts = [
        Some(path.display().to_string()),
        version,
        Some(DecimalBytes(usage.database_bytes).to_string()),
        Some(state.to_owned()),
    ];
    line("database", &facts.into_iter().flatten().collect::<Vec<_>>());
    if !examination.rows.is_empty() {
        let rows = examination.rows.iter();
        let rows: Vec<String> = rows
            .map(|(table, rows)| {
                let noun = if *rows == 1 {
                    table.trim_end_matches('s')
                } else {
                    table
                };
                format!("{} {noun}", grouped(*rows))
            })
            .collect();
        line("it has", &rows);
    }
    // Damage may have prevented these checks.
    if !examination.rows.is_empty() {
        show_work(examination, &usage);
    }
}

fn show_work(examination: &Examination, usage: &Usage) {
    let alive = examination.alive.iter();
    let alive: Vec<String> = alive
        .map(|process| format!("{} on {}", process.pid, process.host))
        .collect();
    line(
        "processes",
        &match alive.as_slice() {
            [] => vec!["none running".to_owned()],
            alive => alive.to_vec(),
        },
    );
    line(
        "checkpoints",
        &[
            counted(examination.checkpoints as usize, "file"),
            DecimalBytes(usage.checkpoints_bytes).to_string(),
        ],
    );
}

fn line(what: &str, facts: &[String]) {
    outln!("{:<12} {}", format!("{what}:"), facts.join(", "));
}

/// Remarks that are not problems.
fn notes(examination: &Examination) -> Vec<String> {
    let mut notes = Vec::new();
    if examination.left_running > 0 {
        let (runs, end) = if examination.left_running == 1 {
            ("1 run was".to_owned(), "it")
        } else {
            (format!("{} runs were", examination.left_running), "them")
        };
        notes.push(format!(
            "{runs} left by a process that died; `resweep run` resumes {end}"
        ));
    }
    let replaced = examination.changed.iter().filter(|found| !found.is_current);
    notes.extend(replaced.map(|found| {
        format!(
            "an earlier training of {} has other measurements than were recorded; nothing shows them",
            found.run
        )
    }));
    let garbage = &examination.garbage;
    if !garbage.is_empty() {
        let bytes = garbage.iter().map(|file| file.bytes).sum();
        notes.push(format!(
            "{} no longer needed ({}); `resweep gc` removes them",
            match garbage.len() {
                1 => "1 file is".to_owned(),
                count => format!("{count} files are"),
            },
            DecimalBytes(bytes)
        ));
    }
    notes
}

fn problems(examination: &Examination, path: &Path) -> Vec<String> {
    let mut problems: Vec<String> = Vec::new();
    let damage = &examination.damage;
    for message in damage.iter().take(MESSAGES_SHOWN) {
        // SQLite begins some messages with a heading.
        let message = message.trim_start_matches("*** in database main ***\n");
        let message = message.lines().next().unwrap_or_default();
        problems.push(format!(
            "{} is damaged ({message}); see below for what can be recovered",
            path.display()
        ));
    }
    if let Some(more @ 1..) = damage.len().checked_sub(MESSAGES_SHOWN) {
        let more = counted(more, "more message");
        problems.push(format!(
            "{} is damaged: {more} of this kind",
            path.display()
        ));
    }
    for (table, rows) in &examination.broken_references {
        problems.push(format!(
            "{} of `{table}` refer to rows that are missing; `--save` leaves them out",
            counted(*rows as usize, "row")
        ));
    }
    let changed = examination.changed.iter().filter(|found| found.is_current);
    problems.extend(changed.map(|found| changed_measurements(found, path)));
    problems.extend(examination.bad_checkpoints.iter().map(bad_checkpoint));
    problems
}

/// The state of submissions to clusters.
struct Clusters {
    /// The folders of open submissions that this machine does not see, with their numbers of runs.
    missing: BTreeMap<PathBuf, usize>,
    /// Runs that were released because their task failed before it began them.
    failed: usize,
}

impl Clusters {
    fn of(database: &Path) -> anyhow::Result<Self> {
        let store = Store::open_read_only(database)?;
        let mut missing = BTreeMap::new();
        for run in store.submitted()?.into_values() {
            *missing.entry(run.folder).or_default() += 1;
        }
        missing.retain(|folder, _| !folder.is_dir());
        let failed = store.failed_tasks()?.len();
        Ok(Self { missing, failed })
    }

    fn note(&self) -> Option<String> {
        let runs = match self.failed {
            0 => return None,
            1 => "1 run was".to_owned(),
            runs => format!("{runs} runs were"),
        };
        Some(format!(
            "{runs} released because their task on a cluster failed before it began them; `resweep status \
             SWEEP` says why"
        ))
    }

    fn problems(&self, database: &Path) -> impl Iterator<Item = String> {
        let results = results_option(database);
        self.missing.iter().map(move |(folder, runs)| {
            format!(
                "{} on a cluster: their folder is missing on this machine; mount it and run \
                 `resweep sync{results}`, or release them with `resweep cancel SWEEP{results}`: {}",
                match runs {
                    1 => "1 run is".to_owned(),
                    runs => format!("{runs} runs are"),
                },
                folder.display()
            )
        })
    }
}

/// Everything else in the database can be used, so only this run has to be trained again.
fn changed_measurements(found: &ChangedMeasurements, path: &Path) -> String {
    let (run, results) = (&found.run, results_option(path));
    format!(
        "the measurements of {run} are not those that were recorded, so no command shows them; \
         everything else is intact. Remove its results, and run its sweep to train it again:\n  \
         resweep rm {}{results}",
        shell_quoted(run)
    )
}

/// The option that names the results folder, if it is not the default one.
fn results_option(database: &Path) -> String {
    match database.parent() {
        Some(results) if results != Path::new(cli::RESULTS) => {
            let results = shell_quoted(&results.display().to_string());
            format!(" --results {results}")
        }
        _ => String::new(),
    }
}

fn bad_checkpoint(bad: &BadCheckpoint) -> String {
    let fault = match &bad.fault {
        Fault::Missing => "is missing".to_owned(),
        Fault::Size { found, expected } => format!("has {found} bytes of {expected}"),
        Fault::Content => "is damaged: its SHA-256 differs".to_owned(),
        Fault::Unreadable(error) => format!("cannot be read ({error})"),
    };
    format!(
        "the checkpoint of {} at iteration {} {fault}; restore it, or the run resumes from an \
         earlier one or from its start: {}",
        bad.label,
        bad.iteration,
        bad.path.display()
    )
}

/// Warns if the disk is too full for the next run.
fn little_room(room: Room) -> Vec<String> {
    let mut problems = Vec::new();
    if room.bytes < ROOM_MIN_BYTES {
        problems.push(format!(
            "only {} are free on the disk; make room before the next run",
            DecimalBytes(room.bytes)
        ));
    }
    if let Some(files) = room.files.filter(|files| *files < FILES_MIN) {
        problems.push(format!(
            "the disk has room for only {} (its inodes are used up); remove files before the next \
             run",
            counted(files as usize, "more file")
        ));
    }
    problems
}

fn show_room(room: Room) {
    let mut facts = vec![format!("{} free", DecimalBytes(room.bytes))];
    facts.extend(
        room.files
            .map(|files| format!("{} inodes free", grouped(files))),
    );
    line("disk", &facts);
}
