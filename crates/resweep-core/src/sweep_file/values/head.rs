//! Reads `[sweep]`: name, title, description, seeds and attempts.

use super::section;
use super::setting::{Checked, Setting, Settings};
use super::tables;
use crate::domain::AdaptiveRepeats;
use crate::sweep_file::diagnostics::problem::{Problem, Problems};
use crate::sweep_file::diagnostics::source::Span;
use crate::sweep_file::keys::key::{Key, Section};
use crate::sweep_file::parse::tree::Table;

/// The default of `max_attempts`.
const MAX_ATTEMPTS: u32 = 3;

/// `[sweep]` as written, with checked values.
#[derive(Debug)]
pub struct Head {
    /// The position of the table, or the start of the file.
    pub at: Span,
    settings: Settings,
}

/// The resolved values of `[sweep]`.
#[derive(Debug)]
pub struct Resolved {
    pub name: String,
    pub title: Option<String>,
    pub description: Option<String>,
    pub seeds: Vec<u64>,
    pub adaptive: Option<AdaptiveRepeats>,
    pub max_attempts: u32,
}

/// Reads the keys that are set.
pub fn read(root: &Table, problems: &mut Problems) -> Head {
    let mut settings = Settings::default();
    if let Some(table) = tables::table(root, "sweep", problems) {
        section::read(Section::Sweep, table, &[], &mut settings, problems);
    }
    Head {
        at: root.get("sweep").map_or(Span::START, |entry| entry.key_at),
        settings,
    }
}

impl Head {
    /// Returns `None` if a value is missing or invalid, which it reports.
    pub fn resolve(&self, problems: &mut Problems) -> Option<Resolved> {
        let point = self.settings.point();
        if point.get(Key::Name).is_none() {
            let problem = Problem::new(self.at, "the sweep has no name").label("no `name` here");
            problems.push(problem.help(
                "write `name = \"fig6\"` in [sweep]; the folder of its figures has this name",
            ));
        }
        let (seeds, adaptive) = self.seeds(problems).unzip();
        Some(Resolved {
            name: point.text(Key::Name)?.to_owned(),
            title: point.text(Key::Title).map(str::to_owned),
            description: point.text(Key::Description).map(str::to_owned),
            seeds: seeds?,
            adaptive: adaptive?,
            max_attempts: match self.settings.get(Key::MaxAttempts) {
                None => MAX_ATTEMPTS,
                Some(given) => u32::try_from(integer(given)?).ok()?,
            },
        })
    }

    /// Returns `seeds`, or 1 to `repeats`; an override replaces the value of the file.
    fn seeds(&self, problems: &mut Problems) -> Option<Seeds> {
        let given = (
            self.settings.get(Key::Repeats),
            self.settings.get(Key::Seeds),
        );
        match given {
            (None, None) => Some((vec![1], None)),
            (Some(repeats), None) => counted(repeats),
            (None, Some(seeds)) => listed(seeds),
            (Some(repeats), Some(seeds)) => {
                match (repeats.at.is_override(), seeds.at.is_override()) {
                    (true, false) => counted(repeats),
                    (false, true) => listed(seeds),
                    _ => {
                        problems.push(both(repeats.at, seeds.at));
                        None
                    }
                }
            }
        }
    }
}

/// The seeds that may be trained, and the rule that adds them.
type Seeds = (Vec<u64>, Option<AdaptiveRepeats>);

fn counted(repeats: &Setting) -> Option<Seeds> {
    match repeats.value.as_ref()? {
        Checked::AdaptiveRepeats(rule) => Some(((1..=rule.max as u64).collect(), Some(*rule))),
        _ => Some(((1..=integer(repeats)?).collect(), None)),
    }
}

fn integer(setting: &Setting) -> Option<u64> {
    match setting.value.as_ref()? {
        Checked::Integer(number) => Some(*number),
        _ => None,
    }
}

fn listed(seeds: &Setting) -> Option<Seeds> {
    match seeds.value.as_ref()? {
        Checked::Seeds(seeds) => Some((seeds.clone(), None)),
        _ => None,
    }
}

fn both(repeats: Span, seeds: Span) -> Problem {
    Problem::new(seeds, "the sweep has `repeats` and `seeds`")
        .label("the seeds")
        .context(repeats, "the repeats")
        .help("keep one: `repeats = 3` is `seeds = [1, 2, 3]`")
}
