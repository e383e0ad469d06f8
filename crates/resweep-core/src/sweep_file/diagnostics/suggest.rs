//! Suggestions: "did you mean".

/// Returns the candidate closest to the written name, if one is close enough.
pub fn closest<'c>(
    written: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    // A very long name is not a typing error, and comparing it would take long.
    if written.len() > 64 {
        return None;
    }
    let lower = written.to_lowercase();
    let length = lower.chars().count();
    candidates
        .into_iter()
        // The distance is at least the difference of the lengths.
        .filter(|candidate| is_close(candidate.chars().count().abs_diff(length), candidate))
        .map(|candidate| {
            let distance = strsim::damerau_levenshtein(&lower, &candidate.to_lowercase());
            (distance, candidate)
        })
        .filter(|(distance, candidate)| is_close(*distance, candidate))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// At most a third of the letters may differ, at least one.
fn is_close(distance: usize, candidate: &str) -> bool {
    let letters = candidate.chars().count();
    distance < letters && distance <= (letters / 3).max(1)
}

/// Returns `did you mean ...?`, or the list of candidates.
pub fn advice(written: &str, candidates: &[&str]) -> String {
    match closest(written, candidates.iter().copied()) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None => format!("allowed here: {}", listed(candidates)),
    }
}

/// `a`, `b` and `c`.
fn listed(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => "nothing".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_keyboard_is_recognised() {
        assert_eq!(
            closest("shortcurt", ["depth", "shortcut"]),
            Some("shortcut")
        );
        assert_eq!(closest("b", ["none", "A", "B"]), Some("B"));
        assert_eq!(closest("batchsize", ["batch_size"]), Some("batch_size"));
    }

    #[test]
    fn another_word_is_not() {
        assert_eq!(
            closest("optimiser", ["depth", "shortcut", "momentum"]),
            None
        );
        assert_eq!(closest("x", ["lr"]), None);
    }
}
