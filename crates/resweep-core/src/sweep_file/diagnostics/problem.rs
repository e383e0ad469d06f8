//! Errors of a sweep file. They are collected, so that all are reported together.

use std::collections::HashSet;

use super::source::{SourceId, Sources, Span};
use crate::domain::shell_quoted;
use crate::sweep_file::keys::key::Key;

/// An error: message, position and help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub message: String,
    pub at: Span,
    /// The text at the underlined position.
    pub label: String,
    /// Other positions that are part of the error.
    pub context: Vec<(Span, String)>,
    pub help: Vec<String>,
    /// The correction of the text at the position, shown before the other help, or an example,
    /// shown after it.
    pub form: Option<Form>,
}

/// The way to correct a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As a value in quotes.
    Quoted,
    /// As a list, the value of this key.
    Listed(&'static str),
    /// As an axis of this key.
    Axis(&'static str),
    /// Not from the text: as an example value of this key.
    Example(Key),
    /// As an example of an axis of this key.
    ExampleAxis(Key),
}

impl Form {
    fn help(self, text: &str, at: Span) -> String {
        match self {
            Form::Quoted => format!("put it in quotes: \"{text}\""),
            Form::Listed(key) => format!("write `{key} = [{text}]`"),
            Form::Axis(key) if at.is_override() => {
                let argument = shell_quoted(&format!("axes.{key}={text}"));
                format!("write --set {argument}")
            }
            Form::Axis(key) => format!("move it to [axes]: `{key} = {text}`"),
            Form::Example(key) => {
                example(key.spec().section.name(), key, &key.spec().example(), at)
            }
            Form::ExampleAxis(key) => {
                example("axes", key, &format!("[{}]", key.spec().example()), at)
            }
        }
    }

    /// Whether the help repeats the text at the position.
    fn has_text(self) -> bool {
        !matches!(self, Form::Example(_) | Form::ExampleAxis(_))
    }
}

/// A whole line, or a whole argument, that sets `key`.
fn example(section: &str, key: Key, value: &str, at: Span) -> String {
    let name = key.name();
    if at.is_override() {
        let argument = shell_quoted(&format!("{section}.{name}={value}"));
        return format!("for example: --set {argument}");
    }
    format!("for example: `{name} = {value}`")
}

/// Longer text is not repeated in help.
const FORM_BYTES_MAX: usize = 100;

impl Problem {
    /// `message` starts in lower case and has no full stop, as in rustc.
    pub fn new(at: Span, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            at,
            label: String::new(),
            context: Vec::new(),
            help: Vec::new(),
            form: None,
        }
    }

    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    pub fn context(mut self, at: Span, label: impl Into<String>) -> Self {
        self.context.push((at, label.into()));
        self
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Shows the corrected text at the position.
    pub fn form(mut self, form: Form) -> Self {
        self.form = Some(form);
        self
    }

    /// Adds a help line if there is one.
    pub fn maybe_help(self, help: Option<String>) -> Self {
        match help {
            Some(help) => self.help(help),
            None => self,
        }
    }
}

/// All problems found. The same message at the same position is stored once, so that an error is
/// not reported for every grid point.
#[derive(Debug, Default)]
pub struct Problems {
    list: Vec<Problem>,
    seen: HashSet<(Span, String)>,
}

/// The maximum number of errors that are collected; the rest of the file is not checked.
pub const PROBLEMS_MAX: usize = 1000;

impl Problems {
    /// Adds the problems of an axis's values: their examples become examples of the axis.
    pub fn push_of_axis(&mut self, problems: Problems) {
        for mut problem in problems.list {
            if let Some(Form::Example(key)) = problem.form {
                problem.form = Some(Form::ExampleAxis(key));
            }
            self.push(problem);
        }
    }

    /// Whether the maximum is reached.
    pub fn is_full(&self) -> bool {
        self.list.len() >= PROBLEMS_MAX
    }

    pub fn push(&mut self, problem: Problem) {
        if !self.is_full() && self.seen.insert((problem.at, problem.message.clone())) {
            self.list.push(problem);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The message of the problem that was found first.
    pub fn first_message(&self) -> Option<&str> {
        self.list.first().map(|problem| problem.message.as_str())
    }

    /// The number of problems.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Keeps only the first problem on each line that one of the first `syntax` problems touches:
    /// the parser guesses after a syntax error, so later ones are unreliable.
    pub fn keep_first_on_broken_lines(&mut self, syntax: usize, sources: &Sources) {
        let file = &sources.get(SourceId::File).text;
        let breaks: Vec<usize> = file.match_indices('\n').map(|(index, _)| index).collect();
        let mut broken = HashSet::new();
        let mut kept = Vec::new();
        for (index, problem) in std::mem::take(&mut self.list).into_iter().enumerate() {
            let line = line(problem.at, &breaks);
            let fresh = match index < syntax {
                true => broken.insert(line),
                false => !broken.contains(&line),
            };
            if fresh {
                kept.push(problem);
            }
        }
        self.list = kept;
    }

    /// The problems in the order of the file, followed by those of overrides.
    pub fn into_sorted(mut self, sources: &Sources) -> Vec<Problem> {
        self.list.sort_by_key(|problem| problem.at);
        for problem in &mut self.list {
            let source = &sources.get(problem.at.source).text;
            let text = source.get(problem.at.start..problem.at.end);
            let text = text.unwrap_or_default();
            let Some(form) = problem.form else { continue };
            if !form.has_text() {
                problem.help.push(form.help(text, problem.at));
            } else if !text.is_empty() && text.len() <= FORM_BYTES_MAX {
                problem.help.insert(0, form.help(text, problem.at));
            }
        }
        self.list
    }
}

/// The line at which a position begins; each override is one line. `breaks` are the line breaks of
/// the file.
fn line(at: Span, breaks: &[usize]) -> (SourceId, usize) {
    let line = match at.source {
        SourceId::File => breaks.partition_point(|newline| *newline < at.start),
        _ => 0,
    };
    (at.source, line)
}
