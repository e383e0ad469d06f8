//! Thins lines with more points than the page has columns: each column keeps its first, lowest,
//! highest and last point, so that the drawing looks the same (Jugel et al. 2014, "M4"). A spike of
//! a single point is never lost. Pure.

use std::ops::RangeInclusive;

use super::clip::Xy;

/// The width of a column in page units: a pixel of the PNG.
pub(super) const COLUMN: f64 = 0.5;
/// Columns with up to this many points are not thinned.
pub(super) const FEW: usize = 4;

/// The points of a line that are drawn.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Shown {
    pub points: Vec<Xy>,
    /// Whether points were removed.
    pub dense: bool,
}

/// Removes all but the extremes of each column, which is `width` page units wide; removes nothing
/// if no column has more than [`FEW`] points. `points` ascend in x. With columns of [`COLUMN`] the
/// removed points are invisible.
pub(super) fn decimate(points: impl Iterator<Item = Xy>, width: f64) -> Shown {
    let mut shown = Shown::default();
    let (mut column, mut first) = (i64::MIN, 0);
    // A point in this range moves the column's last point and nothing else.
    let mut usual: Option<RangeInclusive<f64>> = None;
    for (x, y) in points {
        let index = (x / width).floor() as i64;
        if index != column {
            (column, first, usual) = (index, shown.points.len(), None);
        }
        if let (Some(range), Some(last)) = (&usual, shown.points.last_mut())
            && range.contains(&y)
        {
            *last = (x, y);
            continue;
        }
        shown.points.push((x, y));
        if shown.points.len() - first > FEW {
            let spare = spare(&shown.points[first..]);
            shown.points.remove(first + spare);
            shown.dense = true;
            usual = range_without_last(&shown.points[first..]);
        }
    }
    shown
}

/// From the lowest to the highest of all points but the last; `None` if the last is outside.
fn range_without_last(points: &[Xy]) -> Option<RangeInclusive<f64>> {
    let ((_, last), others) = points.split_last()?;
    let ys = || others.iter().map(|(_, y)| *y);
    let (low, high) = (ys().reduce(f64::min)?, ys().reduce(f64::max)?);
    (low..=high).contains(last).then_some(low..=high)
}

/// Of more than [`FEW`] points, the first that is neither at an end nor the lowest nor the highest.
fn spare(points: &[Xy]) -> usize {
    let (mut low, mut high) = (0, 0);
    for (i, (_, y)) in points.iter().enumerate() {
        if *y < points[low].1 {
            low = i;
        }
        if *y > points[high].1 {
            high = i;
        }
    }
    let mut inner = 1..points.len() - 1;
    inner.find(|&i| i != low && i != high).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// First, lowest, highest and last y of each column.
    fn extremes(points: &[Xy]) -> BTreeMap<i64, [f64; 4]> {
        let mut columns: BTreeMap<i64, [f64; 4]> = BTreeMap::new();
        for &(x, y) in points {
            let column = columns.entry((x / COLUMN).floor() as i64);
            let [_, low, high, last] = column.or_insert([y; 4]);
            (*low, *high, *last) = (low.min(y), high.max(y), y);
        }
        columns
    }

    #[test]
    fn each_column_keeps_its_first_lowest_highest_and_last_point() {
        for seed in 0..200 {
            println!("seed {seed}");
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let count = rng.random_range(0..5000);
            let width = rng.random_range(1.0..400.0);
            let points: Vec<Xy> = (0..count)
                .map(|i| {
                    let x = width * f64::from(i) / f64::from(count);
                    let spike = if rng.random_bool(0.01) { 50.0 } else { 1.0 };
                    (x, rng.random_range(-1.0..1.0) * spike)
                })
                .collect();
            let shown = decimate(points.iter().copied(), COLUMN);
            assert_eq!(extremes(&shown.points), extremes(&points));
            assert!(shown.points.len() <= FEW * (2.0 * width + 1.0).ceil() as usize);
            assert_eq!(shown.dense, shown.points.len() < points.len());
            let mut all = points.iter();
            let is_subsequence = shown.points.iter().all(|kept| all.any(|p| p == kept));
            assert!(is_subsequence, "the order of the points is kept");
        }
    }

    #[test]
    fn a_single_spike_among_a_million_points_is_drawn() {
        let line = (0..1_000_000_u32).map(|i| {
            let y = if i == 654_321 { -300.0 } else { 0.0 };
            (f64::from(i) * 640.0 / 1e6, y)
        });
        let shown = decimate(line, COLUMN);
        assert!(shown.points.iter().any(|&(_, y)| y == -300.0));
        assert!(shown.points.len() <= 4 * 1281);
    }

    #[test]
    fn lines_of_few_points_are_drawn_as_they_are() {
        let points = [(0.0, 1.0), (0.1, 2.0), (0.2, 1.5), (0.3, 1.7), (9.0, 1.0)];
        let shown = decimate(points.into_iter(), COLUMN);
        assert_eq!(shown.points, points);
        assert!(!shown.dense);
        assert_eq!(decimate(std::iter::empty(), COLUMN), Shown::default());
    }
}
