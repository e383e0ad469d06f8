//! The texts of an error and its causes.

use std::error::Error;

/// The causes of `error`, the nearest first. A cause that only repeats the text above it is left
/// out: errors of SQLite have a cause with the same text and its number.
pub fn causes(error: &(dyn Error + 'static)) -> Vec<String> {
    let mut above = error.to_string();
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !text.contains(&above) {
            causes.push(text.clone());
            above = text;
        }
        next = cause.source();
    }
    causes
}

/// The text of `error` and its causes in one line, separated by colons.
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut texts = vec![error.to_string()];
    texts.extend(causes(error));
    texts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Link {
        text: &'static str,
        source: Option<Box<Link>>,
    }

    fn chain(texts: &[&'static str]) -> Option<Box<Link>> {
        let (text, below) = texts.split_first()?;
        let source = chain(below);
        Some(Box::new(Link { text, source }))
    }

    #[test]
    fn a_cause_that_repeats_the_text_above_it_is_left_out() {
        let texts = [
            "cannot write",
            "disk full",
            "Error code 13: disk full",
            "quota",
        ];
        let error = chain(&texts).unwrap();
        assert_eq!(causes(error.as_ref()), ["disk full", "quota"]);
        let line = with_causes(error.as_ref());
        assert_eq!(line, "cannot write: disk full: quota");
    }
}
