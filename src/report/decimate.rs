//! Thins long curves while preserving their extremes.

/// An iteration and an error in percent.
pub(super) type Point = (u64, f64);

/// At most `most` of the points, without changing them: the first and the last, and the lowest and
/// the highest of each of equally long sections in between. `most` must be at least 4.
///
/// Skips values that are not finite. The points must be in ascending order of iterations.
pub(super) fn decimate(points: &[Point], most: usize) -> Vec<Point> {
    let finite = points
        .iter()
        .copied()
        .filter(|(_, error)| error.is_finite());
    let points: Vec<Point> = finite.collect();
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return points;
    };
    if points.len() <= most {
        return points;
    }
    let inner = &points[1..points.len() - 1];
    let stretches = (most.max(4) - 2) / 2;
    let mut kept = vec![*first];
    for stretch in 0..stretches {
        let from = stretch * inner.len() / stretches;
        let to = (stretch + 1) * inner.len() / stretches;
        kept.extend(extremes(&inner[from..to]));
    }
    kept.push(*last);
    kept
}

/// The lowest and the highest point, in order; one if they are the same, none if there are none.
fn extremes(points: &[Point]) -> impl Iterator<Item = Point> {
    let by_error = |a: &&Point, b: &&Point| a.1.total_cmp(&b.1);
    let lowest = points.iter().min_by(by_error);
    let highest = points.iter().max_by(by_error);
    let mut both: Vec<Point> = lowest.into_iter().chain(highest).copied().collect();
    both.sort_by_key(|(iteration, _)| *iteration);
    both.dedup();
    both.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A falling curve with one peak and one trough.
    fn curve(points: u64) -> Vec<Point> {
        let mut curve: Vec<Point> = (1..=points)
            .map(|i| (i, 90.0 - 80.0 * i as f64 / points as f64))
            .collect();
        curve[points as usize / 2].1 = 99.0;
        curve[points as usize / 3].1 = 1.0;
        curve
    }

    #[test]
    fn long_curves_keep_ends_and_extremes() {
        let whole = curve(10_000);
        for most in [4, 5, 50, 51, 1000] {
            let kept = decimate(&whole, most);
            assert!(kept.len() <= most, "{} of {most}", kept.len());
            assert_eq!((kept[0], kept[kept.len() - 1]), (whole[0], whole[9999]));
            for peak in [99.0, 1.0] {
                assert!(kept.iter().any(|(_, error)| *error == peak), "{most}");
            }
            assert!(kept.iter().all(|point| whole.contains(point)));
            assert!(kept.is_sorted_by(|a, b| a.0 < b.0));
        }
    }

    #[test]
    fn short_curves_are_unchanged() {
        let whole = curve(50);
        assert_eq!(decimate(&whole, 50), whole);
        assert_eq!(decimate(&[], 50), []);
    }

    #[test]
    fn non_finite_values_are_skipped() {
        let points = [(1, 90.0), (2, f64::NAN), (3, f64::INFINITY), (4, 80.0)];
        assert_eq!(decimate(&points, 50), [(1, 90.0), (4, 80.0)]);
    }
}
