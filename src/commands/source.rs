//! Finds the text of a sweep: its file, or the record of an earlier start.

use std::fs;
use std::path::Path;

use super::counter::Counter;
use super::exit_code::UsageError;
use super::results::database;
use crate::cli::SweepArgs;
use resweep_core::domain::{Sweep, printable};
use resweep_core::sweep_file::{
    DataFolders, Surroundings, SweepFileError, SweepText, from_overrides,
};
use resweep_store::Store;

/// The text of a sweep, read once, and its overrides.
#[derive(Debug, Clone)]
pub struct Source {
    pub text: SweepText,
    /// The values of `--set`, in order.
    pub overrides: Vec<String>,
    /// The name of the sweep whose recorded text this is; `None` for a file.
    pub recorded_as: Option<String>,
    /// Whether the text was generated from the command line.
    pub is_made: bool,
}

impl Source {
    /// The single sweep in the arguments, see [`Source::of`].
    ///
    /// # Errors
    /// There are none or several, or it cannot be read.
    pub fn find(args: &SweepArgs, results: &Path) -> anyhow::Result<Self> {
        match args.sweeps.as_slice() {
            [one] => Self::of(one, &args.overrides, results),
            [] => Err(UsageError(none_named(results)).into()),
            [first, second, ..] => {
                let hint = match second
                    .to_str()
                    .is_some_and(|text| text.parse::<f64>().is_ok())
                {
                    true => "; join the values of a list by commas, as in --depth 8,14",
                    false => "",
                };
                let (first, second) = (first.display(), second.display());
                let message = format!("one sweep at a time: `{first}` or `{second}`{hint}");
                Err(UsageError(message).into())
            }
        }
    }

    /// The single sweep in the arguments; without one, the sweep of `resweep init` with the
    /// overrides.
    ///
    /// # Errors
    /// The arguments contain neither a sweep nor an override, or several sweeps, or it cannot be
    /// read.
    pub fn find_or_make(args: &SweepArgs, results: &Path) -> anyhow::Result<Self> {
        if !args.sweeps.is_empty() || args.overrides.is_empty() {
            return Self::find(args, results);
        }
        check_seeds(&args.overrides)?;
        let counter = Counter::new(results, None);
        let around = Surroundings {
            folders: DataFolders::NeedNotExist,
            count_images: &|data, image_size| counter.count(data, image_size),
        };
        Ok(Self {
            text: from_overrides(&args.overrides, around)?,
            overrides: Vec::new(),
            recorded_as: None,
            is_made: true,
        })
    }

    /// The sweep file at `path`, or, if it does not exist, the recorded text of the sweep of that
    /// name: the recorded overrides apply first, then `overrides`.
    ///
    /// # Errors
    /// There is neither, or it cannot be read.
    pub fn of(path: &Path, overrides: &[String], results: &Path) -> anyhow::Result<Self> {
        check_seeds(overrides)?;
        let is_there = fs::metadata(path).is_ok_and(|found| !found.is_dir());
        let name = path.to_str().filter(|name| !name.contains(['/', '\\']));
        match name {
            Some(name) if !is_there => named(name, path, overrides, results),
            _ => file(path, overrides),
        }
    }

    /// The sweep, whose class folders may be counted in `results`.
    ///
    /// # Errors
    /// Every mistake in the text and the overrides.
    pub fn sweep(&self, folders: DataFolders, results: &Path) -> Result<Sweep, SweepFileError> {
        let counter = Counter::new(results, self.recorded_as.as_deref());
        let around = Surroundings {
            folders,
            count_images: &|data, image_size| counter.count(data, image_size),
        };
        self.text.sweep(&self.overrides, around)
    }
}

/// Refuses `seeds=3`, which a sweep file cannot have either. Recorded overrides may have it.
fn check_seeds(overrides: &[String]) -> Result<(), UsageError> {
    for text in overrides {
        let Some((key, value)) = text.split_once('=') else {
            continue;
        };
        if matches!(key.trim(), "seeds" | "sweep.seeds")
            && let Ok(value) = value.trim().parse::<u64>()
        {
            return Err(UsageError(format!(
                "`seeds={value}` could be {value} seeds or the seed {value}; write \
                 `--repeats {value}` for {value} seeds, `--seed {value}` for the seed {value}"
            )));
        }
    }
    Ok(())
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
        recorded_as: Some(name.to_owned()),
        is_made: false,
    }))
}

/// The text that a sweep of this name was started with.
pub fn recorded_sweep_text(name: &str, toml: String, database: &Path) -> SweepText {
    let text = format!("the sweep {} in {}", printable(name), database.display());
    SweepText::recorded(text, toml)
}

fn file(path: &Path, overrides: &[String]) -> anyhow::Result<Source> {
    Ok(Source {
        text: SweepText::read(path)?,
        overrides: overrides.to_vec(),
        recorded_as: None,
        is_made: false,
    })
}

/// The error for missing arguments, with suggestions.
fn none_named(results: &Path) -> String {
    let sweeps = Store::open_read_only(&database(results)).and_then(|store| store.sweeps());
    let sweeps = sweeps.unwrap_or_default();
    let names: Vec<&str> = sweeps.iter().map(|sweep| sweep.name.as_str()).collect();
    match names.as_slice() {
        [] => "name a sweep file; `resweep init` writes one to start from".to_owned(),
        names => format!(
            "name a sweep file or a sweep; {} has: {}",
            results.display(),
            names.join(", ")
        ),
    }
}

fn named(name: &str, path: &Path, overrides: &[String], results: &Path) -> anyhow::Result<Source> {
    let is_file_name = name.ends_with(".toml");
    let store = match Store::open_read_only(&database(results)) {
        // The missing file is the error to report.
        Err(_) if is_file_name => return file(path, overrides),
        store => store?,
    };
    match recorded_text(name, &store, &database(results))? {
        Some(mut source) => {
            source.overrides.extend_from_slice(overrides);
            Ok(source)
        }
        None if is_file_name => match recorded_stem(path, &store)? {
            Some(stem) => Err(UsageError(instead_of_file(name, stem)).into()),
            None => file(path, overrides),
        },
        None => Err(UsageError(unknown(name, &store, results)?).into()),
    }
}

/// The name of a file without its suffix, if a sweep of that name is recorded.
fn recorded_stem<'p>(path: &'p Path, store: &Store) -> anyhow::Result<Option<&'p str>> {
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    let Some(stem) = stem else { return Ok(None) };
    let is_recorded = store.recorded_sweep(stem)?.is_some();
    Ok(is_recorded.then_some(stem))
}

/// The error for a missing file of a recorded sweep.
fn instead_of_file(name: &str, stem: &str) -> String {
    let (name, stem) = (printable(name), printable(stem));
    format!("there is no sweep file `{name}`; `{stem}` names the recorded sweep")
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
