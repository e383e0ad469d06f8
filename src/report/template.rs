//! Fills in `page.html`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use askama::Template;

use super::assets::{SCRIPT, STYLE};
use super::model::{Drawn, Report, Standing, Table};
use super::payload::payload;
use super::policy::policy;
use super::row::{Row, eval_heading};
use super::words::{counted, duration, printable_lines};
use resweep_core::domain::printable;

/// Why a report could not be put together. No sweep that was read makes one.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    #[error("cannot write the report's data as JSON")]
    Json(#[from] serde_json::Error),
    #[error("cannot fill in the report's template")]
    Template(#[from] askama::Error),
}

/// The report as one HTML document in UTF-8. Everything in it is escaped but the figures.
///
/// # Errors
/// See [`PageError`].
pub fn render(report: &Report<'_>) -> Result<String, PageError> {
    let sweep = report.sweep;
    let rows: Vec<Row<'_>> = report.entries.iter().map(Row::new).collect();
    let packed = payload(report)?;
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
        states: states(&rows),
        done_percent: done_percent(&rows),
        figures: &report.figures,
        tables: &report.tables,
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
    tables: &'a [Table],
    eval: &'static str,
    version: &'a str,
    rows: Vec<Row<'a>>,
}

/// How many runs stand so.
struct State {
    word: &'static str,
    count: usize,
}

/// Those that occur.
fn states(rows: &[Row<'_>]) -> Vec<State> {
    let count = |state| rows.iter().filter(|row| row.state == state).count();
    let all = Standing::ALL.into_iter().map(|state| State {
        word: state.word(),
        count: count(state),
    });
    all.filter(|state| state.count > 0).collect()
}

/// How far the sweep has come. Runs that finished or diverged are done.
fn done_percent(rows: &[Row<'_>]) -> f64 {
    let done = rows.iter().map(|row| match row.state {
        Standing::Finished | Standing::Diverged => 100.0,
        _ => row.done_percent,
    });
    (done.sum::<f64>() / rows.len().max(1) as f64).floor()
}

/// What the line below the title says.
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

fn rfc3339(unix_ms: u64) -> String {
    let moment: SystemTime = UNIX_EPOCH + Duration::from_secs(unix_ms / 1000);
    humantime::format_rfc3339_seconds(moment).to_string()
}
