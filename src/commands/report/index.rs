//! Implements `resweep report` without a sweep: a page that lists the sweeps of the results folder.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::super::results::database;
use super::now_unix_ms;
use crate::format::counted;
use crate::report::{IndexEntry, render_index};
use resweep_core::files::Place;
use resweep_store::{Store, SweepSummary};

/// Writes `<results>/index.html` and returns its path.
///
/// # Errors
/// The database cannot be read, or the file cannot be written.
pub fn write(results: &Path) -> anyhow::Result<PathBuf> {
    let store = Store::open_read_only(&database(results))?;
    let root = Place::root(results);
    let sweeps = store.sweeps()?;
    let entries: Vec<IndexEntry> = sweeps.iter().map(|sweep| entry(sweep, &root)).collect();
    let page = render_index(&entries, now_unix_ms(), env!("CARGO_PKG_VERSION"))?;
    let place = root.join("index.html");
    place
        .write(&[page.as_bytes()])
        .with_context(|| format!("cannot write {}", place.display()))?;
    Ok(place.to_path_buf())
}

fn entry(sweep: &SweepSummary, root: &Place) -> IndexEntry {
    let folder = root.join(&sweep.name);
    let files = folder.entries().into_iter().filter(|entry| entry.is_file);
    let names: Vec<String> = files
        .filter_map(|entry| Some(entry.name()?.to_owned()))
        .collect();
    let is_figure = |name: &&String| name.ends_with(".svg");
    let mut figures: Vec<String> = names.iter().filter(is_figure).cloned().collect();
    figures.sort();
    let states = sweep.by_status.iter();
    let states = states.map(|(status, runs)| format!("{runs} {}", status.into_str()));
    let states: Vec<String> = states.collect();
    let runs = counted(sweep.runs, "run");
    IndexEntry {
        name: sweep.name.clone(),
        title: sweep.title.clone(),
        state: match states.as_slice() {
            [] => format!("{runs}, not started"),
            states => format!("{runs}: {}", states.join(", ")),
        },
        last_started_unix_ms: u64::try_from(sweep.last_started_unix_ms).unwrap_or(0),
        has_report: names.iter().any(|name| name == "report.html"),
        figures,
    }
}
