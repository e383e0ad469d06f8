//! Checks the value of `warmup`.

use super::scalars::{integer, number, refused, wrong_type};
use super::setting::Checked;
use crate::domain::{Warmup, WarmupEnd};
use crate::sweep_file::diagnostics::problem::{Problem, Problems};
use crate::sweep_file::diagnostics::suggest;
use crate::sweep_file::keys::key::{Key, Section};
use crate::sweep_file::keys::kind::{self, Kind, positive};
use crate::sweep_file::keys::table::{Fallback, KeySpec};
use crate::sweep_file::parse::tree::{Entry, Node, Table, Value};

const FIELDS: [&str; 3] = ["lr", "until_train_error", "iterations"];

/// Reads `"none"`, or a table with `lr` and one end condition.
pub fn warmup(spec: &KeySpec, node: &Node, problems: &mut Problems) -> Option<Checked> {
    match &node.value {
        Value::String(word) if word == "none" => Some(Checked::Warmup(None)),
        Value::Table(table) => {
            unknown_fields(table, problems);
            let warmup = from_table(spec, node, table, problems)?;
            Some(Checked::Warmup(Some(warmup)))
        }
        _ => {
            problems.push(*wrong_type(spec, node, "a table"));
            None
        }
    }
}

fn from_table(
    spec: &KeySpec,
    node: &Node,
    table: &Table,
    problems: &mut Problems,
) -> Option<Warmup> {
    let lr = find(table, "lr");
    if lr.is_none() {
        let message = "the warm-up has no learning rate".to_owned();
        problems.push(*refused(spec, node, message, "no `lr` here"));
    }
    let lr = lr.and_then(|entry| positive_number(entry, problems));
    let until = match (find(table, "until_train_error"), find(table, "iterations")) {
        (Some(error), None) => positive_number(error, problems).map(WarmupEnd::TrainError),
        (None, Some(iterations)) => count(iterations, problems).map(WarmupEnd::Iterations),
        (Some(error), Some(iterations)) => {
            let message = "the warm-up has two ends".to_owned();
            let problem = Problem::new(iterations.key_at, message)
                .label("one end")
                .context(error.key_at, "the other")
                .help("keep `until_train_error` (in percent) or `iterations`");
            problems.push(problem);
            None
        }
        (None, None) => {
            let message = "the warm-up has no end".to_owned();
            let label = "no `until_train_error` or `iterations` here";
            problems.push(*refused(spec, node, message, label));
            None
        }
    };
    Some(Warmup {
        lr: lr?,
        until: until?,
    })
}

/// Entries that are compared with a field's name: a table of two fields has few.
const SEARCHED: usize = 10;

/// Finds a field, also if misspelt; `unknown_fields` reports that.
fn find<'t>(table: &'t Table, name: &str) -> Option<&'t Entry> {
    let misspelt = |entry: &&Entry| {
        let known = FIELDS.contains(&entry.key.as_str());
        !known && suggest::closest(&entry.key, FIELDS) == Some(name)
    };
    table
        .get(name)
        .or_else(|| table.entries.iter().take(SEARCHED).find(misspelt))
}

fn unknown_fields(table: &Table, problems: &mut Problems) {
    for entry in &table.entries {
        if problems.is_full() {
            break;
        }
        if !FIELDS.contains(&entry.key.as_str()) {
            let message = format!("unknown key `{}` in `warmup`", entry.key);
            let problem = Problem::new(entry.key_at, message).label("not a key of `warmup`");
            problems.push(problem.help(suggest::advice(&entry.key, &FIELDS)));
        }
    }
}

/// The positive number of a field.
fn positive_number(entry: &Entry, problems: &mut Problems) -> Option<f64> {
    let checked = number(&field(entry, positive(100.0)), &entry.node);
    checked.map_err(|problem| problems.push(*problem)).ok()
}

/// The number of iterations.
fn count(entry: &Entry, problems: &mut Problems) -> Option<u64> {
    let (least, most) = (1, 1_000_000_000);
    let spec = field(entry, kind::integer(least, most));
    let checked = integer(&spec, &entry.node, least, most);
    checked.map_err(|problem| problems.push(*problem)).ok()
}

/// The description of a field, for messages.
fn field(entry: &Entry, kind: Kind) -> KeySpec {
    let (name, meaning) = match suggest::closest(&entry.key, FIELDS) {
        Some("lr") => ("warmup.lr", "learning rate during the warm-up"),
        Some("iterations") => ("warmup.iterations", "length of the warm-up"),
        _ => (
            "warmup.until_train_error",
            "training error in percent below which the warm-up ends",
        ),
    };
    KeySpec {
        key: Key::Warmup,
        section: Section::Train,
        name,
        kind,
        fallback: Fallback::Required,
        meaning,
    }
}
