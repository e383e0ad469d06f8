//! Tables, row by row, as CSV (RFC 4180) or JSON Lines.

use std::io::{self, Write};

use serde_json::Value;

use resweep_core::domain::spreadsheet_text;

use super::settings::plain;

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowFormat {
    /// A header, then a line for each row; what is missing or not a number is empty. Tables and
    /// lists are written as in TOML.
    Csv,
    /// An object for each row; what is missing or not a number is `null`.
    JsonLines,
}

impl RowFormat {
    /// What the names of its files end in.
    pub fn extension(self) -> &'static str {
        match self {
            RowFormat::Csv => "csv",
            RowFormat::JsonLines => "jsonl",
        }
    }
}

/// A table that is being written.
pub struct RowWriter<W: Write> {
    columns: Vec<String>,
    out: Out<W>,
}

enum Out<W: Write> {
    Csv(Box<csv::Writer<W>>),
    JsonLines(W),
}

impl<W: Write> RowWriter<W> {
    /// Begins a table.
    ///
    /// # Errors
    /// Whatever `out` says.
    pub fn new(format: RowFormat, columns: Vec<String>, out: W) -> io::Result<Self> {
        let out = match format {
            RowFormat::JsonLines => Out::JsonLines(out),
            RowFormat::Csv => {
                let mut writer = csv::Writer::from_writer(out);
                writer.write_record(&columns)?;
                Out::Csv(Box::new(writer))
            }
        };
        Ok(Self { columns, out })
    }

    /// Adds a row with a value for each column.
    ///
    /// # Errors
    /// Whatever the file says.
    pub fn row(&mut self, cells: Vec<Value>) -> io::Result<()> {
        match &mut self.out {
            Out::Csv(writer) => writer.write_record(cells.iter().map(csv_cell))?,
            Out::JsonLines(out) => write_object(out, &self.columns, &cells)?,
        }
        Ok(())
    }

    /// Ends the table.
    ///
    /// # Errors
    /// Whatever the file says.
    pub fn finish(self) -> io::Result<()> {
        match self.out {
            Out::Csv(mut writer) => writer.flush(),
            Out::JsonLines(mut out) => out.flush(),
        }
    }
}

fn csv_cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => spreadsheet_text(text),
        other => plain(other),
    }
}

/// Columns in their order, which a map of serde_json would not keep.
fn write_object(out: &mut impl Write, columns: &[String], cells: &[Value]) -> io::Result<()> {
    for (index, (column, value)) in columns.iter().zip(cells).enumerate() {
        out.write_all(if index == 0 { b"{" } else { b"," })?;
        serde_json::to_writer(&mut *out, column)?;
        out.write_all(b":")?;
        serde_json::to_writer(&mut *out, value)?;
    }
    out.write_all(b"}\n")
}
