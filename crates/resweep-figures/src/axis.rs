//! Computes axes: ranges, ticks at round numbers, and tick labels. Pure.

/// The unit of the iteration axis.
const TEN_THOUSAND: f64 = 1e4;

/// What the position of an epoch is: positions are whole numbers.
pub(super) const EPOCH: f64 = 1e4;

/// What a step or an end may be off by, as a share of itself, and still counts as round: an axis
/// that ends at 50.0000001 has the ticks of one that ends at 50.
const SLACK: f64 = 1e-4;

/// From this value on, labels have an exponent: `1e7`.
const EXPONENT_FROM: f64 = 1e6;

/// How many times the typical peak a value may be and still be inside an axis of losses or layer
/// responses; more on a logarithmic axis, which has room for it.
const OUTLIER: f64 = 5.0;
const OUTLIER_LOG: f64 = 1000.0;

/// A range with ticks within it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    pub name: &'static str,
    pub low: f64,
    pub high: f64,
    pub ticks: Vec<f64>,
    /// The unit of tick labels: 1e4 for an axis in units of 10,000.
    pub unit: f64,
    /// Whether the axis is logarithmic; the low end is then above 0.
    pub log: bool,
}

impl Axis {
    /// The axis of iterations, from 0 to `last`, with few enough ticks for their labels: in units
    /// of 1e4, as in the paper, or plain below 10,000.
    pub(super) fn iterations(last: u64) -> Axis {
        let high = last.max(1) as f64;
        let scaled = high >= TEN_THOUSAND;
        Axis {
            name: if scaled { "iter. (1e4)" } else { "iterations" },
            low: 0.0,
            high,
            ticks: ticks(0.0, high, if scaled { 7 } else { 4 }),
            unit: if scaled { TEN_THOUSAND } else { 1.0 },
            log: false,
        }
    }

    /// The axis of epochs, from 0 to `last`, in units of [`EPOCH`].
    pub(super) fn epochs(last: u64) -> Axis {
        let high = last.max(1) as f64;
        Axis {
            name: "epochs",
            ticks: ticks(0.0, high, 5),
            unit: EPOCH,
            ..Axis::iterations(last)
        }
    }

    /// The same axis from `first` on, on which equal distances are equal ratios.
    pub(super) fn logarithmic(self, first: f64) -> Axis {
        let low = first.clamp(self.high * 1e-9, self.high * 0.99);
        let is_iterations = self.unit == TEN_THOUSAND && self.name != "epochs";
        Axis {
            name: if is_iterations {
                "iterations"
            } else {
                self.name
            },
            unit: if is_iterations { 1.0 } else { self.unit },
            ticks: log_ticks(low / self.unit, self.high / self.unit)
                .into_iter()
                .map(|tick| tick * self.unit)
                .collect(),
            low,
            log: true,
            ..self
        }
    }

    /// The axis of errors in percent. `wanted` are tick positions, or none to have them chosen.
    pub(super) fn errors(name: &'static str, low: f64, high: f64, wanted: &[f64]) -> Axis {
        let high = if high > low { high } else { low + 1.0 };
        let chosen: Vec<f64> = if wanted.is_empty() {
            ticks(low, high, 5)
        } else {
            let within = |tick: &f64| (low..=high).contains(tick);
            wanted.iter().copied().filter(within).collect()
        };
        Axis {
            name,
            low,
            high,
            ticks: chosen,
            unit: 1.0,
            log: false,
        }
    }

    /// The position of `value` in the range: 0 at the low end, 1 at the high end.
    pub(super) fn share(&self, value: f64) -> f64 {
        if self.log {
            // What is 0 or less has no logarithm; it lies below the axis.
            let value = value.max(self.low * 1e-3);
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        }
    }

    /// A tick's label.
    pub(super) fn label(&self, tick: f64) -> String {
        let value = tick / self.unit;
        let mut ticks = self.ticks.windows(2);
        let apart = ticks
            .next()
            .map_or(1.0, |pair| (pair[1] - pair[0]) / self.unit);
        // Two digits more than the tick distance needs, without trailing zeros.
        let digits = (2.0 - apart.abs().log10().floor()).clamp(6.0, 12.0) as usize;
        if value >= EXPONENT_FROM && self.log {
            return format!("{value:e}");
        }
        let text = format!("{value:.digits$}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        if text == "-0" {
            "0".to_owned()
        } else {
            text.to_owned()
        }
    }
}

