//! Computes the paper's final errors as lines over depth. Pure.

use resweep_core::analysis::paper::Series;
use resweep_core::analysis::statistics::mean;
use resweep_core::domain::Show;

use super::super::reference::{ReferenceView, figure_6};

/// The depths of figure 6 of the paper.
const PLAIN: [usize; 4] = [20, 32, 44, 56];
const RESIDUAL: [usize; 6] = [20, 32, 44, 56, 110, 1202];
/// The training error is averaged from this iteration on, where it has settled.
const SETTLED: f64 = 54_000.0;

/// The paper's plain nets, residual nets (option A) or both, limited to `depths`, ascending. The
/// iteration of a point is a depth.
pub(super) fn references(
    plain: bool,
    residual: bool,
    depths: (usize, usize),
    show: Show,
) -> Vec<ReferenceView> {
    let mut views = Vec::new();
    if plain {
        views.extend(view("paper, plain", false, &PLAIN, depths, show));
    }
    if residual {
        views.extend(view("paper, ResNet", true, &RESIDUAL, depths, show));
    }
    views
}

fn view(
    label: &str,
    residual: bool,
    known: &[usize],
    (first, last): (usize, usize),
    show: Show,
) -> Option<ReferenceView> {
    let shown = known
        .iter()
        .copied()
        .filter(|depth| (first..=last).contains(depth));
    let shown: Vec<usize> = shown.collect();
    let line = |series, wanted: bool| {
        let depths = shown.iter().filter(|_| wanted);
        let points =
            depths.filter_map(|&depth| Some((depth as f64, end(residual, depth, series)?)));
        let line: Vec<(f64, f64)> = points.collect();
        if line.is_empty() { vec![] } else { vec![line] }
    };
    (!shown.is_empty()).then(|| ReferenceView {
        label: label.to_owned(),
        train: line(Series::Train, show != Show::Test),
        eval: line(Series::Test, show != Show::Train),
    })
}

/// A curve's final error in percent: the last test error, or the mean training error from
/// [`SETTLED`] on.
fn end(residual: bool, depth: usize, series: Series) -> Option<f64> {
    let points = &figure_6(residual, depth, series)?.points;
    if series == Series::Test {
        return points.last().map(|point| point.1);
    }
    let settled: Vec<f64> = points
        .iter()
        .filter(|p| p.0 >= SETTLED)
        .map(|p| p.1)
        .collect();
    mean(&settled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_are_those_that_were_read_off_the_figure() {
        // from notes on figure 6, to about 0.1 percentage points
        for (residual, depth, test, train) in [
            (false, 20, 9.69, 1.3),
            (false, 56, 13.23, 5.8),
            (true, 20, 8.77, 0.66),
            (true, 56, 6.99, 0.09),
            (true, 110, 6.55, 0.06),
        ] {
            let found = end(residual, depth, Series::Test).expect("a curve");
            assert!((found - test).abs() < 0.1, "{residual} {depth}: {found}");
            let found = end(residual, depth, Series::Train).expect("a curve");
            assert!((found - train).abs() < 0.1, "{residual} {depth}: {found}");
        }
    }

    #[test]
    fn only_depths_of_the_panel_are_shown() {
        let views = references(true, true, (20, 44), Show::Test);
        let depths = |view: &ReferenceView| view.eval[0].iter().map(|p| p.0).collect::<Vec<_>>();
        assert_eq!(depths(&views[0]), [20.0, 32.0, 44.0]);
        assert_eq!(depths(&views[1]), [20.0, 32.0, 44.0]);
        assert!(views.iter().all(|view| view.train.is_empty()));
        assert!(references(true, true, (60, 100), Show::Both).is_empty());
    }
}
