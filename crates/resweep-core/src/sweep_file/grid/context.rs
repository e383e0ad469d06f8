//! The surroundings in which a sweep file is read, and the positions at which its problems are
//! reported.

use crate::domain::DataConfig;
use crate::sweep_file::diagnostics::problem::Problem;
use crate::sweep_file::diagnostics::source::Span;
use crate::sweep_file::keys::key::{Key, Section};
use crate::sweep_file::parse::tree::Table;
use crate::sweep_file::values::setting::Point;

/// Whether the folders in a sweep file must exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataFolders {
    Exist,
    /// Commands that only draw figures need no images.
    NeedNotExist,
}

/// Counts the training images of a data set at an image size, before the validation split. The
/// error gives the reason why they cannot be counted.
pub type CountImages<'a> = &'a dyn Fn(&DataConfig, usize) -> Result<usize, String>;

/// The properties of the machine that affect the reading of a sweep file.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    pub folders: DataFolders,
    /// Counts the images of class folders; only `epochs` needs it.
    pub count_images: CountImages<'a>,
}

impl Surroundings<'_> {
    /// Reads sweep files without their images: `epochs` works for published data sets only.
    pub fn without_images(folders: DataFolders) -> Self {
        Self {
            folders,
            count_images: &|_, _| Err("its images are not known here".to_owned()),
        }
    }
}

/// Positions where missing keys are reported: the head of their table, if it exists.
#[derive(Clone, Copy)]
pub struct Places<'a> {
    heads: [Option<Span>; 3],
    pub around: Surroundings<'a>,
}

impl<'a> Places<'a> {
    pub fn new(root: &Table, around: Surroundings<'a>) -> Self {
        let head = |section: Section| root.get(section.name()).map(|entry| entry.key_at);
        Self {
            heads: Section::SETTABLE.map(head),
            around,
        }
    }

    /// The head of a table, or the start of the file.
    pub fn of(&self, section: Section) -> Span {
        let index = Section::SETTABLE.iter().position(|s| *s == section);
        index
            .and_then(|index| self.heads[index])
            .unwrap_or(Span::START)
    }
}

/// Points to another key that is involved, if it was set explicitly.
pub fn with_context(problem: Problem, point: &Point<'_>, key: Key, label: &str) -> Problem {
    match point.at(key) {
        Some(at) if at.is_written() => problem.context(at, label),
        _ => problem,
    }
}
