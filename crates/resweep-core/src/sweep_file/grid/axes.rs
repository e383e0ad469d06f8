//! Reads `[axes]` and `[[zip]]`: the values whose product is the grid.

use crate::sweep_file::values::tables;
use std::collections::HashMap;

use crate::sweep_file::diagnostics::problem::{Form, Problem, Problems};
use crate::sweep_file::diagnostics::source::Span;
use crate::sweep_file::keys::key::Key;
use crate::sweep_file::limits::CONFIGURATIONS_MAX;
use crate::sweep_file::parse::tree::{Node, Table, Value};
use crate::sweep_file::values::assign::{Assigned, assignments};
use crate::sweep_file::values::check;
use crate::sweep_file::values::ranges;
use crate::sweep_file::values::scalars::usage;
use crate::sweep_file::values::setting::{Setting, Settings};

/// A dimension of the grid: keys that advance together; a plain axis has one key.
#[derive(Debug)]
pub struct Axis {
    pub keys: Vec<Key>,
    /// Each row has one setting per key; there is at least one row.
    pub rows: Vec<Vec<Setting>>,
}

/// All dimensions in the order of the file, `[axes]` before `[[zip]]`. An axis that is not a list
/// of values gets one invalid value, so that its key is not reported as missing too.
pub fn read(root: &Table, base: &Settings, problems: &mut Problems) -> Vec<Axis> {
    let mut axes = Vec::new();
    let mut taken = HashMap::new();
    let mut claimed = |table, place, problems: &mut Problems| {
        let mut assigned = assignments(table, place, problems);
        assigned.retain(|axis| claim(&mut taken, *axis, base, problems));
        assigned
    };
    if let Some(table) = tables::table(root, "axes", problems) {
        for assigned in claimed(table, "[axes]", problems) {
            let column = column(assigned, problems).into_iter();
            axes.push(Axis {
                keys: vec![assigned.key],
                rows: column.map(|setting| vec![setting]).collect(),
            });
        }
    }
    for (at, table) in tables::tables(root, "zip", problems) {
        if table.entries.is_empty() {
            let problem = Problem::new(at, "this [[zip]] is empty").label("no key");
            problems.push(problem.help("list the values of two or more keys, or remove it"));
        }
        axes.extend(zip(&claimed(table, "[[zip]]", problems), problems));
    }
    for axis in &mut axes {
        drop_repeated(axis, problems);
    }
    axes
}

/// Checks that a key is used by one axis only and has no value elsewhere in the file. Returns
/// whether this is its first axis.
fn claim(
    taken: &mut HashMap<Key, Span>,
    axis: Assigned<'_>,
    base: &Settings,
    problems: &mut Problems,
) -> bool {
    let rival = axis.key.rival();
    let of_rival = rival.and_then(|rival| taken.get(&rival).copied());
    if let Some(first) = taken.insert(axis.key, axis.key_at).or(of_rival) {
        let message = match of_rival {
            Some(_) => "`iterations` and `epochs` are both axes".to_owned(),
            None => format!("`{}` is an axis twice", axis.key.name()),
        };
        let problem = Problem::new(axis.key_at, message)
            .label("again")
            .context(first, "first here")
            .help("a key can be in [axes] or in one [[zip]]");
        problems.push(problem);
        return false;
    }
    for key in [Some(axis.key), rival].into_iter().flatten() {
        // An invalid value has already been reported.
        let given = |setting: &&Setting| setting.at.is_written() && setting.value.is_some();
        let Some(setting) = base.get(key).filter(given) else {
            continue;
        };
        // An axis given by `--set` replaces a value in the file.
        if setting.at.is_override() || !axis.key_at.is_override() {
            problems.push(also_set(axis, key, setting));
        }
    }
    true
}

fn also_set(axis: Assigned<'_>, key: Key, setting: &Setting) -> Problem {
    let name = key.name();
    let message = match key == axis.key {
        true => format!("`{name}` is an axis and is set as well"),
        false => format!(
            "`{}` is an axis and `{name}` is set as well",
            axis.key.name()
        ),
    };
    let problem = Problem::new(setting.at, message).context(axis.key_at, "the axis");
    if setting.at.is_override() {
        problem
            .label("would be ignored")
            .help(format!("write --set 'axes.{name}=[{setting}]'"))
    } else {
        problem.label("set here").help("remove one of the two")
    }
}

