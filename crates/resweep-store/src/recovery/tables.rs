//! The tables of the schema in an order in which rows come after those that they refer to, and the
//! keys of their rows.

use rusqlite::Connection;

use crate::points::collect;

/// A table, and how its rows are reached without any index.
#[derive(Debug, PartialEq)]
pub(super) struct Table {
    pub name: &'static str,
    /// All of them.
    pub columns: Vec<String>,
    /// The columns before the last one of the primary key.
    pub group: Vec<String>,
    /// A query for every value of `group`, from recovered rows of other tables.
    pub groups: Option<&'static str>,
    /// The last column of the primary key.
    pub key: String,
    /// Whether the key is a SHA-256 in hexadecimal rather than a number from 0.
    pub key_is_digest: bool,
    pub references: Vec<Reference>,
}

/// A foreign key.
#[derive(Debug, PartialEq)]
pub(super) struct Reference {
    pub column: String,
    pub parent: String,
    pub parent_column: String,
    /// Whether the column can be NULL instead.
    pub is_optional: bool,
}

const OF_TRAININGS: Option<&str> = Some("SELECT id FROM trainings");
const OF_TASKS: Option<&str> = Some("SELECT submission_id, task FROM submission_tasks");

/// The names of the tables and their `groups`.
const TABLES: [(&str, Option<&str>); 17] = [
    ("sweeps", None),
    ("runs", None),
    ("run_needs", None),
    ("run_images", None),
    ("sweep_runs", Some("SELECT id FROM sweeps")),
    ("trainings", None),
    ("processes", None),
    ("attempts", None),
    ("train_metrics", OF_TRAININGS),
    (
        "eval_metrics",
        Some(
            "SELECT id, evaluated_on FROM trainings,
                 (SELECT 'test' AS evaluated_on UNION ALL SELECT 'validation')",
        ),
    ),
    ("checkpoints", OF_TRAININGS),
    ("layer_stats", OF_TRAININGS),
    ("submissions", None),
    ("submission_tasks", Some("SELECT id FROM submissions")),
    ("submission_starts", OF_TASKS),
    ("submission_runs", OF_TASKS),
    (
        "submission_checkpoints",
        Some(
            "SELECT submission_id, task, position, s.start
             FROM submission_runs JOIN submission_starts AS s USING (submission_id, task)",
        ),
    ),
];

/// Describes the tables of a sound database of the current version.
pub(super) fn tables(connection: &Connection) -> rusqlite::Result<Vec<Table>> {
    let tables = TABLES.into_iter();
    tables
        .map(|(name, groups)| describe(connection, name, groups))
        .collect()
}

fn describe(
    connection: &Connection,
    name: &'static str,
    groups: Option<&'static str>,
) -> rusqlite::Result<Table> {
    let columns = "SELECT name FROM pragma_table_info(?1) ORDER BY cid";
    let key = "SELECT name, type FROM pragma_table_info(?1) WHERE pk > 0 ORDER BY pk";
    let mut key: Vec<(String, String)> = collect(connection, key, [name], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    let (last, kind) = key.pop().ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    Ok(Table {
        name,
        columns: collect(connection, columns, [name], |row| row.get(0))?,
        group: key.into_iter().map(|(column, _)| column).collect(),
        groups,
        key: last,
        key_is_digest: kind == "TEXT",
        references: references(connection, name)?,
    })
}

fn references(connection: &Connection, name: &str) -> rusqlite::Result<Vec<Reference>> {
    let sql = "SELECT r.\"from\", r.\"table\", r.\"to\", c.\"notnull\" = 0
         FROM pragma_foreign_key_list(?1) AS r JOIN pragma_table_info(?1) AS c
         ON c.name = r.\"from\"";
    collect(connection, sql, [name], |row| {
        Ok(Reference {
            column: row.get(0)?,
            parent: row.get(1)?,
            parent_column: row.get(2)?,
            is_optional: row.get(3)?,
        })
    })
}

impl Table {
    /// The index of the key among the columns.
    pub fn key_column(&self) -> usize {
        let is_key = |column: &String| *column == self.key;
        self.columns.iter().position(is_key).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::database;

    #[test]
    fn every_table_is_recovered_after_those_that_it_refers_to() {
        let (connection, _) = database::open_for_writing(Path::new("")).expect("a database");
        let tables = tables(&connection).expect("the schema");
        let mut before: Vec<&str> = Vec::new();
        for table in &tables {
            before.push(table.name);
            for reference in &table.references {
                assert!(before.contains(&&*reference.parent), "{reference:?}");
            }
        }
        let sql =
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
        let mut all: Vec<String> = collect(&connection, sql, [], |row| row.get(0)).expect("names");
        all.sort_unstable();
        before.sort_unstable();
        assert_eq!(all, before);
    }
}
