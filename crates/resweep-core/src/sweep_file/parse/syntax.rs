//! Parses TOML into [`Table`]s and reports every syntax error.

use super::repair;
use toml::Spanned;
use toml::de::{DeFloat, DeInteger, DeTable, DeValue, Error};
use toml_parser::lexer::TokenKind;

use super::tree::{Entry, Node, Table, Value};
use crate::sweep_file::diagnostics::problem::{Problem, Problems};
use crate::sweep_file::diagnostics::source::{SourceId, Sources, Span};
use crate::sweep_file::limits::{KEYS_MAX, LINE_LENGTH_MAX, RECOVERED_BYTES_MAX, VALUES_MAX};

/// Parses a whole document; leaves out what cannot be parsed, and reports it.
pub fn document(sources: &Sources, id: SourceId, problems: &mut Problems) -> Table {
    let text = &sources.get(id).text;
    if let Some(problem) = too_many(text, id) {
        problems.push(problem);
        return Table {
            entries: Vec::new(),
        };
    }
    let (table, errors) = parse(text);
    let place = Place { id, offset: 0 };
    for error in &errors {
        if problems.is_full() {
            break;
        }
        problems.push(with_right_line(place.syntax_error(error, text.len()), text));
    }
    place.table(table.get_ref())
}

/// Shows the whole corrected line, if it is clear what is meant. The parser reports an unclosed
/// list on the next line.
fn with_right_line(problem: Problem, text: &str) -> Problem {
    let Some(before) = text.get(..problem.at.start) else {
        return problem;
    };
    let number = before.matches('\n').count();
    let lines = text.lines().skip(number.saturating_sub(1)).take(2);
    let mut lines: Vec<&str> = lines.collect();
    if number > 0 {
        lines.reverse();
    }
    match lines.into_iter().find_map(right_line) {
        Some(right) => Problem {
            help: vec![format!("write `{right}`")],
            ..problem
        },
        None => problem,
    }
}

/// Corrects a line whose value is not TOML; returns `None` if the line is valid or unclear.
fn right_line(line: &str) -> Option<String> {
    let (key, value) = line.split_once('=')?;
    let right = repair::repaired(value.get(..LINE_LENGTH_MAX).unwrap_or(value))?;
    (right != value.trim()).then(|| format!("{} = {right}", key.trim()))
}

/// The problem of a text that has more values in lists, or more keys and tables, than a sweep file may
/// have. Only its tokens are read.
fn too_many(text: &str, id: SourceId) -> Option<Problem> {
    // each takes two bytes at least
    if text.len() <= 2 * KEYS_MAX.min(VALUES_MAX) {
        return None;
    }
    let (mut values, mut keys) = (0, 0);
    let mut outline = Outline::default();
    for token in toml_parser::Source::new(text).lex() {
        let opens_table = outline.opens_table(token.kind());
        values += usize::from(token.kind() == TokenKind::Comma);
        keys += usize::from(opens_table || token.kind() == TokenKind::Equals);
        if values <= VALUES_MAX && keys <= KEYS_MAX {
            continue;
        }
        let (what, help) = match values > VALUES_MAX {
            true => (
                format!("more than {VALUES_MAX} values in lists"),
                "shorten the lists, or split the sweep into several files",
            ),
            false => (
                format!("more than {KEYS_MAX} keys and tables"),
                "a sweep file is a page of TOML; split a large one into several sweeps",
            ),
        };
        let span = token.span();
        let at = Place { id, offset: 0 }.at(span.start()..span.end());
        return Some(
            Problem::new(at, what)
                .label("too many from here on")
                .help(help),
        );
    }
    None
}

/// Distinguishes the brackets of a table's name from those of a list.
#[derive(Default)]
struct Outline {
    depth: usize,
    is_within_line: bool,
}

impl Outline {
    /// Whether the next token opens the name of a table.
    fn opens_table(&mut self, token: TokenKind) -> bool {
        let is_within_line = std::mem::replace(&mut self.is_within_line, true);
        match token {
            TokenKind::LeftSquareBracket => {
                let opens = self.depth == 0 && !is_within_line;
                self.depth += 1;
                return opens;
            }
            TokenKind::RightSquareBracket => self.depth = self.depth.saturating_sub(1),
            TokenKind::Newline => self.is_within_line = false,
            TokenKind::Whitespace => self.is_within_line = is_within_line,
            _ => {}
        }
        false
    }
}

