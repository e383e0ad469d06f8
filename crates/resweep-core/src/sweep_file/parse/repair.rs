//! Corrects values that are not TOML, for messages.

use toml::de::DeValue;

use super::split;

/// Converts common notation that is not TOML: `.1`, `True`, words without quotes, an unclosed list.
pub fn repaired(text: &str) -> Option<String> {
    let text = text.trim();
    if DeValue::parse_recoverable(text).1.is_empty() {
        return Some(text.to_owned());
    }
    if let Some(inner) = text.strip_prefix('[') {
        let inner = inner.strip_suffix(']').unwrap_or(inner);
        return Some(format!("[{}]", repaired_parts(inner, repaired)?));
    }
    if let Some(inner) = text.strip_prefix('{') {
        let inner = inner.strip_suffix('}').unwrap_or(inner);
        let pair = |pair: &str| {
            let (key, value) = pair.split_once('=')?;
            Some(format!("{} = {}", key.trim(), repaired(value)?))
        };
        return Some(format!("{{ {} }}", repaired_parts(inner, pair)?));
    }
    let lower = text.to_lowercase();
    if matches!(lower.as_str(), "true" | "false") {
        return Some(lower);
    }
    if let Ok(number) = text.parse::<f64>()
        && number.is_finite()
    {
        return Some(number.to_string());
    }
    let is_word = |c: char| c.is_alphanumeric() || "-_./:~ ".contains(c);
    let is_number = |c: char| c.is_ascii_digit() || "-+.eE_".contains(c);
    let quoted = text.chars().all(is_word) && !text.chars().all(is_number);
    quoted.then(|| format!("\"{text}\""))
}

/// Corrects each value within brackets. Numbers may lack the commas between them.
fn repaired_parts(inner: &str, repair: impl Fn(&str) -> Option<String>) -> Option<String> {
    let numbers: Vec<&str> = inner.split_whitespace().collect();
    if numbers.len() > 1 && numbers.iter().all(|word| word.parse::<f64>().is_ok()) {
        return Some(numbers.join(", "));
    }
    let parts = split::at_commas(inner).into_iter();
    let parts: Option<Vec<String>> = parts.map(|part| repair(&inner[part])).collect();
    parts
        .filter(|parts| !parts.is_empty())
        .map(|parts| parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_toml_refuses_are_repaired() {
        let pairs = [
            (".1", "0.1"),
            ("True", "true"),
            ("fig6", "\"fig6\""),
            ("~/my pics", "\"~/my pics\""),
            ("[none,A]", "[\"none\", \"A\"]"),
            ("[.1, .2]", "[0.1, 0.2]"),
            ("[20, 56", "[20, 56]"),
            ("[20, 56]", "[20, 56]"),
            ("[20 56]", "[20, 56]"),
            (
                "{lr=.01, until=ordering}",
                "{ lr = 0.01, until = \"ordering\" }",
            ),
            ("[[.5], [.7]", "[[0.5], [0.7]]"),
            ("{ to=.1, scale=log }", "{ to = 0.1, scale = \"log\" }"),
        ];
        for (written, right) in pairs {
            assert_eq!(repaired(written).as_deref(), Some(right), "{written}");
        }
        assert_eq!(repaired("\"open"), None);
        assert_eq!(repaired("{ a = "), None);
        assert_eq!(repaired("0.1.1"), None);
        assert_eq!(repaired(""), None);
    }
}
