//! Checked values and their positions.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::numbers;
use crate::domain::{AdaptiveRepeats, Warmup, WarmupEnd};
use crate::sweep_file::diagnostics::source::Span;
use crate::sweep_file::keys::key::Key;
use crate::sweep_file::keys::table::KEYS;

/// A valid value of a key.
#[derive(Debug, Clone, PartialEq)]
pub enum Checked {
    Word(&'static str),
    Integer(u64),
    Number(f64),
    Boolean(bool),
    Text(String),
    Folder(PathBuf),
    Seeds(Vec<u64>),
    AdaptiveRepeats(AdaptiveRepeats),
    Drops(Drops),
    Warmup(Option<Warmup>),
    Grown(Grown),
    Ticks(Vec<f64>),
    Names(Vec<String>),
    Key(Key),
}

/// The drops of the learning rate.
#[derive(Debug, Clone, PartialEq)]
pub enum Drops {
    Iterations(Vec<u64>),
    /// Fractions of all iterations, between 0 and 1.
    Fractions(Vec<f64>),
}

/// The difference between a configuration and its parent.
#[derive(Debug, Clone)]
pub struct Grown {
    /// Keys of `[train]`, `depth`, `init` and `decay`.
    pub from: Vec<(Key, Setting)>,
    /// The parent's `init` if `from` does not set it.
    pub init: Box<Setting>,
}

/// The value set for a key.
#[derive(Debug, Clone)]
pub struct Setting {
    /// `None` if the value was invalid, which has been reported.
    pub value: Option<Checked>,
    /// The position of the value.
    pub at: Span,
    /// The positions of a list's elements.
    pub parts: Vec<Span>,
}

impl Setting {
    /// Returns the setting of an invalid value that has been reported.
    pub fn refused(at: Span) -> Self {
        Self {
            value: None,
            at,
            parts: Vec::new(),
        }
    }

    /// Whether both values are equal. An invalid value equals all values, so that no error is
    /// reported twice.
    pub fn agrees(&self, other: &Setting) -> bool {
        match (&self.value, &other.value) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => value.fmt(f),
            None => f.write_str("?"),
        }
    }
}

/// The short form for labels.
impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Checked::Word(word) => f.write_str(word),
            Checked::Integer(integer) => write!(f, "{integer}"),
            Checked::Number(number) => f.write_str(&numbers::shortest(*number)),
            Checked::Boolean(boolean) => write!(f, "{boolean}"),
            Checked::Text(text) => f.write_str(text),
            Checked::Folder(path) => write!(f, "{}", path.display()),
            Checked::Key(key) => f.write_str(key.name()),
            Checked::Seeds(list) | Checked::Drops(Drops::Iterations(list)) => joined(f, list),
            Checked::Ticks(list) | Checked::Drops(Drops::Fractions(list)) => joined(f, list),
            Checked::Names(list) => joined(f, list),
            Checked::AdaptiveRepeats(repeats) => write!(f, "{} to {}", repeats.min, repeats.max),
            Checked::Grown(grown) => grown.fmt(f),
            Checked::Warmup(None) => f.write_str("none"),
            Checked::Warmup(Some(Warmup { lr, until })) => match until {
                WarmupEnd::TrainError(percent) => write!(f, "{lr} until {percent}%"),
                WarmupEnd::Iterations(iterations) => write!(f, "{lr} for {iterations}"),
            },
        }
    }
}

impl PartialEq for Grown {
    /// Compares the settings in any order, without their positions.
    fn eq(&self, other: &Self) -> bool {
        let has = |(key, setting): &(Key, Setting)| {
            let mut theirs = other.from.iter();
            theirs.any(|(other, theirs)| other == key && theirs.value == setting.value)
        };
        self.from.len() == other.from.len() && self.from.iter().all(has)
    }
}

impl fmt::Display for Grown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("from")?;
        self.from
            .iter()
            .try_for_each(|(key, setting)| write!(f, " {}={setting}", key.name()))
    }
}

fn joined<T: fmt::Display>(f: &mut fmt::Formatter<'_>, list: &[T]) -> fmt::Result {
    let words: Vec<String> = list.iter().map(T::to_string).collect();
    write!(f, "[{}]", words.join(","))
}

/// At most one setting for each key.
#[derive(Debug, Clone)]
pub struct Settings([Option<Setting>; KEYS.len()]);

impl Default for Settings {
    fn default() -> Self {
        Self([const { None }; KEYS.len()])
    }
}

impl Settings {
    pub fn get(&self, key: Key) -> Option<&Setting> {
        self.0[key as usize].as_ref()
    }

    pub fn set(&mut self, key: Key, setting: Setting) {
        self.0[key as usize] = Some(setting);
    }

    pub fn remove(&mut self, key: Key) {
        self.0[key as usize] = None;
    }

    /// Returns a view in which keys can be replaced.
    pub fn point(&self) -> Point<'_> {
        Point {
            settings: self.0.each_ref().map(Option::as_ref),
            sweeps: &[],
        }
    }
}

/// The settings of one configuration, borrowed from tables and axes.
#[derive(Debug, Clone, Copy)]
pub struct Point<'a> {
    settings: [Option<&'a Setting>; KEYS.len()],
    /// The sweeps that have the configuration, in a figure of several; otherwise empty.
    pub sweeps: &'a [String],
}

impl<'a> Point<'a> {
    pub fn get(&self, key: Key) -> Option<&'a Setting> {
        self.settings[key as usize]
    }

    /// Sets a key, and removes the key for the same quantity in another unit.
    pub fn set(&mut self, key: Key, setting: &'a Setting) {
        self.settings[key as usize] = Some(setting);
        if let Some(rival) = key.rival() {
            self.settings[rival as usize] = None;
        }
    }

    /// The same settings in a figure of several sweeps, of which `sweeps` have them.
    pub fn of_sweeps(self, sweeps: &'a [String]) -> Self {
        Self { sweeps, ..self }
    }

    /// The position of a key's value.
    pub fn at(&self, key: Key) -> Option<Span> {
        self.get(key).map(|setting| setting.at)
    }

    /// The value of a key that is set and valid.
    pub fn value(&self, key: Key) -> Option<&'a Checked> {
        self.get(key)?.value.as_ref()
    }

    pub fn word(&self, key: Key) -> Option<&'static str> {
        match self.value(key)? {
            Checked::Word(word) => Some(word),
            _ => None,
        }
    }

    /// The variant of an enum whose names are the key's words.
    pub fn choice<T: FromStr>(&self, key: Key) -> Option<T> {
        self.word(key)?.parse().ok()
    }

    pub fn integer(&self, key: Key) -> Option<u64> {
        match self.value(key)? {
            Checked::Integer(integer) => Some(*integer),
            _ => None,
        }
    }

    /// An integer for an amount of something in memory.
    pub fn size(&self, key: Key) -> Option<usize> {
        usize::try_from(self.integer(key)?).ok()
    }

    pub fn number(&self, key: Key) -> Option<f64> {
        match self.value(key)? {
            Checked::Number(number) => Some(*number),
            _ => None,
        }
    }

    pub fn boolean(&self, key: Key) -> Option<bool> {
        match self.value(key)? {
            Checked::Boolean(boolean) => Some(*boolean),
            _ => None,
        }
    }

    pub fn text(&self, key: Key) -> Option<&'a str> {
        match self.value(key)? {
            Checked::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn folder(&self, key: Key) -> Option<&'a Path> {
        match self.value(key)? {
            Checked::Folder(path) => Some(path),
            _ => None,
        }
    }
}
