//! Source texts of settings, and positions in them.

use crate::domain::printable;

/// The text that a position is in; reports are in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SourceId {
    File,
    /// The `--set` argument with this index.
    Override(usize),
    /// The defaults of the keys in TOML.
    Defaults,
}

/// A byte range of a source text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    pub source: SourceId,
    pub start: usize,
    pub end: usize,
}

impl Span {
    /// The start of the file, where errors without a position are reported.
    pub const START: Span = Span {
        source: SourceId::File,
        start: 0,
        end: 0,
    };

    /// Whether the position is in an override.
    pub fn is_override(&self) -> bool {
        matches!(self.source, SourceId::Override(_))
    }

    /// Whether it is in the file or an override, not in the defaults.
    pub fn is_written(&self) -> bool {
        self.source != SourceId::Defaults
    }
}

/// A text and its name in reports.
#[derive(Debug, Clone)]
pub struct Source {
    pub name: String,
    pub text: String,
    /// Whether reports number its lines.
    pub numbered: bool,
}

/// All texts of a sweep.
#[derive(Debug, Clone)]
pub struct Sources {
    file: Source,
    overrides: Vec<Source>,
    defaults: Source,
}

/// The prefix of an override in reports.
pub const OVERRIDE_PREFIX: &str = "--set ";

impl Sources {
    /// `name` is that of the text in reports, `overrides` are the `KEY=VALUE` arguments as typed.
    pub fn new(name: &str, text: String, overrides: &[String], defaults: String) -> Self {
        let overrides = overrides.iter().map(|argument| Source {
            name: "command line".to_owned(),
            text: format!("{OVERRIDE_PREFIX}{argument}"),
            numbered: false,
        });
        Self {
            file: Source {
                name: printable(name),
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

    /// The text of a position.
    pub fn get(&self, id: SourceId) -> &Source {
        match id {
            SourceId::File => &self.file,
            SourceId::Override(index) => &self.overrides[index],
            SourceId::Defaults => &self.defaults,
        }
    }

    /// The number of `--set` arguments.
    pub fn overrides(&self) -> usize {
        self.overrides.len()
    }
}
