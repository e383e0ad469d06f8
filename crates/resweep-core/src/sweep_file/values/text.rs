//! Checks values that are text: strings of a fixed set, names, lines, paths.

use super::scalars::{Result, refused, usage, wrong_type};
use super::setting::Checked;
use crate::domain::{UnknownHome, expand_path, is_unprintable};
use crate::sweep_file::diagnostics::problem::{Form, Problem};
use crate::sweep_file::diagnostics::suggest;
use crate::sweep_file::keys::key::Key;
use crate::sweep_file::keys::kind::Kind;
use crate::sweep_file::keys::table::KeySpec;
use crate::sweep_file::limits::{
    LINE_LENGTH_MAX, NAME_LENGTH_MAX, PATH_BYTES_MAX, TEXT_LENGTH_MAX,
};
use crate::sweep_file::parse::tree::{Node, Value};

/// Checks that a value is a string.
pub fn string<'n>(spec: &KeySpec, node: &'n Node) -> Result<&'n str> {
    match &node.value {
        Value::String(text) => Ok(text),
        other => {
            let problem = *wrong_type(spec, node, "a string");
            let takes_any = matches!(
                spec.kind,
                Kind::Name | Kind::Line | Kind::Text | Kind::Folder
            );
            Err(Box::new(match other {
                Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime
                    if takes_any =>
                {
                    problem.form(Form::Quoted)
                }
                _ => problem,
            }))
        }
    }
}

/// Checks that a string is one of `words`.
pub fn word(spec: &KeySpec, node: &Node, words: &'static [&'static str]) -> Result<Checked> {
    let text = string(spec, node)?;
    if let Some(word) = words.iter().find(|word| **word == text) {
        return Ok(Checked::Word(word));
    }
    let message = format!("`{}` cannot be {text:?}", spec.name);
    let problem = Problem::new(node.at, message)
        .label(format!("expected {}", spec.kind.allowed().replace('`', "")));
    Err(Box::new(
        match suggest::closest(text, words.iter().copied()) {
            Some(word) => problem.help(format!("did you mean `{word}`?")),
            None => problem.help(usage(spec)).form(Form::Example(spec.key)),
        },
    ))
}

/// The name of a key that can be an axis, bare or as `train.lr`.
pub fn settable(spec: &KeySpec, node: &Node) -> Result<Checked> {
    let text = string(spec, node)?;
    if let Some(key) = Key::find_qualified(text) {
        return Ok(Checked::Key(key));
    }
    let message = format!("`{}` cannot be {text:?}", spec.name);
    let problem = Problem::new(node.at, message)
        .label("not a key of [data], [model] or [train]")
        .help(suggest::advice(text, &Key::settable_names()));
    Err(Box::new(problem))
}

/// Names in the results folder that are not sweep folders and do not begin with `resweep.`.
const TAKEN: [&str; 5] = ["cache", "checkpoints", "locks", "logs", "README.md"];

/// Device names on Windows; they stay reserved with an extension.
const DEVICES: [&str; 22] = [
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8",
    "com9", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

/// Checks a name: it must be a valid folder name on all systems, and not look like an option.
pub fn name(spec: &KeySpec, node: &Node) -> Result<Checked> {
    let name = string(spec, node)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let stem = name.split('.').next().unwrap_or_default();
    let fault = if name.is_empty() {
        "is empty"
    } else if name.starts_with('.') {
        "starts with a dot"
    } else if name.starts_with('-') {
        "starts with a hyphen"
    } else if name.ends_with('.') {
        "ends with a dot"
    } else if !name.chars().all(allowed) {
        "has a character that cannot be part of a folder's name everywhere"
    } else if name.len() > NAME_LENGTH_MAX {
        "is too long"
    } else if DEVICES.iter().any(|name| stem.eq_ignore_ascii_case(name)) {
        "is that of a device on Windows"
    } else if stem.eq_ignore_ascii_case("resweep") && stem != name
        || TAKEN.iter().any(|taken| name.eq_ignore_ascii_case(taken))
    {
        "is taken by a file of the results folder"
    } else {
        return Ok(Checked::Text(name.to_owned()));
    };
    let whose = spec.section.name();
    Err(refused(
        spec,
        node,
        format!("the {whose}'s name {fault}"),
        "",
    ))
}

/// Text without a line break.
pub fn line(spec: &KeySpec, node: &Node) -> Result<Checked> {
    let text = string(spec, node)?;
    let fault = if text.trim().is_empty() {
        "is empty"
    } else if text.chars().any(is_unprintable) {
        "has a line break or another character that cannot be shown"
    } else if text.chars().count() > LINE_LENGTH_MAX {
        "is too long"
    } else {
        return Ok(Checked::Text(text.to_owned()));
    };
    Err(refused(
        spec,
        node,
        format!("the {} {fault}", spec.name),
        "",
    ))
}

/// Text in any number of lines.
pub fn lines(spec: &KeySpec, node: &Node) -> Result<Checked> {
    let text = string(spec, node)?;
    let unprintable = |c| is_unprintable(c) && !matches!(c, '\n' | '\r' | '\t');
    let fault = if text.chars().any(unprintable) {
        "has a character that cannot be shown"
    } else if text.chars().count() > TEXT_LENGTH_MAX {
        "is too long"
    } else {
        return Ok(Checked::Text(text.to_owned()));
    };
    let message = format!("the {} {fault}", spec.name);
    Err(refused(spec, node, message, ""))
}

/// Checks a path; it need not exist unless it is used.
pub fn folder(spec: &KeySpec, node: &Node) -> Result<Checked> {
    let text = string(spec, node)?;
    let fault = if text.is_empty() {
        "is empty"
    } else if text.chars().any(is_unprintable) {
        "has a character that cannot be shown"
    } else if text.len() > PATH_BYTES_MAX {
        "is too long"
    } else {
        let unknown = |error: UnknownHome| refused(spec, node, error.to_string(), "");
        return Ok(Checked::Folder(expand_path(text).map_err(unknown)?));
    };
    let message = format!("the {} {fault}", spec.name);
    Err(refused(spec, node, message, ""))
}
