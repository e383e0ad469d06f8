//! Reads `init` as a table, `{ from = { depth = 20 }, deepen = "identity" }`, and derives the
//! parent configurations that other configurations are initialised from.

use std::fmt;

use super::assign::{Assigned, assignments};
use super::check;
use super::grid::Candidate;
use super::keys::{Key, KeySpec, Section};
use super::limits::CONFIGURATIONS_MAX;
use super::problem::{Problem, Problems};
use super::section;
use super::setting::{Checked, Point, Setting};
use super::suggest;
use super::text;
use super::tree::{Entry, Node, Table, Value};
use crate::domain::Configuration;

/// The strings that `init` takes.
pub const WORDS: [&str; 2] = ["he-fan-out", "he-fan-in"];
const FIELDS: [&str; 2] = ["from", "deepen"];

/// The difference between a configuration and its parent.
#[derive(Debug, Clone)]
pub struct Grown {
    /// Keys of `[train]`, `depth`, `init` and `decay`.
    from: Vec<(Key, Setting)>,
    /// The parent's `init` if `from` does not set it.
    init: Box<Setting>,
}

/// Reads a string, or a table that names the parent.
pub fn init(spec: &KeySpec, node: &Node, problems: &mut Problems) -> Option<Checked> {
    let told = match &node.value {
        Value::String(_) => match text::word(spec, node, &WORDS) {
            Ok(word) => return Some(word),
            Err(problem) => *problem,
        },
        Value::Table(table) => return grown(spec, node, table, problems),
        _ => *check::wrong_type(spec, node, "a string or a table"),
    };
    problems.push(told);
    None
}

fn grown(spec: &KeySpec, node: &Node, table: &Table, problems: &mut Problems) -> Option<Checked> {
    for entry in &table.entries {
        if problems.is_full() {
            return None;
        }
        if !FIELDS.contains(&entry.key.as_str()) {
            let message = format!("unknown key `{}` in `init`", entry.key);
            let problem = Problem::new(entry.key_at, message).label("not a key of `init`");
            problems.push(problem.help(suggest::advice(&entry.key, &FIELDS)));
        }
    }
    let deepens = deepens(spec, node, table, problems);
    let from = match table.get("from") {
        Some(entry) => from(entry, problems),
        None => {
            let message = "`init` does not say what the network grows from".to_owned();
            problems.push(*check::refused(spec, node, message, "no `from` here"));
            None
        }
    };
    let (from, true) = (from?, deepens) else {
        return None;
    };
    let init = Box::new(Setting {
        value: Some(Checked::Word(WORDS[0])),
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
            .help(check::usage(spec)),
        None => {
            let message = "`init` does not say what the added layers are".to_owned();
            *check::refused(spec, node, message, "no `deepen` here")
        }
    };
    problems.push(problem);
    false
}

/// Returns `None` if the meaning is unclear, which it reports.
fn from(entry: &Entry, problems: &mut Problems) -> Option<Vec<(Key, Setting)>> {
    let table = section::as_table(entry, problems)?;
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
        .map(|one| (one.key, check::setting(one.key.spec(), one.node, problems)));
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

/// Returns the parent's point if `point` has one.
pub fn source<'a>(point: &Point<'a>) -> Option<Point<'a>> {
    let Some(Checked::Grown(grown)) = point.value(Key::Init) else {
        return None;
    };
    let mut source = *point;
    source.set(Key::Init, &grown.init);
    for (key, setting) in &grown.from {
        source.set(*key, setting);
    }
    Some(source)
}

/// Reports a parent that is not shallower than the network.
pub fn check_depth(point: &Point<'_>, source: &Point<'_>, problems: &mut Problems) {
    let (Some(deep), Some(shallow)) = (point.integer(Key::Depth), source.integer(Key::Depth))
    else {
        return;
    };
    let Some(at) = source.at(Key::Depth).filter(|_| shallow >= deep) else {
        return;
    };
    let message = format!("depth {shallow} does not grow into depth {deep}");
    let problem = Problem::new(at, message).label("has to be smaller");
    problems.push(super::resolve::with_context(
        problem,
        point,
        Key::Depth,
        "what it grows into",
    ));
}

/// Appends the parents of the candidates, and the parents of those. Returns `None` if there are too
/// many, which it reports.
pub fn add_sources(candidates: &mut Vec<Candidate<'_>>, problems: &mut Problems) -> Option<()> {
    let mut next = 0;
    while next < candidates.len() {
        let candidate = &candidates[next];
        if candidates.len() > 2 * CONFIGURATIONS_MAX {
            let message = "there are too many configurations that others grow from";
            let label = format!("with these, more than {}", 2 * CONFIGURATIONS_MAX);
            problems.push(Problem::new(candidate.from, message).label(label));
            return None;
        }
        if let Some(point) = source(&candidate.point) {
            candidates.push(Candidate {
                point,
                from: candidate.point.at(Key::Init).unwrap_or(candidate.from),
                is_extra: true,
                description: format!("what {} grows from", candidate.description),
            });
        }
        next += 1;
    }
    Some(())
}

/// Removes the candidates from `first` on, which are parents, whose configuration exists already.
pub fn drop_known(
    candidates: &mut Vec<Candidate<'_>>,
    configurations: &mut Vec<Configuration>,
    first: usize,
) {
    let mut seen = std::collections::HashSet::new();
    let new: Vec<bool> = configurations
        .iter()
        .enumerate()
        .map(|(place, configuration)| {
            // Every value has one JSON form, and JSON can be hashed.
            let form = serde_json::to_string(configuration).unwrap_or_default();
            seen.insert(form) || place < first
        })
        .collect();
    let mut kept = new.iter();
    candidates.retain(|_| kept.next().is_none_or(|new| *new));
    let mut kept = new.iter();
    configurations.retain(|_| kept.next().is_none_or(|new| *new));
}

impl PartialEq for Grown {
    /// Compares the settings in any order, without their positions.
    fn eq(&self, other: &Self) -> bool {
        let has = |(key, setting): &(Key, Setting)| {
            let mut theirs = other.from.iter();
            theirs.any(|(other, theirs)| other == key && theirs.value == setting.value)
        };
        self.from.len() == other.from.len() && self.from.iter().all(has)
    }
}

impl fmt::Display for Grown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("from")?;
        self.from
            .iter()
            .try_for_each(|(key, setting)| write!(f, " {}={setting}", key.name()))
    }
}
