//! Reads a sweep file and its `--set` overrides into a [`Sweep`], or reports every error in them.
//!
//! `parse` and `overrides` build a tree whose values know their positions; `section`, `axes`,
//! `rules` and `figure` check each value against the table in `keys`; `grid` and `resolve` build
//! the configurations. Reading does not stop at the first error: an invalid value is kept as
//! invalid, and later checks skip it.
//!
//! Paths of data sets are relative to the working directory, as the path of the sweep file is, and
//! are stored as written: a sweep names the same folder wherever its file is.

mod assign;
mod axes;
mod check;
mod data;
mod epochs;
mod error;
mod expect;
mod facet;
mod figure;
mod figure_panels;
mod grid;
mod growth;
mod head;
mod heat_grid;
mod keys;
mod kind;
mod labels;
mod limits;
mod lists;
mod meant;
mod numbers;
mod overrides;
mod pairs;
mod parse;
mod problem;
mod ranges;
mod render;
mod repeats;
mod resolve;
mod rules;
mod section;
mod seeds;
mod setting;
mod sites;
mod source;
mod starter;
mod suggest;
mod synonyms;
mod text;
mod tree;
mod typed;
mod warmup;

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

pub use error::{Mistakes, SweepFileError};
pub use keys::{KeyOption, key_options, override_keys};
pub use resolve::{CountImages, DataFolders, Surroundings};
pub use sites::{Site, SiteEngine, Sites};
pub use starter::{StarterData, from_overrides, starter};
pub use synonyms::hint;

use crate::domain::{Configuration, Figure, Sweep};
use expect::Expect;
use grid::Candidate;
use keys::Section;
use limits::{FILE_BYTES_MAX, RUNS_MAX};
use problem::{Problem, Problems};
use resolve::Places;
use setting::{Point, Settings};
use source::{SourceId, Sources, Span};
use tree::{Entry, Table, Value};

/// Training images of the synthetic data set.
pub const SYNTHETIC_TRAIN_IMAGES: usize = 10_000;

/// Reads and checks the sweep file at `path` with `overrides`, the `KEY=VALUE` arguments of
/// `--set`.
///
/// # Errors
/// Those of [`SweepText::read`] and [`SweepText::sweep`].
pub fn load(path: &Path, overrides: &[String]) -> Result<Sweep, SweepFileError> {
    let around = Surroundings::without_images(DataFolders::Exist);
    SweepText::read(path)?.sweep(overrides, around)
}

/// The text of a sweep file. The file is read once, so that the recorded text is the checked text.
#[derive(Debug, Clone)]
pub struct SweepText {
    /// The path of the file, or another name for messages.
    origin: PathBuf,
    text: String,
    /// The position of the first byte that is not UTF-8 and was replaced.
    not_utf8_from: Option<usize>,
}

impl SweepText {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// The file cannot be read, is not a regular file, or is too large.
    pub fn read(path: &Path) -> Result<Self, SweepFileError> {
        let (text, not_utf8_from) = decode(read_file(path)?);
        Ok(Self {
            origin: path.to_owned(),
            text,
            not_utf8_from,
        })
    }

    /// Wraps a recorded text; messages name it `origin`.
    pub fn recorded(origin: PathBuf, text: String) -> Self {
        Self {
            origin,
            text,
            not_utf8_from: None,
        }
    }

