//! Computes the lines of a figure from runs and their curves: mean and spread over seeds.
//!
//! Pure: no drawing, no files. Errors are in percent, losses in nats, positions in iterations.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use resweep_core::analysis::chance::is_chance;
use resweep_core::analysis::finals::test_error;
use resweep_core::domain::{
    Curves, ErrorPoint, EvalSet, Panel, Quantity, Run, RunId, Sweep, Validation,
};

/// A line's value at one iteration, over the seeds that recorded it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    pub iteration: u64,
    /// Mean error over the seeds, in percent.
    pub mean: f64,
    /// Lowest error of any seed, in percent.
    pub low: f64,
    /// Highest error of any seed, in percent.
    pub high: f64,
}

/// One configuration's lines, each in ascending order of iterations. Means exclude diverged seeds,
/// which have their own lines.
#[derive(Debug, Clone, PartialEq)]
pub struct Lines {
    /// Index into [`Sweep::configurations`].
    pub configuration: usize,
    pub train: Vec<Point>,
    /// Test error, or validation error if the configuration holds out a validation set.
    pub eval: Vec<Point>,
    /// The diverged seeds, in the order of divergence.
    pub diverged: Vec<DivergedSeed>,
    /// The number of seeds that have recorded a point or diverged.
    pub seeds_recorded: usize,
    /// The number of seeds that the sweep trains.
    pub seeds_planned: usize,
    /// The number of iterations of a run of this configuration.
    pub iterations: u64,
    /// Images of an epoch, where any run has recorded their number.
    pub train_images: Option<u64>,
}

/// A diverged seed, up to its last finite point.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DivergedSeed {
    /// The iteration at which it diverged.
    pub at: u64,
    pub train: Vec<Point>,
    pub eval: Vec<Point>,
}

impl DivergedSeed {
    /// The last point of its longer line; `None` without points.
    pub fn end(&self) -> Option<&Point> {
        let ends = [self.train.last(), self.eval.last()];
        ends.into_iter()
            .flatten()
            .max_by_key(|point| point.iteration)
    }
}

/// The progress of the runs in a figure.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    pub planned: usize,
    /// The number of runs with at least one point, or that diverged.
    pub recorded: usize,
    /// The number of runs with a point at their last iteration.
    pub complete: usize,
    /// The iterations at which runs diverged, ascending.
    pub diverged: Vec<u64>,
    /// The number of complete runs no better than guessing.
    pub no_better_than_chance: usize,
}

/// The lines of one panel, in the order of its legend; skips configurations that are not in the
/// sweep. Training error is smoothed over `smoothing` points of each seed.
pub fn panel_lines(
    sweep: &Sweep,
    panel: &Panel,
    runs: &[Run],
    curves: &HashMap<RunId, Curves>,
    (quantity, smoothing): (Quantity, usize),
) -> Vec<Lines> {
    let mut of: HashMap<usize, Vec<&Run>> = HashMap::new();
    for run in runs {
        of.entry(run.configuration).or_default().push(run);
    }
    let known = panel.configurations.iter().copied();
    known
        .filter(|&index| index < sweep.configurations.len())
        .map(|index| {
            let runs = of.get(&index).map_or(&[][..], Vec::as_slice);
            lines(sweep, index, runs, curves, (quantity, smoothing))
        })
        .collect()
}

/// The lines of the configuration at `index`, whose runs are `runs`.
fn lines(
    sweep: &Sweep,
    index: usize,
    runs: &[&Run],
    curves: &HashMap<RunId, Curves>,
    (quantity, smoothing): (Quantity, usize),
) -> Lines {
    let configuration = &sweep.configurations[index];
    let set = eval_set(configuration.data.validation);
    let train = |curves: &[&Curves]| {
        let seeds = curves.iter();
        let points = seeds.map(|curves| train_points(curves, quantity));
        over_seeds(points.map(|points| smooth(points, smoothing)))
    };
    let eval = |curves: &[&Curves]| {
        let seeds = curves.iter();
        over_seeds(seeds.map(|curves| eval_points(curves, set, quantity).into()))
    };
    let recorded = runs.iter().filter_map(|run| curves.get(&run.id));
    let recorded: Vec<&Curves> = recorded.filter(|curves| is_recorded(curves)).collect();
    let (diverged, lasting): (Vec<&Curves>, Vec<&Curves>) = recorded
        .iter()
        .partition(|curves| curves.diverged.is_some());
    let alone = |curves: &&Curves| DivergedSeed {
        at: curves.diverged.unwrap_or(0),
        train: train(&[*curves]),
        eval: eval(&[*curves]),
    };
    let mut diverged: Vec<DivergedSeed> = diverged.iter().map(alone).collect();
    diverged.sort_by_key(|seed| seed.at);
    Lines {
        configuration: index,
        train: train(&lasting),
        eval: eval(&lasting),
        diverged,
        seeds_recorded: recorded.len(),
        seeds_planned: runs.len(),
        iterations: configuration.train.iterations,
        train_images: recorded.iter().find_map(|curves| curves.train_images),
    }
}

