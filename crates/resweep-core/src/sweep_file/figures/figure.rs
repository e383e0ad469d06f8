//! Reads `[figure]` or several `[[figure]]`: the configurations of each panel, and the error axis.

use crate::domain::{Axes, Figure, FigureKind, FigureStyle, Panel};
use crate::sweep_file::diagnostics::problem::{Problem, Problems};
use crate::sweep_file::diagnostics::source::Span;
use crate::sweep_file::grid::rules::{Conditions, conditions};
use crate::sweep_file::keys::key::{Key, Section};
use crate::sweep_file::limits::{FIGURES_MAX, PANELS_MAX};
use crate::sweep_file::parse::tree::{Table, Value};
use crate::sweep_file::values::section;
use crate::sweep_file::values::setting::{Checked, Point, Settings};
use crate::sweep_file::values::tables;

/// The name of a figure that sets none.
const NAME: &str = "figure";

/// A figure as written, with checked values.
#[derive(Debug, Default)]
pub struct FigureTable {
    pub(super) settings: Settings,
    pub(super) panels: Vec<PanelTable>,
}

#[derive(Debug)]
pub(super) struct PanelTable {
    pub(super) settings: Settings,
    only: Option<Conditions>,
}

/// Reads `[figure]` or every `[[figure]]`, with the panels. Without a table there is one figure
/// with all configurations.
pub fn read(root: &Table, problems: &mut Problems) -> Vec<FigureTable> {
    let Some(entry) = root.get("figure") else {
        return vec![FigureTable::default()];
    };
    if !matches!(entry.node.value, Value::Array(_)) {
        let table = tables::as_table(entry, problems);
        return vec![table.map_or_else(FigureTable::default, |table| figure(table, problems))];
    }
    let tables = tables::tables(root, "figure", problems);
    if let Some((at, _)) = tables.get(FIGURES_MAX) {
        let message = format!("the sweep has {} figures", tables.len());
        let problem = Problem::new(*at, message).label(format!("expected at most {FIGURES_MAX}"));
        problems.push(problem.help("make several sweeps: runs that they share train once"));
    }
    let read: Vec<(Span, FigureTable)> = tables
        .into_iter()
        .take(FIGURES_MAX)
        .map(|(at, table)| (at, figure(table, problems)))
        .collect();
    check_names(&read, problems);
    read.into_iter().map(|(_, figure)| figure).collect()
}

fn figure(table: &Table, problems: &mut Problems) -> FigureTable {
    let mut figure = FigureTable::default();
    section::read(
        Section::Figure,
        table,
        &["panels", "expect"],
        &mut figure.settings,
        problems,
    );
    let panels = tables::tables(table, "panels", problems);
    if let Some((at, _)) = panels.get(PANELS_MAX) {
        let message = format!("the figure has {} panels", panels.len());
        let problem = Problem::new(*at, message)
            .label(format!("expected at most {PANELS_MAX}"))
            .help("show fewer, or make several figures");
        problems.push(problem);
    }
    for (_, panel) in panels.into_iter().take(PANELS_MAX) {
        figure.panels.push(self::panel(panel, problems));
    }
    figure
}

/// Reports figures of the same name: they would overwrite each other's files.
fn check_names(figures: &[(Span, FigureTable)], problems: &mut Problems) {
    for (i, (at, figure)) in figures.iter().enumerate() {
        let name = figure.name();
        let Some((first, _)) = figures[..i]
            .iter()
            .find(|(_, other)| other.name().eq_ignore_ascii_case(name))
        else {
            continue;
        };
        let at = figure
            .settings
            .get(Key::FigureName)
            .map_or(*at, |name| name.at);
        let problem = Problem::new(at, format!("two figures are called `{name}`"))
            .label("the same name")
            .context(*first, "the first one");
        problems.push(problem.help("give each `[[figure]]` its own `name`, which names its files"));
    }
}

fn panel(table: &Table, problems: &mut Problems) -> PanelTable {
    let mut settings = Settings::default();
    section::read(Section::Panel, table, &["where"], &mut settings, problems);
    let only = table.get("where").and_then(|entry| {
        let table = tables::as_table(entry, problems)?;
        Some(conditions(entry.node.at, table, "`where`", problems))
    });
    PanelTable { settings, only }
}

impl FigureTable {
    /// The conditions of all panels.
    pub fn conditions(&self) -> impl Iterator<Item = &Conditions> {
        self.panels.iter().filter_map(|panel| panel.only.as_ref())
    }

