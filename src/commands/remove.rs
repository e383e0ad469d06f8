//! Implements `resweep rm` and `resweep rename`.

use std::io::{self, BufRead};

use indicatif::DecimalBytes;

use super::exit_code::{ExitCode, UsageError};
use super::named_run;
use super::results::database;
use crate::cli::{RenameArgs, RmArgs};
use crate::format::counted;
use crate::output::Stream;
use resweep_core::domain::printable;
use resweep_core::sweep_file::{
    DataFolders, StarterData, Surroundings, SweepFileError, SweepText, starter,
};
use resweep_store::{Removal, Store, Target};

/// The maximum number of runs that are listed.
const NAMED: usize = 12;

/// Lists the objects to remove, asks for confirmation, and removes them.
pub fn execute(args: &RmArgs) -> anyhow::Result<ExitCode> {
    let path = database(&args.results.results);
    let target = target(args)?;
    let removal = resweep_store::removal(&path, &target)?;
    if let (Target::Run(_), Some(run)) = (&target, removal.runs.iter().find(|run| run.stays)) {
        let message = format!(
            "run `{}` stays: several sweeps have it; remove those with `resweep rm SWEEP`",
            run.label
        );
        return Err(UsageError(message).into());
    }
    announce(&args.name, &target, &removal);
    if !args.yes && !confirmed()? {
        return Ok(ExitCode::Usage);
    }
    let removed = resweep_store::remove(&path, &target)?;
    for (file, error) in &removed.failed {
        errln!("cannot remove {}: {error}", file.display());
    }
    outln!("removed {}", printable(&args.name));
    Ok(match removed.failed.is_empty() {
        true => ExitCode::Success,
        false => ExitCode::Failure,
    })
}

fn target(args: &RmArgs) -> anyhow::Result<Target> {
    let store = Store::open_read_only(&database(&args.results.results))?;
    let sweeps = store.sweeps()?;
    if sweeps.iter().any(|sweep| sweep.name == args.name) {
        return Ok(Target::Sweep(args.name.clone()));
    }
    let run = named_run::find(&args.name, &store, &args.results.results)?;
    Ok(Target::Run(run.member.id))
}

fn announce(name: &str, target: &Target, removal: &Removal) {
    let goes: Vec<&str> = removal
        .runs
        .iter()
        .filter(|run| !run.stays)
        .map(|run| run.label.as_str())
        .collect();
    let stay = removal.runs.len() - goes.len();
    let size = DecimalBytes(removal.bytes);
    let files = counted(removal.files.len(), "file");
    match target {
        Target::Sweep(_) => outln!(
            "sweep {}: removes {} and {files}, {size}",
            printable(name),
            counted(goes.len(), "run")
        ),
        Target::Run(_) => outln!(
            "run {}: removes its results and {files}, {size}; its sweep keeps it as a new run",
            printable(name)
        ),
    }
    for label in goes.iter().take(NAMED) {
        outln!("  {label}");
    }
    if let Some(more @ 1..) = goes.len().checked_sub(NAMED) {
        outln!("  and {more} more");
    }
    for folder in &removal.joint {
        let folder = printable(&folder.display().to_string());
        outln!("  figures and tables of several sweeps in {folder}");
    }
    if stay > 0 {
        outln!("{} of other sweeps stay", counted(stay, "run"));
    }
}

/// Asks for confirmation on a terminal; otherwise there is no one to answer.
fn confirmed() -> anyhow::Result<bool> {
    if !Stream::Err.is_interactive() {
        errln!("nothing is removed; repeat the command with --yes");
        return Ok(false);
    }
    errln!("remove it? Type y to do so:");
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    let yes = matches!(answer.trim(), "y" | "Y" | "yes");
    if !yes {
        errln!("nothing is removed");
    }
    Ok(yes)
}

/// Checks the name of a sweep.
fn check_name(name: &str) -> Result<(), SweepFileError> {
    let text = starter("name", &StarterData::Synthetic);
    let around = Surroundings::without_images(DataFolders::NeedNotExist);
    let overrides = [format!("sweep.name={name}")];
    let text = SweepText::recorded("the new name".to_owned(), text);
    text.sweep(&overrides, around).map(|_| ())
}

/// Renames a sweep in the database and its folder.
pub fn rename(args: &RenameArgs) -> anyhow::Result<ExitCode> {
    check_name(&args.to)?;
    resweep_store::rename(&database(&args.results.results), &args.from, &args.to)?;
    let (from, to) = (printable(&args.from), printable(&args.to));
    outln!("renamed {from} to {to}");
    errln!(
        "note: write `name = \"{to}\"` in its sweep file; `resweep plot {to}` draws its figures with the new name"
    );
    Ok(ExitCode::Success)
}
