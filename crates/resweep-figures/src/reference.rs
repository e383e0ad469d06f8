//! Selects the paper's curves of the nets in a panel. Pure.

use std::collections::BTreeSet;

use resweep_core::analysis::paper::{Curve, Series, curves};
use resweep_core::domain::{
    Configuration, Figure, Panel, Quantity, Reference, Shortcut, Show, Sweep,
};

use super::axis::EPOCH;

/// The paper's training on CIFAR-10 (section 4.2).
const PAPER_ITERATIONS: f64 = 64_000.0;
/// Epochs of an iteration: 128 of 50,000 images.
const PAPER_EPOCHS: f64 = 128.0 / 50_000.0;
/// Where the paper cuts its curves, in percent, less what reading them off can miss.
const CUT: f64 = 19.95;

/// A line: iterations and errors in percent.
type Line = Vec<(f64, f64)>;

/// The paper's curves of one net.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ReferenceView {
    /// The label at the line's end: `paper 20`.
    pub label: String,
    /// In parts: the paper's axis ends at 20 %, and the curve above it is unknown.
    pub train: Vec<Line>,
    pub eval: Vec<Line>,
}

/// The paper's nets among a panel's configurations, each once, in the order of the legend.
pub(super) fn references(sweep: &Sweep, panel: &Panel, figure: &Figure) -> Vec<ReferenceView> {
    if figure.reference == Reference::None || figure.axes.quantity == Quantity::Loss {
        return Vec::new();
    }
    let mut seen = BTreeSet::new();
    panel
        .configurations
        .iter()
        .filter_map(|&index| sweep.configurations.get(index))
        .filter_map(|configuration| Some((configuration, net(configuration)?)))
        .filter_map(|(configuration, net)| {
            let scale = match figure.reference {
                Reference::PaperScaled => configuration.train.iterations as f64 / PAPER_ITERATIONS,
                _ => 1.0,
            };
            let scale = match figure.axes.epochs {
                true => scale * PAPER_EPOCHS * EPOCH,
                false => scale,
            };
            let is_new = seen.insert((net, scale.to_bits()));
            is_new.then(|| view(net, panel.show, scale)).flatten()
        })
        .collect()
}

/// Whether a net has shortcuts, and its depth. On CIFAR-10 the paper's shortcuts are of type A.
fn net(configuration: &Configuration) -> Option<(bool, usize)> {
    match configuration.model.shortcut {
        Shortcut::None => Some((false, configuration.model.depth)),
        Shortcut::A => Some((true, configuration.model.depth)),
        Shortcut::B | Shortcut::C => None,
    }
}

fn view((residual, depth): (bool, usize), show: Show, scale: f64) -> Option<ReferenceView> {
    let lines = |series| {
        let curve = figure_6(residual, depth, series)?;
        Some(parts(&curve.points, scale))
    };
    let train = lines(Series::Train)?;
    let eval = lines(Series::Test)?;
    Some(ReferenceView {
        label: format!("paper {depth}"),
        train: if show == Show::Test { vec![] } else { train },
        eval: if show == Show::Train { vec![] } else { eval },
    })
}

/// A curve of figure 6, which includes those of figure 1. Its right panel repeats the 110-layer
/// curve of the middle one, except for the beginning.
pub(super) fn figure_6(residual: bool, depth: usize, series: Series) -> Option<&'static Curve> {
    curves().iter().find(|curve| {
        curve.figure == "fig6"
            && (curve.residual, curve.depth, curve.series) == (residual, depth, series)
    })
}

/// The line without the parts at the paper's upper edge, with iterations multiplied by `scale`.
fn parts(points: &[(f64, f64)], scale: f64) -> Vec<Line> {
    let mut parts: Vec<Line> = vec![Vec::new()];
    let mut above = false;
    for &(iteration, error) in points {
        let is_cut = error >= CUT;
        if is_cut && above {
            parts.push(Vec::new());
        }
        above = is_cut;
        if let Some(part) = parts.last_mut() {
            part.push((iteration * scale, error));
        }
    }
    parts.retain(|part| part.len() > 1);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_above_the_papers_edge_are_no_part_of_a_line() {
        let points = [
            (1.0, 19.999),
            (2.0, 15.0),
            (3.0, 19.999),
            (7.0, 19.999),
            (8.0, 12.0),
        ];
        let lines = parts(&points, 10.0);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0], [(10.0, 19.999), (20.0, 15.0), (30.0, 19.999)]);
        assert_eq!(lines[1], [(70.0, 19.999), (80.0, 12.0)]);
        assert!(parts(&[], 1.0).is_empty());
    }

    #[test]
    fn every_net_of_figure_6_has_both_its_curves() {
        let plain = [20, 32, 44, 56].map(|depth| (false, depth));
        let residual = [20, 32, 44, 56, 110, 1202].map(|depth| (true, depth));
        for net in plain.into_iter().chain(residual) {
            let both = view(net, Show::Both, 1.0).expect("a net of the paper");
            assert!(!both.train.is_empty() && !both.eval.is_empty(), "{net:?}");
            let test = view(net, Show::Test, 1.0).expect("a net of the paper");
            assert!(test.train.is_empty() && test.eval == both.eval);
        }
        assert_eq!(view((false, 110), Show::Both, 1.0), None);
    }
}
