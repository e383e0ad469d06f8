//! Reads the rows of a damaged table: from both ends up to the damage, then the gaps.

use std::collections::VecDeque;
use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode, Statement, params_from_iter};

use super::key::{Key, Range};
use super::tables::Table;
use crate::StoreError;

/// The most ranges tried between two damaged places of one curve or table.
const PROBES: usize = 500;

/// Receives the rows; its error ends the reading.
pub(super) type Sink<'s> = dyn FnMut(&[Value]) -> Result<(), StoreError> + 's;

/// Reads the rows of one group of a table, as far as the pages that lead to them are intact.
pub(super) struct Reader<'a, 's> {
    ascending: Statement<'a>,
    descending: Statement<'a>,
    key_column: usize,
    is_digest: bool,
    group: &'a [Value],
    /// The path of the database, for errors.
    path: &'a Path,
    sink: &'a mut Sink<'s>,
    /// Rows with impossible values.
    pub broken_rows: u64,
}

/// The progress of one pass over a range.
struct Pass {
    /// The key of the last row read.
    last: Option<Key>,
    /// Whether the end of the range was reached.
    complete: bool,
}

impl<'a, 's> Reader<'a, 's> {
    /// Fails if the table itself cannot be found.
    pub fn new(
        connection: &'a Connection,
        table: &Table,
        group: &'a [Value],
        path: &'a Path,
        sink: &'a mut Sink<'s>,
    ) -> rusqlite::Result<Self> {
        let (key, columns) = (&table.key, table.columns.join(", "));
        let of_group: String = table
            .group
            .iter()
            .map(|column| format!("{column} = ? AND "))
            .collect();
        let select = |order: &str| {
            // In the table's own order: an index, or sorting, would read other pages.
            connection.prepare(&format!(
                "SELECT {columns} FROM {} NOT INDEXED
                 WHERE {of_group} {key} > ? AND {key} < ? ORDER BY {key} {order}",
                table.name
            ))
        };
        Ok(Reader {
            ascending: select("ASC")?,
            descending: select("DESC")?,
            key_column: table.key_column(),
            is_digest: table.key_is_digest,
            group,
            path,
            sink,
            broken_rows: 0,
        })
    }

    /// Reads all reachable rows. Returns whether these are all rows.
    pub fn read(&mut self) -> Result<bool, StoreError> {
        let Some(gap) = self.read_both_ends(Range::whole(self.is_digest))? else {
            return Ok(true);
        };
        let mut gaps = VecDeque::from(self.leap(gap)?);
        for _ in 0..PROBES {
            let Some(gap) = gaps.pop_front() else {
                break;
            };
            for half in gap.halves().into_iter().flatten() {
                gaps.extend(self.read_both_ends(half)?);
            }
        }
        Ok(false)
    }

    /// Reads upwards to the first damage and downwards to the last. Returns the gap in between.
    fn read_both_ends(&mut self, range: Range) -> Result<Option<Range>, StoreError> {
        let up = self.pass(&range, false)?;
        if up.complete {
            return Ok(None);
        }
        let low = up.last.unwrap_or(range.low);
        let rest = Range { low, ..range };
        let down = self.pass(&rest, true)?;
        if down.complete {
            return Ok(None);
        }
        let high = down.last.unwrap_or(rest.high);
        Ok(Some(Range { high, ..rest }))
    }

    /// Skips each damage in a gap with growing steps, which finds readable rows beyond it if no
    /// upper end is known. Returns the remaining gaps.
    fn leap(&mut self, gap: Range) -> Result<Vec<Range>, StoreError> {
        let (Key::Number(mut low), Key::Number(high)) = (gap.low.clone(), gap.high.clone()) else {
            return Ok(vec![gap]);
        };
        let mut gaps = Vec::new();
        let mut step = 1_i64;
        while let Some(start) = low.checked_add(step).filter(|start| *start < high) {
            let above = range(start, high);
            let up = self.pass(&above, false)?;
            if up.last.is_none() && !up.complete {
                let Some(longer) = step.checked_add(step / 8 + 1) else {
                    break;
                };
                step = longer;
                continue;
            }
            gaps.extend(self.read_both_ends(range(low, start + 1))?);
            match up.last {
                Some(Key::Number(last)) if !up.complete => (low, step) = (last, 1),
                _ => return Ok(gaps),
            }
        }
        gaps.push(range(low, high));
        Ok(gaps)
    }

    /// Sends the rows of a range in the order of their keys until something cannot be read.
    fn pass(&mut self, range: &Range, downwards: bool) -> Result<Pass, StoreError> {
        let statement = if downwards {
            &mut self.descending
        } else {
            &mut self.ascending
        };
        let mut pass = Pass {
            last: None,
            complete: false,
        };
        let width = statement.column_count();
        let mut values: Vec<&dyn rusqlite::ToSql> = Vec::new();
        values.extend(self.group.iter().map(|value| value as &dyn rusqlite::ToSql));
        values.extend([&range.low as &dyn rusqlite::ToSql, &range.high]);
        let mut rows = match statement.query(params_from_iter(values)) {
            Ok(rows) => rows,
            Err(error) => return stopped(pass, self.path, error),
        };
        loop {
            let row = match rows.next() {
                Ok(Some(row)) => row,
                Ok(None) => {
                    pass.complete = true;
                    return Ok(pass);
                }
                Err(error) => return stopped(pass, self.path, error),
            };
            // Text that is not UTF-8 makes a row unreadable, not its neighbours.
            let cells = (0..width).map(|column| row.get(column));
            let cells: Vec<Option<Value>> = cells.map(Result::ok).collect();
            let key = cells[self.key_column].as_ref();
            let Some(key) = key.and_then(|value| Key::of(value, self.is_digest)) else {
                return Ok(pass);
            };
            // Damaged pages can form cycles.
            let bound = pass.last.as_ref();
            let goes_on = match (bound, downwards) {
                (None, _) => key > range.low && key < range.high,
                (Some(last), false) => key > *last,
                (Some(last), true) => key < *last,
            };
            if !goes_on {
                return Ok(pass);
            }
            pass.last = Some(key);
            match cells.into_iter().collect::<Option<Vec<Value>>>() {
                Some(values) if values.iter().all(is_plausible) => (self.sink)(&values)?,
                _ => self.broken_rows += 1,
            }
        }
    }
}

/// Stored text never contains a NUL; a page of zeros does.
fn is_plausible(value: &Value) -> bool {
    !matches!(value, Value::Text(text) if text.contains('\0'))
}

fn range(low: i64, high: i64) -> Range {
    Range {
        low: Key::Number(low),
        high: Key::Number(high),
    }
}

/// Damage ends a pass; a lock ends the reading.
fn stopped(pass: Pass, path: &Path, error: rusqlite::Error) -> Result<Pass, StoreError> {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Err(StoreError::of_sqlite(path, error))
        }
        _ => Ok(pass),
    }
}
