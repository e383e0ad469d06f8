//! Writes tables row by row as CSV (RFC 4180) or JSON Lines.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;

use resweep_core::domain::spreadsheet_text;

use super::settings::plain;
use crate::output::escaped_json;

/// The format of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowFormat {
    /// A header, then one line per row; missing values and NaN are empty. Tables and lists are
    /// written as in TOML.
    Csv,
    /// One object per row; missing values and NaN are `null`.
    JsonLines,
}

impl RowFormat {
    /// The file name extension.
    pub fn extension(self) -> &'static str {
        match self {
            RowFormat::Csv => "csv",
            RowFormat::JsonLines => "jsonl",
        }
    }
}

/// A table being written.
pub struct RowWriter<W: Write> {
    columns: Vec<String>,
    out: Out<W>,
}

enum Out<W: Write> {
    Csv(Box<csv::Writer<W>>),
    JsonLines(W),
}

impl<W: Write> RowWriter<W> {
    /// Starts a table.
    ///
    /// # Errors
    /// The errors of `out`.
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

    /// Adds a row with one value per column.
    ///
    /// # Errors
    /// The errors of the file.
    pub fn row(&mut self, cells: Vec<Value>) -> io::Result<()> {
        match &mut self.out {
            Out::Csv(writer) => writer.write_record(cells.iter().map(csv_cell))?,
            Out::JsonLines(out) => write_object(out, &self.columns, &cells)?,
        }
        Ok(())
    }

    /// Finishes the table.
    ///
    /// # Errors
    /// The errors of the file.
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

/// JSON that controls no terminal.
fn json(value: &impl Serialize) -> serde_json::Result<String> {
    serde_json::to_string(value).map(|json| escaped_json(&json))
}

/// Keeps the order of the columns, which a map of serde_json would not.
fn write_object(out: &mut impl Write, columns: &[String], cells: &[Value]) -> io::Result<()> {
    for (index, (column, value)) in columns.iter().zip(cells).enumerate() {
        out.write_all(if index == 0 { b"{" } else { b"," })?;
        out.write_all(json(column)?.as_bytes())?;
        out.write_all(b":")?;
        out.write_all(json(value)?.as_bytes())?;
    }
    out.write_all(b"}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_in_json_lines_controls_no_terminal() {
        let mut out = Vec::new();
        let columns = vec!["label".to_owned()];
        let mut rows = RowWriter::new(RowFormat::JsonLines, columns, &mut out).unwrap();
        let text = Value::from("a\u{1b}\u{9b}31m\u{202e}ü");
        rows.row(vec![text.clone()]).unwrap();
        rows.finish().unwrap();
        let line = String::from_utf8(out).unwrap();
        assert_eq!(line, "{\"label\":\"a\\u001b\\u009b31m\\u202eü\"}\n");
        let read: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["label"], text);
    }
}