/// The settings of an axis, at least one.
fn column(assigned: Assigned<'_>, problems: &mut Problems) -> Vec<Setting> {
    let name = assigned.key.name();
    let problem = match &assigned.node.value {
        Value::Array(elements) if elements.is_empty() => {
            Problem::new(assigned.node.at, format!("axis `{name}` is empty"))
                .label("no value")
                .help("list at least one value, or remove the axis")
                .form(Form::ExampleAxis(assigned.key))
        }
        Value::Array(elements) if elements.len() > CONFIGURATIONS_MAX => {
            let message = format!("axis `{name}` has {} values", elements.len());
            Problem::new(assigned.node.at, message)
                .label(format!("expected at most {CONFIGURATIONS_MAX}"))
                .help("a grid has at most as many configurations")
        }
        Value::Array(elements) => {
            return checked(assigned.key, elements, problems);
        }
        Value::Table(table) if ranges::is_range(assigned.key.spec(), table) => {
            let spec = assigned.key.spec();
            match ranges::expand(spec, assigned.node, table, problems) {
                Some(nodes) => return checked(assigned.key, &nodes, problems),
                None => return vec![Setting::refused(assigned.node.at)],
            }
        }
        value => {
            let message = format!("axis `{name}` must be a list, found {}", value.type_name());
            let problem = Problem::new(assigned.node.at, message).label("expected a list");
            match check::is_valid(assigned.key.spec(), assigned.node) {
                true => problem.form(Form::Listed(name)),
                false => problem
                    .help(usage(assigned.key.spec()))
                    .form(Form::ExampleAxis(assigned.key)),
            }
        }
    };
    problems.push(problem);
    vec![Setting::refused(assigned.node.at)]
}

/// The values of an axis.
fn checked(key: Key, nodes: &[Node], problems: &mut Problems) -> Vec<Setting> {
    let mut found = Problems::default();
    let check = |node| check::setting(key.spec(), node, &mut found);
    let settings = nodes.iter().map(check).collect();
    problems.push_of_axis(found);
    settings
}

/// Zips columns of equal length; returns `None` without any column.
fn zip(assigned: &[Assigned<'_>], problems: &mut Problems) -> Option<Axis> {
    let columns: Vec<Vec<Setting>> = assigned
        .iter()
        .map(|assigned| column(*assigned, problems))
        .collect();
    let length = columns.first()?.len();
    let mut even = true;
    for (other, column) in assigned.iter().zip(&columns).skip(1) {
        if column.len() != length {
            even = false;
            problems.push(uneven(&assigned[0], length, other, column.len()));
        }
    }
    let row = |index: usize| columns.iter().map(|column| column[index].clone()).collect();
    let refused = assigned
        .iter()
        .map(|assigned| Setting::refused(assigned.node.at));
    Some(Axis {
        keys: assigned.iter().map(|assigned| assigned.key).collect(),
        rows: match even {
            true => (0..length).map(row).collect(),
            false => vec![refused.collect()],
        },
    })
}

fn uneven(first: &Assigned<'_>, length: usize, other: &Assigned<'_>, found: usize) -> Problem {
    let (one, two) = (first.key.name(), other.key.name());
    let message = format!("the lists of this [[zip]] differ in length: `{one}` and `{two}`");
    let values = |count: usize| match count {
        1 => "1 value".to_owned(),
        count => format!("{count} values"),
    };
    Problem::new(other.node.at, message)
        .label(values(found))
        .context(first.node.at, values(length))
        .help("keys of a [[zip]] advance together: give each as many values")
}

/// Reports rows that are repeated, and drops them.
fn drop_repeated(axis: &mut Axis, problems: &mut Problems) {
    let names: Vec<&str> = axis.keys.iter().map(|key| key.name()).collect();
    let names = names.join(", ");
    let mut seen: HashMap<String, Span> = HashMap::new();
    axis.rows.retain(|row| {
        if problems.is_full() || row.iter().any(|setting| setting.value.is_none()) {
            return true;
        }
        let text: Vec<String> = row.iter().map(Setting::to_string).collect();
        let text = text.join(", ");
        let message = format!("axis `{names}` contains {text} twice");
        let Some(first) = seen.insert(text, row[0].at) else {
            return true;
        };
        let problem = Problem::new(row[0].at, message)
            .label("again")
            .context(first, "first here")
            .help("remove one: a configuration trains once per seed");
        problems.push(problem);
        false
    });
}
