//! Checks the value of `repeats`.

use strum::VariantNames;

use super::scalars::{Result, integer, refused, wrong_type};
use super::setting::Checked;
use super::text::string;
use crate::domain::{AdaptiveRepeats, Measure};
use crate::sweep_file::diagnostics::problem::{Problem, Problems};
use crate::sweep_file::diagnostics::suggest;
use crate::sweep_file::keys::kind::REPEATS_MAX;
use crate::sweep_file::keys::table::KeySpec;
use crate::sweep_file::parse::tree::{Entry, Node, Table, Value};

const FIELDS: [&str; 4] = ["min", "max", "until", "on"];

/// Reads a number of seeds, or a table with the rule that adds seeds.
pub fn repeats(spec: &KeySpec, node: &Node, problems: &mut Problems) -> Option<Checked> {
    let checked = match &node.value {
        Value::Table(table) => {
            unknown_fields(table, problems);
            adaptive(spec, node, table).map(Checked::AdaptiveRepeats)
        }
        Value::Integer(_) => integer(spec, node, 1, REPEATS_MAX).map(Checked::Integer),
        _ => Err(wrong_type(spec, node, "an integer")),
    };
    match checked {
        Ok(checked) => Some(checked),
        Err(problem) => {
            problems.push(*problem);
            None
        }
    }
}

fn adaptive(spec: &KeySpec, node: &Node, table: &Table) -> Result<AdaptiveRepeats> {
    let needed = |name: &str| -> Result<&Entry> {
        let message = format!("`repeats` has no `{name}`");
        let label = format!("no `{name}` here");
        let missing = || refused(spec, node, message, &label);
        table.get(name).ok_or_else(missing)
    };
    let (min, max) = (&needed("min")?.node, &needed("max")?.node);
    // An interval needs two values.
    let lowest = integer(spec, min, 2, REPEATS_MAX)?;
    let highest = integer(spec, max, 2, REPEATS_MAX)?;
    if lowest > highest {
        let problem = Problem::new(max.at, "`max` is below `min`")
            .label(format!("the most seeds, {highest}"))
            .context(min.at, format!("the fewest seeds, {lowest}"));
        return Err(Box::new(problem.help("raise `max`, or lower `min`")));
    }
    word(spec, needed("until")?, &["ordering"])?;
    let on = match table.get("on") {
        Some(entry) => word(spec, entry, Measure::VARIANTS)?.parse().ok(),
        None => None,
    };
    Ok(AdaptiveRepeats {
        // At most REPEATS_MAX.
        min: lowest as usize,
        max: highest as usize,
        on: on.unwrap_or(Measure::Test),
    })
}

fn word<'e>(spec: &KeySpec, entry: &'e Entry, words: &[&str]) -> Result<&'e str> {
    let text = string(spec, &entry.node)?;
    if words.contains(&text) {
        return Ok(text);
    }
    let message = format!("`{}` of `repeats` cannot be {text:?}", entry.key);
    let label = format!("expected \"{}\"", words.join("\" or \""));
    Err(refused(spec, &entry.node, message, &label))
}

fn unknown_fields(table: &Table, problems: &mut Problems) {
    for entry in &table.entries {
        if problems.is_full() {
            break;
        }
        if !FIELDS.contains(&entry.key.as_str()) {
            let message = format!("unknown key `{}` in `repeats`", entry.key);
            let problem = Problem::new(entry.key_at, message).label("not a key of `repeats`");
            problems.push(problem.help(suggest::advice(&entry.key, &FIELDS)));
        }
    }
}
