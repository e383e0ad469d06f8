//! Formats problems in the style of rustc.

use std::ops::Range;

use annotate_snippets::{
    AnnotationKind, Element, Group, Level, Renderer, Snippet, normalize_untrusted_str,
};

use super::problem::{PROBLEMS_MAX, Problem};
use super::source::{Source, SourceId, Sources, Span};
use crate::domain::is_unprintable;

/// Longer lines are not shown: they are not part of a sweep file, and formatting them takes
/// seconds.
const SHOWN_BYTES: usize = 20_000;

/// The number of problems shown; the others are counted.
const SHOWN: usize = 100;

/// Formats every problem, each followed by an empty line.
pub fn problems(sources: &Sources, problems: &[Problem], styled: bool) -> String {
    let renderer = renderer(styled);
    let mut drawn = String::new();
    for problem in problems.iter().take(SHOWN) {
        drawn += &render(&renderer, group(sources, problem));
        drawn += "\n\n";
    }
    if problems.len() > SHOWN {
        let least = match problems.len() {
            PROBLEMS_MAX.. => "at least ",
            _ => "",
        };
        let rest = format!(
            "{least}{} more problems are not shown",
            problems.len() - SHOWN
        );
        drawn += &title(&rest, &[], styled);
        drawn += "\n\n";
    }
    drawn
}

/// Formats a message without a position, and its help.
pub fn title(message: &str, help: &[String], styled: bool) -> String {
    let mut group = Group::with_title(Level::ERROR.primary_title(message));
    for line in help {
        group = group.element(Level::HELP.message(normalize_untrusted_str(line)));
    }
    render(&renderer(styled), group)
}

/// Formats a group. The renderer replaces most terminal control characters, including escapes, so
/// the escapes in the output are its own; this replaces the others.
fn render(renderer: &Renderer, group: Group<'_>) -> String {
    let acts = |c| is_unprintable(c) && !matches!(c, '\n' | '\u{1b}');
    renderer.render(&[group]).replace(acts, "\u{fffd}")
}

fn renderer(styled: bool) -> Renderer {
    if styled {
        Renderer::styled()
    } else {
        Renderer::plain()
    }
}

fn group<'a>(sources: &'a Sources, problem: &'a Problem) -> Group<'a> {
    let mut group = Group::with_title(Level::ERROR.primary_title(problem.message.as_str()));
    for id in source_ids(problem) {
        group = group.element(snippet(sources.get(id), id, problem));
    }
    for line in &problem.help {
        group = group.element(Level::HELP.message(normalize_untrusted_str(line)));
    }
    group
}

/// The sources of a problem's positions, that of the problem first.
fn source_ids(problem: &Problem) -> Vec<SourceId> {
    let mut ids = vec![problem.at.source];
    for (at, _) in &problem.context {
        if !ids.contains(&at.source) {
            ids.push(at.source);
        }
    }
    ids
}

/// The lines of a source that a problem underlines, or only their position.
fn snippet<'a>(source: &'a Source, id: SourceId, problem: &'a Problem) -> Element<'a> {
    let marks = marks(id, problem);
    let window = window(&source.text, marks.iter().map(|(_, at, _)| *at));
    if window.len() > SHOWN_BYTES {
        return place(source, marks[0].1).into();
    }
    let annotations = marks.iter().map(|(kind, at, label)| {
        let span = within(&source.text, *at, &window);
        kind.span(span).label((!label.is_empty()).then_some(*label))
    });
    Snippet::source(&source.text[window.clone()])
        .path(source.name.as_str())
        .line_start(1 + newlines(&source.text[..window.start]))
        .line_numbering(source.numbered)
        .annotations(annotations)
        .into()
}

type Mark<'a> = (AnnotationKind, Span, &'a str);

/// The positions that a problem underlines in a source, that of the problem first.
fn marks(id: SourceId, problem: &Problem) -> Vec<Mark<'_>> {
    let primary = (AnnotationKind::Primary, problem.at, problem.label.as_str());
    let context = problem
        .context
        .iter()
        .map(|(at, label)| (AnnotationKind::Context, *at, label.as_str()));
    std::iter::once(primary)
        .chain(context)
        .filter(|(_, at, _)| at.source == id)
        .collect()
}

/// File, line and column without the text.
fn place(source: &Source, at: Span) -> annotate_snippets::Origin<'_> {
    let before = &source.text[..floor(&source.text, at.start)];
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    annotate_snippets::Origin::path(source.name.as_str())
        .line(1 + newlines(before))
        .char_column(1 + before[start..].chars().count())
}

fn newlines(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}

/// The whole lines from the first to the last position; the renderer does not need the others.
fn window(text: &str, places: impl Iterator<Item = Span> + Clone) -> Range<usize> {
    let first = places.clone().map(|at| at.start).min().unwrap_or(0);
    let last = places.map(|at| at.end).max().unwrap_or(0);
    let (first, last) = (floor(text, first), floor(text, last));
    let start = text[..first].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[last..]
        .find('\n')
        .map_or(text.len(), |newline| last + newline);
    start..end
}

/// Returns a position relative to the window, on character boundaries and at most to the end of its
/// line: of a list over many lines the first is underlined.
fn within(text: &str, at: Span, window: &Range<usize>) -> Range<usize> {
    let start = floor(text, at.start).clamp(window.start, window.end);
    let end = floor(text, at.end).clamp(start, window.end);
    let line = text[start..end].find('\n').unwrap_or(end - start);
    start - window.start..start + line - window.start
}

fn floor(text: &str, index: usize) -> usize {
    text.floor_char_boundary(index)
}
