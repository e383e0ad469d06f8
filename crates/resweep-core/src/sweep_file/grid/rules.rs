//! Conditions on configurations, and `[[exclude]]` and `[[include]]`, which use them.

use crate::sweep_file::diagnostics::problem::{Problem, Problems};
use crate::sweep_file::diagnostics::source::Span;
use crate::sweep_file::diagnostics::suggest;
use crate::sweep_file::keys::key::Key;
use crate::sweep_file::limits::CONDITION_VALUES_MAX;
use crate::sweep_file::parse::tree::{Node, Table, Value};
use crate::sweep_file::values::assign::{Assigned, assignments};
use crate::sweep_file::values::check;
use crate::sweep_file::values::setting::{Point, Setting};
use crate::sweep_file::values::tables;

/// The conditions of a table; each key must have one of its values.
#[derive(Debug)]
pub struct Conditions {
    pub at: Span,
    list: Vec<Condition>,
}

#[derive(Debug)]
struct Condition {
    key: Key,
    any_of: Vec<Setting>,
}

/// An `[[exclude]]`.
#[derive(Debug)]
pub struct Exclude(pub Conditions);

/// An `[[include]]`.
#[derive(Debug)]
pub struct Include {
    pub at: Span,
    /// The conditions on the grid points that it changes; `None` for an additional configuration.
    pub matching: Option<Conditions>,
    pub set: Vec<(Key, Setting)>,
}

pub fn excludes(root: &Table, problems: &mut Problems) -> Vec<Exclude> {
    let mut excludes = Vec::new();
    for (at, table) in tables::tables(root, "exclude", problems) {
        if table.entries.is_empty() {
            let problem = Problem::new(at, "this [[exclude]] is empty").label("no condition");
            problems.push(problem.help("name the keys and values to leave out, or remove it"));
            continue;
        }
        excludes.push(Exclude(conditions(at, table, "[[exclude]]", problems)));
    }
    excludes
}

pub fn includes(root: &Table, problems: &mut Problems) -> Vec<Include> {
    let tables = tables::tables(root, "include", problems);
    tables
        .into_iter()
        .filter_map(|(at, table)| include(at, table, problems))
        .collect()
}

/// Returns `None` if the meaning is unclear.
fn include(at: Span, table: &Table, problems: &mut Problems) -> Option<Include> {
    for entry in &table.entries {
        if problems.is_full() {
            break;
        }
        if !["where", "set"].contains(&entry.key.as_str()) {
            problems.push(outside_set(&entry.key, entry.key_at));
        }
    }
    let set = match table.get("set") {
        Some(entry) => Some(tables::as_table(entry, problems)?),
        None => None,
    };
    let matching = match table.get("where") {
        Some(entry) => Some((entry.node.at, tables::as_table(entry, problems)?)),
        None => None,
    };
    let matching = matching.map(|(at, table)| conditions(at, table, "`where`", problems));
    let Some(set) = set.filter(|set| !set.entries.is_empty()) else {
        let problem = Problem::new(at, "this [[include]] sets nothing").label("no `set`");
        problems.push(problem.help("say what to set, as in `set = { depth = 20, lr = 0.05 }`"));
        return None;
    };
    let set = assignments(set, "`set`", problems)
        .into_iter()
        .map(|a| (a.key, check::setting(a.key.spec(), a.node, problems)))
        .collect();
    Some(Include { at, matching, set })
}

fn outside_set(key: &str, at: Span) -> Problem {
    let problem = Problem::new(at, format!("unknown key `{key}` in [[include]]"))
        .label("not a key of [[include]]");
    match Key::find_settable(key) {
        Some(_) => problem.help(format!(
            "put it in `set = {{ {key} = ... }}` or in `where = {{ {key} = ... }}`"
        )),
        None => problem.help(suggest::advice(key, &["where", "set"])),
    }
}

/// Reads a table of `key = value` and `key = [values]`.
pub fn conditions(at: Span, table: &Table, place: &str, problems: &mut Problems) -> Conditions {
    let list = assignments(table, place, problems)
        .into_iter()
        .map(|assigned| condition(assigned, problems))
        .collect();
    Conditions { at, list }
}

