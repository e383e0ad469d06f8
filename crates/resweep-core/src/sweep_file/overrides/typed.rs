//! Reads the value of a `--set` for its key.
//!
//! Shells remove quotes, and `.1` and `True` are common but not TOML: such values are read by the
//! type of the key. TOML that fits the key is read as TOML.

use super::meant;
use super::target::Target;
use crate::sweep_file::diagnostics::problem::Problem;
use crate::sweep_file::diagnostics::source::{SourceId, Span};
use crate::sweep_file::keys::key::Key;
use crate::sweep_file::keys::kind::Kind;
use crate::sweep_file::parse::repair;
use crate::sweep_file::parse::split;
use crate::sweep_file::parse::syntax;
use crate::sweep_file::parse::tree::{Node, Value};
use crate::sweep_file::values::ranges;

/// A text and its position in a source.
#[derive(Debug, Clone, Copy)]
pub struct Written<'t> {
    pub text: &'t str,
    pub source: SourceId,
    pub start: usize,
}

type Read = Result<Node, Vec<Problem>>;

impl<'t> Written<'t> {
    fn at(self) -> Span {
        Span {
            source: self.source,
            start: self.start,
            end: self.start + self.text.len(),
        }
    }

    fn part(self, start: usize, end: usize) -> Written<'t> {
        Written {
            text: &self.text[start..end],
            start: self.start + start,
            ..self
        }
    }

    fn trimmed(self) -> Written<'t> {
        let start = self.text.len() - self.text.trim_start().len();
        self.part(start, start + self.text.trim().len())
    }

    fn node(self, value: Value) -> Node {
        Node {
            at: self.at(),
            value,
        }
    }

    fn string(self) -> Node {
        self.node(Value::String(self.text.to_owned()))
    }

    fn toml(self) -> Read {
        syntax::value(self.text, self.source, self.start)
    }
}

/// Reads a value for `target`, if the key is known.
pub fn read(written: Written<'_>, target: Option<Target>) -> Read {
    let written = written.trimmed();
    let Some(target) = target else {
        return untyped(written);
    };
    let kind = target.spec.kind;
    // `0,1` is a number with a decimal comma.
    let is_decimal = meant::value(written.text, target).is_some();
    let node = if target.is_axis && kind.is_list() {
        untyped(written)
    } else if target.is_axis && written.text.starts_with('{') {
        written.toml()
    } else if target.is_axis || kind.is_list() || is_several(written, kind) && !is_decimal {
        list(written, kind)
    } else {
        single(written, kind)
    }?;
    if fits(&node, kind) || meant::value(written.text, target).is_none() {
        return Ok(node);
    }
    let message = format!("cannot read this value of `{}`", target.spec.name);
    let label = match target.is_axis {
        true => "expected a list in brackets, with commas between the values".to_owned(),
        false => format!("expected {}", kind.allowed()),
    };
    Err(vec![Problem::new(written.at(), message).label(label)])
}

/// Whether the type of a value, or of each value of a list, is one that the kind takes.
fn fits(node: &Node, kind: Kind) -> bool {
    match (&node.value, kind) {
        (Value::Array(elements), _) => elements.iter().all(|element| fits(element, kind)),
        (Value::String(word), Kind::Word(words)) => words.contains(&word.as_str()),
        (Value::String(text), Kind::Warmup) => text == "none",
        (Value::String(_), kind) => !meant::is_typed(kind),
        (Value::Integer(_), Kind::Boolean) => false,
        _ => true,
    }
}

/// The correction of `text`, if it is clear what is meant.
pub fn right_form(text: &str, target: Option<Target>) -> Option<String> {
    let meant = target.and_then(|target| meant::value(text.trim(), target));
    meant.or_else(|| repair::repaired(text))
}

/// Reads TOML, or plain text if the value does not begin as TOML does.
fn untyped(written: Written<'_>) -> Read {
    let announced = written.text.starts_with(['[', '{', '"', '\'']);
    written.toml().or_else(|problems| match announced {
        true => Err(problems),
        false => Ok(written.string()),
    })
}

