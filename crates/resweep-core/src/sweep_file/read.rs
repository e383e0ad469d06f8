//! Builds the [`Sweep`] of a parsed file.

use super::diagnostics::problem::{Problem, Problems};
use super::diagnostics::source::{SourceId, Sources, Span};
use super::expect::{self, Expect};
use super::figures::figure::{self, FigureTable};
use super::grid::axes::Axis;
use super::grid::context::{Places, Surroundings};
use super::grid::expand::Candidate;
use super::grid::rules::{Conditions, Exclude, Include};
use super::grid::{axes, data, expand, labels, parents, resolve, rules};
use super::keys::key::Section;
use super::limits::RUNS_MAX;
use super::parse::syntax;
use super::parse::tree::Table;
use super::values::head::Head;
use super::values::setting::{Point, Settings};
use super::values::{head, section, tables};
use crate::domain::{Configuration, Figure, Sweep};

/// Reads as much as possible; the sweep is valid only if no problem was found.
pub fn read(
    sources: &Sources,
    mut root: Table,
    around: Surroundings<'_>,
    problems: &mut Problems,
) -> Option<Sweep> {
    let defaults = syntax::document(sources, SourceId::Defaults, problems);
    // If text cannot be parsed, its keys are not in the tree, and other checks would report them as
    // missing.
    let syntax = problems.len();
    tables::refuse_unknown_tables(&mut root, problems);
    let tables = Tables::read(&root, &defaults, problems);
    if syntax > 0 {
        problems.keep_first_on_broken_lines(syntax, sources);
        return None;
    }
    tables.sweep(&Places::new(&root, around), problems)
}

/// The tables of a sweep file, with checked values.
pub struct Tables {
    /// `[data]`, `[model]` and `[train]`, and the defaults.
    base: Settings,
    head: Head,
    axes: Vec<Axis>,
    excludes: Vec<Exclude>,
    includes: Vec<Include>,
    pub figures: Vec<FigureTable>,
    expects: Vec<Expect>,
}

impl Tables {
    pub fn read(root: &Table, defaults: &Table, problems: &mut Problems) -> Self {
        let mut base = Settings::default();
        read_base(defaults, &mut base, problems);
        read_base(root, &mut base, problems);
        Self {
            head: head::read(root, problems),
            axes: axes::read(root, &base, problems),
            base,
            excludes: rules::excludes(root, problems),
            includes: rules::includes(root, problems),
            figures: figure::read(root, problems),
            expects: expect::read(root, problems),
        }
    }

    /// All conditions, which are compared with each configuration.
    fn conditions(&self) -> impl Iterator<Item = &Conditions> {
        let of_excludes = self.excludes.iter().map(|exclude| &exclude.0);
        let of_includes = self.includes.iter().filter_map(|i| i.matching.as_ref());
        let of_figures = self.figures.iter().flat_map(FigureTable::conditions);
        let of_expects = self.expects.iter().flat_map(Expect::conditions);
        let of_grid = of_excludes.chain(of_includes);
        of_grid.chain(of_figures).chain(of_expects)
    }

    /// Expands the grid and resolves every table against its configurations.
    fn sweep(&self, places: &Places<'_>, problems: &mut Problems) -> Option<Sweep> {
        let head = self.head.resolve(problems);
        rules::check_amount(self.conditions(), problems)?;
        let (candidates, configurations) = self.expand(places, problems)?;
        let points: Vec<Point<'_>> = candidates.iter().map(|candidate| candidate.point).collect();
        let figures = self.figures.iter();
        let resolve = |(place, figure): (usize, &FigureTable)| Figure {
            place,
            ..figure.resolve(&points, problems)
        };
        let mut figures: Vec<Figure> = figures.enumerate().map(resolve).collect();
        let expects = self.expects.iter();
        let expectations = expects
            .flat_map(|expect| expect.resolve(&points, &self.axes, problems))
            .collect();
        let configurations = configurations?;
        data::check_unused(&points, &configurations, problems);
        labels::check_duplicates(&candidates, &configurations, problems);
        let labels = name(&points, &configurations, &mut figures);
        let head = head?;
        check_runs(
            configurations.len(),
            head.seeds.len(),
            self.head.at,
            problems,
        );
        Some(Sweep {
            name: head.name,
            title: head.title,
            description: head.description,
            configurations,
            labels,
            seeds: head.seeds,
            adaptive: head.adaptive,
            seeds_note: None,
            max_attempts: head.max_attempts,
            figures,
            expectations,
        })
    }

    /// The grid with the parents of its networks. `None` if there is no grid; no configurations if
    /// one of them cannot be resolved.
    pub fn expand(
        &self,
        places: &Places<'_>,
        problems: &mut Problems,
    ) -> Option<(Vec<Candidate<'_>>, Option<Vec<Configuration>>)> {
        let (base, at) = (&self.base, self.head.at);
        let (excludes, includes) = (&self.excludes, &self.includes);
        let mut candidates = expand::expand(base, &self.axes, excludes, includes, at, problems)?;
        let asked_for = candidates.len();
        parents::add_parents(&mut candidates, problems)?;
        let mut configurations = resolve_all(&candidates, places, problems);
        if let Some(configurations) = &mut configurations {
            parents::drop_known(&mut candidates, configurations, asked_for);
        }
        Some((candidates, configurations))
    }
}

/// Adds `[data]`, `[model]` and `[train]` to the defaults.
fn read_base(root: &Table, base: &mut Settings, problems: &mut Problems) {
    for section in Section::SETTABLE {
        if let Some(table) = tables::table(root, section.name(), problems) {
            section::read(section, table, &[], base, problems);
        }
    }
}

/// Resolves all points, even after an error; returns `None` if any failed.
fn resolve_all(
    candidates: &[Candidate<'_>],
    places: &Places<'_>,
    problems: &mut Problems,
) -> Option<Vec<Configuration>> {
    let resolved: Vec<Option<Configuration>> = candidates
        .iter()
        .map(|candidate| resolve::configuration(&candidate.point, places, problems))
        .collect();
    resolved.into_iter().collect()
}

/// Checks the number of runs: configurations times seeds.
fn check_runs(configurations: usize, seeds: usize, at: Span, problems: &mut Problems) {
    let runs = configurations.saturating_mul(seeds);
    if runs > RUNS_MAX {
        let message = format!("the sweep has {runs} runs, more than {RUNS_MAX}");
        let label = format!("{configurations} configurations with {seeds} seeds each");
        let help = "take fewer `repeats` or `seeds`, or a smaller grid";
        problems.push(Problem::new(at, message).label(label).help(help));
    }
}

/// Sets the labels of the configurations, in the sweep and in each panel.
pub fn name(
    points: &[Point<'_>],
    configurations: &[Configuration],
    figures: &mut [Figure],
) -> Vec<String> {
    let all: Vec<usize> = (0..points.len()).collect();
    let labels = labels::labels(&all, points, configurations);
    for panel in figures.iter_mut().flat_map(|figure| &mut figure.panels) {
        panel.labels = labels::panel_labels(panel, points, configurations, &labels);
    }
    labels
}
