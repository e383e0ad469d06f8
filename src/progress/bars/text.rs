//! The text and style of progress bars.

use std::time::Duration;

use indicatif::ProgressStyle;

use crate::format::{duration, evaluation, percent};
use crate::progress::seen::SeenRun;
use resweep_core::domain::{Run, printable};

/// The assumed width of a terminal of unknown width.
const COLUMNS: usize = 80;

/// The widths of a bar and of its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Room {
    pub bar: usize,
    pub text: usize,
}

impl Room {
    /// A wide terminal has a longer bar.
    pub fn of(columns: Option<usize>) -> Room {
        let columns = columns.unwrap_or(COLUMNS);
        let bar = (columns / 6).clamp(6, 30);
        // A space between them, and none in the last column, where some terminals break the line.
        let text = columns.saturating_sub(bar + 2);
        Room { bar, text }
    }
}

/// A bar, and text shortened by [`fitting`].
pub(super) fn style(colour: bool, name: &str, room: Room) -> ProgressStyle {
    let bar = room.bar;
    let template = match colour {
        true => format!("{{bar:{bar}.{name}/dim}} {{wide_msg}}"),
        false => format!("{{bar:{bar}}} {{wide_msg}}"),
    };
    // The template is constant; a plain bar is the fallback.
    ProgressStyle::with_template(&template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸─")
}

/// A part of a text and its rank: parts of low rank are given room first.
type Part = (u8, String);

/// The parts that fit beside each other, each whole, because a number that is cut reads as a different
/// one. The first part always fits.
fn fitting(parts: &[Part], width: usize) -> String {
    let mut by_rank: Vec<usize> = (0..parts.len()).collect();
    by_rank.sort_by_key(|index| parts[*index].0);
    let mut kept = Vec::new();
    for index in by_rank {
        kept.push(index);
        kept.sort_unstable();
        if kept.len() > 1 && joined(parts, &kept).chars().count() > width {
            kept.retain(|other| *other != index);
        }
    }
    joined(parts, &kept)
}

fn joined(parts: &[Part], kept: &[usize]) -> String {
    let texts: Vec<&str> = kept.iter().map(|index| parts[*index].1.as_str()).collect();
    texts.join(" · ")
}

/// A label in exactly `width` columns.
fn padded(label: &str, width: usize) -> String {
    let label = printable(label);
    if label.chars().count() <= width {
        return format!("{label:<width$}");
    }
    let kept: String = label.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// `plain-20 seed 1   4000/64000 · train 12.31 % · test 14.02 % · 1 h 4 min left · 14.2 it/s · 3 min
/// 2 s`, as far as there is room.
pub(super) fn run_text(
    run: &Run,
    seen: &SeenRun,
    label_width: usize,
    elapsed: Duration,
    room: Room,
) -> String {
    let iterations = run.config.configuration.train.iterations;
    let iteration = seen.iteration;
    let width = iterations.to_string().len();
    let count = format!("{iteration:>width$}/{iterations}");
    let label_width = label_width.min(room.text.saturating_sub(count.chars().count() + 2));
    let mut parts = vec![(0, format!("{}  {count}", padded(&run.label, label_width)))];
    if let Some(error) = seen.train_now_percent {
        parts.push((3, format!("train {}", percent(error))));
    }
    parts.extend(seen.eval.as_ref().map(|point| (1, evaluation(point))));
    let trained = iteration.saturating_sub(seen.from_iteration);
    let rate = trained as f64 / elapsed.as_secs_f64();
    if rate > 0.0 && rate.is_finite() {
        let left = time_left(iterations.saturating_sub(iteration) as f64 / rate);
        parts.extend(left.map(|left| (2, left)));
        parts.push((4, format!("{rate:.1} it/s")));
    } else {
        parts.push((1, "starting".to_owned()));
    }
    if elapsed >= Duration::from_secs(1) {
        parts.push((5, duration(elapsed)));
    }
    fitting(&parts, room.text)
}

/// `sweep  3/12 runs · 41 % · 12 min 3 s left · 8 min 1 s`.
pub(super) fn sweep_text(
    (ended, total): (usize, usize),
    share: f64,
    left: Option<Duration>,
    elapsed: Duration,
    room: Room,
) -> String {
    let mut parts = vec![(0, format!("sweep  {ended}/{total} runs"))];
    parts.push((1, format!("{:.0} %", share * 100.0)));
    let left = left.and_then(|left| time_left(left.as_secs_f64()));
    parts.extend(left.map(|left| (2, left)));
    if elapsed >= Duration::from_secs(1) {
        parts.push((3, duration(elapsed)));
    }
    fitting(&parts, room.text)
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
    use resweep_core::domain::{EvalPoint, EvalSet};

    fn room(columns: usize) -> Room {
        Room::of(Some(columns))
    }

    fn seen() -> SeenRun {
        SeenRun {
            iteration: 4000,
            train_now_percent: Some(12.305),
            eval: Some(EvalPoint {
                iteration: 4000,
                set: EvalSet::Test,
                error_percent: 14.02,
                loss: 0.5,
            }),
            ..SeenRun::default()
        }
    }

    #[test]
    fn a_run_is_described_by_whole_numbers_at_every_width() {
        let run = &script::runs()[0];
        let text = |columns| run_text(run, &seen(), 18, Duration::from_secs(400), room(columns));
        assert_eq!(text(60), "plain-56 seed 1      4000/64000 · test 14.02 %");
        assert_eq!(
            text(80),
            "plain-56 seed 1      4000/64000 · test 14.02 % · 1 h 40 min left"
        );
        assert_eq!(
            text(140),
            "plain-56 seed 1      4000/64000 · train 12.30 % · test 14.02 % · 1 h 40 min left · \
             10.0 it/s · 6 min 40 s"
        );
        for columns in 30..200 {
            let width = text(columns).chars().count();
            let room = room(columns);
            assert!(width <= room.text, "{columns}: {}", text(columns));
        }
    }

    #[test]
    fn a_run_that_has_not_advanced_is_starting() {
        let run = &script::runs()[0];
        let seen = SeenRun::default();
        let text = run_text(run, &seen, 18, Duration::ZERO, room(80));
        assert_eq!(text, "plain-56 seed 1         0/64000 · starting");
    }

    #[test]
    fn the_sweep_is_described_by_its_runs_and_the_time_left() {
        let (left, elapsed) = (Some(Duration::from_secs(180)), Duration::from_secs(60));
        let text = |columns| sweep_text((3, 12), 0.25, left, elapsed, room(columns));
        assert_eq!(
            text(80),
            "sweep  3/12 runs · 25 % · 3 min 0 s left · 1 min 0 s"
        );
        assert_eq!(text(50), "sweep  3/12 runs · 25 % · 3 min 0 s left");
        let text = sweep_text((0, 12), 0.0, None, Duration::ZERO, room(80));
        assert_eq!(text, "sweep  0/12 runs · 0 %");
    }
}
