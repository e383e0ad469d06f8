//! Finds the tables of a sweep file, and reports unknown ones.

use crate::sweep_file::diagnostics::problem::{Problem, Problems};
use crate::sweep_file::diagnostics::source::Span;
use crate::sweep_file::diagnostics::suggest;
use crate::sweep_file::keys::key::{Key, Section};
use crate::sweep_file::keys::synonyms;
use crate::sweep_file::parse::tree::{Entry, Node, Table, Value};

/// The top-level tables of a sweep file.
pub const TABLES: [&str; 10] = [
    "sweep", "data", "model", "train", "axes", "zip", "exclude", "include", "figure", "expect",
];

/// Reports every unknown top-level table or key. A misspelt table is read as the table that it is
/// probably meant to be, so that its keys are not reported as missing too.
pub fn refuse_unknown_tables(root: &mut Table, problems: &mut Problems) {
    let present: Vec<String> = root.entries.iter().map(|entry| entry.key.clone()).collect();
    for entry in &mut root.entries {
        if problems.is_full() {
            break;
        }
        if TABLES.contains(&entry.key.as_str()) {
            continue;
        }
        let what = match entry.node.value {
            Value::Table(_) => "table",
            _ => "key",
        };
        let message = format!("unknown {what} `{}`", entry.key);
        let problem = Problem::new(entry.key_at, message).label("not part of a sweep file");
        let help = match synonyms::hint(&entry.key).or_else(|| home(&entry.key)) {
            Some(help) if what == "key" => help,
            _ if entry.key_at.is_override() => suggest::advice(&entry.key, &override_names()),
            _ => suggest::advice(&entry.key, &TABLES),
        };
        problems.push(problem.help(help));
        if let Some(likely) = suggest::closest(&entry.key, TABLES)
            && !present.iter().any(|key| key == likely)
        {
            likely.clone_into(&mut entry.key);
        }
    }
}

/// The first part of an override: a table, or a key without its table.
fn override_names() -> Vec<&'static str> {
    let keys = Key::settable_names();
    keys.into_iter()
        .chain(["repeats", "seed"])
        .chain(TABLES)
        .collect()
}

/// The table of that name, empty if there is none; reports other types.
pub fn table<'t>(root: &'t Table, name: &str, problems: &mut Problems) -> Option<&'t Table> {
    as_table(root.get(name)?, problems)
}

/// Returns the table of an entry; reports other types.
pub fn as_table<'t>(entry: &'t Entry, problems: &mut Problems) -> Option<&'t Table> {
    match &entry.node.value {
        Value::Table(table) => Some(table),
        value => {
            let message = format!(
                "`{}` must be a table, found {}",
                entry.key,
                value.type_name()
            );
            let problem = Problem::new(entry.node.at, message).label("expected a table");
            problems.push(problem.help(format!("write its keys below a line `[{}]`", entry.key)));
            None
        }
    }
}

/// Returns the tables of `[[name]]`; reports other types.
pub fn tables<'t>(
    parent: &'t Table,
    name: &str,
    problems: &mut Problems,
) -> Vec<(Span, &'t Table)> {
    let Some(entry) = parent.get(name) else {
        return Vec::new();
    };
    let Value::Array(elements) = &entry.node.value else {
        problems.push(not_tables(entry.key_at, name, &entry.node));
        return Vec::new();
    };
    let mut tables = Vec::new();
    for element in elements {
        match &element.value {
            Value::Table(table) => tables.push((element.at, table)),
            _ => problems.push(not_tables(element.at, name, element)),
        }
    }
    tables
}

fn not_tables(at: Span, name: &str, node: &Node) -> Problem {
    let message = format!(
        "`{name}` must be a list of tables, found {}",
        node.value.type_name()
    );
    Problem::new(at, message)
        .label("one pair of brackets is missing")
        .help(format!("write a line `[[{name}]]` before each"))
}

/// Names the table of a key that is in the wrong table.
pub fn home(name: &str) -> Option<String> {
    let key = Key::find_settable(name).or_else(|| Key::find(Section::Sweep, name))?;
    let (section, name) = (key.spec().section.name(), key.name());
    Some(format!(
        "`{name}` belongs in [{section}]: `{section}.{name}`"
    ))
}
