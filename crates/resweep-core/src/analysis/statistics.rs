//! Means, standard deviations and confidence intervals over seeds.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// The level of two-sided confidence intervals.
pub const CONFIDENCE: f64 = 0.95;

/// A closed confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

impl Interval {
    /// The numbers at most `margin` away from `centre`.
    pub fn around(centre: f64, margin: f64) -> Self {
        Self {
            low: centre - margin,
            high: centre + margin,
        }
    }

    /// Whether the two intersect.
    pub fn overlaps(&self, other: &Interval) -> bool {
        self.low <= other.high && other.low <= self.high
    }
}

/// The mean; `None` without values.
pub fn mean(values: &[f64]) -> Option<f64> {
    let count = values.len() as f64;
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / count)
}

/// The sample standard deviation (n - 1 in the denominator); `None` with fewer than two values.
pub fn standard_deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values)?;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt())
}

/// The values of one configuration's seeds, in percent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Sample {
    pub n: usize,
    /// The lowest value.
    pub best: f64,
    pub mean: f64,
    /// With n - 1 in the denominator; `None` for a single value.
    pub standard_deviation: Option<f64>,
    /// The 95 % interval of the mean by Student's t; `None` for a single value.
    pub interval: Option<Interval>,
}

impl Sample {
    /// `None` if there is no value or one is not finite.
    pub fn of(values: &[f64]) -> Option<Self> {
        if values.is_empty() || values.iter().any(|value| !value.is_finite()) {
            return None;
        }
        let count = values.len() as f64;
        let mean = mean(values)?;
        let standard_deviation = standard_deviation(values);
        let margin = |deviation: f64| Some(t_quantile(count - 1.0)? * deviation / count.sqrt());
        Some(Self {
            n: values.len(),
            best: values.iter().copied().fold(f64::INFINITY, f64::min),
            mean,
            standard_deviation,
            interval: standard_deviation
                .and_then(margin)
                .map(|margin| Interval::around(mean, margin)),
        })
    }

    /// The squared standard error of the mean.
    fn squared_error(&self) -> Option<f64> {
        Some(self.standard_deviation?.powi(2) / self.n as f64)
    }
}

/// The 95 % interval of the difference of the means, `one` minus `other`, by Welch's method, which
/// does not assume equal variances (B. L. Welch, Biometrika 34, 1947). `None` if either has fewer
/// than two values.
pub fn difference(one: &Sample, other: &Sample) -> Option<Interval> {
    let (a, b) = (one.squared_error()?, other.squared_error()?);
    let centre = one.mean - other.mean;
    if a + b == 0.0 {
        return Some(Interval::around(centre, 0.0));
    }
    let (n, m) = (one.n as f64, other.n as f64);
    let freedom = (a + b).powi(2) / (a * a / (n - 1.0) + b * b / (m - 1.0));
    let margin = t_quantile(freedom)? * (a + b).sqrt();
    Some(Interval::around(centre, margin))
}

/// The quantile of Student's t with half of 1 - [`CONFIDENCE`] above it.
fn t_quantile(freedom: f64) -> Option<f64> {
    let distribution = StudentsT::new(0.0, 1.0, freedom).ok()?;
    Some(distribution.inverse_cdf(0.5 + CONFIDENCE / 2.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(values: &[f64]) -> Sample {
        Sample::of(values).expect("values")
    }

    #[track_caller]
    fn assert_close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
    }

    // Expected values from SciPy 1.17.1: numpy.std(ddof=1), stats.t.interval and
    // stats.ttest_ind(equal_var=False).confidence_interval.

    #[test]
    fn standard_deviation_is_that_of_a_sample() {
        // the population deviation is 2, so the sample deviation is 2 * sqrt(8 / 7)
        let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        assert_eq!(mean(&values), Some(5.0));
        let deviation = standard_deviation(&values).expect("eight values");
        assert!((deviation - 2.138).abs() < 5e-4);
        assert_eq!((mean(&[]), standard_deviation(&[1.0])), (None, None));
    }

    #[test]
    fn mean_deviation_and_interval_match_scipy() {
        let found = sample(&[9.12, 9.30, 9.41, 9.05]);
        assert_eq!((found.n, found.best), (4, 9.05));
        assert_close(found.mean, 9.22);
        assert_close(
            found.standard_deviation.expect("four values"),
            0.1647219880080779,
        );
        let interval = found.interval.expect("four values");
        assert_close(interval.low, 8.957890558932354);
        assert_close(interval.high, 9.482109441067648);

        let two = sample(&[8.75, 8.5]).interval.expect("two values");
        assert_close(two.low, 7.036724407978163);
        assert_close(two.high, 10.213275592021837);
    }

    #[test]
    fn difference_interval_matches_scipy_welch() {
        let (plain, residual) = ([12.4, 13.1, 11.8], [9.12, 9.30, 9.41, 9.05]);
        let found = difference(&sample(&plain), &sample(&residual)).expect("several values");
        assert_close(found.low, 1.6909762653838494);
        assert_close(found.high, 4.735690401282813);
    }

    #[test]
    fn single_or_non_finite_values_have_no_interval() {
        let one = sample(&[9.69]);
        assert_eq!((one.standard_deviation, one.interval), (None, None));
        assert_eq!(difference(&one, &sample(&[1.0, 2.0])), None);
        assert_eq!(Sample::of(&[]), None);
        assert_eq!(Sample::of(&[1.0, f64::NAN]), None);
    }

    #[test]
    fn equal_values_have_a_zero_width_interval() {
        let found = difference(&sample(&[3.0, 3.0]), &sample(&[1.0, 1.0]));
        assert_eq!(
            found,
            Some(Interval {
                low: 2.0,
                high: 2.0
            })
        );
        assert!(Interval::around(2.0, 0.0).overlaps(&Interval::around(3.0, 1.0)));
        assert!(!Interval::around(2.0, 0.5).overlaps(&Interval::around(3.0, 0.4)));
    }
}
