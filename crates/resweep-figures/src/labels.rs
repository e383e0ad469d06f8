//! Places the labels beside the curves without overlaps. Pure geometry.

use super::clip::{Rect, Xy};

/// The distance between a curve's end and its label.
const GAP: f64 = 6.0;
/// The distance between the plot's right edge and a label outside, with space for a leader line.
const MARGIN_GAP: f64 = 13.0;

/// A label's position: its left end and vertical centre.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct LabelPosition {
    pub x: f64,
    pub y: f64,
}

/// The width beside a plot for labels of at most `width`.
pub(super) fn column(width: f64) -> f64 {
    if width > 0.0 { MARGIN_GAP + width } else { 0.0 }
}

/// Whether a label beside a curve's end at `x` fits inside the plot, whose edge is at `right`.
pub(super) fn fits_inside(x: f64, width: f64, right: f64) -> bool {
    x + 2.0 * GAP + width < right
}

/// Places one label for each curve, given its visible end and the label's width.
///
/// If a curve ends well before the plot's right edge, its label is in the plot beside its end; the
/// others are in a column right of the plot. Labels are `height` high, stay within the plot's
/// height and are moved as little as possible (least squares). Returns `None` if they do not all
/// fit. With `in_margin` all labels are in the column.
pub(super) fn place(
    ends: &[(Xy, f64)],
    plot: &Rect,
    height: f64,
    in_margin: bool,
) -> Option<Vec<LabelPosition>> {
    let is_inside = |&((x, _), width): &(Xy, f64)| !in_margin && fits_inside(x, width, plot.right);
    let mut places = vec![LabelPosition { x: 0.0, y: 0.0 }; ends.len()];
    for inside in [true, false] {
        let mut group: Vec<usize> = (0..ends.len())
            .filter(|&i| is_inside(&ends[i]) == inside)
            .collect();
        group.sort_by(|&a, &b| ends[a].0.1.total_cmp(&ends[b].0.1));
        let wanted: Vec<f64> = group.iter().map(|&i| ends[i].0.1).collect();
        let (low, high) = (plot.top + height / 2.0, plot.bottom - height / 2.0);
        let spread = spread(&wanted, height, low, high)?;
        for (i, y) in group.into_iter().zip(spread) {
            let x = if inside {
                ends[i].0.0 + GAP
            } else {
                plot.right + MARGIN_GAP
            };
            places[i] = LabelPosition { x, y };
        }
    }
    Some(places)
}

/// Moves ascending positions at least `height` apart and into `low..=high`, with the least sum of
/// squared moves: an isotonic regression (pool adjacent violators) of the positions minus their
/// minimal offsets.
fn spread(wanted: &[f64], height: f64, low: f64, high: f64) -> Option<Vec<f64>> {
    let highest = high - height * wanted.len().saturating_sub(1) as f64;
    if highest < low {
        return wanted.is_empty().then(Vec::new);
    }
    let mut pools: Vec<(f64, usize)> = Vec::new();
    for (i, &y) in wanted.iter().enumerate() {
        pools.push((y - height * i as f64, 1));
        while let [.., (a, m), (b, n)] = pools[..]
            && a > b
        {
            let merged = (a * m as f64 + b * n as f64) / (m + n) as f64;
            pools.truncate(pools.len() - 2);
            pools.push((merged, m + n));
        }
    }
    let offsets = pools
        .into_iter()
        .flat_map(|(y, n)| std::iter::repeat_n(y.clamp(low, highest), n));
    Some(
        offsets
            .enumerate()
            .map(|(i, y)| y + height * i as f64)
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};

    use super::*;

    const PLOT: Rect = Rect {
        left: 40.0,
        top: 50.0,
        right: 260.0,
        bottom: 260.0,
    };

    #[test]
    fn labels_in_the_margin_stay_there() {
        let ends = [((20.0, 50.0), 30.0), ((100.0, 50.0), 30.0)];
        let places = place(&ends, &PLOT, 14.0, true).expect("two labels fit");
        assert!(
            places.iter().all(|place| place.x > PLOT.right),
            "{places:?}"
        );
    }

    #[test]
    fn labels_that_do_not_collide_stay_at_their_curves() {
        let ends = [((260.0, 100.0), 50.0), ((260.0, 200.0), 50.0)];
        let places = place(&ends, &PLOT, 14.0, false).expect("two labels fit");
        assert_eq!(places[0], LabelPosition { x: 273.0, y: 100.0 });
        assert_eq!(places[1], LabelPosition { x: 273.0, y: 200.0 });
    }

    #[test]
    fn colliding_labels_move_apart_by_the_same_distance() {
        let ends = [((260.0, 151.0), 50.0), ((260.0, 149.0), 50.0)];
        let places = place(&ends, &PLOT, 14.0, false).expect("two labels fit");
        assert_eq!((places[1].y, places[0].y), (143.0, 157.0));
    }

    #[test]
    fn a_curve_that_ends_early_has_its_label_in_the_plot() {
        let places = place(&[((100.0, 51.0), 50.0)], &PLOT, 14.0, false).expect("one label fits");
        assert_eq!(places, [LabelPosition { x: 106.0, y: 57.0 }]);
    }

    #[test]
    fn too_many_labels_give_none() {
        let ends = vec![((260.0, 100.0), 50.0); 16];
        assert_eq!(place(&ends, &PLOT, 14.0, false), None);
        assert!(place(&ends[..15], &PLOT, 14.0, false).is_some());
        assert_eq!(place(&[], &PLOT, 14.0, false), Some(Vec::new()));
    }

    #[test]
    fn random_labels_stay_in_the_plot_without_overlap() {
        for seed in 0..300 {
            println!("seed {seed}");
            let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
            let ends: Vec<(Xy, f64)> = (0..1 + (seed as usize) % 12)
                .map(|_| {
                    let x = if rng.random_bool(0.5) {
                        PLOT.right
                    } else {
                        rng.random_range(PLOT.left..PLOT.right)
                    };
                    let y = rng.random_range(PLOT.top..PLOT.bottom);
                    ((x, y), rng.random_range(20.0..120.0))
                })
                .collect();
            let places = place(&ends, &PLOT, 14.0, false).expect("twelve labels fit");
            check(&ends, &places);
        }
    }

    fn check(ends: &[(Xy, f64)], places: &[LabelPosition]) {
        for (i, a) in places.iter().enumerate() {
            assert!(a.y - 7.0 >= PLOT.top - 1e-9 && a.y + 7.0 <= PLOT.bottom + 1e-9);
            for (j, b) in places.iter().enumerate().skip(i + 1) {
                let beside = a.x + ends[i].1 <= b.x || b.x + ends[j].1 <= a.x;
                assert!(beside || (a.y - b.y).abs() >= 14.0 - 1e-9, "{i} covers {j}");
            }
        }
    }
}
