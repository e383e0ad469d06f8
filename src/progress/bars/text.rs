//! The text and style of progress bars.

use std::time::Duration;

use indicatif::ProgressStyle;

use crate::progress::seen::SeenRun;
use crate::progress::words::{duration, percent};
use resweep_core::domain::{Run, printable};

/// A short bar, with text that is cut at the terminal's width.
pub(super) fn style(colour: bool, name: &str) -> ProgressStyle {
    let template = match colour {
        true => format!("{{bar:12.{name}/dim}} {{wide_msg}}"),
        false => "{bar:12} {wide_msg}".to_owned(),
    };
    // The template is constant; a plain bar is the fallback.
    ProgressStyle::with_template(&template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸─")
}

/// `plain-20 seed 1   4000/64000 · train 12.31 % · 1 h 4 min left · 14.2 it/s`.
pub(super) fn run_text(run: &Run, seen: &SeenRun, label_width: usize, elapsed: Duration) -> String {
    let iterations = run.config.configuration.train.iterations;
    let iteration = seen.iteration;
    let width = iterations.to_string().len();
    let mut parts = vec![format!(
        "{:<label_width$}  {iteration:>width$}/{iterations}",
        printable(&run.label)
    )];
    if let Some(error) = seen.train_now_percent {
        parts.push(format!("train {}", percent(error)));
    }
    let trained = iteration.saturating_sub(seen.from_iteration);
    let rate = trained as f64 / elapsed.as_secs_f64();
    if rate > 0.0 && rate.is_finite() {
        parts.extend(time_left(
            iterations.saturating_sub(iteration) as f64 / rate,
        ));
        parts.push(format!("{rate:.1} it/s"));
    }
    parts.join(" · ")
}

/// `sweep  3/12 runs · 41 % · 12 min 3 s left`.
pub(super) fn sweep_text(ended: usize, total: usize, share: f64, left: Option<Duration>) -> String {
    let mut parts = vec![format!("sweep  {ended}/{total} runs")];
    parts.push(format!("{:.0} %", share * 100.0));
    parts.extend(left.and_then(|left| time_left(left.as_secs_f64())));
    parts.join(" · ")
}

fn time_left(s: f64) -> Option<String> {
    match s.round() {
        0.0 => None,
        s if s < 10.0 => Some(format!("{s} s left")),
        s => {
            let left = Duration::try_from_secs_f64(s).ok()?;
            Some(format!("{} left", duration(left)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::script;

    #[test]
    fn a_run_is_described_by_what_matters_most_first() {
        let run = &script::runs()[0];
        let text = |seen: &SeenRun, s| run_text(run, seen, 18, Duration::from_secs(s));
        let mut seen = SeenRun::default();
        assert_eq!(text(&seen, 0), "plain-56 seed 1         0/64000");
        seen.iteration = 4000;
        seen.train_now_percent = Some(12.305);
        assert_eq!(
            text(&seen, 400),
            "plain-56 seed 1      4000/64000 · train 12.30 % · 1 h 40 min left · 10.0 it/s"
        );
        seen.iteration = 64_000;
        assert!(text(&seen, 6400).ends_with("train 12.30 % · 10.0 it/s"));
    }

    #[test]
    fn the_sweep_is_described_by_its_runs_and_the_time_left() {
        let text = sweep_text(3, 12, 0.25, Some(Duration::from_secs(180)));
        assert_eq!(text, "sweep  3/12 runs · 25 % · 3 min 0 s left");
        assert_eq!(sweep_text(0, 12, 0.0, None), "sweep  0/12 runs · 0 %");
    }
}
