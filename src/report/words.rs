//! Formats numbers for the page.

use std::time::Duration;

use resweep_core::domain::printable;

/// An error in percent with two digits, or a dash if it is missing or not finite.
pub(super) fn percent(error: Option<f64>) -> String {
    let finite = error.filter(|error| error.is_finite());
    finite.map_or_else(|| "–".to_owned(), |error| format!("{error:.2}"))
}

/// `47 s`, `2 min 3 s`, `1 h 4 min`, `2 d 3 h`.
pub(super) fn duration(duration: Duration) -> String {
    let s = duration.as_secs_f64().round() as u64;
    match s {
        0..60 => format!("{s} s"),
        60..3600 => format!("{} min {} s", s / 60, s % 60),
        3600..86_400 => format!("{} h {} min", s / 3600, s % 3600 / 60),
        _ => format!("{} d {} h", s / 86_400, s % 86_400 / 3600),
    }
}

/// `8 runs`, `1 run`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// As [`printable`], but keeps line breaks.
pub(super) fn printable_lines(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(printable).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn non_finite_errors_are_dashes() {
        assert_eq!(percent(None), "–");
        assert_eq!(percent(Some(f64::NAN)), "–");
        assert_eq!(percent(Some(8.754)), "8.75");
    }
}
