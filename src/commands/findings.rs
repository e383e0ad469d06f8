//! `resweep table`, and the tables beside a sweep's figures.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::prepare::{Prepared, database, prepare};
use crate::analysis::{End, Findings, Recorded};
use crate::cli::{TableArgs, TableFormat as Format};
use crate::domain::{Run, RunId, Sweep};
use crate::files::write_atomically;
use crate::record::{AttemptStatus, RunStatus, Store};
use crate::render::{TableFormat, table};

/// Prints the sweep's table.
pub fn execute(args: &TableArgs) -> anyhow::Result<()> {
    let results = &args.results.results;
    let Prepared { sweep, runs, .. } = prepare(&args.sweep, results)?;
    let store = Store::open_read_only(&database(results))?;
    let findings = collect(&sweep, &runs, &store)?;
    let format = match args.format {
        Format::Md => TableFormat::Markdown,
        Format::Csv => TableFormat::Csv,
        Format::Json => TableFormat::Json,
    };
    anstream::print!("{}", table(&findings, format)?);
    Ok(())
}

/// What is recorded of the sweep's runs, and what it says.
///
/// # Errors
/// When the store cannot be read.
pub fn collect(sweep: &Sweep, runs: &[Run], store: &Store) -> anyhow::Result<Findings> {
    let ids: Vec<RunId> = runs.iter().map(|run| run.id.clone()).collect();
    let statuses = store.statuses(&ids)?;
    let curves = store.curves(&ids)?;
    let recorded: Vec<Recorded<'_>> = runs
        .iter()
        .map(|run| Recorded {
            run,
            end: end(statuses.get(&run.id)),
            curves: curves.get(&run.id),
        })
        .collect();
    Ok(Findings::new(sweep, &recorded))
}

/// A failure that may pass is tried again by the next `run`.
fn end(status: Option<&RunStatus>) -> End {
    match status {
        Some(status) => match status.status {
            AttemptStatus::Finished => End::Finished,
            AttemptStatus::Diverged => End::Diverged,
            AttemptStatus::Failed if !status.transient => End::Failed,
            _ => End::Open,
        },
        None => End::Open,
    }
}

/// Writes `table.md`, `.csv` and `.json` into the sweep's folder.
///
/// # Errors
/// When a file cannot be written.
pub fn write(findings: &Findings, folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    for format in TableFormat::ALL {
        let path = folder.join(format!("table.{}", format.extension()));
        let text = table(findings, format)?;
        write_atomically(&path, &[text.as_bytes()])
            .with_context(|| format!("cannot write {}", path.display()))?;
        written.push(path);
    }
    Ok(written)
}
