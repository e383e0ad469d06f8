//! What a report is made of.

use std::time::Duration;

use resweep_core::domain::{Curves, Run, Sweep};

/// Everything that a report shows.
#[derive(Debug, Clone)]
pub struct Report<'a> {
    pub sweep: &'a Sweep,
    /// One for each run of the sweep, in its order.
    pub entries: Vec<Entry<'a>>,
    /// The images of its data sets, one sentence each, and what was left out of them.
    pub images: Vec<String>,
    pub figures: Vec<Drawn>,
    /// Tables between the figures and the runs.
    pub tables: Vec<Table>,
    /// Milliseconds since 1970-01-01 UTC.
    pub written_unix_ms: u64,
    /// How soon the file will be written anew; the page loads itself again as often. `None` for
    /// a report that stays as it is.
    pub refresh: Option<Duration>,
    /// Of the program that writes the report.
    pub version: &'a str,
}

/// A figure as whole SVG documents, made by this program. They are embedded as they are; the page
/// shows the one that suits the reader's setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    pub light: String,
    pub dark: String,
}

/// One run with everything that is known of it.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    pub run: &'a Run,
    pub standing: Standing,
    /// Of the images: what the run's identity depends on.
    pub data_fingerprint: &'a str,
    /// The last iteration with a measurement, 0 before the first.
    pub iteration: u64,
    /// Of all attempts at the training that counts; `None` before the first one's end.
    pub wall: Option<Duration>,
    /// The first one first.
    pub attempts: Vec<Attempt>,
    /// Whether the run finished with an error that guessing would give too.
    pub no_better_than_chance: bool,
    /// `None` where nothing was measured.
    pub curves: Option<&'a Curves>,
    /// The end of the newest log; `None` where there is none.
    pub log: Option<Tail>,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    Finished,
    Running,
    Diverged,
    Failed,
    /// Asked to stop before its end.
    Stopped,
    /// Its process died.
    Interrupted,
    /// Never started.
    New,
}

impl Standing {
    /// All of them, in the order in which they are listed.
    pub const ALL: [Self; 7] = [
        Self::Finished,
        Self::Running,
        Self::Diverged,
        Self::Failed,
        Self::Stopped,
        Self::Interrupted,
        Self::New,
    ];

    /// The word that is shown, the same as in `resweep status`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Running => "running",
            Self::Diverged => "diverged",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::Interrupted => "interrupted",
            Self::New => "new",
        }
    }
}

/// One attempt at a run, with the program and the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// 1 for the first.
    pub number: u64,
    pub standing: Standing,
    /// Where it took up the training.
    pub from_iteration: u64,
    pub diverged_iteration: Option<u64>,
    pub error: Option<String>,
    /// Milliseconds since 1970-01-01 UTC.
    pub started_unix_ms: i64,
    pub wall: Option<Duration>,
    /// Of the program, with the commit where it is known: `0.1.0 (b111a02)`.
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
    /// Where the whole log is, for people.
    pub path: String,
    pub lines: Vec<String>,
}

/// A table of a report: text in rows, the first column to the left and the others to the right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    pub title: String,
    pub columns: Vec<String>,
    /// As many cells in each as there are columns.
    pub rows: Vec<Vec<String>>,
    /// How to read it.
    pub note: String,
}
