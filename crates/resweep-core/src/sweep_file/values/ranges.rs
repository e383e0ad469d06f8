//! Expands ranges, the values of an axis: `{ from = 8, to = 56, step = 6 }`, or `{ from = 0.01, to
//! = 1, count = 5, scale = "log" }`.
//!
//! Values are rounded to a fixed number of decimal digits, so that a range gives the same values,
//! and the same run keys, on every machine.

use super::scalars::{finite, integer};
use crate::sweep_file::diagnostics::problem::{Problem, Problems};
use crate::sweep_file::keys::key::Key;
use crate::sweep_file::keys::kind::Kind;
use crate::sweep_file::keys::table::KeySpec;
use crate::sweep_file::limits::CONFIGURATIONS_MAX;
use crate::sweep_file::parse::tree::{Entry, Node, Table, Value};

/// Significant digits of the values of a logarithmic range.
const LOG_DIGITS: usize = 4;

/// Significant digits of other values: enough for any step, but few enough to remove the rounding
/// errors of binary fractions.
const DIGITS: usize = 12;

/// The fields of a range, with their names in other programs.
const FIELDS: [(&str, &[&str]); 5] = [
    ("from", &["min", "low", "start", "begin"]),
    ("to", &["max", "high", "stop", "end"]),
    ("step", &["by", "stride"]),
    ("count", &["num", "n", "steps", "points"]),
    ("scale", &["log", "space", "distribution"]),
];

/// Whether a table has the form of a range.
pub fn is_range(spec: &KeySpec, table: &Table) -> bool {
    let is_field = |entry: &Entry| field(&entry.key).is_some();
    is_numeric(spec) && table.entries.iter().any(is_field)
}

/// Whether a value is a list or a range of values of a key.
pub fn has_several(spec: &KeySpec, value: &Value) -> bool {
    let is_list = |node: &Node| matches!(node.value, Value::Array(_));
    match value {
        Value::Array(elements) if spec.kind.is_list() => elements.iter().any(is_list),
        Value::Array(_) => true,
        Value::Table(table) => is_range(spec, table),
        _ => false,
    }
}

fn is_numeric(spec: &KeySpec) -> bool {
    is_whole(spec) || matches!(spec.kind, Kind::Number { .. })
}

fn is_whole(spec: &KeySpec) -> bool {
    matches!(
        spec.kind,
        Kind::Integer { .. } | Kind::Depth | Kind::ImageSize
    )
}

fn field(name: &str) -> Option<&'static str> {
    FIELDS
        .iter()
        .find(|(field, others)| *field == name || others.contains(&name))
        .map(|(field, _)| *field)
}

/// Expands a range into the nodes of a list; returns `None` if it is invalid, which it reports.
pub fn expand(
    spec: &KeySpec,
    node: &Node,
    table: &Table,
    problems: &mut Problems,
) -> Option<Vec<Node>> {
    let range = match Range::read(spec, node, table) {
        Ok(range) => range,
        Err(problem) => {
            problems.push(*problem);
            return None;
        }
    };
    match range.values(node) {
        Ok(values) => Some(
            values
                .into_iter()
                .map(|value| range.node(node, value))
                .collect(),
        ),
        Err(problem) => {
            problems.push(problem.help(range.right_form()));
            None
        }
    }
}

/// A range with its fields read.
struct Range<'t> {
    spec: &'t KeySpec,
    from: f64,
    to: f64,
    by: By,
}

enum By {
    Step(f64),
    Count(usize),
    Log(usize),
}

type Read<T> = Result<T, Box<Problem>>;

impl<'t> Range<'t> {
    fn read(spec: &'t KeySpec, node: &Node, table: &'t Table) -> Read<Self> {
        if let Some(entry) = table.entries.iter().find(|entry| !is_field(&entry.key)) {
            let message = format!(
                "unknown key `{}` in the range of `{}`",
                entry.key, spec.name
            );
            let problem = Problem::new(entry.key_at, message).label("not a key of a range");
            return Err(Box::new(problem.help(suggestion(spec, table))));
        }
        let (from, to) = (
            end(spec, node, table, "from")?,
            end(spec, node, table, "to")?,
        );
        if from >= to {
            let message = format!("the range of `{}` is empty", spec.name);
            let problem = Problem::new(node.at, message).label("`from` must be below `to`");
            return Err(Box::new(problem.help(line(
                spec,
                &show(to),
                &show(from),
                "step",
                None,
            ))));
        }
        let by = by(spec, node, table)?;
        Ok(Self { spec, from, to, by })
    }

