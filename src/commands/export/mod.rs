//! Implements `resweep export`: writes a sweep's results in the formats of other programs.

mod checkpoints;
mod events;
mod tables;

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::exit_code::UsageError;
use super::prepare::{Prepared, all_to_show};
use super::results::database;
use crate::cli::{ExportArgs, ExportFormat};
use crate::export::{RowFormat, settings};
use resweep_core::domain::{Run, RunId, printable};
use resweep_core::files::Place;
use resweep_store::{Attempt, RecordedRun, RunStatus, Store};

/// Writes the files and prints their paths.
pub fn execute(args: &ExportArgs) -> anyhow::Result<()> {
    let results = &args.results.results;
    let sweeps = all_to_show(&args.sweep, results)?;
    let several = sweeps.len() > 1;
    for prepared in sweeps {
        one(&prepared, args, several)?;
    }
    Ok(())
}

/// Writes the files of a sweep. If there are several sweeps, each has its own folder below `--to`.
fn one(prepared: &Prepared, args: &ExportArgs, several: bool) -> anyhow::Result<()> {
    let results = &args.results.results;
    let store = Store::open_read_only(&database(results))?;
    let name = &prepared.sweep.name;
    let runs = recorded(prepared, &store)?;
    if runs.is_empty() {
        return Err(UsageError(format!(
            "no run of sweep `{name}` has been started yet; `resweep run` trains it"
        ))
        .into());
    }
    let to = match &args.to {
        Some(to) if several => Place::root(&to.join(name)),
        Some(to) => Place::root(to),
        None => Place::root(results).join(name).join(args.format.into_str()),
    };
    let written = match args.format {
        ExportFormat::Csv => tables::write(RowFormat::Csv, &runs, &store, &to)?,
        ExportFormat::Jsonl => tables::write(RowFormat::JsonLines, &runs, &store, &to)?,
        ExportFormat::Tensorboard => events::write(&runs, &store, &to)?,
        ExportFormat::Checkpoints => checkpoints::write(&runs, prepared, &store, results, &to)?,
    };
    tell(&written, &to);
    Ok(())
}

/// The most files whose paths are printed.
const NAMED: usize = 8;

fn tell(written: &[PathBuf], to: &Path) {
    for path in written.iter().take(NAMED) {
        outln!("wrote {}", path.display());
    }
    if let Some(more @ 1..) = written.len().checked_sub(NAMED) {
        outln!("wrote {more} more below {}", to.display());
    }
}

/// A started run, with all its data except the points.
struct Exported<'a> {
    run: &'a Run,
    registered: RecordedRun,
    /// The current training.
    status: RunStatus,
    /// In order of time.
    attempts: Vec<Attempt>,
}

impl Exported<'_> {
    /// Every setting and the seed, by its name in the sweep file: `train.lr`.
    fn settings(&self) -> Map<String, Value> {
        settings(&self.registered.config)
    }

    /// A unique file stem: the label and the beginning of the id, since labels may differ only in
    /// characters that are invalid in file names.
    fn file_stem(&self) -> String {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.=".contains(c);
        let label = printable(&self.run.label);
        let label: String = label
            .chars()
            .map(|c| if plain(c) { c } else { '_' })
            .take(80)
            .collect();
        let label = label.trim_start_matches('.');
        format!("{label}-{}", self.run.id.short())
    }
}

/// The started runs of the sweep, in its order.
fn recorded<'a>(prepared: &'a Prepared, store: &Store) -> anyhow::Result<Vec<Exported<'a>>> {
    let ids: Vec<RunId> = prepared.runs.iter().map(|run| run.id.clone()).collect();
    let mut registered = store.recorded_runs(&ids)?;
    let mut statuses = store.statuses(&ids)?;
    let mut runs = Vec::new();
    for run in &prepared.runs {
        let found = (registered.remove(&run.id), statuses.remove(&run.id));
        if let (Some(registered), Some(status)) = found {
            let attempts = store.attempts(&run.id)?;
            runs.push(Exported {
                run,
                registered,
                status,
                attempts,
            });
        }
    }
    Ok(runs)
}
