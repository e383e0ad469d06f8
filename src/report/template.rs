//! Fills in `page.html`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use askama::Template;

use super::assets::{SCRIPT, STYLE};
use super::limits::{Cut, cut, shown};
use super::model::{Drawn, Entry, Report};
use super::payload::payload;
use super::policy::policy;
use super::row::state_name;
use super::row::{Row, eval_heading};
use super::words::printable_lines;
use crate::format::{counted, duration};
use resweep_core::domain::printable;
use resweep_store::AttemptStatus;

/// Why a report could not be rendered. A checked sweep never causes one.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    #[error("cannot write the report's data as JSON")]
    Json(#[from] serde_json::Error),
    #[error("cannot fill in the report's template")]
    Template(#[from] askama::Error),
}

/// Renders the report as one HTML document in UTF-8. Escapes everything but the figures.
///
/// # Errors
/// See [`PageError`].
pub fn render(report: &Report<'_>) -> Result<String, PageError> {
    let sweep = report.sweep;
    let shown = shown(&report.entries);
    let rows: Vec<Row<'_>> = shown.iter().map(|entry| Row::new(entry)).collect();
    let packed = payload(report, &shown)?;
    let page = Page {
        policy: policy(STYLE, SCRIPT),
        style: STYLE,
        script: SCRIPT,
        data: packed.json,
        thinned: packed.thinned,
        name: printable(&sweep.name),
        title: printable(sweep.title.as_ref().unwrap_or(&sweep.name)),
        description: sweep.description.as_deref().map(printable_lines),
        written: rfc3339(report.written_unix_ms),
        facts: facts(report),
        images: report.images.iter().map(|line| printable(line)).collect(),
        states: states(&report.entries),
        done_percent: done_percent(&report.entries),
        figures: &report.figures,
        tables: report.tables.iter().map(cut).collect(),
        runs: report.entries.len(),
        eval: eval_heading(&report.entries),
        version: report.version,
        rows,
    };
    Ok(page.render()?)
}

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    policy: String,
    style: &'static str,
    script: &'static str,
    data: String,
    thinned: bool,
    name: String,
    title: String,
    description: Option<String>,
    written: String,
    facts: Vec<String>,
    images: Vec<String>,
    states: Vec<State>,
    done_percent: f64,
    figures: &'a [Drawn],
    tables: Vec<Cut<'a>>,
    /// The number of all runs; `rows` may have fewer.
    runs: usize,
    eval: &'static str,
    version: &'a str,
    rows: Vec<Row<'a>>,
}

impl Page<'_> {
    /// The class of a cell that says what became of a claim or an expectation.
    fn judged(&self, cell: &str) -> Option<&'static str> {
        match cell {
            "holds" | "met" => Some("good"),
            "does not hold" | "not met" => Some("bad"),
            "undecided" | "not decided yet" => Some("odd"),
            _ => None,
        }
    }
}

/// The number of runs in a state.
struct State {
    word: &'static str,
    count: usize,
}

/// All states, in the order in which they are listed.
const STATES: [Option<AttemptStatus>; 7] = [
    Some(AttemptStatus::Finished),
    Some(AttemptStatus::Running),
    Some(AttemptStatus::Diverged),
    Some(AttemptStatus::Failed),
    Some(AttemptStatus::Stopped),
    Some(AttemptStatus::Interrupted),
    None,
];

/// The states that occur.
fn states(entries: &[Entry<'_>]) -> Vec<State> {
    let count = |state| entries.iter().filter(|entry| entry.state == state).count();
    let all = STATES.into_iter().map(|state| State {
        word: state_name(state),
        count: count(state),
    });
    all.filter(|state| state.count > 0).collect()
}

/// The progress of the sweep in percent. Finished and diverged runs are done.
fn done_percent(entries: &[Entry<'_>]) -> f64 {
    let done = entries.iter().map(|entry| match entry.state {
        Some(AttemptStatus::Finished | AttemptStatus::Diverged) => 100.0,
        _ => Row::new(entry).done_percent,
    });
    (done.sum::<f64>() / entries.len().max(1) as f64).floor()
}

/// The entries of the line below the title.
fn facts(report: &Report<'_>) -> Vec<String> {
    let sweep = report.sweep;
    let time: Duration = report.entries.iter().filter_map(|entry| entry.wall).sum();
    let mut facts = vec![
        counted(sweep.configurations.len(), "configuration"),
        counted(sweep.seeds.len(), "seed"),
        counted(report.entries.len(), "run"),
    ];
    if !time.is_zero() {
        facts.push(format!("{} of training", duration(time)));
    }
    facts
}

pub(super) fn rfc3339(unix_ms: u64) -> String {
    let moment: SystemTime = UNIX_EPOCH + Duration::from_secs(unix_ms / 1000);
    humantime::format_rfc3339_seconds(moment).to_string()
}