/// Returns the parts that can be parsed and every syntax error; of a very long text no parts, and
/// the first error.
fn parse(text: &str) -> (Spanned<DeTable<'_>>, Vec<Error>) {
    if text.len() <= RECOVERED_BYTES_MAX {
        return DeTable::parse_recoverable(text);
    }
    match DeTable::parse(text) {
        Ok(table) => (table, Vec::new()),
        Err(error) => (Spanned::new(0..0, DeTable::new()), vec![error]),
    }
}

/// Parses `text`, which is at `offset` of the source `id`, as one value.
pub fn value(text: &str, id: SourceId, offset: usize) -> Result<Node, Vec<Problem>> {
    let (value, errors) = DeValue::parse_recoverable(text);
    let place = Place { id, offset };
    if errors.is_empty() {
        return Ok(place.node(&value));
    }
    Err(errors
        .iter()
        .map(|error| place.syntax_error(error, text.len()))
        .collect())
}

/// Parses `text`, which is at `offset` of the source `id`, as a dotted key.
pub fn key_path(text: &str, id: SourceId, offset: usize) -> Option<Vec<(String, Span)>> {
    let line = format!("{text}=0");
    let (table, errors) = DeTable::parse_recoverable(&line);
    let mut path = Vec::new();
    let place = Place { id, offset };
    let mut level = Some(table.get_ref());
    while let Some(table) = level {
        let (key, value) = table.iter().next().filter(|_| table.len() == 1)?;
        path.push((key.get_ref().to_string(), place.at(key.span())));
        level = value.get_ref().as_table();
    }
    errors.is_empty().then_some(path)
}

/// The position of the parsed text.
#[derive(Clone, Copy)]
struct Place {
    id: SourceId,
    offset: usize,
}

impl Place {
    fn at(self, span: std::ops::Range<usize>) -> Span {
        Span {
            source: self.id,
            start: self.offset + span.start,
            end: self.offset + span.end,
        }
    }

    fn syntax_error(self, error: &Error, length: usize) -> Problem {
        let at = self.at(error.span().unwrap_or(length..length));
        let (what, expected) = match error.message().split_once(", expected ") {
            Some((what, expected)) => (what, Some(expected)),
            None => (error.message(), None),
        };
        let label = match expected {
            None | Some("nothing") => "here".to_owned(),
            Some("literal string") => "expected text in quotes".to_owned(),
            Some(expected) => format!("expected {expected}"),
        };
        Problem::new(at, format!("this is not TOML: {what}"))
            .label(label)
            .help(advice(what))
    }

    fn node(self, value: &Spanned<DeValue<'_>>) -> Node {
        Node {
            at: self.at(value.span()),
            value: self.value(value.get_ref()),
        }
    }

    fn value(self, value: &DeValue<'_>) -> Value {
        match value {
            DeValue::String(text) => Value::String(text.to_string()),
            DeValue::Integer(integer) => Value::Integer(clamped(integer)),
            DeValue::Float(float) => Value::Float(nearest(float)),
            DeValue::Boolean(boolean) => Value::Boolean(*boolean),
            DeValue::Datetime(_) => Value::Datetime,
            DeValue::Array(array) => Value::Array(array.iter().map(|v| self.node(v)).collect()),
            DeValue::Table(table) => Value::Table(self.table(table)),
        }
    }

    /// toml sorts keys by name; this restores the order of the file.
    fn table(self, table: &DeTable<'_>) -> Table {
        let mut entries: Vec<Entry> = table
            .iter()
            .map(|(key, value)| Entry {
                key: key.get_ref().to_string(),
                key_at: self.at(key.span()),
                node: self.node(value),
            })
            .collect();
        entries.sort_by_key(|entry| entry.key_at);
        Table { entries }
    }
}

/// Help for the most common syntax errors.
fn advice(what: &str) -> &'static str {
    if what == "duplicate key" {
        "keep one of the two"
    } else if what.contains("array") {
        "put commas between the values of a list, and `]` behind the last"
    } else {
        "write `key = value` lines under a `[table]`, and text in quotes"
    }
}

fn clamped(integer: &DeInteger<'_>) -> i128 {
    let text = integer.as_str();
    i128::from_str_radix(text, integer.radix()).unwrap_or(if text.starts_with('-') {
        i128::MIN
    } else {
        i128::MAX
    })
}

fn nearest(float: &DeFloat<'_>) -> f64 {
    float.as_str().parse().unwrap_or(f64::NAN)
}