fn condition(assigned: Assigned<'_>, problems: &mut Problems) -> Condition {
    let (key, node) = (assigned.key, assigned.node);
    let spec = key.spec();
    let many = match &node.value {
        Value::Array(elements) if !spec.kind.is_list() => Some(elements),
        // A list of lists: several values of a key whose value is a list.
        Value::Array(elements) if elements.iter().any(is_list) => Some(elements),
        _ => None,
    };
    if many.is_some_and(Vec::is_empty) {
        let message = format!("the condition on `{}` has no value", spec.name);
        let problem = Problem::new(node.at, message).label("no value");
        problems.push(problem.help("list at least one value, or remove the condition"));
    }
    let nodes = many.map_or(std::slice::from_ref(node), Vec::as_slice);
    let any_of = nodes
        .iter()
        .map(|node| check::setting(spec, node, problems))
        .collect();
    Condition { key, any_of }
}

fn is_list(node: &Node) -> bool {
    matches!(node.value, Value::Array(_))
}

/// Whether the conditions of a file are few enough to be compared with every configuration;
/// otherwise reports the first that exceeds the limit.
pub fn check_amount<'c>(
    all: impl Iterator<Item = &'c Conditions>,
    problems: &mut Problems,
) -> Option<()> {
    let mut values = 0;
    for conditions in all {
        values += conditions.values();
        if values > CONDITION_VALUES_MAX {
            let message = format!("the conditions name more than {CONDITION_VALUES_MAX} values");
            let problem = Problem::new(conditions.at, message).label("with this one");
            problems.push(problem.help(
                "name fewer in [[exclude]], [[include]], panels and [[expect]] together; axes that list what \
                 is meant need no conditions",
            ));
            return None;
        }
    }
    Some(())
}

impl Conditions {
    /// The number of values, at least one, since even an empty condition takes time to compare.
    fn values(&self) -> usize {
        let values: usize = self.list.iter().map(|c| c.any_of.len()).sum();
        values.max(1)
    }

    /// Whether a condition uses this key.
    pub fn names(&self, key: Key) -> bool {
        self.list.iter().any(|condition| condition.key == key)
    }

    /// Whether a configuration meets all conditions.
    pub fn match_point(&self, point: &Point<'_>) -> bool {
        self.list.iter().all(|condition| condition.holds(point))
    }

    /// Reports every value that no point has, or the whole table if no point meets all conditions.
    /// `what` names what would have no effect. Returns whether a point matches.
    ///
    /// A condition on an overridden key may match no point: the override removed the values, so the
    /// file is not at fault.
    pub fn check_matches(&self, points: &[Point<'_>], what: &str, problems: &mut Problems) -> bool {
        let overridden = !self.at.is_override()
            && self
                .list
                .iter()
                .any(|condition| condition.is_overridden(points));
        let mut told = self
            .list
            .iter()
            .any(|condition| condition.any_of.is_empty());
        for condition in &self.list {
            for value in condition.unmatched(points) {
                told = true;
                if !overridden {
                    problems.push(condition.nothing(value, points, what));
                }
            }
        }
        let matches = points.iter().any(|point| self.match_point(point));
        if !matches && !told && !overridden {
            let problem = Problem::new(self.at, format!("{what} matches no configuration"))
                .label("each value occurs, but not together");
            problems.push(problem.help("remove it, or correct its conditions"));
        }
        matches
    }
}

impl Condition {
    fn holds(&self, point: &Point<'_>) -> bool {
        let Some(found) = point.get(self.key) else {
            return false;
        };
        self.any_of.iter().any(|value| value.agrees(found))
    }

    fn is_overridden(&self, points: &[Point<'_>]) -> bool {
        points
            .iter()
            .any(|point| point.at(self.key).is_some_and(|at| at.is_override()))
    }

    fn unmatched<'c>(&'c self, points: &'c [Point<'_>]) -> impl Iterator<Item = &'c Setting> {
        self.any_of.iter().filter(|value| {
            !points
                .iter()
                .filter_map(|point| point.get(self.key))
                .any(|found| value.agrees(found))
        })
    }

    fn nothing(&self, value: &Setting, points: &[Point<'_>], what: &str) -> Problem {
        let name = self.key.name();
        let message = format!("{what} names {name} {value}, which is not in the sweep");
        let mut present: Vec<String> = Vec::new();
        for setting in points.iter().filter_map(|point| point.get(self.key)) {
            let text = setting.to_string();
            if present.len() < 12 && !present.contains(&text) {
                present.push(text);
            }
        }
        let help = match present.as_slice() {
            [] => format!("no configuration sets `{name}`"),
            present => format!("`{name}` in this sweep: {}", present.join(", ")),
        };
        Problem::new(value.at, message)
            .label(format!("no configuration has this {name}"))
            .help(help)
    }
}
