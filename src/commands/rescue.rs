//! Recovers what is readable in a damaged database.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::exit_code::UsageError;
use super::table::{self, grouped};
use crate::progress::counted;
use resweep_store::{SalvageError, Salvaged};

/// Prints what could be recovered.
pub fn appraise(path: &Path) -> anyhow::Result<()> {
    match resweep_store::appraise(path) {
        Ok(salvaged) => {
            outln!();
            outln!("Recoverable:");
            show_salvaged(&salvaged);
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
fn nothing_to_save(error: SalvageError, path: &Path) -> anyhow::Result<()> {
    use resweep_store::StoreError::{Damaged, NotADatabase, OfAnotherProgram};
    match error {
        SalvageError::Store(Damaged { .. } | NotADatabase { .. } | OfAnotherProgram { .. }) => {
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
pub fn save(path: &Path, to: &Path) -> anyhow::Result<()> {
    let salvaged = match resweep_store::save(path, to) {
        Ok(salvaged) => salvaged,
        Err(error @ SalvageError::Exists { .. }) => {
            return Err(UsageError(error.to_string()).into());
        }
        Err(error) => return nothing_to_save(error, path),
    };
    outln!();
    outln!("recovered to {}:", to.display());
    show_salvaged(&salvaged);
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

fn show_salvaged(salvaged: &Salvaged) {
    let rows = salvaged.tables.iter().map(|table| {
        let whole = if table.whole { "all" } else { "part" };
        vec![table.name.to_owned(), grouped(table.rows), whole.to_owned()]
    });
    table::print(&["table", "rows", ""], &["rows"], rows.collect());
    let mended = &salvaged.mended;
    for (table, rows) in &mended.left_out {
        outln!(
            "{} of `{table}` skipped: the rows they refer to are lost",
            counted(*rows as usize, "row")
        );
    }
    if mended.runs_from_logs > 0 {
        let (runs, verb, end) = match mended.runs_from_logs {
            1 => ("1 run".to_owned(), "was", "it"),
            many => (format!("{many} runs"), "were", "them"),
        };
        outln!(
            "{runs} {verb} found in the logs; `resweep run` of a sweep with {end} restores the rest"
        );
    }
    if mended.reopened > 0 {
        outln!(
            "the outcome of {} is lost: `resweep run` resumes from the last checkpoint",
            counted(mended.reopened as usize, "training")
        );
    }
    if !mended.incomplete.is_empty() {
        outln!(
            "points are missing from the curves of {}; `resweep run --fresh` measures them again",
            mended.incomplete.join(", ")
        );
    }
}
