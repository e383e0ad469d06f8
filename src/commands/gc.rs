//! Implements `resweep gc`: removes files that are no longer needed from the results folder.

use std::path::Path;

use indicatif::DecimalBytes;

use super::exit_code::ExitCode;
use super::results::database;
use crate::cli::GcArgs;
use crate::format::counted;
use resweep_store::{GarbageFile, Reason};

/// Removes, or lists, files that are no longer needed.
pub fn execute(args: &GcArgs) -> anyhow::Result<ExitCode> {
    let results = &args.results.results;
    let path = database(results);
    if args.dry_run {
        let found = resweep_store::find_garbage(&path, args.all)?;
        list(&found, results);
        sum("would remove", &found);
        return Ok(ExitCode::Success);
    }
    let collected = resweep_store::collect_garbage(&path, args.all)?;
    list(&collected.removed, results);
    sum("removed", &collected.removed);
    for (path, error) in &collected.failed {
        errln!("cannot remove {}: {error}", path.display());
    }
    if collected.failed.is_empty() {
        Ok(ExitCode::Success)
    } else {
        Ok(ExitCode::Failure)
    }
}

/// Prints one line per file, grouped by reason.
fn list(found: &[GarbageFile], results: &Path) {
    for reason in [
        Reason::Superseded,
        Reason::Diverged,
        Reason::Finished,
        Reason::Unlisted,
        Reason::Log,
        Reason::Submission,
        Reason::Lock,
        Reason::Temporary,
    ] {
        let files: Vec<&GarbageFile> = found.iter().filter(|file| file.reason == reason).collect();
        if files.is_empty() {
            continue;
        }
        outln!("{}:", heading(reason));
        for file in files {
            let path = file.path.strip_prefix(results).unwrap_or(&file.path);
            let bytes = DecimalBytes(file.bytes).to_string();
            outln!("  {bytes:>9}  {}", path.display());
        }
    }
}

fn heading(reason: Reason) -> &'static str {
    match reason {
        Reason::Superseded => "checkpoints replaced by `--fresh`",
        Reason::Diverged => "checkpoints of runs that diverged",
        Reason::Finished => "checkpoints of finished runs, which then cannot be extended",
        Reason::Unlisted => "files in checkpoints/ that the database does not list",
        Reason::Log => "logs of runs that the database does not list",
        Reason::Submission => "orders, journals and logs of closed submissions",
        Reason::Lock => "locks of processes that have died",
        Reason::Temporary => "incomplete files",
    }
}

fn sum(what: &str, found: &[GarbageFile]) {
    let bytes: u64 = found.iter().map(|file| file.bytes).sum();
    if found.is_empty() {
        outln!("nothing to remove");
    } else {
        let files = counted(found.len(), "file");
        outln!("{what} {files}, {}", DecimalBytes(bytes));
    }
}
