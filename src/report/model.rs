//! The content of a report.

use std::time::Duration;

use resweep_core::domain::{Curves, Run, Sweep};
use resweep_store::AttemptStatus;

/// The content of a report.
#[derive(Debug, Clone)]
pub struct Report<'a> {
    pub sweep: &'a Sweep,
    /// One entry per run of the sweep, in order.
    pub entries: Vec<Entry<'a>>,
    /// The images of its data sets and skipped files, one sentence each.
    pub images: Vec<String>,
    pub figures: Vec<Drawn>,
    /// Tables between the figures and the runs.
    pub tables: Vec<Table>,
    /// Milliseconds since 1970-01-01 UTC.
    pub written_unix_ms: u64,
    /// The interval at which the file is rewritten and the page reloads itself; `None` for a final
    /// report.
    pub refresh: Option<Duration>,
    /// The version of this program.
    pub version: &'a str,
}

/// A figure as SVG documents drawn by this program, embedded without escaping; the page shows the
/// one that matches the reader's colour scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    pub light: String,
    pub dark: String,
}

/// One run with all its data.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    pub run: &'a Run,
    /// `None` if it never started.
    pub state: Option<AttemptStatus>,
    /// The fingerprint of the images, part of the run's id.
    pub data_fingerprint: &'a str,
    /// The last iteration with a measurement, 0 before the first.
    pub iteration: u64,
    /// The total time of all attempts at the current training; `None` before the first one ends.
    pub wall: Option<Duration>,
    /// In order of time.
    pub attempts: Vec<Attempt>,
    /// Whether its final error is no better than guessing.
    pub no_better_than_chance: bool,
    /// `None` without measurements.
    pub curves: Option<&'a Curves>,
    /// The end of the newest log, if there is one.
    pub log: Option<Tail>,
}

/// One attempt at a run, with its program and machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// 1 for the first.
    pub number: u64,
    pub state: AttemptStatus,
    /// The iteration from which it started.
    pub from_iteration: u64,
    pub diverged_iteration: Option<u64>,
    pub error: Option<String>,
    /// Milliseconds since 1970-01-01 UTC.
    pub started_unix_ms: i64,
    pub wall: Option<Duration>,
    /// Version and, if known, commit: `0.1.0 (b111a02)`.
    pub program: String,
    pub device: String,
    pub cpu: String,
    pub host: Option<String>,
    pub threads: u64,
    pub workers: u64,
}

/// The last lines of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tail {
    /// The path of the whole log, for display.
    pub path: String,
    pub lines: Vec<String>,
}

/// A table of a report, as text; the first column is left-aligned, the others right-aligned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    pub title: String,
    pub columns: Vec<String>,
    /// One cell per column.
    pub rows: Vec<Vec<String>>,
    /// An explanation of the table.
    pub note: String,
}
