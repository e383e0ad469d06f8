//! Computes the axis of depths, with a tick at every depth whose label fits. Pure.

use super::super::axis::Axis;
use super::super::metrics::TEXT_SIZE;
use super::super::text::{Weight, width};

/// From this ratio of the deepest to the shallowest net on, the axis is logarithmic; otherwise 20
/// to 56 layers would share a few pixels beside 1202.
const LOG_FROM: f64 = 8.0;
/// Empty space at both ends, as a fraction of the depths' span.
const MARGIN: f64 = 0.06;
/// Half of the span around a single depth, in layers.
const ALONE: f64 = 6.0;
/// Distance between two labels.
const LABEL_GAP: f64 = 6.0;

/// An axis for ascending `depths` on a plot at least `plot_width` wide.
pub(super) fn axis(depths: &[usize], plot_width: f64) -> Axis {
    let first = depths.first().copied().unwrap_or(0) as f64;
    let last = depths.last().copied().unwrap_or(0) as f64;
    let log = first > 0.0 && last / first >= LOG_FROM;
    let (low, high) = if log {
        let factor = (last / first).powf(MARGIN);
        (first / factor, last * factor)
    } else if last > first {
        let margin = (last - first) * MARGIN;
        (first - margin, last + margin)
    } else {
        (first - ALONE, last + ALONE)
    };
    let mut axis = Axis {
        name: "depth (layers)",
        low,
        high,
        ticks: Vec::new(),
        unit: 1.0,
        log,
    };
    let all: Vec<f64> = depths.iter().map(|&depth| depth as f64).collect();
    axis.ticks = labelled(&axis, &all, plot_width);
    axis
}

/// The ends, and every depth in between whose label overlaps neither the previous one nor the last.
fn labelled(axis: &Axis, depths: &[f64], plot_width: f64) -> Vec<f64> {
    let Some((&last, rest)) = depths.split_last() else {
        return Vec::new();
    };
    let span = |depth: f64| {
        let middle = axis.share(depth) * plot_width;
        let half = width(&axis.label(depth), TEXT_SIZE, Weight::Regular) / 2.0;
        (middle - half, middle + half)
    };
    let mut ticks: Vec<f64> = Vec::new();
    for &depth in rest {
        let (from, to) = span(depth);
        let after = |tick: &f64| from >= span(*tick).1 + LABEL_GAP;
        let is_first = ticks.is_empty();
        if is_first || ticks.last().is_some_and(after) && to + LABEL_GAP <= span(last).0 {
            ticks.push(depth);
        }
    }
    ticks.push(last);
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_papers_depths_are_ticks_of_a_linear_axis() {
        let axis = axis(&[20, 32, 44, 56, 110], 270.0);
        assert_eq!(axis.ticks, [20.0, 32.0, 44.0, 56.0, 110.0]);
        assert!(!axis.log);
        let (a, b) = (
            axis.share(32.0) - axis.share(20.0),
            axis.share(44.0) - axis.share(32.0),
        );
        assert!((a - b).abs() < 1e-12);
    }

    #[test]
    fn a_wide_range_of_depths_is_logarithmic() {
        let axis = axis(&[20, 110, 1202], 270.0);
        assert!(axis.log);
        let middle = (20.0_f64 * 1202.0).sqrt();
        assert!((axis.share(middle) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn labels_that_would_cover_each_other_are_left_out() {
        let depths: Vec<usize> = (1..60).map(|n| 6 * n + 2).collect();
        let axis = axis(&depths, 210.0);
        assert!(
            axis.ticks.len() > 2 && axis.ticks.len() < 10,
            "{:?}",
            axis.ticks
        );
        assert_eq!(
            (axis.ticks[0], *axis.ticks.last().expect("one")),
            (8.0, 356.0)
        );
        for pair in axis.ticks.windows(2) {
            let apart = (axis.share(pair[1]) - axis.share(pair[0])) * 210.0;
            let widths = pair
                .iter()
                .map(|tick| width(&axis.label(*tick), TEXT_SIZE, Weight::Regular));
            assert!(apart >= widths.sum::<f64>() / 2.0, "{pair:?}");
        }
    }

    #[test]
    fn single_depth_is_centred() {
        let axis = axis(&[20], 270.0);
        assert_eq!((axis.share(20.0), axis.ticks), (0.5, vec![20.0]));
    }
}
