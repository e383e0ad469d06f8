//! Formats numbers briefly: `0.05`, `1e-5`, and `0.0316` instead of `0.0316227766`.

/// Numbers with more significant digits are rounded if they stay distinct.
const DIGITS: usize = 6;
/// The minimum number of significant digits after rounding.
const LEAST_DIGITS: usize = 3;
/// The powers of ten between which no exponent is written.
const PLAIN: std::ops::Range<i32> = -4..7;

/// The shortest text that parses as `number`.
pub fn shortest(number: f64) -> String {
    written(&format!("{number:e}"))
}

/// Rounds `number` to as few digits as keep it distinct from all different `others`. Numbers of at
/// most six digits are not rounded.
pub fn among(number: f64, others: &[f64]) -> String {
    let exact = format!("{number:e}");
    if digits(&exact) <= DIGITS {
        return written(&exact);
    }
    let rounded = |places: usize| format!("{number:.places$e}");
    let is_apart = |places: &usize| {
        let mut others = others.iter().filter(|other| **other != number);
        others.all(|other| format!("{other:.places$e}") != rounded(*places))
    };
    let places = (LEAST_DIGITS - 1..digits(&exact)).find(is_apart);
    places.map_or_else(|| written(&exact), |places| written(&rounded(places)))
}

fn digits(scientific: &str) -> usize {
    let mantissa = scientific.split('e').next().unwrap_or_default();
    mantissa.chars().filter(char::is_ascii_digit).count()
}

/// Formats a number in Rust's scientific notation with or without exponent, and without trailing
/// zeros.
fn written(scientific: &str) -> String {
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific.to_owned();
    };
    let mantissa = match mantissa.contains('.') {
        true => mantissa.trim_end_matches('0').trim_end_matches('.'),
        false => mantissa,
    };
    let power = exponent.parse().unwrap_or(0);
    let number: f64 = format!("{mantissa}e{exponent}").parse().unwrap_or(f64::NAN);
    match PLAIN.contains(&power) {
        true => format!("{number}"),
        false => format!("{mantissa}e{exponent}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_write_them() {
        let cases = [
            (0.05, "0.05"),
            (1e-4, "0.0001"),
            (1e-5, "1e-5"),
            (2.5e-7, "2.5e-7"),
            (64_000.0, "64000"),
            (1e9, "1e9"),
            (0.0, "0"),
            (-0.5, "-0.5"),
        ];
        for (number, text) in cases {
            assert_eq!(shortest(number), text);
            assert_eq!(among(number, &[]), text);
        }
    }

    #[test]
    fn long_numbers_are_rounded_as_far_as_they_stay_apart() {
        assert_eq!(among(0.031_622_776_6, &[0.01, 0.1]), "0.0316");
        assert_eq!(among(0.1 + 0.2, &[0.1, 0.3]), "0.30000000000000004");
        assert_eq!(among(0.1 + 0.2, &[0.1, 0.2]), "0.3");
        assert_eq!(among(0.123_451_11, &[0.123_452_22]), "0.123451");
        assert_eq!(among(0.12345, &[0.1]), "0.12345", "as it was typed");
        assert_eq!(among(1.0 / 3.0 * 1e-6, &[]), "3.33e-7");
    }
}