/// The largest value that an axis shows, given the peak of each curve: one net that explodes would
/// otherwise press all others onto the axis. Infinite without a finite peak.
pub(super) fn outlier_limit(mut peaks: Vec<f64>, log: bool) -> f64 {
    peaks.retain(|peak| peak.is_finite());
    peaks.sort_by(f64::total_cmp);
    let middle = peaks.len().saturating_sub(1) / 2;
    let times = if log { OUTLIER_LOG } else { OUTLIER };
    peaks.get(middle).map_or(f64::INFINITY, |peak| times * peak)
}

/// A range of errors with round ends that contains `low..=high`; starts at 0 unless the lowest
/// error is more than half of the highest.
pub(super) fn round_range(low: f64, high: f64) -> (f64, f64) {
    let from = if low < high / 2.0 { 0.0 } else { low };
    let step = round_step((high - from).max(1e-3), 5);
    ((from / step).floor() * step, (high / step).ceil() * step)
}

/// A range for a logarithmic axis that holds `low..=high`, both above 0: each end has one of the
/// digits 1, 2 and 5.
pub(super) fn round_log_range(low: f64, high: f64) -> (f64, f64) {
    let digits = [1.0, 2.0, 5.0, 10.0];
    let power = |value: f64| 10_f64.powf(value.log10().floor());
    let below = digits.into_iter().rev().map(|digit| digit * power(low));
    let above = digits.into_iter().map(|digit| digit * power(high));
    let below = below.into_iter().find(|end| *end <= low * (1.0 + SLACK));
    let above = above.into_iter().find(|end| *end >= high * (1.0 - SLACK));
    (below.unwrap_or(low), above.unwrap_or(high))
}

/// Powers of ten within `low..=high`; twice and five times as much too where there are few.
fn log_ticks(low: f64, high: f64) -> Vec<f64> {
    let digits: &[f64] = if high / low > 500.0 {
        &[1.0]
    } else {
        &[1.0, 2.0, 5.0]
    };
    let powers = (low.log10().floor() as i32)..=(high.log10().ceil() as i32);
    let all = powers.flat_map(|power| digits.iter().map(move |digit| digit * 10_f64.powi(power)));
    let within = low * (1.0 - SLACK)..=high * (1.0 + SLACK);
    all.filter(|tick| within.contains(tick)).collect()
}

/// Multiples of a round step within `low..=high`, about `count` of them.
fn ticks(low: f64, high: f64, count: usize) -> Vec<f64> {
    let step = round_step(high - low, count);
    let slack = step * SLACK;
    let first = ((low - slack) / step).ceil() as i64;
    let last = ((high + slack) / step).floor() as i64;
    (first..=last).map(|i| i as f64 * step).collect()
}

