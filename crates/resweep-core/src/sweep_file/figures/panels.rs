//! Determines the panels of a figure: those in the file, one for each value of a key, or the
//! default for its kind.

use strum::VariantArray;

use super::facet::{self, Facet};
use super::figure::FigureTable;
use super::pairs;
use crate::domain::{FigureKind, Panel, Shortcut, Show};
use crate::sweep_file::diagnostics::problem::{Problem, Problems};
use crate::sweep_file::keys::key::{Key, Section};
use crate::sweep_file::values::setting::{Point, Settings};

/// Panels of more curves are split by default: so many still have labels beside them.
const CROWDED: usize = 16;

/// The most panels of a figure whose panels are split by default.
const DEFAULT_PANELS_MAX: usize = 12;

impl FigureTable {
    /// Returns the panels in the file or those of `facet`; without either, the default for the
    /// figure's kind.
    pub(super) fn resolve_panels(
        &self,
        points: &[Point<'_>],
        problems: &mut Problems,
    ) -> Vec<Panel> {
        let kind = self.kind();
        let mut panels = self.facets(points, problems);
        panels.extend(self.written(points, problems));
        let is_whole = panels.is_empty();
        if is_whole {
            panels = self.default_panels(points, problems);
        }
        if kind == FigureKind::HeatMap || kind == FigureKind::ErrorVsDepth && is_whole {
            panels = panels.into_iter().flat_map(each_error).collect();
        }
        match kind {
            FigureKind::ErrorVsIteration => {}
            FigureKind::ErrorVsDepth | FigureKind::HeatMap => {
                let at = self.settings.get(Key::FigureKind).map(|kind| kind.at);
                let keys = match kind {
                    FigureKind::HeatMap => self.grid_keys(),
                    _ => (Key::Depth, Key::Shortcut),
                };
                pairs::check(&panels, points, keys, at, problems);
            }
            FigureKind::LayerResponses => self.check_measured(&panels, points, problems),
        }
        panels
    }

    /// Drops panels without configurations if an override removed them.
    fn written(&self, points: &[Point<'_>], problems: &mut Problems) -> Vec<Panel> {
        let mut panels = Vec::new();
        for table in &self.panels {
            let indices = table.configurations(points, problems);
            let panel = self.panel(&table.settings, indices, problems);
            if !panel.configurations.is_empty() {
                panels.push(panel);
            }
        }
        panels
    }

    pub(super) fn kind(&self) -> FigureKind {
        let kind = self.settings.point().choice(Key::FigureKind);
        kind.unwrap_or(FigureKind::ErrorVsIteration)
    }

    /// Checks that the runs measure layer responses if the figure draws them.
    fn check_measured(&self, panels: &[Panel], points: &[Point<'_>], problems: &mut Problems) {
        let mut shown = panels.iter().flat_map(|panel| &panel.configurations);
        let lacking = shown.any(|&index| points[index].boolean(Key::LayerStats) == Some(false));
        if let (true, Some(kind)) = (lacking, self.settings.get(Key::FigureKind)) {
            let problem = Problem::new(kind.at, "the figure shows runs without layer statistics")
                .label("draws what `layer_stats` measures");
            problems.push(problem.help("add `layer_stats = true` to [train]"));
        }
    }

    /// Returns one panel for each value of the key that `facet` names.
    fn facets(&self, points: &[Point<'_>], problems: &mut Problems) -> Vec<Panel> {
        let Some(setting) = self.settings.get(Key::FigureFacet) else {
            return Vec::new();
        };
        if !self.panels.is_empty() {
            let problem = Problem::new(setting.at, "the figure has `facet` and panels")
                .label("makes panels of its own");
            problems.push(problem.help("remove `facet`, or every `[[figure.panels]]`"));
            return Vec::new();
        }
        let facets = facet::facets(setting, points, problems);
        let panels = facets.into_iter().map(|facet| Panel {
            title: Some(facet.title),
            ..self.panel(&Settings::default(), facet.configurations, problems)
        });
        panels.collect()
    }

    /// Figures of errors against iterations have a panel each for plain and residual nets, or one
    /// for each shortcut type if there are several residual types. Figures of final errors have a
    /// panel for each sweep. Layer responses are in one panel if it is not crowded.
    fn default_panels(&self, points: &[Point<'_>], problems: &mut Problems) -> Vec<Panel> {
        let groups = match self.kind() {
            FigureKind::ErrorVsIteration => uncrowded(by_shortcut(points), points),
            FigureKind::LayerResponses if points.len() > CROWDED => {
                uncrowded(by_shortcut(points), points)
            }
            FigureKind::ErrorVsDepth | FigureKind::HeatMap => by_sweep(points),
            FigureKind::LayerResponses => vec![(String::new(), (0..points.len()).collect())],
        };
        let several = groups.len() > 1;
        let panels = groups.into_iter().map(|(title, indices)| Panel {
            title: several.then_some(title),
            ..self.panel(&Settings::default(), indices, problems)
        });
        panels.collect()
    }

    /// Returns the errors that a panel draws; a figure of layer responses draws none.
    pub(super) fn show(&self, panel: &Point<'_>, problems: &mut Problems) -> Show {
        let figure = self.settings.point();
        let own = panel.get(Key::PanelShow);
        if self.kind() == FigureKind::LayerResponses
            && let Some(setting) = own.or(figure.get(Key::FigureShow))
        {
            let problem = Problem::new(setting.at, "layer responses have no `show`")
                .label("chooses errors, which this figure does not draw");
            problems.push(problem.help("remove it"));
        }
        let show = panel.choice(Key::PanelShow);
        show.or_else(|| figure.choice(Key::FigureShow))
            .unwrap_or(match self.kind() {
                FigureKind::HeatMap => Show::Test,
                _ => Show::Both,
            })
    }
}

/// Titles and configurations of the panels for each shortcut type. Types of one configuration each
/// are compared in a single panel.
fn by_shortcut(points: &[Point<'_>]) -> Vec<(String, Vec<usize>)> {
    let of = |wanted: Shortcut| {
        let is_wanted = |index: &usize| points[*index].choice(Key::Shortcut) == Some(wanted);
        (0..points.len()).filter(is_wanted).collect::<Vec<usize>>()
    };
    let all = <Shortcut as VariantArray>::VARIANTS.iter().copied();
    let types: Vec<(Shortcut, Vec<usize>)> = all
        .map(|shortcut| (shortcut, of(shortcut)))
        .filter(|(_, indices)| !indices.is_empty())
        .collect();
    let residual = types
        .iter()
        .filter(|(shortcut, _)| *shortcut != Shortcut::None);
    let residual = residual.count();
    if residual > 1 && types.iter().all(|(_, indices)| indices.len() == 1) {
        return vec![(String::new(), (0..points.len()).collect())];
    }
    let title = |shortcut| match shortcut {
        Shortcut::None => facet::PLAIN.to_owned(),
        _ if residual == 1 => "residual".to_owned(),
        _ => facet::residual(shortcut.into_str()),
    };
    let titled = types.into_iter();
    titled
        .map(|(shortcut, indices)| (title(shortcut), indices))
        .collect()
}

/// Splits panels of more than [`CROWDED`] curves by the key that gives the fewest panels without
/// crowds; returns the panels as they are if no key does, or if there would be too many panels.
fn uncrowded(groups: Vec<(String, Vec<usize>)>, points: &[Point<'_>]) -> Vec<(String, Vec<usize>)> {
    let is_one = groups.len() == 1;
    let split = groups.iter().map(|(name, indices)| {
        let name = if is_one { "" } else { name };
        match indices.len() > CROWDED {
            true => split(name, indices, points),
            false => Some(vec![(name.to_owned(), indices.clone())]),
        }
    });
    let split: Option<Vec<_>> = split.collect();
    let split = split.map(|groups| groups.concat());
    let split = split.filter(|panels| panels.len() <= DEFAULT_PANELS_MAX);
    split.unwrap_or(groups)
}

fn split(name: &str, indices: &[usize], points: &[Point<'_>]) -> Option<Vec<(String, Vec<usize>)>> {
    let keys = Section::SETTABLE.into_iter().flat_map(Section::keys);
    let facets = keys
        .filter_map(|spec| facet::by_value(spec.key, points, indices, DEFAULT_PANELS_MAX))
        .filter(|facets| facets.iter().all(|of| of.configurations.len() <= CROWDED))
        .min_by_key(Vec::len)?;
    let title = |facet: &Facet| match name {
        "" => facet.title.clone(),
        name => format!("{name}, {}", facet.title),
    };
    let panels = facets.into_iter();
    Some(panels.map(|of| (title(&of), of.configurations)).collect())
}

/// Names and configurations of the sweeps of a figure of several; a single sweep has no name.
fn by_sweep(points: &[Point<'_>]) -> Vec<(String, Vec<usize>)> {
    let mut groups: Vec<(String, Vec<usize>)> = Vec::new();
    for (index, point) in points.iter().enumerate() {
        for name in point.sweeps {
            match groups.iter_mut().find(|(known, _)| known == name) {
                Some((_, indices)) => indices.push(index),
                None => groups.push((name.clone(), vec![index])),
            }
        }
    }
    if groups.is_empty() {
        groups.push((String::new(), (0..points.len()).collect()));
    }
    groups
}

/// Splits a panel of both errors into one panel for each error.
fn each_error(panel: Panel) -> Vec<Panel> {
    if panel.show != Show::Both {
        return vec![panel];
    }
    let of = |show| Panel {
        show,
        ..panel.clone()
    };
    vec![of(Show::Train), of(Show::Test)]
}
