//! Formats durations, numbers and errors for display.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use resweep_core::domain::EvalPoint;

/// A duration with its two largest units: `3.2 s`, `12 s`, `2 min 3 s`, `1 h 4 min`, `2 d 3 h`.
pub fn duration(duration: Duration) -> String {
    if duration < Duration::from_millis(9950) {
        return format!("{:.1} s", duration.as_secs_f64());
    }
    let s = duration.as_secs_f64().round() as u64;
    match s {
        0..60 => format!("{s} s"),
        60..3600 => format!("{} min {} s", s / 60, s % 60),
        3600..86_400 => format!("{} h {} min", s / 3600, s % 3600 / 60),
        _ => format!("{} d {} h", s / 86_400, s % 86_400 / 3600),
    }
}

/// An error in percent with two digits: `12.31 %`.
pub fn percent(value: f64) -> String {
    format!("{value:.2} %")
}

/// `test 14.02 %`.
pub fn evaluation(point: &EvalPoint) -> String {
    let set = point.set.into_str();
    format!("{set} {}", percent(point.error_percent))
}

/// `1 run`, `2 runs`.
pub fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// The first line of an error that is not empty; the database has all of it.
pub fn first_line(text: &str) -> &str {
    let mut lines = text.lines().map(str::trim);
    lines
        .find(|line| !line.is_empty())
        .unwrap_or("unknown error")
}

/// The time since a moment, for display.
pub fn ago(unix_ms: i64) -> String {
    let then = UNIX_EPOCH + Duration::from_millis(u64::try_from(unix_ms).unwrap_or(0));
    match SystemTime::now().duration_since(then) {
        Ok(elapsed) => format!("{} ago", duration(elapsed)),
        Err(_) => "in the future, by this machine's clock".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units() {
        let said: Vec<String> = [0.04, 9.94, 9.96, 59.4, 59.6, 123.0, 3840.0, 183_600.0]
            .map(|s| duration(Duration::from_secs_f64(s)))
            .into();
        assert_eq!(
            said,
            [
                "0.0 s",
                "9.9 s",
                "10 s",
                "59 s",
                "1 min 0 s",
                "2 min 3 s",
                "1 h 4 min",
                "2 d 3 h"
            ]
        );
    }

    #[test]
    fn only_the_first_line_of_an_error_is_shown() {
        assert_eq!(
            first_line("\n  cannot read x\ncaused by y\n"),
            "cannot read x"
        );
        assert_eq!(first_line(" \n"), "unknown error");
    }
}