    /// The path of the file, or another name for messages.
    pub fn origin(&self) -> &Path {
        &self.origin
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Checks the text with `overrides` and returns the sweep.
    ///
    /// # Errors
    /// Every mistake in the text and the overrides, in the order of the text.
    pub fn sweep(
        &self,
        overrides: &[String],
        around: Surroundings<'_>,
    ) -> Result<Sweep, SweepFileError> {
        let mut problems = Problems::default();
        if let Some(start) = self.not_utf8_from {
            problems.push(not_utf8(start));
        }
        let text = self.text.clone();
        check(&self.origin, text, overrides, around, problems)
    }

    /// Returns the sweep of this text with `overrides`, but with the title, figures and
    /// expectations of another text; `None` if the two do not fit.
    pub fn sweep_with_figures_of(
        &self,
        overrides: &[String],
        (other, other_overrides): (&Self, &[String]),
        count_images: CountImages<'_>,
    ) -> Option<Sweep> {
        let mut problems = Problems::default();
        let sources = |text: &Self, overrides: &[String]| {
            let defaults = keys::defaults();
            Sources::new(&text.origin, text.text.clone(), overrides, defaults)
        };
        let own = sources(self, overrides);
        let mut root = document(&own, &mut problems);
        let shown = document(&sources(other, other_overrides), &mut problems);
        // The positions are in two texts, so errors could not be shown.
        if !problems.is_empty() {
            return None;
        }
        take_figures(&mut root, shown);
        let around = Surroundings {
            folders: DataFolders::NeedNotExist,
            count_images,
        };
        let sweep = read(&own, root, around, &mut problems)?;
        problems.is_empty().then_some(sweep)
    }
}

/// Replaces the keys that affect only the presentation of a sweep.
fn take_figures(root: &mut Table, mut shown: Table) {
    replace(root, &mut shown, &["figure", "expect"]);
    if let (Some(sweep), Some(shown)) = (root.get_mut("sweep"), shown.get_mut("sweep"))
        && let (Value::Table(sweep), Value::Table(shown)) =
            (&mut sweep.node.value, &mut shown.node.value)
    {
        replace(sweep, shown, &["title", "description"]);
    }
}

fn replace(table: &mut Table, by: &mut Table, keys: &[&str]) {
    let named = |entry: &Entry| keys.contains(&entry.key.as_str());
    table.entries.retain(|entry| !named(entry));
    table
        .entries
        .extend(by.entries.extract_if(.., |entry| named(entry)));
}

/// Returns the sweep of a text, or all errors in it, including `problems`.
fn check(
    path: &Path,
    text: String,
    overrides: &[String],
    around: Surroundings<'_>,
    mut problems: Problems,
) -> Result<Sweep, SweepFileError> {
    let sources = Sources::new(path, text, overrides, keys::defaults());
    let root = document(&sources, &mut problems);
    let sweep = read(&sources, root, around, &mut problems);
    match sweep {
        Some(sweep) if problems.is_empty() => Ok(sweep),
        _ => Err(SweepFileError::Invalid(Box::new(Mistakes {
            kind: "sweep file",
            path: path.to_owned(),
            problems: problems.into_sorted(&sources),
            sources,
        }))),
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, SweepFileError> {
    let unreadable = |source| SweepFileError::Unreadable {
        path: path.to_owned(),
        source,
    };
    // Opening a pipe without a writer, or a device, can block forever.
    let kind = fs::metadata(path).map_err(unreadable)?.file_type();
    if !kind.is_file() && !kind.is_dir() {
        return Err(SweepFileError::NoFile {
            path: path.to_owned(),
        });
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(SweepFileError::TooLarge {
            path: path.to_owned(),
        });
    }
    if is_utf16(&bytes) {
        return Err(SweepFileError::Utf16 {
            path: path.to_owned(),
        });
    }
    Ok(bytes)
}

/// Detects UTF-16: the text has a byte order mark, or begins with an ASCII character in two bytes.
/// UTF-8 text has no zero bytes.
fn is_utf16(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, 1..=0x7f, ..] | [1..=0x7f, 0, ..]
    )
}

/// Decodes the file and returns the position of the first byte that is not UTF-8; such bytes are
/// replaced.
fn decode(bytes: Vec<u8>) -> (String, Option<usize>) {
    match String::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let start = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            (text, Some(start))
        }
    }
}

fn not_utf8(start: usize) -> Problem {
    let at = Span {
        source: SourceId::File,
        start,
        // The length of the replacement character.
        end: start + '\u{fffd}'.len_utf8(),
    };
    let problem = Problem::new(at, "this is not UTF-8").label("from here on");
    problem.help("save the file as UTF-8 text")
}

/// Parses the file and applies the overrides.
fn document(sources: &Sources, problems: &mut Problems) -> Table {
    let mut root = parse::document(sources, SourceId::File, problems);
    overrides::apply(sources, &mut root, problems);
    seeds::gather(&mut root, problems);
    root
}

