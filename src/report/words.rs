//! Formats numbers for the page.

use resweep_core::domain::printable;

/// An error in percent with two digits, or a dash if it is missing or not finite.
pub(super) fn percent(error: Option<f64>) -> String {
    let finite = error.filter(|error| error.is_finite());
    finite.map_or_else(|| "–".to_owned(), |error| format!("{error:.2}"))
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
