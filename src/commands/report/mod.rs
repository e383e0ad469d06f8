//! Implements `resweep report`, and the report of `resweep run --report`.

mod entries;
mod index;
mod live;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};

use super::exit_code::ExitCode;
use super::findings;
use super::plot::{draw_shown, drawing};
use super::prepare::{Prepared, to_show};
use super::records::Records;
use super::results::database;
use crate::cli::ReportArgs;
use crate::report::{self, Drawn, Report, Table};
use resweep_core::domain::{RunId, Theme};
use resweep_core::files::Place;
use resweep_figures::{RenderError, Section, sections};
use resweep_store::{AttemptStatus, Store};

pub use live::during;

/// The most sentences about images in a report.
const IMAGE_LINES: usize = 40;

/// Writes the report, or keeps it up to date until the sweep has ended.
pub fn execute(args: &ReportArgs) -> anyhow::Result<ExitCode> {
    let results = &args.results.results;
    let watch = args.watch.map(Duration::from_secs_f64);
    if args.sweep.sweeps.is_empty() && args.sweep.overrides.is_empty() && watch.is_none() {
        let path = index::write(results)?;
        outln!("wrote {}", path.display());
        if args.open {
            open(&path)?;
        }
        return Ok(ExitCode::Success);
    }
    // With `--watch` the sweep is about to run.
    let prepared = to_show(&args.sweep, results, watch.is_some())?;
    let written = write(&prepared, results, watch)?;
    let path = written.path;
    if written.kept && watch.is_none() {
        bail!(
            "no run of sweep `{}` has been recorded yet, so {} is left as it is; train the sweep \
             with `resweep run`",
            prepared.sweep.name,
            path.display()
        );
    }
    outln!("wrote {}", path.display());
    if args.open {
        open(&path)?;
    }
    match watch {
        Some(every) => live::watch(&prepared, results, every),
        None => Ok(ExitCode::Success),
    }
}

fn open(path: &Path) -> anyhow::Result<()> {
    open::that_detached(path)
        .with_context(|| format!("cannot open a browser; open {} yourself", path.display()))
}

/// A written report.
struct Written {
    path: PathBuf,
    /// Whether some run has not ended.
    unfinished: bool,
    /// Whether an earlier report was kept because no run has started.
    kept: bool,
}

/// The path of a sweep's report.
fn path(prepared: &Prepared, results: &Path) -> PathBuf {
    results.join(&prepared.sweep.name).join("report.html")
}

/// Writes the report from the recorded results; `refresh` is the interval until the next one.
fn write(
    prepared: &Prepared,
    results: &Path,
    refresh: Option<Duration>,
) -> anyhow::Result<Written> {
    let store = Store::open_read_only(&database(results))?;
    let records = Records::read(&prepared.runs, &store)?;
    let curves = records.curves();
    let entries = entries::entries(prepared, results, &store, curves)?;
    let unfinished = entries.iter().any(|entry| !ended(entry.state));
    let file = Place::root(results)
        .join(&prepared.sweep.name)
        .join("report.html");
    let path = file.to_path_buf();
    let none_started = entries.iter().all(|entry| entry.state.is_none());
    let is_there = || {
        let is_there = path.try_exists();
        is_there.with_context(|| format!("cannot read {}", path.display()))
    };
    if none_started && is_there()? {
        return Ok(Written {
            path,
            unfinished,
            kept: true,
        });
    }
    let report = Report {
        sweep: &prepared.sweep,
        tables: tables(prepared, &records),
        entries,
        images: images(prepared, &store)?,
        figures: figures(prepared, &records, results, &store)?,
        written_unix_ms: now_unix_ms(),
        refresh,
        version: env!("CARGO_PKG_VERSION"),
    };
    file.write(&[report::render(&report)?.as_bytes()])
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(Written {
        path,
        unfinished,
        kept: false,
    })
}

/// The recorded images, each sentence once.
fn images(prepared: &Prepared, store: &Store) -> anyhow::Result<Vec<String>> {
    let ids: Vec<RunId> = prepared.runs.iter().map(|run| run.id.clone()).collect();
    let recorded = store.images(&ids)?;
    let mut lines: Vec<String> = Vec::new();
    for images in ids.iter().filter_map(|id| recorded.get(id)) {
        let guess = images.counts.guess_error_percent();
        let counts = format!(
            "{}; always answering the largest class: {guess:.2} % error",
            images.counts
        );
        for line in [&counts].into_iter().chain(&images.warnings) {
            if !lines.contains(line) {
                lines.push(line.clone());
            }
        }
    }
    lines.truncate(IMAGE_LINES);
    Ok(lines)
}

/// The sweep's figures in both themes; skips figures without records.
fn figures(
    prepared: &Prepared,
    records: &Records,
    results: &Path,
    store: &Store,
) -> anyhow::Result<Vec<Drawn>> {
    let mut drawn = Vec::new();
    for figure in &prepared.sweep.figures {
        let svg = |theme| {
            let mut figure = figure.clone();
            figure.style.theme = theme;
            let drawn = draw_shown(&figure, (prepared, records), (results, store), drawing)?;
            anyhow::Ok(drawn.svg)
        };
        let both = svg(Theme::Light).and_then(|light| {
            let dark = svg(Theme::Dark)?;
            Ok(Drawn { light, dark })
        });
        match both {
            Ok(both) => drawn.push(both),
            Err(error) if error.is::<RenderError>() || !figure.sweeps.is_empty() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(drawn)
}

/// The tables of results, verdicts and expectations.
fn tables(prepared: &Prepared, records: &Records) -> Vec<Table> {
    let sections = sections(&findings::collect(prepared, records));
    let table = |section: Section| Table {
        title: section.title.to_owned(),
        columns: section.columns.into_iter().map(str::to_owned).collect(),
        rows: section.rows,
        note: section.note,
    };
    sections.into_iter().map(table).collect()
}

/// Whether the run has ended and will not be retried.
fn ended(state: Option<AttemptStatus>) -> bool {
    matches!(
        state,
        Some(AttemptStatus::Finished | AttemptStatus::Diverged | AttemptStatus::Failed)
    )
}

fn now_unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}