/// The smallest of 1, 2, 5 times a power of ten that divides `span` into at most `count`.
fn round_step(span: f64, count: usize) -> f64 {
    let least = span / count as f64;
    let power = 10_f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|digit| digit * power)
        .find(|step| *step >= least * (1.0 - SLACK))
        .unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_papers_axis_counts_ten_thousands() {
        let axis = Axis::iterations(64_000);
        let labels: Vec<String> = axis.ticks.iter().map(|&t| axis.label(t)).collect();
        assert_eq!(labels, ["0", "1", "2", "3", "4", "5", "6"]);
        assert_eq!(axis.name, "iter. (1e4)");
        assert_eq!(axis.share(16_000.0), 0.25);
    }

    #[test]
    fn short_runs_count_iterations() {
        let axis = Axis::iterations(1500);
        let labels: Vec<String> = axis.ticks.iter().map(|&t| axis.label(t)).collect();
        assert_eq!(labels, ["0", "500", "1000", "1500"]);
        assert_eq!(axis.name, "iterations");
        assert_eq!(Axis::iterations(0).high, 1.0);
    }

    #[test]
    fn epochs_are_counted_in_ten_thousandths() {
        let axis = Axis::epochs(1_638_400);
        let labels: Vec<String> = axis.ticks.iter().map(|&t| axis.label(t)).collect();
        assert_eq!(labels, ["0", "50", "100", "150"]);
        assert_eq!(axis.name, "epochs");
    }

    #[test]
    fn logarithmic_axes_have_ticks_at_round_numbers() {
        let axis = Axis::iterations(64_000).logarithmic(1000.0);
        let labels: Vec<String> = axis.ticks.iter().map(|&t| axis.label(t)).collect();
        assert_eq!(labels, ["1000", "2000", "5000", "10000", "20000", "50000"]);
        assert_eq!((axis.share(1000.0), axis.share(64_000.0)), (0.0, 1.0));
        assert!(axis.share(0.0) < 0.0 && axis.share(0.0).is_finite());
        let errors = Axis::errors("", 0.5, 100.0, &[]).logarithmic(0.5);
        assert_eq!(errors.ticks, [0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]);
        assert_eq!(round_log_range(0.7, 83.0), (0.5, 100.0));
        assert_eq!(round_log_range(0.05, 2.0), (0.05, 2.0));
    }

    #[test]
    fn large_numbers_of_a_logarithmic_axis_have_exponents() {
        let axis = Axis::errors("", 1.0, 2e8, &[]).logarithmic(1.0);
        let labels: Vec<String> = axis.ticks.iter().map(|&t| axis.label(t)).collect();
        assert_eq!(labels[5..], ["100000", "1e6", "1e7", "1e8"]);
    }

    #[test]
    fn an_outlier_is_five_times_the_typical_peak() {
        assert_eq!(outlier_limit(vec![1e9, 2.0, 3.0], false), 15.0);
        assert_eq!(outlier_limit(vec![2.0, 1e9], true), 2000.0);
        assert_eq!(outlier_limit(vec![f64::NAN, 4.0], false), 20.0);
        assert_eq!(outlier_limit(vec![], false), f64::INFINITY);
    }

    #[test]
    fn given_ticks_are_kept_within_the_range() {
        let axis = Axis::errors("error (%)", 0.0, 20.0, &[0.0, 5.0, 10.0, 20.0, 40.0]);
        assert_eq!(axis.ticks, [0.0, 5.0, 10.0, 20.0]);
        assert_eq!(Axis::errors("", 0.0, 100.0, &[]).ticks.len(), 6);
        assert_eq!(Axis::errors("", 5.0, 5.0, &[]).high, 6.0);
    }

    #[test]
    fn ends_that_are_nearly_round_have_round_ticks() {
        for high in [50.0, 50.000_000_1, 49.999_999_9] {
            let axis = Axis::errors("", 0.0, high, &[]);
            let labels: Vec<String> = axis.ticks.iter().map(|&t| axis.label(t)).collect();
            assert_eq!(labels, ["0", "10", "20", "30", "40", "50"], "{high}");
        }
    }

    #[test]
    fn labels_of_a_narrow_range_differ() {
        for (low, high) in [(0.0, 1e-7), (50.0, 50.000_000_5), (8.1, 8.104), (-0.5, 0.5)] {
            let axis = Axis::errors("", low, high, &[]);
            let mut labels: Vec<String> = axis.ticks.iter().map(|&t| axis.label(t)).collect();
            let count = labels.len();
            assert!((3..=6).contains(&count), "{labels:?}");
            labels.dedup();
            assert_eq!(labels.len(), count, "{labels:?}");
        }
        assert_eq!(Axis::errors("", -1.0, 1.0, &[]).label(-0.0), "0");
    }

    #[test]
    fn chosen_ranges_end_at_round_numbers() {
        assert_eq!(round_range(6.43, 91.2), (0.0, 100.0));
        assert_eq!(round_range(6.0, 8.4), (6.0, 8.5));
        assert_eq!(round_range(0.0, 0.0), (0.0, 0.0));
        assert_eq!(round_range(0.2, 17.3), (0.0, 20.0));
    }
}
