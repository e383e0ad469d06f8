//! Errors of a sweep file.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::problem::{PROBLEMS_MAX, Problem};
use super::render;
use super::source::Sources;
use super::suggest;
use crate::sweep_file::limits::FILE_BYTES_MAX;

/// A sweep file that cannot be used.
///
/// `Display` gives one line, [`SweepFileError::render`] the complete report.
#[derive(Debug, thiserror::Error)]
pub enum SweepFileError {
    /// The file does not exist or cannot be read.
    #[error("cannot read the sweep file `{}`: {source}", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The path is a pipe or a device.
    #[error("`{}` is a pipe or a device, not a file", path.display())]
    NoFile { path: PathBuf },
    /// The file has another encoding; some editors on Windows save UTF-16.
    #[error("`{}` is UTF-16 text, not UTF-8", path.display())]
    Utf16 { path: PathBuf },
    /// The file is larger than the limit.
    #[error("`{}` is larger than {} MB", path.display(), FILE_BYTES_MAX / 1_000_000)]
    TooLarge { path: PathBuf },
    /// The content or an override is invalid.
    #[error("{0}")]
    Invalid(Box<Mistakes>),
}

/// All errors of a sweep file and its overrides.
#[derive(Debug)]
pub struct Mistakes {
    /// What they are in: "the sweep file `fig6.toml`".
    pub(in crate::sweep_file) what: String,
    pub(in crate::sweep_file) sources: Sources,
    pub(in crate::sweep_file) problems: Vec<Problem>,
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mistakes = match self.problems.len() {
            1 => "a mistake".to_owned(),
            PROBLEMS_MAX.. => format!("at least {PROBLEMS_MAX} mistakes"),
            count => format!("{count} mistakes"),
        };
        write!(f, "cannot use {} because of {mistakes}", self.what)
    }
}

impl SweepFileError {
    /// Formats every problem in the style of rustc, then the summary. `styled` adds terminal
    /// colours. The text does not end with a line break.
    pub fn render(&self, styled: bool) -> String {
        let summary = self.to_string();
        match self {
            SweepFileError::Invalid(mistakes) => {
                let drawn = render::problems(&mistakes.sources, &mistakes.problems, styled);
                drawn + &render::title(&summary, &[], styled)
            }
            SweepFileError::TooLarge { .. } => {
                let help = "a sweep file is a page of TOML; is this another file?";
                render::title(&summary, &[help.to_owned()], styled)
            }
            SweepFileError::Utf16 { .. } => {
                let help = "save it as UTF-8; in Notepad, choose the encoding UTF-8 in \"Save as\"";
                render::title(&summary, &[help.to_owned()], styled)
            }
            SweepFileError::NoFile { .. } => {
                let help = "write the sweep to a file: it is read again when the sweep resumes";
                render::title(&summary, &[help.to_owned()], styled)
            }
            SweepFileError::Unreadable { path, .. } => {
                render::title(&summary, &[neighbours(path)], styled)
            }
        }
    }
}

/// Names the sweep files in the folder of a path that does not exist.
fn neighbours(path: &Path) -> String {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".toml"))
        .collect();
    let written = path.file_name().unwrap_or_default().to_string_lossy();
    match suggest::closest(&written, names.iter().map(String::as_str)) {
        Some(name) => format!("did you mean `{}`?", path.with_file_name(name).display()),
        None => "`resweep init NAME` writes a sweep file to start from".to_owned(),
    }
}
