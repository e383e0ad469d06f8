//! Finds the text of a sweep: its file, or the record of an earlier start.

use std::fs;
use std::path::Path;

use super::exit_code::UsageError;
use super::results::database;
use crate::cli::SweepArgs;
use resweep_core::domain::{Sweep, printable};
use resweep_core::sweep_file::{DataFolders, SpecError, SweepText};
use resweep_store::Store;

/// The text of a sweep, read once, and its overrides.
#[derive(Debug, Clone)]
pub struct Source {
    pub text: SweepText,
    /// The values of `--set`, in order.
    pub overrides: Vec<String>,
    /// Whether the text comes from the database.
    pub is_recorded: bool,
}

impl Source {
    /// The sweep file in the arguments, or the recorded text of the sweep of that name if there is
    /// no such file; the recorded overrides are applied before those of the arguments.
    ///
    /// # Errors
    /// There is neither, or it cannot be read.
    pub fn find(args: &SweepArgs, results: &Path) -> anyhow::Result<Self> {
        let path = &args.sweep;
        let is_there = fs::metadata(path).is_ok_and(|found| !found.is_dir());
        let name = path.to_str().filter(|name| !name.contains(['/', '\\']));
        match name {
            Some(name) if !is_there => named(name, args, results),
            _ => file(args),
        }
    }

    /// Resolves the sweep.
    ///
    /// # Errors
    /// Every mistake in the text and the overrides.
    pub fn sweep(&self, folders: DataFolders) -> Result<Sweep, SpecError> {
        self.text.sweep(&self.overrides, folders)
    }
}

/// The text and the overrides of the sweep of this name; `None` if it was never started.
///
/// # Errors
/// The database cannot be read.
pub fn recorded_text(name: &str, store: &Store, database: &Path) -> anyhow::Result<Option<Source>> {
    let recorded = store.recorded_sweep(name)?;
    Ok(recorded.map(|recorded| Source {
        text: recorded_sweep_text(name, recorded.spec_toml, database),
        overrides: recorded.overrides,
        is_recorded: true,
    }))
}

/// The text that a sweep of this name was started with.
pub fn recorded_sweep_text(name: &str, toml: String, database: &Path) -> SweepText {
    let origin = format!("{} in {}", printable(name), database.display());
    SweepText::recorded(origin.into(), toml)
}

fn file(args: &SweepArgs) -> anyhow::Result<Source> {
    Ok(Source {
        text: SweepText::read(&args.sweep)?,
        overrides: args.overrides.clone(),
        is_recorded: false,
    })
}

fn named(name: &str, args: &SweepArgs, results: &Path) -> anyhow::Result<Source> {
    let is_file_name = name.ends_with(".toml");
    let store = match Store::open_read_only(&database(results)) {
        // The missing file is the error to report.
        Err(_) if is_file_name => return file(args),
        store => store?,
    };
    match recorded_text(name, &store, &database(results))? {
        Some(mut source) => {
            source.overrides.extend_from_slice(&args.overrides);
            Ok(source)
        }
        None if is_file_name => file(args),
        None => Err(UsageError(unknown(name, &store, results)?).into()),
    }
}

/// The error if there is neither such a file nor such a sweep, with suggestions.
fn unknown(name: &str, store: &Store, results: &Path) -> anyhow::Result<String> {
    let sweeps = store.sweeps()?;
    let names: Vec<&str> = sweeps.iter().map(|sweep| sweep.name.as_str()).collect();
    let (shown, folder) = (printable(name), results.display());
    let with_suffix = format!("{name}.toml");
    let help = match names.as_slice() {
        _ if Path::new(&with_suffix).is_file() => {
            format!("did you mean `{}`?", printable(&with_suffix))
        }
        [] => format!("{folder} has no sweep yet"),
        names => format!("{folder} has: {}", names.join(", ")),
    };
    let what = if Path::new(name).is_dir() {
        format!("`{shown}` is a folder")
    } else {
        format!("there is no sweep file `{shown}`")
    };
    Ok(format!(
        "{what}, and {folder} has no sweep of that name; {help}"
    ))
}
