//! Renders the page that lists the sweeps of a results folder.

use askama::Template;

use super::template::{PageError, rfc3339};
use resweep_core::domain::printable;

/// A sweep in the page.
#[derive(Debug)]
pub struct IndexEntry {
    /// The name of the sweep and of its folder.
    pub name: String,
    pub title: Option<String>,
    /// `12 runs: 11 finished, 1 failed`.
    pub state: String,
    pub last_started_unix_ms: u64,
    /// Whether its folder has a report.
    pub has_report: bool,
    /// Names of the figures in its folder.
    pub figures: Vec<String>,
}

#[derive(Template)]
#[template(path = "index.html")]
struct Page {
    written: String,
    version: &'static str,
    sweeps: Vec<Shown>,
}

struct Shown {
    name: String,
    title: Option<String>,
    state: String,
    started: String,
    has_report: bool,
    figures: Vec<String>,
}

/// The page as one HTML document in UTF-8. Every value in it is escaped.
///
/// # Errors
/// See [`PageError`].
pub fn render_index(
    entries: &[IndexEntry],
    written_unix_ms: u64,
    version: &'static str,
) -> Result<String, PageError> {
    let shown = |entry: &IndexEntry| Shown {
        name: printable(&entry.name),
        title: entry.title.as_deref().map(printable),
        state: entry.state.clone(),
        started: rfc3339(entry.last_started_unix_ms),
        has_report: entry.has_report,
        figures: entry.figures.iter().map(|name| printable(name)).collect(),
    };
    let page = Page {
        written: rfc3339(written_unix_ms),
        version,
        sweeps: entries.iter().map(shown).collect(),
    };
    Ok(page.render()?)
}
