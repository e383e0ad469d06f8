//! Applies `--set KEY=VALUE` to the tree before it is read, so that overrides are checked and
//! reported as the file is.

use super::target::Target;
use super::typed::{self, Written};
use crate::domain::shell_quoted;
use crate::sweep_file::diagnostics::problem::{Problem, Problems};
use crate::sweep_file::diagnostics::source::{OVERRIDE_PREFIX, SourceId, Sources, Span};
use crate::sweep_file::keys::key::{Key, Section};
use crate::sweep_file::keys::kind::Kind;
use crate::sweep_file::parse::syntax;
use crate::sweep_file::parse::tree::{Entry, Node, Table, Value};
use crate::sweep_file::values::seeds;

/// Applies every override in order; the last one of a key wins.
pub fn apply(sources: &Sources, root: &mut Table, problems: &mut Problems) {
    for index in 0..sources.overrides() {
        let id = SourceId::Override(index);
        let text = &sources.get(id).text[OVERRIDE_PREFIX.len()..];
        match read(text, id, root) {
            Ok((path, node)) => insert(root, &path, node, problems),
            Err(found) => found.into_iter().for_each(|problem| problems.push(problem)),
        }
    }
}

type Path = Vec<(String, Span)>;

fn read(text: &str, id: SourceId, root: &Table) -> Result<(Path, Node), Vec<Problem>> {
    let offset = OVERRIDE_PREFIX.len();
    let at = |start: usize, end: usize| Span {
        source: id,
        start: offset + start,
        end: offset + end,
    };
    let Some((key, value)) = text.split_once('=') else {
        let problem = Problem::new(at(0, text.len()), "this override has no value")
            .label("expected KEY=VALUE")
            .help(with_equals_sign(text));
        return Err(vec![problem]);
    };
    let Some(path) = syntax::key_path(key, id, offset) else {
        let problem = Problem::new(at(0, key.len()), "this override has no valid key")
            .label("expected a dotted key")
            .help("write, for instance, --set train.iterations=2000");
        return Err(vec![problem]);
    };
    let start = key.len() + 1;
    if value.trim().is_empty() {
        let problem = Problem::new(at(start - 1, text.len()), "this override has no value")
            .label("nothing follows")
            .help(instead_of_nothing(key));
        return Err(vec![problem]);
    }
    let path = with_table(path, value, root);
    let names: Vec<&str> = path.iter().map(|(name, _)| name.as_str()).collect();
    let written = Written {
        text: value,
        source: id,
        start: offset + start,
    };
    let target = Target::find(&names);
    match typed::read(written, target) {
        Ok(node) => Ok((path, node)),
        Err(problems) => Err(with_right_form(problems, key, value, target)),
    }
}

/// Adds the table to a bare key: `lr` becomes `train.lr`, or `axes.lr` if the key is an axis of the
/// file or the override has several values.
fn with_table(mut path: Path, value: &str, root: &Table) -> Path {
    let [(name, at)] = path.as_slice() else {
        return path;
    };
    let table = match Key::find_settable(name) {
        Some(key) if is_axis(root, key) || typed::is_axis(value, key) => "axes",
        Some(key) => key.spec().section.name(),
        None if seeds::names(name) || Key::find(Section::Sweep, name).is_some() => "sweep",
        None => return path,
    };
    path.insert(0, (table.to_owned(), *at));
    path
}

/// Whether `[axes]` contains this key.
fn is_axis(root: &Table, key: Key) -> bool {
    let Some(Value::Table(axes)) = root.get("axes").map(|entry| &entry.node.value) else {
        return false;
    };
    let mut entries = axes.entries.iter();
    entries.any(|entry| Key::find_qualified(&entry.key) == Some(key))
}

/// Shows the whole corrected argument, if it is clear what is meant.
fn with_right_form(
    mut problems: Vec<Problem>,
    key: &str,
    value: &str,
    target: Option<Target>,
) -> Vec<Problem> {
    if let (Some(problem), Some(value)) = (problems.first_mut(), typed::right_form(value, target)) {
        let argument = shell_quoted(&format!("{key}={value}"));
        problem.help = vec![format!("write --set {argument}")];
    }
    problems
}

/// The correction of `sweep.title=`.
fn instead_of_nothing(key: &str) -> String {
    let names: Vec<&str> = key.trim().split('.').collect();
    match Target::find(&names).map(|target| target.spec) {
        Some(spec) if matches!(spec.kind, Kind::Line | Kind::Text) => {
            let empty = shell_quoted(&format!("{key}=\"\""));
            format!(
                "`{}` takes {}; write --set {empty} for an empty text",
                key.trim(),
                spec.kind.allowed()
            )
        }
        Some(spec) => {
            let argument = shell_quoted(&format!("{}={}", key.trim(), spec.example()));
            let allowed = spec.kind.allowed();
            format!(
                "`{}` takes {allowed}, for example --set {argument}",
                key.trim()
            )
        }
        None => "write, for instance, --set train.iterations=2000".to_owned(),
    }
}

/// The correction of `train.lr 0.1` or `train.lr:0.1`.
fn with_equals_sign(text: &str) -> String {
    let parts = text.split_once(|c: char| c == ':' || c.is_whitespace());
    let argument = parts.and_then(|(key, value)| {
        let names: Vec<&str> = key.split('.').collect();
        Target::find(&names)?;
        Some(shell_quoted(&format!("{key}={}", value.trim())))
    });
    match argument {
        Some(argument) => format!("write --set {argument}"),
        None => "write, for instance, --set train.iterations=2000".to_owned(),
    }
}

/// Inserts `node` at `path` and creates missing tables.
fn insert(table: &mut Table, path: &[(String, Span)], node: Node, problems: &mut Problems) {
    let Some(((key, key_at), rest)) = path.split_first() else {
        return;
    };
    if table.get(key).is_none() {
        table.entries.push(Entry {
            key: key.clone(),
            key_at: *key_at,
            node: Node {
                at: *key_at,
                value: Value::Table(Table::default()),
            },
        });
    }
    let Some(entry) = table.get_mut(key) else {
        return;
    };
    if rest.is_empty() {
        entry.key_at = *key_at;
        entry.node = node;
        return;
    }
    match &mut entry.node.value {
        Value::Table(table) => insert(table, rest, node, problems),
        value => {
            let message = format!("`{key}` is {}, not a table", value.type_name());
            let problem = Problem::new(*key_at, message)
                .label("has no keys of its own")
                .context(entry.node.at, "given here")
                .help(format!("set it as a whole: --set {key}=..."));
            problems.push(problem);
        }
    }
}
