//! Reads the value of a `--set` for its key.
//!
//! Shells remove quotes, and `.1` and `True` are common but not TOML: such values are read by the
//! type of the key. TOML that fits the key is read as TOML.

use super::assign;
use super::keys::{Key, KeySpec, Section};
use super::kind::Kind;
use super::meant;
use super::parse;
use super::problem::Problem;
use super::section;
use super::seeds;
use super::source::{SourceId, Span};
use super::tree::{Node, Value};

/// The key of an override.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    pub spec: &'static KeySpec,
    /// Whether it is an axis: a list of values of the key.
    pub is_axis: bool,
}

impl Target {
    /// Finds the target of a dotted key; returns `None` for tables and unknown keys.
    pub fn find(path: &[&str]) -> Option<Target> {
        let (key, is_axis) = match path {
            [_, name] if seeds::names(name) => (Key::Seeds, false),
            ["axes", name] => (assign::find(name)?, true),
            ["axes", section, name] => (assign::find(&format!("{section}.{name}"))?, true),
            [section, name] => {
                let sections = [
                    Section::Sweep,
                    Section::Data,
                    Section::Model,
                    Section::Train,
                    Section::Figure,
                ];
                let section = sections.into_iter().find(|s| s.name() == *section)?;
                (Key::find(section, name)?, false)
            }
            _ => return None,
        };
        let spec = key.spec();
        Some(Target { spec, is_axis })
    }
}

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
        parse::value(self.text, self.source, self.start)
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
        (Value::String(_), kind) => !meant::is_typed(kind),
        _ => true,
    }
}

/// The correction of `text`, if it is clear what is meant.
pub fn right_form(text: &str, target: Option<Target>) -> Option<String> {
    let meant = target.and_then(|target| meant::value(text.trim(), target));
    meant.or_else(|| repaired(text))
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
        Kind::Name | Kind::Line | Kind::Text | Kind::Folder | Kind::Word(_) | Kind::Settable => {
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
        Ok(node) => section::has_several(key.spec(), &node.value),
        Err(_) if written.text.starts_with('[') => !key.spec().kind.is_list(),
        Err(_) => !key.spec().kind.is_list() && is_several(written, key.spec().kind),
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

/// The text of a node that was read from `written`.
fn of<'t>(written: Written<'t>, node: &Node) -> Written<'t> {
    written.part(node.at.start - written.start, node.at.end - written.start)
}

/// Splits at commas outside quotes and brackets. A trailing comma adds no value.
fn split(written: Written<'_>) -> Vec<Written<'_>> {
    let mut parts = Vec::new();
    let (mut start, mut depth, mut quote) = (0, 0_usize, None);
    for (index, c) in written.text.char_indices() {
        match (quote, c) {
            (Some(open), _) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                parts.push(written.part(start, index).trimmed());
                start = index + 1;
            }
            _ => {}
        }
    }
    let last = written.part(start, written.text.len()).trimmed();
    if !last.text.is_empty() {
        parts.push(last);
    }
    parts
}

/// Converts common notation that is not TOML: `.1`, `True`, words without quotes, an unclosed list.
pub fn repaired(text: &str) -> Option<String> {
    let text = text.trim();
    let (source, start) = (SourceId::File, 0);
    let written = Written {
        text,
        source,
        start,
    };
    if written.toml().is_ok() {
        return Some(text.to_owned());
    }
    if let Some(inner) = text.strip_prefix('[') {
        let inner = inner.strip_suffix(']').unwrap_or(inner);
        return Some(format!("[{}]", repaired_parts(inner, repaired)?));
    }
    if let Some(inner) = text.strip_prefix('{') {
        let inner = inner.strip_suffix('}').unwrap_or(inner);
        let pair = |pair: &str| {
            let (key, value) = pair.split_once('=')?;
            Some(format!("{} = {}", key.trim(), repaired(value)?))
        };
        return Some(format!("{{ {} }}", repaired_parts(inner, pair)?));
    }
    let lower = text.to_lowercase();
    if matches!(lower.as_str(), "true" | "false") {
        return Some(lower);
    }
    if let Ok(number) = text.parse::<f64>()
        && number.is_finite()
    {
        return Some(number.to_string());
    }
    let is_word = |c: char| c.is_alphanumeric() || "-_./:~ ".contains(c);
    let is_number = |c: char| c.is_ascii_digit() || "-+.eE_".contains(c);
    let quoted = text.chars().all(is_word) && !text.chars().all(is_number);
    quoted.then(|| format!("\"{text}\""))
}

/// Corrects each value within brackets. Numbers may lack the commas between them.
fn repaired_parts(inner: &str, repair: impl Fn(&str) -> Option<String>) -> Option<String> {
    let numbers: Vec<&str> = inner.split_whitespace().collect();
    if numbers.len() > 1 && numbers.iter().all(|word| word.parse::<f64>().is_ok()) {
        return Some(numbers.join(", "));
    }
    let (source, start) = (SourceId::File, 0);
    let inner = Written {
        text: inner,
        source,
        start,
    };
    let parts: Option<Vec<String>> = split(inner).iter().map(|part| repair(part.text)).collect();
    parts
        .filter(|parts| !parts.is_empty())
        .map(|parts| parts.join(", "))
}

/// Quotes an argument for a shell if necessary.
pub fn shell_quoted(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:+@%".contains(c);
    if argument.chars().all(plain) {
        argument.to_owned()
    } else {
        format!("'{}'", argument.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_toml_refuses_are_repaired() {
        let pairs = [
            (".1", "0.1"),
            ("True", "true"),
            ("fig6", "\"fig6\""),
            ("~/my pics", "\"~/my pics\""),
            ("[none,A]", "[\"none\", \"A\"]"),
            ("[.1, .2]", "[0.1, 0.2]"),
            ("[20, 56", "[20, 56]"),
            ("[20, 56]", "[20, 56]"),
            ("[20 56]", "[20, 56]"),
            (
                "{lr=.01, until=ordering}",
                "{ lr = 0.01, until = \"ordering\" }",
            ),
            ("[[.5], [.7]", "[[0.5], [0.7]]"),
            ("{ to=.1, scale=log }", "{ to = 0.1, scale = \"log\" }"),
        ];
        for (written, right) in pairs {
            assert_eq!(repaired(written).as_deref(), Some(right), "{written}");
        }
        assert_eq!(repaired("\"open"), None);
        assert_eq!(repaired("{ a = "), None);
        assert_eq!(repaired("0.1.1"), None);
        assert_eq!(repaired(""), None);
    }

    #[test]
    fn arguments_are_quoted_for_a_shell_where_they_need_it() {
        assert_eq!(shell_quoted("train.lr=0.1"), "train.lr=0.1");
        assert_eq!(shell_quoted("axes.depth=[8,14]"), "'axes.depth=[8,14]'");
        assert_eq!(shell_quoted("a=it's"), r"'a=it'\''s'");
    }
}
