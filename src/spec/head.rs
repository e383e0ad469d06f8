//! `[sweep]`: name, title, description and seeds.

use super::keys::{Key, Section};
use super::problem::{Problem, Problems};
use super::section;
use super::setting::{Checked, Setting, Settings};
use super::source::Origin;
use super::tree::Table;

/// `[sweep]` as written, its values checked.
#[derive(Debug)]
pub struct Head {
    /// The place of the table, or the beginning of the file.
    pub at: Origin,
    settings: Settings,
}

/// What `[sweep]` says.
#[derive(Debug)]
pub struct Resolved {
    pub name: String,
    pub title: Option<String>,
    pub description: Option<String>,
    pub seeds: Vec<u64>,
}

/// Reads the values that are there.
pub fn read(root: &Table, problems: &mut Problems) -> Head {
    let mut settings = Settings::default();
    if let Some(table) = section::table(root, "sweep", problems) {
        section::read(Section::Sweep, table, &[], &mut settings, problems);
    }
    Head {
        at: root
            .get("sweep")
            .map_or(Origin::START, |entry| entry.key_at),
        settings,
    }
}

impl Head {
    /// `None` where something is missing or refused, which is told.
    pub fn resolve(&self, problems: &mut Problems) -> Option<Resolved> {
        let point = self.settings.point();
        if point.get(Key::Name).is_none() {
            let problem = Problem::new(self.at, "the sweep has no name").label("no `name` here");
            problems.push(
                problem.help("a name, as in `name = \"fig6\"`, names the folder of its figures"),
            );
        }
        let seeds = self.seeds(problems);
        Some(Resolved {
            name: point.text(Key::Name)?.to_owned(),
            title: point.text(Key::Title).map(str::to_owned),
            description: point.text(Key::Description).map(str::to_owned),
            seeds: seeds?,
        })
    }

    /// `seeds`, or 1 to `repeats`; what is on the command line replaces what is in the file.
    fn seeds(&self, problems: &mut Problems) -> Option<Vec<u64>> {
        let given = (
            self.settings.get(Key::Repeats),
            self.settings.get(Key::Seeds),
        );
        match given {
            (None, None) => Some(vec![1]),
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

fn counted(repeats: &Setting) -> Option<Vec<u64>> {
    match repeats.value.as_ref()? {
        Checked::Integer(count) => Some((1..=*count).collect()),
        _ => None,
    }
}

fn listed(seeds: &Setting) -> Option<Vec<u64>> {
    match seeds.value.as_ref()? {
        Checked::Seeds(seeds) => Some(seeds.clone()),
        _ => None,
    }
}

fn both(repeats: Origin, seeds: Origin) -> Problem {
    Problem::new(seeds, "the sweep has `repeats` and `seeds`")
        .label("the seeds")
        .context(repeats, "the repeats")
        .help("keep one: `repeats = 3` is `seeds = [1, 2, 3]`")
}
