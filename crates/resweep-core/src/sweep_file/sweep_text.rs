//! The text of a sweep file, from its bytes to a [`Sweep`] or all errors in it.

use std::path::Path;

use super::diagnostics::error::{Mistakes, SweepFileError};
use super::diagnostics::problem::Problems;
use super::diagnostics::source::{SourceId, Sources};
use super::file::{decode, not_utf8, read_file};
use super::grid::context::{CountImages, DataFolders, Surroundings};
use super::keys::table::defaults;
use super::overrides;
use super::parse::syntax;
use super::parse::tree::{Entry, Table, Value};
use super::read::read;
use super::values::seeds;
use crate::domain::Sweep;

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
    /// What it is, for messages: "the sweep file `fig6.toml`".
    what: String,
    /// Its name at the positions of errors: `fig6.toml`.
    name: String,
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
            what: format!("the sweep file `{}`", path.display()),
            name: path.to_string_lossy().into_owned(),
            text,
            not_utf8_from,
        })
    }

    /// Wraps a text that is not read from a file; messages name it `name`.
    pub fn recorded(name: String, text: String) -> Self {
        Self {
            what: name.clone(),
            name,
            text,
            not_utf8_from: None,
        }
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
        let sources = self.sources(overrides);
        let root = document(&sources, &mut problems);
        match read(&sources, root, around, &mut problems) {
            Some(sweep) if problems.is_empty() => Ok(sweep),
            _ => Err(self.invalid(sources, problems)),
        }
    }

    /// The error for `problems` in this text.
    pub(super) fn invalid(&self, sources: Sources, problems: Problems) -> SweepFileError {
        SweepFileError::Invalid(Box::new(Mistakes {
            what: self.what.clone(),
            problems: problems.into_sorted(&sources),
            sources,
        }))
    }

    /// The text with overrides, without checking them.
    pub(super) fn document(&self, overrides: &[String]) -> Table {
        document(&self.sources(overrides), &mut Problems::default())
    }

    pub(super) fn sources(&self, overrides: &[String]) -> Sources {
        Sources::new(&self.name, self.text.clone(), overrides, defaults())
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
        let own = self.sources(overrides);
        let mut root = document(&own, &mut problems);
        let shown = document(&other.sources(other_overrides), &mut problems);
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

/// Parses the file and applies the overrides.
pub(super) fn document(sources: &Sources, problems: &mut Problems) -> Table {
    let mut root = syntax::document(sources, SourceId::File, problems);
    overrides::apply::apply(sources, &mut root, problems);
    seeds::gather(&mut root, problems);
    root
}