/// Counts the runs of the configurations that any panel shows.
pub fn progress(panels: &[Panel], runs: &[Run], curves: &HashMap<RunId, Curves>) -> Progress {
    let panels = panels.iter().flat_map(|panel| &panel.configurations);
    let indices: HashSet<usize> = panels.copied().collect();
    let shown = |run: &&Run| indices.contains(&run.configuration);
    let mut progress = Progress::default();
    for run in runs.iter().filter(shown) {
        progress.planned += 1;
        if let Some(curves) = curves.get(&run.id).filter(|curves| is_recorded(curves)) {
            progress.recorded += 1;
            progress.count(run, curves);
        }
    }
    progress.diverged.sort_unstable();
    progress
}

impl Progress {
    /// Counts a run with records.
    fn count(&mut self, run: &Run, curves: &Curves) {
        let configuration = &run.config.configuration;
        if let Some(at) = curves.diverged {
            self.diverged.push(at);
        } else if last_iteration(curves) >= Some(configuration.train.iterations) {
            self.complete += 1;
            let error = test_error(curves, configuration.data.validation);
            let is_chance = error.is_some_and(|error| {
                is_chance(error, curves.guess_error_percent, configuration, &run.cost)
            });
            self.no_better_than_chance += usize::from(is_chance);
        }
    }
}

/// The images of a configuration's evaluations.
pub fn eval_set(validation: Validation) -> EvalSet {
    match validation {
        Validation::None => EvalSet::Test,
        Validation::Images(_) => EvalSet::Validation,
    }
}

/// Mean, lowest and highest value at each iteration that all curves with points share.
///
/// Values that are not finite are skipped. Only shared iterations are kept, because a mean over
/// different seeds at different iterations would jump where a seed joins or leaves.
pub fn over_seeds<'a>(curves: impl Iterator<Item = Cow<'a, [ErrorPoint]>>) -> Vec<Point> {
    let mut curves = curves.map(ascending).filter(|curve| !curve.is_empty());
    let Some(first) = curves.next() else {
        return Vec::new();
    };
    // The means are sums until all seeds have been added.
    let mut points: Vec<Point> = first.iter().map(of_one_seed).collect();
    let mut seeds = 1.0;
    for curve in curves {
        join(&mut points, &curve);
        seeds += 1.0;
    }
    for point in &mut points {
        point.mean /= seeds;
    }
    points
}

fn of_one_seed(point: &ErrorPoint) -> Point {
    Point {
        iteration: point.iteration,
        mean: point.error_percent,
        low: point.error_percent,
        high: point.error_percent,
    }
}

/// Adds the errors of `curve` to the points at common iterations; removes the other points.
fn join(points: &mut Vec<Point>, curve: &[ErrorPoint]) {
    let mut rest = curve.iter().peekable();
    points.retain_mut(|point| {
        while rest
            .next_if(|other| other.iteration < point.iteration)
            .is_some()
        {}
        let other = rest.next_if(|other| other.iteration == point.iteration);
        if let Some(ErrorPoint { error_percent, .. }) = other {
            point.mean += error_percent;
            point.low = point.low.min(*error_percent);
            point.high = point.high.max(*error_percent);
        }
        other.is_some()
    });
}

