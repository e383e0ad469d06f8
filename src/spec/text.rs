//! Checks values that are text: words, names, lines, paths.

use std::path::PathBuf;

use super::check::{Result, refused, usage, wrong_type};
use super::keys::KeySpec;
use super::kind::{LINE_LENGTH_MAX, NAME_LENGTH_MAX};
use super::problem::Problem;
use super::setting::Checked;
use super::suggest;
use super::tree::{Node, Value};

/// Any text.
pub fn string<'n>(spec: &KeySpec, node: &'n Node) -> Result<&'n str> {
    match &node.value {
        Value::String(text) => Ok(text),
        _ => Err(wrong_type(spec, node, "a string")),
    }
}

/// One of the words that are offered.
pub fn word(spec: &KeySpec, node: &Node, words: &'static [&'static str]) -> Result<Checked> {
    let text = string(spec, node)?;
    if let Some(word) = words.iter().find(|word| **word == text) {
        return Ok(Checked::Word(word));
    }
    let message = format!("`{}` cannot be {text:?}", spec.name);
    let problem = Problem::new(node.at, message)
        .label(format!("expected {}", spec.kind.allowed().replace('`', "")))
        .help(match suggest::closest(text, words.iter().copied()) {
            Some(word) => format!("did you mean `{word}`?"),
            None => usage(spec),
        });
    Err(Box::new(problem))
}

/// What lies in the results folder beside the sweeps' own folders.
const TAKEN: [&str; 6] = [
    "cache",
    "README.md",
    "resweep.db",
    "resweep.db-shm",
    "resweep.db-wal",
    "resweep.lock",
];

/// A name that is a folder's name everywhere.
pub fn name(spec: &KeySpec, node: &Node) -> Result<Checked> {
    let name = string(spec, node)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let fault = if name.is_empty() {
        "is empty"
    } else if name.starts_with('.') {
        "starts with a dot"
    } else if !name.chars().all(allowed) {
        "has a character that cannot be part of a folder's name everywhere"
    } else if name.len() > NAME_LENGTH_MAX {
        "is too long"
    } else if TAKEN.iter().any(|taken| name.eq_ignore_ascii_case(taken)) {
        "is taken by a file of the results folder"
    } else {
        return Ok(Checked::Text(name.to_owned()));
    };
    Err(refused(spec, node, format!("the sweep's name {fault}"), ""))
}

/// Text without a line break.
pub fn line(spec: &KeySpec, node: &Node) -> Result<Checked> {
    let text = string(spec, node)?;
    let fault = if text.trim().is_empty() {
        "is empty"
    } else if text.chars().any(char::is_control) {
        "has a line break or another control character"
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

/// A path, which need not exist as long as it is not used.
pub fn folder(spec: &KeySpec, node: &Node) -> Result<Checked> {
    let text = string(spec, node)?;
    if text.is_empty() {
        let message = format!("the {} is empty", spec.name);
        return Err(refused(spec, node, message, ""));
    }
    Ok(Checked::Folder(PathBuf::from(text)))
}
