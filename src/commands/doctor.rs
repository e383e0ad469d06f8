//! `resweep doctor`: how the database and its checkpoints are, and what can be saved of them.

use std::path::{Path, PathBuf};

use anyhow::Context;
use indicatif::DecimalBytes;
use sysinfo::Disks;

use super::ending::{Ending, UsageError};
use super::prepare::database;
use super::table::{self, grouped};
use crate::cli::DoctorArgs;
use crate::record::{self, BadCheckpoint, Examination, Fault, SalvageError, Salvaged, Usage};
use crate::report::counted;

/// With less than this left on the disk, the next checkpoints may not fit.
const ROOM_MIN_BYTES: u64 = 1_000_000_000;

/// Messages of SQLite that are shown; the others say much the same.
const MESSAGES_SHOWN: usize = 3;

/// Says how the results are, and saves what can be read where that is asked for.
pub fn execute(args: &DoctorArgs) -> anyhow::Result<Ending> {
    let path = database(&args.results.results);
    let Some(examination) = Examination::of(&path)? else {
        anstream::println!("{}: nothing has been run yet", path.display());
        return Ok(Ending::Done);
    };
    show(&examination, &path);
    let mut problems = problems(&examination, &path);
    problems.extend(little_room(&path));
    for note in notes(&examination) {
        anstream::println!("note: {note}");
    }
    for problem in &problems {
        anstream::println!("problem: {problem}");
    }
    match &args.save {
        Some(to) => save(&path, to)?,
        None if !examination.is_sound() => appraise(&path)?,
        None => {}
    }
    if problems.is_empty() {
        anstream::println!("all is well");
        Ok(Ending::Done)
    } else {
        Ok(Ending::RunsFailed)
    }
}

