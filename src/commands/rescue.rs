//! Recovers what is readable in a damaged database.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::exit_code::UsageError;
use super::table::{self, grouped};
use crate::format::counted;
use resweep_store::{Recovered, RecoveryError};

/// Prints what could be recovered.
pub fn show_recoverable(path: &Path) -> anyhow::Result<()> {
    match resweep_store::recoverable(path) {
        Ok(recovered) => {
            outln!();
            outln!("Recoverable:");
            show_recovered(&recovered);
            outln!();
            outln!(
                "`resweep doctor --save FILE` writes it to a new database and does not change {}.",
                path.display()
            );
            Ok(())
        }
        Err(error) => nothing_to_save(error, path),
    }
}

/// If the first page is lost, nothing in the file can be located.
fn nothing_to_save(error: RecoveryError, path: &Path) -> anyhow::Result<()> {
    use resweep_store::StoreError::{Damaged, NotADatabase, OfAnotherProgram};
    match error {
        RecoveryError::Store(Damaged { .. } | NotADatabase { .. } | OfAnotherProgram { .. }) => {
            outln!(
                "nothing can be recovered: the start of the file, which locates everything else, is \
                 destroyed; restore a copy, or move {} away and train again",
                path.display()
            );
            Ok(())
        }
        error => Err(error.into()),
    }
}

/// Recovers the database to a new file, and prints how to replace the damaged one.
pub fn recover(path: &Path, to: &Path) -> anyhow::Result<()> {
    let recovered = match resweep_store::recover(path, to) {
        Ok(recovered) => recovered,
        Err(error @ RecoveryError::Exists { .. }) => {
            return Err(UsageError(error.to_string()).into());
        }
        Err(error) => return nothing_to_save(error, path),
    };
    outln!();
    outln!("recovered to {}:", to.display());
    show_recovered(&recovered);
    outln!();
    outln!("To replace the damaged database, while nothing runs:");
    let folder = path.parent().context("a database lies in a folder")?;
    let aside: PathBuf = folder.join("damaged");
    outln!(
        "  mkdir {0} && mv {1}* {0} && mv {2} {1}",
        aside.display(),
        path.display(),
        to.display()
    );
    Ok(())
}

fn show_recovered(recovered: &Recovered) {
    let rows = recovered.tables.iter().map(|table| {
        let whole = if table.whole { "all" } else { "part" };
        vec![table.name.to_owned(), grouped(table.rows), whole.to_owned()]
    });
    table::print(&["table", "rows", ""], &["rows"], rows.collect());
    let repairs = &recovered.repairs;
    for (table, rows) in &repairs.left_out {
        outln!(
            "{} of `{table}` skipped: the rows they refer to are lost",
            counted(*rows as usize, "row")
        );
    }
    if repairs.runs_from_logs > 0 {
        let (runs, verb, end) = match repairs.runs_from_logs {
            1 => ("1 run".to_owned(), "was", "it"),
            many => (format!("{many} runs"), "were", "them"),
        };
        outln!(
            "{runs} {verb} found in the logs; `resweep run` of a sweep with {end} restores the rest"
        );
    }
    if repairs.reopened > 0 {
        outln!(
            "the outcome of {} is lost: `resweep run` resumes from the last checkpoint",
            counted(repairs.reopened as usize, "training")
        );
    }
    for run in &repairs.changed {
        outln!(
            "the measurements of {run} are not those that were recorded; `resweep rm` removes them"
        );
    }
    if !repairs.incomplete.is_empty() {
        outln!(
            "points are missing from the curves of {}; `resweep run --fresh` measures them again",
            repairs.incomplete.join(", ")
        );
    }
}
