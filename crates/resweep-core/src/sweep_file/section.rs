//! Reads the tables that contain single values, and reports unknown keys.

use super::assign;
use super::check;
use super::keys::{Key, KeySpec, Section};
use super::problem::{Form, Problem, Problems};
use super::ranges;
use super::setting::{Setting, Settings};
use super::source::Span;
use super::suggest;
use super::synonyms;
use super::tree::{Entry, Node, Table, Value};

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
    let keys = assign::settable_names();
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
    let is_axis = Section::SETTABLE.contains(&spec.section) && has_several(spec, &node.value);
    if !is_axis {
        return check::setting(spec, node, problems);
    }
    let message = format!("`{}` takes one value here", spec.name);
    let problem = Problem::new(node.at, message).label("several values make an axis");
    problems.push(problem.form(Form::Axis(spec.name)));
    Setting::refused(node.at)
}

/// Whether a value is a list or a range of values of a key.
pub fn has_several(spec: &KeySpec, value: &Value) -> bool {
    let is_list = |node: &Node| matches!(node.value, Value::Array(_));
    match value {
        Value::Array(elements) if spec.kind.is_list() => elements.iter().any(is_list),
        Value::Array(_) => true,
        Value::Table(table) => ranges::is_range(spec, table),
        _ => false,
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
    match synonyms::hint(&entry.key).or_else(|| home(&entry.key)) {
        Some(help) => problem.help(help),
        None => problem.help(suggest::advice(&entry.key, &names)),
    }
}

/// Names the table of a key that is in the wrong table.
fn home(name: &str) -> Option<String> {
    let key = Key::find_settable(name).or_else(|| Key::find(Section::Sweep, name))?;
    let (section, name) = (key.spec().section.name(), key.name());
    Some(format!(
        "`{name}` belongs in [{section}]: `{section}.{name}`"
    ))
}
