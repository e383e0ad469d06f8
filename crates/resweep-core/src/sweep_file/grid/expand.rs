//! Builds the configurations of a sweep before they are resolved: the product of the axes, without
//! the excluded points, changed and extended by `[[include]]`.

use super::axes::Axis;
use super::rules::{Conditions, Exclude, Include};
use crate::sweep_file::diagnostics::problem::{Problem, Problems};
use crate::sweep_file::diagnostics::source::Span;
use crate::sweep_file::limits::CONFIGURATIONS_MAX;
use crate::sweep_file::values::setting::{Point, Settings};

/// The settings of one configuration, and the position in the file that it comes from.
#[derive(Debug, Clone)]
pub struct Candidate<'a> {
    pub point: Point<'a>,
    pub from: Span,
    /// Whether it is an additional configuration of an `[[include]]`.
    pub is_extra: bool,
    /// `depth=20 shortcut=A`: the settings that differ between configurations.
    pub description: String,
}

/// Expands the grid. `start` is the position to report for a sweep without axes. Returns `None` if
/// the grid is too large or empty, which it reports.
pub fn expand<'a>(
    base: &'a Settings,
    axes: &'a [Axis],
    excludes: &[Exclude],
    includes: &'a [Include],
    start: Span,
    problems: &mut Problems,
) -> Option<Vec<Candidate<'a>>> {
    check_size(axes, includes, problems)?;
    let mut candidates = product(base, axes, start);
    exclude(&mut candidates, excludes, problems);
    if candidates.is_empty() {
        let at = excludes.last().map_or(start, |exclude| exclude.0.at);
        let problem = Problem::new(at, "every configuration of the grid is excluded")
            .label("nothing is left");
        problems.push(problem.help("remove an [[exclude]] or extend [axes]"));
        return None;
    }
    include(&mut candidates, base, includes, problems);
    Some(candidates)
}

/// Checks the size before anything is expanded.
fn check_size(axes: &[Axis], includes: &[Include], problems: &mut Problems) -> Option<()> {
    let mut extra = includes.iter().filter(|i| i.matching.is_none());
    let mut size = 1usize;
    for axis in axes {
        size = size.saturating_mul(axis.rows.len());
        if size > CONFIGURATIONS_MAX {
            let lengths: Vec<String> = axes.iter().map(|a| a.rows.len().to_string()).collect();
            let help = format!("the axes have {} values", lengths.join(" x "));
            problems.push(too_large(axis.rows[0][0].at, "with this axis").help(help));
            return None;
        }
    }
    if let Some(include) = extra.nth(CONFIGURATIONS_MAX - size) {
        problems.push(too_large(include.at, "with this one"));
        return None;
    }
    Some(())
}

fn too_large(at: Span, label: &str) -> Problem {
    let message = format!("the grid has more than {CONFIGURATIONS_MAX} configurations");
    Problem::new(at, message)
        .label(label)
        .help("shorten an axis, or let keys advance together with [[zip]]")
}

/// The first axis varies slowest.
fn product<'a>(base: &'a Settings, axes: &'a [Axis], start: Span) -> Vec<Candidate<'a>> {
    let mut candidates = vec![Candidate {
        point: base.point(),
        from: start,
        is_extra: false,
        description: String::new(),
    }];
    for axis in axes {
        let extended = candidates
            .iter()
            .flat_map(|candidate| (0..axis.rows.len()).map(|row| step(candidate, axis, row)));
        candidates = extended.collect();
    }
    if axes.is_empty() {
        "the grid without axes".clone_into(&mut candidates[0].description);
    }
    candidates
}

/// Adds the values of one row of an axis to a candidate.
fn step<'a>(candidate: &Candidate<'a>, axis: &'a Axis, row: usize) -> Candidate<'a> {
    let mut next = candidate.clone();
    for (key, setting) in axis.keys.iter().zip(&axis.rows[row]) {
        next.point.set(*key, setting);
        next.from = setting.at;
        if !next.description.is_empty() {
            next.description.push(' ');
        }
        next.description += &format!("{}={setting}", key.name());
    }
    next
}

fn exclude(candidates: &mut Vec<Candidate<'_>>, excludes: &[Exclude], problems: &mut Problems) {
    let points: Vec<Point<'_>> = candidates.iter().map(|c| c.point).collect();
    for exclude in excludes {
        exclude
            .0
            .check_matches(&points, "this [[exclude]]", problems);
    }
    candidates.retain(|candidate| {
        let matches = |exclude: &Exclude| exclude.0.match_point(&candidate.point);
        !excludes.iter().any(matches)
    });
}

fn include<'a>(
    candidates: &mut Vec<Candidate<'a>>,
    base: &'a Settings,
    includes: &'a [Include],
    problems: &mut Problems,
) {
    // All conditions are compared with the grid of the axes, before any `[[include]]` changes it.
    let points: Vec<Point<'_>> = candidates.iter().map(|c| c.point).collect();
    for include in includes {
        match &include.matching {
            Some(conditions) => {
                conditions.check_matches(&points, "this [[include]]", problems);
                change(candidates, &points, conditions, include);
            }
            None => candidates.push(extra(base, include)),
        }
    }
}

fn change<'a>(
    candidates: &mut [Candidate<'a>],
    points: &[Point<'_>],
    conditions: &Conditions,
    include: &'a Include,
) {
    for (candidate, point) in candidates.iter_mut().zip(points) {
        if conditions.match_point(point) {
            for (key, setting) in &include.set {
                candidate.point.set(*key, setting);
            }
        }
    }
}

fn extra<'a>(base: &'a Settings, include: &'a Include) -> Candidate<'a> {
    let mut point = base.point();
    let mut words = vec!["[[include]]".to_owned()];
    for (key, setting) in &include.set {
        point.set(*key, setting);
        words.push(format!("{}={setting}", key.name()));
    }
    Candidate {
        point,
        from: include.at,
        is_extra: true,
        description: words.join(" "),
    }
}