    /// The values in ascending order.
    fn values(&self, node: &Node) -> Read<Vec<f64>> {
        let count = self.count();
        let name = self.spec.name;
        if count > CONFIGURATIONS_MAX {
            let message =
                format!("the range of `{name}` has more than {CONFIGURATIONS_MAX} values");
            let problem = Problem::new(node.at, message).label("too many values");
            return Err(Box::new(problem));
        }
        let mut values: Vec<f64> = (0..count).map(|index| self.value(index, count)).collect();
        values.dedup();
        if values.len() < count {
            let message = format!(
                "the range of `{name}` has {count} values, of which only {} differ",
                values.len()
            );
            let problem = Problem::new(node.at, message).label("lower `count`");
            return Err(Box::new(problem));
        }
        Ok(values)
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the step is above zero, and too many values are refused"
    )]
    fn count(&self) -> usize {
        match self.by {
            // Far beyond what is allowed, and small enough for every integer type.
            By::Step(step) => ((self.to - self.from) / step + 1e-9).floor().min(1e9) as usize + 1,
            By::Count(count) | By::Log(count) => count,
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "there are at most 100,000 values"
    )]
    fn value(&self, index: usize, count: usize) -> f64 {
        let share = || index as f64 / (count - 1) as f64;
        let value = match self.by {
            By::Step(step) => rounded(self.from + index as f64 * step, DIGITS),
            By::Count(_) | By::Log(_) if index == 0 => self.from,
            By::Count(_) | By::Log(_) if index + 1 == count => self.to,
            By::Count(_) => rounded(self.from + share() * (self.to - self.from), DIGITS),
            By::Log(_) => rounded(self.from * (self.to / self.from).powf(share()), LOG_DIGITS),
        };
        if is_whole(self.spec) {
            value.round()
        } else {
            value
        }
    }

    fn node(&self, range: &Node, value: f64) -> Node {
        Node {
            at: range.at,
            value: match is_whole(self.spec) {
                #[expect(clippy::cast_possible_truncation, reason = "it is whole and in range")]
                true => Value::Integer(value as i128),
                false => Value::Float(value),
            },
        }
    }

    /// The same range with a step, or with few values, which is always valid.
    fn right_form(&self) -> String {
        let (by, scale) = default_by(self.spec);
        line(self.spec, &show(self.from), &show(self.to), by, scale)
    }
}

fn is_field(name: &str) -> bool {
    FIELDS.iter().any(|(field, _)| *field == name)
}

fn end(spec: &KeySpec, node: &Node, table: &Table, name: &str) -> Read<f64> {
    match table.get(name) {
        Some(entry) => number(spec, &entry.node),
        None => {
            let message = format!("the range of `{}` has no `{name}`", spec.name);
            let problem = Problem::new(node.at, message).label(format!("no `{name}` here"));
            Err(Box::new(problem.help(suggestion(spec, table))))
        }
    }
}

/// Reads a number of the key's type.
fn number(spec: &KeySpec, node: &Node) -> Read<f64> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "integers of every kind are far below 2^53"
    )]
    match is_whole(spec) {
        true => integer(spec, node, 0, 1_000_000_000).map(|whole| whole as f64),
        false => finite(spec, node),
    }
}

fn by(spec: &KeySpec, node: &Node, table: &Table) -> Read<By> {
    let refused = |at, message: &str, label: &str| {
        let problem = Problem::new(at, format!("the range of `{}` {message}", spec.name));
        Box::new(problem.label(label).help(suggestion(spec, table)))
    };
    let log = match table.get("scale").map(|entry| &entry.node) {
        None => false,
        Some(Node {
            value: Value::String(word),
            ..
        }) if word == "log" || word == "linear" => word == "log",
        Some(other) => {
            let message = "has an unknown `scale`";
            return Err(refused(other.at, message, "expected \"log\" or \"linear\""));
        }
    };
    match (table.get("step"), table.get("count")) {
        (Some(step), Some(_)) => Err(refused(
            step.key_at,
            "has `step` and `count`",
            "keep one of the two",
        )),
        (None, None) => Err(refused(
            node.at,
            "has neither `step` nor `count`",
            "one of the two is needed",
        )),
        (Some(step), None) if log => Err(refused(
            step.key_at,
            "has a `step` on a log scale",
            "a log scale takes `count`",
        )),
        (Some(step), None) => match number(spec, &step.node)? {
            width if width > 0.0 => Ok(By::Step(width)),
            _ => Err(refused(
                step.node.at,
                "has no positive `step`",
                "must be above 0",
            )),
        },
        (None, Some(count)) => counted(spec, table, count, log),
    }
}