/// The finite points in ascending order; at equal iterations the last one wins.
fn ascending(curve: Cow<'_, [ErrorPoint]>) -> Cow<'_, [ErrorPoint]> {
    let sorted = curve.is_sorted_by(|a, b| a.iteration < b.iteration);
    if sorted && curve.iter().all(|point| point.error_percent.is_finite()) {
        return curve;
    }
    let mut curve = curve.into_owned();
    curve.retain(|point| point.error_percent.is_finite());
    curve.reverse();
    curve.sort_by_key(|point| point.iteration);
    curve.dedup_by_key(|point| point.iteration);
    Cow::Owned(curve)
}

/// A centred moving mean over `points` points, an odd number; over fewer near the ends, so that
/// it stays centred, and the first and the last point are as they were recorded.
fn smooth(curve: Cow<'_, [ErrorPoint]>, points: usize) -> Cow<'_, [ErrorPoint]> {
    if points <= 1 {
        return curve;
    }
    let curve = ascending(curve);
    let sums: Vec<f64> = std::iter::once(0.0)
        .chain(curve.iter().scan(0.0, |sum, point| {
            *sum += point.error_percent;
            Some(*sum)
        }))
        .collect();
    let half = |i: usize| (points / 2).min(i).min(curve.len() - 1 - i);
    let mean = |i: usize| {
        let (first, end) = (i - half(i), i + half(i) + 1);
        (sums[end] - sums[first]) / (end - first) as f64
    };
    let smoothed = curve.iter().enumerate().map(|(i, point)| ErrorPoint {
        error_percent: mean(i),
        ..*point
    });
    smoothed.collect()
}

fn eval_points(curves: &Curves, set: EvalSet, quantity: Quantity) -> Vec<ErrorPoint> {
    let points = curves.eval.iter().filter(|point| point.set == set);
    let points = points.map(|point| ErrorPoint {
        iteration: point.iteration,
        error_percent: point.error_percent,
        loss: point.loss,
    });
    points.map(|point| drawn(point, quantity)).collect()
}

fn train_points(curves: &Curves, quantity: Quantity) -> Cow<'_, [ErrorPoint]> {
    match quantity {
        Quantity::Error => Cow::Borrowed(&curves.train),
        Quantity::Loss => curves
            .train
            .iter()
            .map(|point| drawn(*point, quantity))
            .collect(),
    }
}

/// A point with the quantity that is drawn in the place of the error.
fn drawn(point: ErrorPoint, quantity: Quantity) -> ErrorPoint {
    match quantity {
        Quantity::Error => point,
        Quantity::Loss => ErrorPoint {
            error_percent: point.loss,
            ..point
        },
    }
}

fn is_recorded(curves: &Curves) -> bool {
    curves.diverged.is_some() || !curves.train.is_empty() || !curves.eval.is_empty()
}

fn last_iteration(curves: &Curves) -> Option<u64> {
    let train = curves.train.iter().map(|p| p.iteration);
    train.chain(curves.eval.iter().map(|p| p.iteration)).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Line = Vec<(u64, f64)>;

    fn curve(line: &Line) -> Vec<ErrorPoint> {
        let points = line.iter().map(|&(iteration, error_percent)| ErrorPoint {
            iteration,
            error_percent,
            loss: error_percent / 10.0,
        });
        points.collect()
    }

    fn joined(lines: &[Line]) -> Vec<Point> {
        over_seeds(lines.iter().map(|line| curve(line).into()))
    }

    fn errors(curve: &[ErrorPoint]) -> Vec<f64> {
        curve.iter().map(|point| point.error_percent).collect()
    }

    #[test]
    fn mean_and_spread_are_those_of_the_seeds() {
        let points = joined(&[
            vec![(10, 30.0), (20, 20.0)],
            vec![(10, 36.0), (20, 26.0)],
            vec![(10, 42.0), (20, 11.0)],
        ]);
        let expected = [(10, 36.0, 30.0, 42.0), (20, 19.0, 11.0, 26.0)];
        assert_eq!(points.len(), 2);
        for (point, (iteration, mean, low, high)) in points.iter().zip(expected) {
            assert_eq!(point.iteration, iteration);
            assert!((point.mean - mean).abs() < 1e-12);
            assert_eq!((point.low, point.high), (low, high));
        }
    }

    #[test]
    fn only_iterations_that_every_started_seed_has_are_kept() {
        let points = joined(&[
            vec![(10, 30.0), (20, 20.0), (30, 10.0)],
            vec![(10, 40.0), (15, 1.0), (20, 22.0)],
            vec![],
        ]);
        let iterations: Vec<u64> = points.iter().map(|p| p.iteration).collect();
        assert_eq!(iterations, [10, 20]);
        assert_eq!(points[1].mean, 21.0);
    }

    #[test]
    fn values_that_are_not_finite_are_no_points() {
        let diverged = vec![(10, 80.0), (20, f64::NAN), (30, f64::INFINITY)];
        let points = joined(&[diverged]);
        assert_eq!(points.len(), 1);
        assert_eq!((points[0].iteration, points[0].mean), (10, 80.0));
        assert!(joined(&[vec![(1, f64::NAN)]]).is_empty());
        assert!(joined(&[]).is_empty());
    }

    #[test]
    fn points_out_of_order_count_as_the_last_of_their_iteration() {
        let points = joined(&[vec![(20, 1.0), (10, 5.0), (20, 3.0)]]);
        let places: Vec<(u64, f64)> = points.iter().map(|p| (p.iteration, p.mean)).collect();
        assert_eq!(places, [(10, 5.0), (20, 3.0)]);
    }

    #[test]
    fn losses_take_the_place_of_errors() {
        let curves = Curves {
            train: curve(&vec![(10, 30.0)]),
            ..Curves::default()
        };
        assert_eq!(errors(&train_points(&curves, Quantity::Error)), [30.0]);
        assert_eq!(errors(&train_points(&curves, Quantity::Loss)), [3.0]);
    }

    #[test]
    fn a_moving_mean_is_centred_and_keeps_both_ends() {
        let line: Vec<ErrorPoint> = curve(&(0..6).map(|i| (i, (i * i) as f64)).collect());
        let smooth = |line: &[ErrorPoint], points| smooth(Cow::Borrowed(line), points).into_owned();
        assert_eq!(smooth(&line, 1), line);
        let means = errors(&smooth(&line, 5));
        // 0; (0+1+4)/3; (0+1+4+9+16)/5; (1+4+9+16+25)/5; (9+16+25)/3; 25
        let expected = [0.0, 5.0 / 3.0, 6.0, 11.0, 50.0 / 3.0, 25.0];
        for (found, expected) in means.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{means:?}");
        }
        assert_eq!(means.len(), expected.len());
        assert!(smooth(&[], 5).is_empty());
        assert_eq!(errors(&smooth(&curve(&vec![(3, 2.0)]), 9999)), [2.0]);
    }
}
