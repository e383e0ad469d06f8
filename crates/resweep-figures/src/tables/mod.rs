//! Tables of final errors beside the paper's, with verdicts: Markdown for people, CSV for
//! spreadsheets, JSON with everything, LaTeX for papers. The same findings give the same bytes.

mod cells;
mod csv;
mod latex;
mod markdown;
mod notes;
mod sections;

use resweep_core::analysis::Findings;

pub use sections::{Section, sections};

use super::RenderError;

/// The format of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableFormat {
    Markdown,
    Csv,
    Json,
    /// For a paper.
    Latex,
}

impl TableFormat {
    /// Those that are written beside the figures.
    pub const ALL: [TableFormat; 3] = [Self::Markdown, Self::Csv, Self::Json];

    /// The file name extension.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Markdown => "md",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Latex => "tex",
        }
    }
}

/// The table as text that ends with a line break.
///
/// # Errors
/// [`RenderError::Table`] if a row cannot be written in the format.
pub fn table(findings: &Findings, format: TableFormat) -> Result<String, RenderError> {
    match format {
        TableFormat::Markdown => Ok(markdown::table(findings)),
        TableFormat::Csv => csv::table(findings),
        TableFormat::Latex => Ok(latex::table(findings)),
        TableFormat::Json => {
            let json = serde_json::to_string_pretty(findings);
            json.map(|text| text + "\n")
                .map_err(|error| RenderError::Table(error.to_string()))
        }
    }
}
