//! Checks a value by the kind of its key. `init` is checked here because it contains values of
//! other keys: `{ from = { depth = 20 }, deepen = "identity" }`.

use strum::VariantNames;

use super::assign::{Assigned, assignments};
use super::scalars::{boolean, depth, image_size, integer, number, refused, usage, wrong_type};
use super::setting::{Checked, Grown, Setting};
use super::{lists, repeats, tables, text, warmup};
use crate::domain::Init;
use crate::sweep_file::diagnostics::problem::{Problem, Problems};
use crate::sweep_file::diagnostics::suggest;
use crate::sweep_file::keys::key::{Key, Section};
use crate::sweep_file::keys::kind::Kind;
use crate::sweep_file::keys::table::KeySpec;
use crate::sweep_file::parse::tree::{Entry, Node, Table, Value};

/// Checks `node` as the value of the key `spec`; adds all errors to `problems`.
pub fn setting(spec: &KeySpec, node: &Node, problems: &mut Problems) -> Setting {
    let parts = match &node.value {
        Value::Array(elements) => elements.iter().map(|element| element.at).collect(),
        _ => Vec::new(),
    };
    Setting {
        value: checked(spec, node, problems),
        at: node.at,
        parts,
    }
}

/// Whether `spec` takes the value `node`.
pub fn is_valid(spec: &KeySpec, node: &Node) -> bool {
    let mut problems = Problems::default();
    setting(spec, node, &mut problems);
    problems.is_empty()
}

fn checked(spec: &KeySpec, node: &Node, problems: &mut Problems) -> Option<Checked> {
    let result = match spec.kind {
        Kind::Seeds => return lists::seeds(spec, node, problems),
        Kind::Repeats => return repeats::repeats(spec, node, problems),
        Kind::Drops => return lists::drops(spec, node, problems),
        Kind::Ticks => return lists::ticks(spec, node, problems),
        Kind::Names => return lists::names(spec, node, problems),
        Kind::Init => return init(spec, node, problems),
        Kind::Warmup => return warmup::warmup(spec, node, problems),
        Kind::Word(words) => text::word(spec, node, words),
        Kind::Integer { min, max } => integer(spec, node, min, max).map(Checked::Integer),
        Kind::Number { .. } => number(spec, node).map(Checked::Number),
        Kind::Boolean => boolean(spec, node),
        Kind::Depth => depth(spec, node),
        Kind::ImageSize => image_size(spec, node),
        Kind::Name => text::name(spec, node),
        Kind::Line => text::line(spec, node),
        Kind::Text => text::lines(spec, node),
        Kind::Folder => text::folder(spec, node),
        Kind::Settable => text::settable(spec, node),
    };
    match result {
        Ok(value) => Some(value),
        Err(problem) => {
            problems.push(*problem);
            None
        }
    }
}

/// The fields of the table that `init` takes.
const INIT_FIELDS: [&str; 2] = ["from", "deepen"];

/// Reads a string, or a table that names the parent.
fn init(spec: &KeySpec, node: &Node, problems: &mut Problems) -> Option<Checked> {
    let told = match &node.value {
        Value::String(_) => match text::word(spec, node, Init::VARIANTS) {
            Ok(word) => return Some(word),
            Err(problem) => *problem,
        },
        Value::Table(table) => return grown(spec, node, table, problems),
        _ => *wrong_type(spec, node, "a string or a table"),
    };
    problems.push(told);
    None
}

fn grown(spec: &KeySpec, node: &Node, table: &Table, problems: &mut Problems) -> Option<Checked> {
    for entry in &table.entries {
        if problems.is_full() {
            return None;
        }
        if !INIT_FIELDS.contains(&entry.key.as_str()) {
            let message = format!("unknown key `{}` in `init`", entry.key);
            let problem = Problem::new(entry.key_at, message).label("not a key of `init`");
            problems.push(problem.help(suggest::advice(&entry.key, &INIT_FIELDS)));
        }
    }
    let deepens = deepens(spec, node, table, problems);
    let from = match table.get("from") {
        Some(entry) => from(entry, problems),
        None => {
            let message = "`init` does not say what the network grows from".to_owned();
            problems.push(*refused(spec, node, message, "no `from` here"));
            None
        }
    };
    let (from, true) = (from?, deepens) else {
        return None;
    };
    let init = Box::new(Setting {
        value: Some(Checked::Word(Init::HeFanOut.into_str())),
        at: node.at,
        parts: Vec::new(),
    });
    Some(Checked::Grown(Grown { from, init }))
}

/// There is one method to deepen a network. It must be named, so that others can be added.
fn deepens(spec: &KeySpec, node: &Node, table: &Table, problems: &mut Problems) -> bool {
    let problem = match table.get("deepen").map(|entry| &entry.node) {
        Some(Node {
            value: Value::String(word),
            ..
        }) if word == "identity" => return true,
        Some(other) => Problem::new(other.at, "`deepen` must be \"identity\"")
            .label("the layers that are added")
            .help(usage(spec)),
        None => {
            let message = "`init` does not say what the added layers are".to_owned();
            *refused(spec, node, message, "no `deepen` here")
        }
    };
    problems.push(problem);
    false
}

/// Returns `None` if the meaning is unclear, which it reports.
fn from(entry: &Entry, problems: &mut Problems) -> Option<Vec<(Key, Setting)>> {
    let table = tables::as_table(entry, problems)?;
    let before = problems.len();
    let assigned = assignments(table, "`from`", problems);
    for other in assigned.iter().filter(|assigned| !may_differ(assigned.key)) {
        problems.push(has_to_agree(other));
    }
    if !assigned.iter().any(|assigned| assigned.key == Key::Depth) {
        let problem = Problem::new(entry.node.at, "`from` has no `depth`").label("no `depth` here");
        problems.push(problem.help("name a smaller depth, as in `from = { depth = 20 }`"));
    }
    let settings = assigned
        .iter()
        .map(|one| (one.key, setting(one.key.spec(), one.node, problems)));
    let settings = settings.collect();
    (problems.len() == before).then_some(settings)
}

/// Other keys change the shape of the parameters or the training images, so parent and child must
/// agree in them.
fn may_differ(key: Key) -> bool {
    let of_train = key.spec().section == Section::Train;
    of_train || matches!(key, Key::Depth | Key::Init | Key::Decay)
}

fn has_to_agree(assigned: &Assigned<'_>) -> Problem {
    let name = assigned.key.name();
    Problem::new(assigned.key_at, format!("`from` cannot set `{name}`"))
        .label("has to be the same in both networks")
        .help("`from` takes `depth`, `init`, `decay` and the keys of [train]")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep_file::diagnostics::source::SourceId;
    use crate::sweep_file::keys::table::KEYS;
    use crate::sweep_file::parse::syntax;

    #[test]
    fn every_key_takes_its_example() {
        for spec in &KEYS {
            let example = spec.example();
            let node = syntax::value(&example, SourceId::File, 0);
            let node = node.unwrap_or_else(|_| panic!("{}: {example}", spec.name));
            assert!(is_valid(spec, &node), "{} = {example}", spec.name);
        }
    }
}
