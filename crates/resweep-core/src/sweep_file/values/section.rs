//! Reads the tables that contain single values, and reports unknown keys.

use super::check;
use super::ranges;
use super::scalars::usage;
use super::setting::{Setting, Settings};
use super::tables;
use crate::sweep_file::diagnostics::problem::{Form, Problem, Problems};
use crate::sweep_file::diagnostics::source::Span;
use crate::sweep_file::diagnostics::suggest;
use crate::sweep_file::keys::key::{Key, Section};
use crate::sweep_file::keys::synonyms;
use crate::sweep_file::keys::table::KeySpec;
use crate::sweep_file::parse::tree::{Entry, Node, Table, Value};

/// Reads the keys of `section` from `table` into `settings`. `besides` are keys of the table that
/// are read elsewhere. A misspelt key is reported, then read as the key that it is probably meant
/// to be.
pub fn read(
    section: Section,
    table: &Table,
    besides: &[&str],
    settings: &mut Settings,
    problems: &mut Problems,
) {
    let mut places: Vec<(Key, Span)> = Vec::new();
    for entry in &table.entries {
        if problems.is_full() {
            break;
        }
        let key = match Key::find(section, &entry.key) {
            Some(key) => Some(key),
            None if besides.contains(&entry.key.as_str()) => None,
            None => {
                problems.push(unknown_key(section, entry, besides));
                likely(section, table, &entry.key)
            }
        };
        let Some(key) = key else { continue };
        let same = |(other, _): &&(Key, Span)| *other == key || Some(*other) == key.rival();
        let before = places.iter().find(same).copied();
        if let Some((other, first)) = before {
            // An override replaces the value of the file.
            match (first.is_override(), entry.key_at.is_override()) {
                (true, false) => continue,
                (false, true) => settings.remove(other),
                _ => problems.push(twice(key, entry.key_at, (other, first))),
            }
        }
        places.push((key, entry.key_at));
        settings.set(key, value(key, &entry.node, problems));
    }
}

/// Reads the value of a key that is not an axis.
fn value(key: Key, node: &Node, problems: &mut Problems) -> Setting {
    let spec = key.spec();
    let is_axis =
        Section::SETTABLE.contains(&spec.section) && ranges::has_several(spec, &node.value);
    if !is_axis {
        return check::setting(spec, node, problems);
    }
    let message = format!("`{}` takes one value here", spec.name);
    let problem = Problem::new(node.at, message);
    problems.push(match is_valid_axis(spec, node) {
        true => problem
            .label("several values make an axis")
            .form(Form::Axis(spec.name)),
        false => problem
            .label(format!("found {}", node.value.type_name()))
            .help(usage(spec))
            .form(Form::Example(spec.key)),
    });
    Setting::refused(node.at)
}

/// Whether a list has values that the key takes. A range is checked where it is an axis.
fn is_valid_axis(spec: &KeySpec, node: &Node) -> bool {
    match &node.value {
        Value::Array(elements) if elements.is_empty() => false,
        Value::Array(elements) => elements.iter().all(|node| check::is_valid(spec, node)),
        _ => true,
    }
}

fn twice(key: Key, at: Span, (other, first): (Key, Span)) -> Problem {
    let (name, section) = (key.name(), key.spec().section.name());
    let message = match key == other {
        true => format!("`{name}` is in [{section}] twice"),
        false => format!("[{section}] has `{}` and `{name}`", other.name()),
    };
    let problem = Problem::new(at, message).label("again");
    problem
        .context(first, "first here")
        .help("keep one of the two")
}

/// The key that is probably meant, unless the table contains it too.
fn likely(section: Section, table: &Table, written: &str) -> Option<Key> {
    let name = suggest::closest(written, section.keys().map(|spec| spec.name))?;
    let absent = table.get(name).is_none();
    absent.then(|| Key::find(section, name)).flatten()
}

fn unknown_key(section: Section, entry: &Entry, besides: &[&str]) -> Problem {
    let brackets = match section {
        Section::Panel | Section::Expect => format!("[[{}]]", section.name()),
        _ => format!("[{}]", section.name()),
    };
    let mut names: Vec<&str> = section.keys().map(|spec| spec.name).collect();
    names.extend(besides);
    let problem = Problem::new(
        entry.key_at,
        format!("unknown key `{}` in {brackets}", entry.key),
    )
    .label(format!("not a key of {brackets}"));
    match synonyms::hint(&entry.key).or_else(|| tables::home(&entry.key)) {
        Some(help) => problem.help(help),
        None => problem.help(suggest::advice(&entry.key, &names)),
    }
}