/// Reads as much as possible; the sweep is valid only if no problem was found.
fn read(
    sources: &Sources,
    mut root: Table,
    around: Surroundings<'_>,
    problems: &mut Problems,
) -> Option<Sweep> {
    let defaults = parse::document(sources, SourceId::Defaults, problems);
    // If text cannot be parsed, its keys are not in the tree, and other checks would report them as
    // missing.
    let syntax = problems.len();

    section::refuse_unknown_tables(&mut root, problems);
    let mut base = Settings::default();
    read_base(&defaults, &mut base, problems);
    read_base(&root, &mut base, problems);
    let head = head::read(&root, problems);
    let axes = axes::read(&root, &base, problems);
    let excludes = rules::excludes(&root, problems);
    let includes = rules::includes(&root, problems);
    let figures = figure::read(&root, problems);
    let expects = expect::read(&root, problems);
    if syntax > 0 {
        problems.keep_first_on_broken_lines(syntax, sources);
        return None;
    }

    let head_at = head.at;
    let head = head.resolve(problems);
    let of_excludes = excludes.iter().map(|exclude| &exclude.0);
    let of_includes = includes.iter().filter_map(|i| i.matching.as_ref());
    let of_figures = figures.iter().flat_map(|figure| figure.conditions());
    let of_expects = expects.iter().flat_map(Expect::conditions);
    let conditions = of_excludes.chain(of_includes);
    let conditions = conditions.chain(of_figures).chain(of_expects);
    rules::check_amount(conditions, problems)?;
    let mut candidates = grid::expand(&base, &axes, &excludes, &includes, head_at, problems)?;
    let asked_for = candidates.len();
    growth::add_sources(&mut candidates, problems)?;
    let mut configurations = resolve_all(&candidates, &Places::new(&root, around), problems);
    if let Some(configurations) = &mut configurations {
        growth::drop_known(&mut candidates, configurations, asked_for);
    }
    let points: Vec<Point<'_>> = candidates.iter().map(|candidate| candidate.point).collect();
    let mut figures: Vec<Figure> = figures
        .iter()
        .map(|figure| figure.resolve(&points, problems))
        .collect();
    let expectations = expects
        .iter()
        .flat_map(|expect| expect.resolve(&points, &axes, problems))
        .collect();
    let configurations = configurations?;
    data::check_unused(&points, &configurations, problems);
    labels::check_duplicates(&candidates, &configurations, problems);
    let labels = name(&points, &configurations, &mut figures);
    let head = head?;
    check_runs(configurations.len(), head.seeds.len(), head_at, problems);
    Some(Sweep {
        name: head.name,
        title: head.title,
        description: head.description,
        configurations,
        labels,
        seeds: head.seeds,
        adaptive: head.adaptive,
        seeds_note: None,
        max_attempts: head.max_attempts,
        figures,
        expectations,
    })
}

/// Adds `[data]`, `[model]` and `[train]` to the defaults.
fn read_base(root: &Table, base: &mut Settings, problems: &mut Problems) {
    for section in Section::SETTABLE {
        if let Some(table) = section::table(root, section.name(), problems) {
            section::read(section, table, &[], base, problems);
        }
    }
}

/// Resolves all points, even after an error; returns `None` if any failed.
fn resolve_all(
    candidates: &[Candidate<'_>],
    places: &Places<'_>,
    problems: &mut Problems,
) -> Option<Vec<Configuration>> {
    let resolved: Vec<Option<Configuration>> = candidates
        .iter()
        .map(|candidate| resolve::configuration(&candidate.point, places, problems))
        .collect();
    resolved.into_iter().collect()
}

/// Checks the number of runs: configurations times seeds.
fn check_runs(configurations: usize, seeds: usize, at: Span, problems: &mut Problems) {
    let runs = configurations.saturating_mul(seeds);
    if runs > RUNS_MAX {
        let message = format!("the sweep has {runs} runs, more than {RUNS_MAX}");
        let label = format!("{configurations} configurations with {seeds} seeds each");
        let help = "take fewer `repeats` or `seeds`, or a smaller grid";
        problems.push(Problem::new(at, message).label(label).help(help));
    }
}

/// Sets the labels of the configurations, in the sweep and in each panel.
fn name(
    points: &[Point<'_>],
    configurations: &[Configuration],
    figures: &mut [Figure],
) -> Vec<String> {
    let all: Vec<usize> = (0..points.len()).collect();
    let labels = labels::labels(&all, points, configurations);
    for panel in figures.iter_mut().flat_map(|figure| &mut figure.panels) {
        panel.labels = labels::panel_labels(panel, points, configurations, &labels);
    }
    labels
}