/// What was looked at, and how much of it there is.
fn show(examination: &Examination, path: &Path) {
    let usage = Usage::of(path);
    let version = examination
        .version
        .map(|version| format!("schema {version}"));
    let state = if examination.is_sound() {
        "sound"
    } else {
        "damaged"
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
    let alive = examination.alive.iter();
    let alive: Vec<String> = alive
        .map(|process| format!("{} on {}", process.pid, process.host))
        .collect();
    line(
        "processes",
        &match alive.as_slice() {
            [] => vec!["none at work".to_owned()],
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
    if let Some(free) = free_bytes(path) {
        line("disk", &[format!("{} free", DecimalBytes(free))]);
    }
}

fn line(what: &str, facts: &[String]) {
    anstream::println!("{:<12} {}", format!("{what}:"), facts.join(", "));
}

/// What is not as it could be and harms nothing.
fn notes(examination: &Examination) -> Vec<String> {
    let mut notes = Vec::new();
    if examination.left_running > 0 {
        let (runs, end) = if examination.left_running == 1 {
            ("1 run was".to_owned(), "it")
        } else {
            (format!("{} runs were", examination.left_running), "them")
        };
        notes.push(format!(
            "{runs} left by a process that died; `resweep run` goes on with {end}"
        ));
    }
    let leftovers = &examination.leftovers;
    if !leftovers.is_empty() {
        let bytes = leftovers.iter().map(|leftover| leftover.bytes).sum();
        notes.push(format!(
            "{} no longer needed ({}); `resweep gc` removes what nothing needs",
            match leftovers.len() {
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
        // SQLite begins some of its messages with a heading.
        let message = message.trim_start_matches("*** in database main ***\n");
        let message = message.lines().next().unwrap_or_default();
        problems.push(format!("{} is damaged: {message}", path.display()));
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
    problems.extend(examination.bad_checkpoints.iter().map(bad_checkpoint));
    problems
}

fn bad_checkpoint(bad: &BadCheckpoint) -> String {
    let fault = match &bad.fault {
        Fault::Missing => "is missing".to_owned(),
        Fault::Size { found, expected } => format!("has {found} bytes of {expected}"),
        Fault::Content => "is not as it was written".to_owned(),
        Fault::Unreadable(error) => format!("cannot be read ({error})"),
    };
    format!(
        "the checkpoint of {} at iteration {} {fault}; put it back, or the run goes on from an \
         earlier one or from its start: {}",
        bad.label,
        bad.iteration,
        bad.path.display()
    )
}

fn little_room(path: &Path) -> Option<String> {
    let free = free_bytes(path).filter(|free| *free < ROOM_MIN_BYTES)?;
    Some(format!(
        "only {} are free on the disk; make room before the next run",
        DecimalBytes(free)
    ))
}

/// Of the disk that holds `path`, as far as the system tells.
fn free_bytes(path: &Path) -> Option<u64> {
    let path = path.canonicalize().ok()?;
    let disks = Disks::new_with_refreshed_list().ok()?;
    let holds = |disk: &&sysinfo::Disk| path.starts_with(disk.mount_point());
    let disk = disks.iter().filter(holds);
    disk.max_by_key(|disk| disk.mount_point().as_os_str().len())
        .map(|disk| disk.available_space())
}

fn appraise(path: &Path) -> anyhow::Result<()> {
    match record::appraise(path) {
        Ok(salvaged) => {
            anstream::println!();
            anstream::println!("What can still be read:");
            show_salvaged(&salvaged);
            anstream::println!();
            anstream::println!(
                "`resweep doctor --save FILE` writes it into a new database; {} stays as it is.",
                path.display()
            );
            Ok(())
        }
        Err(error) => nothing_to_save(error, path),
    }
}

/// A file whose first page is gone tells nothing of what is in it.
fn nothing_to_save(error: SalvageError, path: &Path) -> anyhow::Result<()> {
    use record::StoreError::{Damaged, NotADatabase, OfAnotherProgram};
    match error {
        SalvageError::Store(Damaged { .. } | NotADatabase { .. } | OfAnotherProgram { .. }) => {
            anstream::println!(
                "nothing can be saved: the start of the file, which tells where everything is, is \
                 destroyed; put a copy back, or move {} away and train again",
                path.display()
            );
            Ok(())
        }
        error => Err(error.into()),
    }
}

fn save(path: &Path, to: &Path) -> anyhow::Result<()> {
    let salvaged = match record::save(path, to) {
        Ok(salvaged) => salvaged,
        Err(error @ SalvageError::Exists { .. }) => {
            return Err(UsageError(error.to_string()).into());
        }
        Err(error) => return nothing_to_save(error, path),
    };
    anstream::println!();
    anstream::println!("saved into {}:", to.display());
    show_salvaged(&salvaged);
    anstream::println!();
    anstream::println!("To put it in place, while nothing runs:");
    let folder = path.parent().context("a database lies in a folder")?;
    let aside: PathBuf = folder.join("damaged");
    anstream::println!(
        "  mkdir {0} && mv {1}* {0} && mv {2} {1}",
        aside.display(),
        path.display(),
        to.display()
    );
    Ok(())
}

fn show_salvaged(salvaged: &Salvaged) {
    let rows = salvaged.tables.iter().map(|table| {
        let whole = if table.whole { "all" } else { "not all" };
        vec![table.name.to_owned(), grouped(table.rows), whole.to_owned()]
    });
    table::print(&["table", "rows", ""], &["rows"], rows.collect());
    let mended = &salvaged.mended;
    for (table, rows) in &mended.left_out {
        anstream::println!(
            "{} of `{table}` left out: what they belong to is lost",
            counted(*rows as usize, "row")
        );
    }
    if mended.runs_from_logs > 0 {
        let (runs, verb, end) = match mended.runs_from_logs {
            1 => ("1 run".to_owned(), "was", "it"),
            many => (format!("{many} runs"), "were", "them"),
        };
        anstream::println!(
            "{runs} {verb} found in the logs; `resweep run` of a sweep with {end} fills in the rest"
        );
    }
    if mended.reopened > 0 {
        anstream::println!(
            "how {} ended is lost: `resweep run` goes on from the last checkpoint",
            counted(mended.reopened as usize, "training")
        );
    }
    if !mended.incomplete.is_empty() {
        anstream::println!(
            "points are missing from the curves of {}; `resweep run --fresh` measures them again",
            mended.incomplete.join(", ")
        );
    }
}
