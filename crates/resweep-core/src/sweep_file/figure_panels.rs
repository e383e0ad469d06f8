//! Which panels a figure has: those that are written, one for each value of a key, or what suits
//! its kind.

use super::facet;
use super::figure::FigureTable;
use super::keys::Key;
use super::pairs;
use super::problem::{Problem, Problems};
use super::setting::{Point, Settings};
use crate::domain::{FigureKind, Panel, Show};

impl FigureTable {
    /// The panels that are written or that `facet` makes; without any, the figure's kind decides.
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
                pairs::check(&panels, points, at, problems);
            }
            FigureKind::LayerResponses => self.check_measured(&panels, points, problems),
        }
        panels
    }

    /// Panels that an override left without a configuration are dropped.
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
        match self.settings.point().word(Key::FigureKind) {
            Some("error-vs-depth") => FigureKind::ErrorVsDepth,
            Some("heat-map") => FigureKind::HeatMap,
            Some("layer-responses") => FigureKind::LayerResponses,
            _ => FigureKind::ErrorVsIteration,
        }
    }

    /// Layer responses are there to be drawn only where the runs measure them.
    fn check_measured(&self, panels: &[Panel], points: &[Point<'_>], problems: &mut Problems) {
        let mut shown = panels.iter().flat_map(|panel| &panel.configurations);
        let lacking = shown.any(|&index| points[index].boolean(Key::LayerStats) == Some(false));
        if let (true, Some(kind)) = (lacking, self.settings.get(Key::FigureKind)) {
            let problem = Problem::new(kind.at, "the figure shows runs without layer statistics")
                .label("draws what `layer_stats` measures");
            problems.push(problem.help("add `layer_stats = true` to [train]"));
        }
    }

    /// One panel for each value of the key that `facet` names.
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

    /// Plain and residual nets get one each where errors are drawn against iterations; other kinds
    /// have all in one.
    fn default_panels(&self, points: &[Point<'_>], problems: &mut Problems) -> Vec<Panel> {
        if self.kind() != FigureKind::ErrorVsIteration {
            let all = (0..points.len()).collect();
            return vec![self.panel(&Settings::default(), all, problems)];
        }
        let is_plain = |index: &usize| points[*index].word(Key::Shortcut) == Some("none");
        let (plain, residual): (Vec<usize>, Vec<usize>) = (0..points.len()).partition(is_plain);
        let both = !plain.is_empty() && !residual.is_empty();
        let mut panels = Vec::new();
        for (title, indices) in [("plain", plain), ("residual", residual)] {
            if !indices.is_empty() {
                let mut panel = self.panel(&Settings::default(), indices, problems);
                panel.title = both.then(|| title.to_owned());
                panels.push(panel);
            }
        }
        panels
    }

    /// The errors that a panel draws, which layer responses do not.
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
        match panel.word(Key::PanelShow).or(figure.word(Key::FigureShow)) {
            Some("train") => Show::Train,
            Some("test") => Show::Test,
            None if self.kind() == FigureKind::HeatMap => Show::Test,
            _ => Show::Both,
        }
    }
}

/// A panel of both errors as two, one of each.
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
