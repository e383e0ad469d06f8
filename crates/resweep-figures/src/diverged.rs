//! Formats divergence for figures and tables, always with the iteration. Pure.

/// `diverged at iteration 3`, `diverged at iterations 3 and 9`, `diverged at iterations 3 to 40`.
/// `at` ascends.
pub(super) fn diverged_at(at: &[u64]) -> String {
    match *at {
        [] => "diverged".to_owned(),
        [only] => format!("diverged at iteration {only}"),
        [first, .., last] if first == last => format!("diverged at iteration {first}"),
        [first, second] => format!("diverged at iterations {first} and {second}"),
        [first, .., last] => format!("diverged at iterations {first} to {last}"),
    }
}

/// The remark on a label of which `at.len()` of `planned` seeds diverged; `None` if none did.
pub(super) fn of_seeds(at: &[u64], planned: usize) -> Option<String> {
    let words = diverged_at(at);
    match at.len() {
        0 => None,
        _ if planned <= 1 => Some(words),
        all if all >= planned => Some(format!("all {all} seeds {words}")),
        some => Some(format!("{some} of {planned} seeds {words}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divergence_names_its_iterations() {
        assert_eq!(of_seeds(&[], 3), None);
        for (at, planned, expected) in [
            (&[3][..], 1, "diverged at iteration 3"),
            (&[3], 3, "1 of 3 seeds diverged at iteration 3"),
            (&[3, 9], 3, "2 of 3 seeds diverged at iterations 3 and 9"),
            (&[3, 9, 40], 3, "all 3 seeds diverged at iterations 3 to 40"),
            (&[5, 5], 2, "all 2 seeds diverged at iteration 5"),
        ] {
            assert_eq!(of_seeds(at, planned).as_deref(), Some(expected));
        }
    }
}
