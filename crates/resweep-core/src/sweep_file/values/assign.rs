//! Keys as written in `[axes]`, `[[zip]]`, `[[exclude]]` and `[[include]]`: `depth`, `"train.lr"`
//! or `train.lr`.

use crate::sweep_file::diagnostics::problem::{Problem, Problems};
use crate::sweep_file::diagnostics::source::Span;
use crate::sweep_file::diagnostics::suggest;
use crate::sweep_file::keys::key::{Key, Section};
use crate::sweep_file::keys::synonyms;
use crate::sweep_file::parse::tree::{Entry, Node, Table, Value};

/// A key and the value written for it.
#[derive(Debug, Clone, Copy)]
pub struct Assigned<'t> {
    pub key: Key,
    pub key_at: Span,
    pub node: &'t Node,
}

/// Reads a table whose keys are keys of data, model or train; a key may occur once, whatever its
/// spelling. `place` names the table in messages.
pub fn assignments<'t>(
    table: &'t Table,
    place: &str,
    problems: &mut Problems,
) -> Vec<Assigned<'t>> {
    let mut assigned = Vec::new();
    for entry in &table.entries {
        if problems.is_full() {
            break;
        }
        let section = Section::SETTABLE
            .into_iter()
            .find(|section| section.name() == entry.key);
        match (section, &entry.node.value) {
            (Some(section), Value::Table(inner)) => {
                for entry in &inner.entries {
                    if problems.is_full() {
                        break;
                    }
                    let key = Key::find(section, &entry.key);
                    add(&mut assigned, key, entry, place, problems);
                }
            }
            _ => add(
                &mut assigned,
                Key::find_qualified(&entry.key),
                entry,
                place,
                problems,
            ),
        }
    }
    assigned
}

fn add<'t>(
    assigned: &mut Vec<Assigned<'t>>,
    key: Option<Key>,
    entry: &'t Entry,
    place: &str,
    problems: &mut Problems,
) {
    let likely = || {
        problems.push(unknown(entry, place));
        let key = meant(&entry.key)?;
        let absent = assigned.iter().all(|other| other.key != key);
        absent.then_some(key)
    };
    // A misspelt key is reported, then read as the key that it is probably meant to be.
    let Some(key) = key.or_else(likely) else {
        return;
    };
    let new = Assigned {
        key,
        key_at: entry.key_at,
        node: &entry.node,
    };
    let Some(old) = assigned.iter_mut().find(|old| old.key == key) else {
        assigned.push(new);
        return;
    };
    // An override replaces a key of the file, however that is spelt.
    match (old.key_at.is_override(), new.key_at.is_override()) {
        (false, true) => *old = new,
        (true, false) => {}
        _ => problems.push(twice(key, old.key_at, new.key_at, place)),
    }
}

/// The part of a name after the table.
fn bare(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or_default()
}

fn meant(name: &str) -> Option<Key> {
    Key::find_settable(suggest::closest(bare(name), Key::settable_names())?)
}

fn unknown(entry: &Entry, place: &str) -> Problem {
    let bare = bare(&entry.key);
    let help = match (Key::find_settable(bare), synonyms::hint(bare)) {
        (Some(key), _) => format!("write `{}` or `\"{}\"`", key.name(), key.qualified()),
        (None, Some(hint)) => hint,
        (None, None) => suggest::advice(bare, &Key::settable_names()),
    };
    let message = format!("unknown key `{}` in {place}", entry.key);
    Problem::new(entry.key_at, message)
        .label("not a key of [data], [model] or [train]")
        .help(help)
}

fn twice(key: Key, first: Span, second: Span, place: &str) -> Problem {
    Problem::new(second, format!("`{}` occurs twice in {place}", key.name()))
        .label("again")
        .context(first, "first here")
        .help("keep one of the two")
}
