//! Checks `docs/database.md`: runs its queries against a recorded database and compares the output.

use crate::support::record_fixture::{begun, finish, measure, run, start};
use resweep_core::domain::{Outcome, Shortcut};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

#[test]
fn documented_queries_give_the_documented_output() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("results/resweep.db");
    record_example(&path);
    let connection = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let text = std::fs::read_to_string("docs/database.md").unwrap();
    let queries = blocks(&text, "```sql\n");
    let outputs = blocks(&text, "```text\n");
    assert_eq!((queries.len(), outputs.len()), (3, 3));
    for (query, shown) in queries.iter().zip(outputs) {
        assert_eq!(columns(&connection, query), shown, "{query}");
    }
}

/// Three configurations with two seeds; one run of plain-56 is unfinished.
fn record_example(path: &std::path::Path) {
    let errors = [
        (20, Shortcut::None, 1, [41.20, 9.12], [38.75, 12.40]),
        (20, Shortcut::None, 2, [40.88, 9.30], [39.01, 12.16]),
        (56, Shortcut::None, 1, [63.02, 20.95], [61.40, 22.31]),
        (56, Shortcut::None, 2, [62.11, 55.00], [60.92, 54.10]),
        (56, Shortcut::A, 1, [36.47, 4.63], [35.00, 9.87]),
        (56, Shortcut::A, 2, [36.90, 4.71], [34.28, 10.05]),
    ];
    let runs: Vec<_> = errors
        .iter()
        .map(|&(depth, shortcut, seed, ..)| run(depth, shortcut, seed))
        .collect();
    let mut recorder = begun(path, "fig6", &runs);
    for (run, (depth, shortcut, seed, train, test)) in runs.iter().zip(errors) {
        start(&mut recorder, run);
        measure(&mut recorder, run, 1000, train[0], test[0]);
        measure(&mut recorder, run, 3000, train[1], test[1]);
        let unfinished = (depth, shortcut, seed) == (56, Shortcut::None, 2);
        let outcome = if unfinished {
            Outcome::Stopped
        } else {
            Outcome::Finished
        };
        finish(&mut recorder, run, &outcome);
    }
}

fn blocks(text: &str, fence: &str) -> Vec<String> {
    text.split(fence)
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap().to_owned())
        .collect()
}

/// What the `sqlite3` shell prints in its column mode.
fn columns(connection: &Connection, query: &str) -> String {
    let mut statement = connection.prepare(query).unwrap();
    let names = statement.column_names().into_iter().map(str::to_owned);
    let mut lines: Vec<Vec<String>> = vec![names.collect()];
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let cells = (0..lines[0].len()).map(|i| cell(row.get_ref(i).unwrap()));
        lines.push(cells.collect());
    }
    let widths: Vec<usize> = (0..lines[0].len())
        .map(|i| {
            lines
                .iter()
                .map(|line| line[i].chars().count())
                .max()
                .unwrap()
        })
        .collect();
    lines.insert(1, widths.iter().map(|&width| "-".repeat(width)).collect());
    lines.iter().map(|line| padded(line, &widths)).collect()
}

fn padded(line: &[String], widths: &[usize]) -> String {
    let cells: Vec<String> = line
        .iter()
        .zip(widths)
        .map(|(cell, &width)| format!("{cell:<width$}"))
        .collect();
    format!("{}\n", cells.join("  ").trim_end())
}

fn cell(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Text(text) => String::from_utf8(text.to_vec()).unwrap(),
        other => panic!("format it in the query: {other:?}"),
    }
}
