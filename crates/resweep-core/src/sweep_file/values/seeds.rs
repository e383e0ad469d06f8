//! Accepts seeds as an axis, in `[train]`, or as a single `seed`.
//!
//! The seed is not part of a configuration, so all of these become `[sweep] seeds`.

use crate::sweep_file::diagnostics::problem::{Problem, Problems};
use crate::sweep_file::diagnostics::source::Span;
use crate::sweep_file::keys::key::Section;
use crate::sweep_file::parse::tree::{Entry, Node, Table, Value};

/// The tables that can contain seeds; the last is their final place.
const TABLES: [&str; 3] = ["axes", Section::Train.name(), Section::Sweep.name()];

/// Whether a key sets the seeds.
pub fn names(key: &str) -> bool {
    matches!(key, "seed" | "seeds")
}

/// Moves the seeds of all tables to `[sweep]`. Overrides replace the values of the file.
pub fn gather(root: &mut Table, problems: &mut Problems) {
    let mut found: Vec<Entry> = Vec::new();
    for name in TABLES {
        if let Some(table) = table_mut(root, name) {
            found.extend(table.entries.extract_if(.., |entry| names(&entry.key)));
        }
    }
    let mut kept: Option<Entry> = None;
    for entry in found {
        match &kept {
            Some(first) if first.key_at.is_override() == entry.key_at.is_override() => {
                problems.push(twice(entry.key_at, first.key_at));
            }
            Some(first) if first.key_at.is_override() => {}
            _ => kept = Some(entry),
        }
    }
    if let Some(entry) = kept {
        place(root, listed(entry));
    }
}

fn table_mut<'t>(root: &'t mut Table, name: &str) -> Option<&'t mut Table> {
    match &mut root.get_mut(name)?.node.value {
        Value::Table(table) => Some(table),
        _ => None,
    }
}

/// `seed = 3` is a list of one seed. `seeds = 3` could mean three seeds, so it is not changed.
fn listed(mut entry: Entry) -> Entry {
    if entry.key == "seed" && !matches!(entry.node.value, Value::Array(_)) {
        let at = entry.node.at;
        let value = Value::Array(vec![entry.node]);
        entry.node = Node { at, value };
    }
    "seeds".clone_into(&mut entry.key);
    entry
}

/// Puts the seeds into `[sweep]`, which it creates if missing.
fn place(root: &mut Table, seeds: Entry) {
    let name = Section::Sweep.name();
    if root.get(name).is_none() {
        let value = Value::Table(Table::default());
        root.entries.push(Entry {
            key: name.to_owned(),
            key_at: Span::START,
            node: Node {
                at: Span::START,
                value,
            },
        });
    }
    if let Some(table) = table_mut(root, name) {
        table.entries.push(seeds);
    }
}

fn twice(again: Span, first: Span) -> Problem {
    Problem::new(again, "the seeds are given twice")
        .label("again")
        .context(first, "first here")
        .help("keep one: `seeds = [1, 2, 3]` in [sweep]")
}