fn counted(spec: &KeySpec, table: &Table, count: &Entry, log: bool) -> Read<By> {
    let refused = |at, message: &str, label: &str| {
        let problem = Problem::new(at, format!("the range of `{}` {message}", spec.name));
        Box::new(problem.label(label).help(suggestion(spec, table)))
    };
    let number = match count.node.value {
        Value::Integer(number) => usize::try_from(number).unwrap_or(0),
        _ => 0,
    };
    if !(2..=CONFIGURATIONS_MAX).contains(&number) {
        let label = format!("expected an integer from 2 to {CONFIGURATIONS_MAX}");
        return Err(refused(count.node.at, "has a wrong `count`", &label));
    }
    if !log {
        return Ok(By::Count(number));
    }
    match table.get("from") {
        Some(entry) if finite(spec, &entry.node).is_ok_and(|from| from <= 0.0) => Err(refused(
            entry.node.at,
            "begins at 0 on a log scale",
            "must be above 0",
        )),
        _ => Ok(By::Log(number)),
    }
}

/// Rounds to significant decimal digits; the result is the same on every machine.
fn rounded(value: f64, digits: usize) -> f64 {
    let text = format!("{value:.*e}", digits - 1);
    text.parse().unwrap_or(value)
}

/// Suggests a whole valid line from the fields of the table.
fn suggestion(spec: &KeySpec, table: &Table) -> String {
    let find = |wanted: &str| {
        let mut entries = table.entries.iter();
        let entry = entries.find(|entry| field(&entry.key) == Some(wanted))?;
        Some(&entry.node.value)
    };
    let number = |wanted: &str| match find(wanted) {
        Some(Value::Integer(number)) => Some(number.to_string()),
        Some(Value::Float(number)) => Some(show(*number)),
        _ => None,
    };
    let (from_default, to) = defaults(spec);
    let (by, scale) = default_by(spec);
    let is_log = match find("scale") {
        Some(Value::Boolean(log)) => *log,
        Some(Value::String(word)) => word.contains("log"),
        _ => scale.is_some() && number("step").is_none() && number("count").is_none(),
    };
    let is_positive = |text: &String| text.parse().is_ok_and(|number: f64| number > 0.0);
    let step = number("step").filter(is_positive);
    let by = match (step, number("count").filter(is_positive)) {
        (Some(step), _) if !is_log => format!("step = {step}"),
        (_, Some(count)) => format!("count = {count}"),
        _ if is_log => "count = 5".to_owned(),
        _ => by.to_owned(),
    };
    let from = number("from").filter(|from| !is_log || is_positive(from));
    let from = from.unwrap_or_else(|| from_default.to_owned());
    let to = number("to").unwrap_or_else(|| to.to_owned());
    line(spec, &from, &to, &by, is_log.then_some("log"))
}

fn line(spec: &KeySpec, from: &str, to: &str, by: &str, scale: Option<&str>) -> String {
    let by = if by == "step" { default_by(spec).0 } else { by };
    let scale = scale.map_or_else(String::new, |scale| format!(", scale = \"{scale}\""));
    let name = spec.name;
    format!("write `{name} = {{ from = {from}, to = {to}, {by}{scale} }}`")
}

fn defaults(spec: &KeySpec) -> (&'static str, &'static str) {
    match spec.kind {
        Kind::Depth => ("8", "56"),
        Kind::ImageSize => ("16", "32"),
        Kind::Integer { .. } => ("4", "8"),
        _ if spec.key == Key::WeightDecay => ("0.0001", "0.01"),
        _ => ("0.01", "1"),
    }
}

/// The default step and scale for a range of this key.
fn default_by(spec: &KeySpec) -> (&'static str, Option<&'static str>) {
    match (spec.key, spec.kind) {
        (_, Kind::Depth) => ("step = 6", None),
        (_, Kind::ImageSize) => ("step = 4", None),
        (Key::Lr | Key::WeightDecay, _) => ("count = 5", Some("log")),
        (_, Kind::Integer { .. }) => ("step = 1", None),
        _ => ("count = 5", None),
    }
}

fn show(number: f64) -> String {
    number.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_short_decimal_numbers() {
        let spec = Key::Lr.spec();
        let range = |from, to, by| Range { spec, from, to, by };
        let values = |range: Range<'_>| {
            let count = range.count();
            (0..count)
                .map(|i| range.value(i, count))
                .collect::<Vec<_>>()
        };
        let log = values(range(0.01, 1.0, By::Log(5)));
        assert_eq!(log, [0.01, 0.03162, 0.1, 0.3162, 1.0]);
        let steps = values(range(0.1, 0.5, By::Step(0.1)));
        assert_eq!(steps, [0.1, 0.2, 0.3, 0.4, 0.5]);
        assert!(range(-1e308, 1e308, By::Step(1e-300)).count() > CONFIGURATIONS_MAX);
        let even = values(range(0.0, 0.9, By::Count(4)));
        assert_eq!(even, [0.0, 0.3, 0.6, 0.9]);
    }
}