    /// Finds the configurations of each panel among `points`, which are in the order of the sweep.
    /// Drops panels without configurations if an override removed them. Without panels, the kind of
    /// the figure determines them.
    pub fn resolve(&self, points: &[Point<'_>], problems: &mut Problems) -> Figure {
        let is_of_one = points.iter().all(|point| point.sweeps.is_empty());
        let panels = match is_of_one && !self.sweeps().is_empty() {
            // The sweeps that it shows are not known here.
            true => Vec::new(),
            false => self.resolve_panels(points, problems),
        };
        let settings = self.settings.point();
        Figure {
            name: self.name().to_owned(),
            title: settings.text(Key::FigureTitle).map(str::to_owned),
            style: style(&settings),
            reference: settings.choice(Key::FigureReference).unwrap_or_default(),
            smoothing: smoothing(&settings, problems),
            kind: self.kind(),
            axes: self.axes(problems),
            grid: self.grid(points, problems),
            sweeps: self.sweeps().to_vec(),
            declared_in: None,
            place: 0,
            panels,
        }
    }

    /// What curves over the training show; other kinds of figures have no choice.
    fn axes(&self, problems: &mut Problems) -> Axes {
        let settings = self.settings.point();
        let keys = [
            Key::FigureMeasure,
            Key::FigureX,
            Key::FigureXScale,
            Key::FigureYScale,
        ];
        if self.kind() != FigureKind::ErrorVsIteration
            && let Some((key, setting)) = keys.iter().find_map(|k| Some((k, settings.get(*k)?)))
        {
            let message = format!("this kind of figure has no `{}`", key.name());
            let problem = Problem::new(setting.at, message).label("for curves over the training");
            problems.push(problem.help("remove it, or set `kind = \"error-vs-iteration\"`"));
        }
        Axes {
            quantity: settings.choice(Key::FigureMeasure).unwrap_or_default(),
            epochs: settings.word(Key::FigureX) == Some("epochs"),
            x_log: settings.word(Key::FigureXScale) == Some("log"),
            y_log: settings.word(Key::FigureYScale) == Some("log"),
        }
    }

    /// The sweeps that the figure shows; empty for the one that declares it.
    pub fn sweeps(&self) -> &[String] {
        match self.settings.get(Key::FigureSweeps).map(|s| &s.value) {
            Some(Some(Checked::Names(names))) => names,
            _ => &[],
        }
    }

    fn name(&self) -> &str {
        self.settings.point().text(Key::FigureName).unwrap_or(NAME)
    }

    /// The settings of a panel; the figure's are the default.
    pub(super) fn panel(
        &self,
        own: &Settings,
        configurations: Vec<usize>,
        problems: &mut Problems,
    ) -> Panel {
        let (panel, figure) = (own.point(), self.settings.point());
        check_range(&panel, &figure, problems);
        let number = |own, shared| panel.number(own).or_else(|| figure.number(shared));
        Panel {
            title: panel.text(Key::PanelTitle).map(str::to_owned),
            configurations,
            labels: Vec::new(),
            show: self.show(&panel, problems),
            y_min: number(Key::PanelYMin, Key::FigureYMin),
            y_max: number(Key::PanelYMax, Key::FigureYMax),
            y_ticks: ticks(&panel, Key::PanelYTicks)
                .or_else(|| ticks(&figure, Key::FigureYTicks))
                .unwrap_or_default(),
        }
    }
}

impl PanelTable {
    /// Returns indices into `points`; reports a panel without configurations.
    pub(super) fn configurations(
        &self,
        points: &[Point<'_>],
        problems: &mut Problems,
    ) -> Vec<usize> {
        let Some(only) = &self.only else {
            return (0..points.len()).collect();
        };
        only.check_matches(points, "this panel", problems);
        (0..points.len())
            .filter(|index| only.match_point(&points[*index]))
            .collect()
    }
}

fn style(figure: &Point<'_>) -> FigureStyle {
    FigureStyle {
        theme: figure.choice(Key::FigureTheme).unwrap_or_default(),
        palette: figure.choice(Key::FigurePalette).unwrap_or_default(),
        train_line: figure.choice(Key::FigureTrainLine).unwrap_or_default(),
    }
}

/// A centred moving average needs an odd number of points.
fn smoothing(figure: &Point<'_>, problems: &mut Problems) -> usize {
    let points = figure.size(Key::FigureSmoothing).unwrap_or(1);
    if points.is_multiple_of(2)
        && let Some(at) = figure.at(Key::FigureSmoothing)
    {
        let problem = Problem::new(at, format!("`smoothing` is {points}, an even number"))
            .label("expected an odd number of points")
            .help(format!("write {} or {}", points - 1, points + 1));
        problems.push(problem);
    }
    points
}

fn ticks(point: &Point<'_>, key: Key) -> Option<Vec<f64>> {
    match point.value(key)? {
        Checked::Ticks(ticks) => Some(ticks.clone()),
        _ => None,
    }
}

/// Checks that the lower end is below the upper end; either can come from the panel or the figure.
fn check_range(panel: &Point<'_>, figure: &Point<'_>, problems: &mut Problems) {
    let min = panel.get(Key::PanelYMin).or(figure.get(Key::FigureYMin));
    let max = panel.get(Key::PanelYMax).or(figure.get(Key::FigureYMax));
    let (Some(min), Some(max)) = (min, max) else {
        return;
    };
    let (Some(Checked::Number(lower)), Some(Checked::Number(upper))) = (&min.value, &max.value)
    else {
        return;
    };
    if lower >= upper {
        let problem = Problem::new(max.at, "`y_max` is not above `y_min`")
            .label(format!("the upper end, {upper}"))
            .context(min.at, format!("the lower end, {lower}"));
        problems.push(problem.help("an error axis runs from a lower to a higher percentage"));
    }
}