fn single(written: Written<'_>, kind: Kind) -> Read {
    let toml = written.toml();
    match kind {
        Kind::Name
        | Kind::Line
        | Kind::Text
        | Kind::Folder
        | Kind::Word(_)
        | Kind::Settable
        | Kind::Names => {
            let is_string = |node: &Node| matches!(node.value, Value::String(_));
            Ok(toml
                .ok()
                .filter(is_string)
                .unwrap_or_else(|| written.string()))
        }
        Kind::Integer { .. } | Kind::Depth | Kind::ImageSize | Kind::Repeats | Kind::Seeds => {
            number(written, toml).map(whole)
        }
        Kind::Number { .. } | Kind::Ticks | Kind::Drops => number(written, toml),
        Kind::Boolean => match written.text.to_lowercase().as_str() {
            "true" => Ok(written.node(Value::Boolean(true))),
            "false" => Ok(written.node(Value::Boolean(false))),
            _ => untyped(written),
        },
        Kind::Warmup | Kind::Init => untyped(written),
    }
}

/// Whether commas separate values of a key that takes a single value: `8,14` for `model.depth`.
fn is_several(written: Written<'_>, kind: Kind) -> bool {
    let takes_commas = matches!(kind, Kind::Line | Kind::Text | Kind::Folder | Kind::Name);
    let announced = written.text.starts_with(['[', '{', '"', '\'']);
    !takes_commas && !announced && split(written).len() > 1
}

/// `8 14` for a key with a single value of another type than text.
fn is_spaced(text: &str, kind: Kind) -> bool {
    let several = text.split_whitespace().count() > 1;
    several && meant::is_typed(kind) && !text.starts_with(['[', '{', '"', '\''])
}

/// Accepts the numbers `.1`, `1.` and `007`, which are not TOML.
fn number(written: Written<'_>, toml: Read) -> Read {
    let digits = written.text.contains(|c: char| c.is_ascii_digit());
    match (toml, written.text.parse::<f64>()) {
        (Ok(node), _) => Ok(node),
        (Err(_), Ok(number)) if digits => Ok(written.node(Value::Float(number))),
        _ => untyped(written),
    }
}

/// Accepts `1e5` and `2.0` for integers.
fn whole(node: Node) -> Node {
    match node.value {
        Value::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => Node {
            #[expect(clippy::cast_possible_truncation, reason = "it is whole and small")]
            value: Value::Integer(number as i128),
            ..node
        },
        _ => node,
    }
}

/// Whether a value for a bare key is an axis: several values, or a range.
pub fn is_axis(text: &str, key: Key) -> bool {
    let written = Written {
        text: text.trim(),
        source: SourceId::File,
        start: 0,
    };
    match written.toml() {
        Ok(node) => ranges::has_several(key.spec(), &node.value),
        Err(_) if written.text.starts_with('[') => !key.spec().kind.is_list(),
        Err(_) => {
            let kind = key.spec().kind;
            !kind.is_list() && (is_several(written, kind) || is_spaced(text, kind))
        }
    }
}

/// Reads a list with or without brackets; a single value is a list of one.
fn list(written: Written<'_>, kind: Kind) -> Read {
    let toml = written.toml();
    let text = written.text;
    let parts = match &toml {
        Ok(Node {
            value: Value::Array(elements),
            ..
        }) => elements.iter().map(|node| of(written, node)).collect(),
        Err(problems) if text.starts_with('[') && !text.ends_with(']') => {
            return Err(problems.clone());
        }
        Err(_) if text.starts_with('[') => split(written.part(1, text.len() - 1)),
        _ => split(written),
    };
    let mut nodes = Vec::with_capacity(parts.len());
    for part in parts {
        if part.text.is_empty() {
            let problem = Problem::new(part.at(), "this list lacks a value");
            return Err(vec![problem.label("nothing between the commas")]);
        }
        nodes.push(single(part, kind)?);
    }
    Ok(written.node(Value::Array(nodes)))
}

/// The parts between the commas of a list.
fn split(written: Written<'_>) -> Vec<Written<'_>> {
    let parts = split::at_commas(written.text).into_iter();
    parts
        .map(|part| written.part(part.start, part.end))
        .collect()
}

/// The text of a node that was read from `written`.
fn of<'t>(written: Written<'t>, node: &Node) -> Written<'t> {
    written.part(node.at.start - written.start, node.at.end - written.start)
}
