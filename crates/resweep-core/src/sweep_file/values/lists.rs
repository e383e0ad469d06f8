//! Checks values that are lists: seeds, drops of the learning rate, ticks.

use super::scalars::{Result, finite, integer, refused, wrong_type};
use super::setting::{Checked, Drops};
use super::text;
use crate::sweep_file::diagnostics::problem::{Problem, Problems};
use crate::sweep_file::keys::table::KeySpec;
use crate::sweep_file::limits::{LIST_MAX, SEEDS_MAX};
use crate::sweep_file::parse::tree::{Node, Value};

/// TOML and SQLite store seeds as signed integers.
const SEED_MAX: u64 = i64::MAX.unsigned_abs();

/// Checks distinct seeds, at least one.
pub fn seeds(spec: &KeySpec, node: &Node, problems: &mut Problems) -> Option<Checked> {
    let elements = elements(spec, node, problems)?;
    if elements.is_empty() || elements.len() > SEEDS_MAX {
        let message = format!("there are {} seeds", elements.len());
        let label = format!("expected 1 to {SEEDS_MAX} seeds");
        problems.push(*refused(spec, node, message, &label));
        return None;
    }
    let seeds = each(elements, problems, |node| integer(spec, node, 0, SEED_MAX))?;
    let mut sorted: Vec<(u64, &Node)> = seeds.iter().copied().zip(elements).collect();
    sorted.sort_by_key(|(seed, node)| (*seed, node.at));
    let mut distinct = true;
    for pair in sorted.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
        distinct = false;
        problems.push(
            Problem::new(pair[1].1.at, format!("seed {} is given twice", pair[1].0))
                .label("again")
                .context(pair[0].1.at, "first here")
                .help("the same seed makes the same run: remove one"),
        );
    }
    distinct.then_some(Checked::Seeds(seeds))
}

/// Checks ascending iterations or ascending fractions; the list can be empty.
pub fn drops(spec: &KeySpec, node: &Node, problems: &mut Problems) -> Option<Checked> {
    let elements = few(spec, node, problems)?;
    let is_float = |node: &Node| matches!(node.value, Value::Float(_));
    let fractions = elements.first().is_some_and(is_float);
    if let Some(other) = elements
        .iter()
        .find(|node| is_number(node) && is_float(node) != fractions)
    {
        problems.push(mixture(spec, &elements[0], other));
        return None;
    }
    if fractions {
        let drops = each(elements, problems, |node| fraction(spec, node))?;
        ascending(spec, elements, &drops, problems)
            .then_some(Checked::Drops(Drops::Fractions(drops)))
    } else {
        let drops = each(elements, problems, |node| integer(spec, node, 1, SEED_MAX))?;
        ascending(spec, elements, &drops, problems)
            .then_some(Checked::Drops(Drops::Iterations(drops)))
    }
}

/// Checks ascending percentages; the renderer chooses ticks if the list is empty.
pub fn ticks(spec: &KeySpec, node: &Node, problems: &mut Problems) -> Option<Checked> {
    let elements = few(spec, node, problems)?;
    let ticks = each(elements, problems, |node| percentage(spec, node))?;
    ascending(spec, elements, &ticks, problems).then_some(Checked::Ticks(ticks))
}

/// Checks distinct names of sweeps, at least one.
pub fn names(spec: &KeySpec, node: &Node, problems: &mut Problems) -> Option<Checked> {
    let elements = few(spec, node, problems)?;
    if elements.is_empty() {
        let message = format!("`{}` is empty", spec.name);
        problems.push(*refused(spec, node, message, "no sweep"));
    }
    let names = each(elements, problems, |node| match text::name(spec, node)? {
        Checked::Text(name) => Ok(name),
        other => Ok(other.to_string()),
    })?;
    for (place, name) in names.iter().enumerate() {
        if let Some(first) = names[..place].iter().position(|other| other == name) {
            let problem =
                Problem::new(elements[place].at, format!("sweep `{name}` is given twice"))
                    .label("again")
                    .context(elements[first].at, "first here");
            problems.push(problem.help("remove one"));
            return None;
        }
    }
    (!names.is_empty()).then_some(Checked::Names(names))
}

fn elements<'n>(spec: &KeySpec, node: &'n Node, problems: &mut Problems) -> Option<&'n [Node]> {
    match &node.value {
        Value::Array(elements) => Some(elements),
        _ => {
            problems.push(*wrong_type(spec, node, "a list"));
            None
        }
    }
}

/// Checks that a list has at most [`LIST_MAX`] elements.
fn few<'n>(spec: &KeySpec, node: &'n Node, problems: &mut Problems) -> Option<&'n [Node]> {
    let elements = elements(spec, node, problems)?;
    if elements.len() <= LIST_MAX {
        return Some(elements);
    }
    let message = format!("`{}` has {} elements", spec.name, elements.len());
    let label = format!("expected at most {LIST_MAX}");
    problems.push(*refused(spec, node, message, &label));
    None
}

/// Checks every element and reports each that is invalid.
fn each<T>(
    elements: &[Node],
    problems: &mut Problems,
    check: impl Fn(&Node) -> Result<T>,
) -> Option<Vec<T>> {
    let mut values = Vec::with_capacity(elements.len());
    for element in elements {
        match check(element) {
            Ok(value) => values.push(value),
            Err(problem) => problems.push(*problem),
        }
    }
    (values.len() == elements.len()).then_some(values)
}

fn is_number(node: &Node) -> bool {
    matches!(node.value, Value::Float(_) | Value::Integer(_))
}

fn mixture(spec: &KeySpec, first: &Node, other: &Node) -> Problem {
    let kind = |node: &Node| match node.value {
        Value::Float(_) => "a fraction of the whole",
        _ => "a number of iterations",
    };
    Problem::new(
        other.at,
        format!("`{}` mixes iterations and fractions", spec.name),
    )
    .label(format!("this is {}", kind(other)))
    .context(first.at, format!("this is {}", kind(first)))
    .help("give iterations, as in [32000, 48000], or fractions, as in [0.5, 0.75]")
}

fn fraction(spec: &KeySpec, node: &Node) -> Result<f64> {
    let fraction = finite(spec, node)?;
    if fraction > 0.0 && fraction < 1.0 {
        return Ok(fraction);
    }
    let message = format!("a fraction of `{}` is out of range", spec.name);
    Err(refused(spec, node, message, "must be above 0 and below 1"))
}

fn percentage(spec: &KeySpec, node: &Node) -> Result<f64> {
    let percentage = finite(spec, node)?;
    if (0.0..=100.0).contains(&percentage) {
        return Ok(percentage);
    }
    let message = format!("a tick of `{}` is out of range", spec.name);
    Err(refused(spec, node, message, "must be from 0 to 100"))
}

/// Reports the first element that is not greater than its predecessor.
fn ascending<T: PartialOrd>(
    spec: &KeySpec,
    elements: &[Node],
    values: &[T],
    problems: &mut Problems,
) -> bool {
    let Some(step) = values.windows(2).position(|pair| pair[1] <= pair[0]) else {
        return true;
    };
    let problem = Problem::new(
        elements[step + 1].at,
        format!("`{}` does not ascend", spec.name),
    )
    .label("not above the one before")
    .help("put the values in ascending order, each once");
    problems.push(problem);
    false
}
