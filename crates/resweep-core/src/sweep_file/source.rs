//! The texts that settings are written in, and places in them.

use std::path::Path;

use crate::domain::printable;

/// Which text a place belongs to; the order is that of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SourceId {
    File,
    /// The `--set` argument with this index.
    Override(usize),
    /// The defaults of the keys, written as TOML.
    Defaults,
}

/// A byte range of a source text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    pub source: SourceId,
    pub start: usize,
    pub end: usize,
}

impl Origin {
    /// The very beginning of the file: where things are missing as a whole.
    pub const START: Origin = Origin {
        source: SourceId::File,
        start: 0,
        end: 0,
    };

    /// Whether the place is on the command line.
    pub fn is_override(&self) -> bool {
        matches!(self.source, SourceId::Override(_))
    }

    /// Whether somebody wrote it: in the file or on the command line.
    pub fn is_written(&self) -> bool {
        self.source != SourceId::Defaults
    }
}

/// A text and the name that reports give it.
#[derive(Debug)]
pub struct Source {
    pub name: String,
    pub text: String,
    /// Whether its lines are numbered in a report.
    pub numbered: bool,
}

/// Every text that one sweep is made of.
#[derive(Debug)]
pub struct Sources {
    file: Source,
    overrides: Vec<Source>,
    defaults: Source,
}

/// What stands before an argument where it is shown.
pub const OVERRIDE_PREFIX: &str = "--set ";

impl Sources {
    /// `overrides` are the `KEY=VALUE` arguments as typed.
    pub fn new(path: &Path, text: String, overrides: &[String], defaults: String) -> Self {
        let overrides = overrides.iter().map(|argument| Source {
            name: "command line".to_owned(),
            text: format!("{OVERRIDE_PREFIX}{argument}"),
            numbered: false,
        });
        Self {
            file: Source {
                name: printable(&path.to_string_lossy()),
                text,
                numbered: true,
            },
            overrides: overrides.collect(),
            defaults: Source {
                name: "defaults".to_owned(),
                text: defaults,
                numbered: false,
            },
        }
    }

    /// The text that a place points into.
    pub fn get(&self, id: SourceId) -> &Source {
        match id {
            SourceId::File => &self.file,
            SourceId::Override(index) => &self.overrides[index],
            SourceId::Defaults => &self.defaults,
        }
    }

    /// How many `--set` arguments there are.
    pub fn overrides(&self) -> usize {
        self.overrides.len()
    }
}
