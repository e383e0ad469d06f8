//! Recognises values in the notation of other programs: `8 14`, `8..20`, `1,000`, `10%`, `yes`, `None`.
//!
//! They are not accepted; messages show the valid notation.

use super::target::Target;
use crate::sweep_file::keys::kind::Kind;
use crate::sweep_file::parse::repair;

/// The valid notation of a value that its key does not accept, if it is clear.
pub fn value(text: &str, target: Target) -> Option<String> {
    let kind = target.spec.kind;
    // `train.lr==0.1`
    let text = text.trim_start_matches('=').trim();
    if target.is_axis && kind.is_list() {
        let is_open = text.starts_with('[') && text.contains("],");
        return is_open.then(|| repair::repaired(&format!("[{text}]")))?;
    }
    if !target.is_axis && kind.is_list() && is_nothing(text) {
        return Some("[]".to_owned());
    }
    if !target.is_axis && !kind.is_list() {
        return single(text, kind);
    }
    if let Some(range) = range(text, kind) {
        return Some(range);
    }
    let bare = text
        .trim_start_matches(['[', '(', '{'])
        .trim_end_matches([']', ')', '}']);
    let separator = [';', '|', ','].into_iter().find(|c| bare.contains(*c));
    let parts: Vec<&str> = match separator {
        Some(separator) => bare.split(separator).map(str::trim).collect(),
        None => bare.split_whitespace().collect(),
    };
    let parts = parts.into_iter().filter(|part| !part.is_empty());
    let parts: Vec<String> = parts
        .map(|part| single(part, kind))
        .collect::<Option<_>>()?;
    (!parts.is_empty()).then(|| format!("[{}]", parts.join(", ")))
}

/// The words of other languages for no value.
fn is_nothing(text: &str) -> bool {
    let text = text.trim_matches(['"', '\'']).to_lowercase();
    ["none", "null", "nil", "no", "off", "false"].contains(&text.as_str())
}

/// `8..20`, `8-20`, `8:20:6` and `range(8, 20, 6)`, whose end Python leaves out.
fn range(text: &str, kind: Kind) -> Option<String> {
    let python = text
        .strip_prefix("range(")
        .and_then(|s| s.strip_suffix(')'));
    let parts: Vec<&str> = match python {
        Some(parts) => parts.split(',').collect(),
        None if text.contains("..") => text.split("..").collect(),
        None if text.contains(':') => text.split(':').collect(),
        None if is_whole(kind) => text.split('-').collect(),
        None => return None,
    };
    let parts: Option<Vec<i64>> = parts
        .into_iter()
        .map(|part| part.trim_start_matches('=').trim().parse().ok())
        .collect();
    let default = if matches!(kind, Kind::Depth) { 6 } else { 1 };
    let (from, to, step) = match parts?.as_slice() {
        [from, to] if is_whole(kind) => (*from, *to, default),
        [from, to, step] if is_whole(kind) => (*from, *to, *step),
        _ => return None,
    };
    let to = if python.is_some() { to - 1 } else { to };
    if from < 0 || to < from || step < 1 {
        return None;
    }
    if !matches!(kind, Kind::Seeds) {
        return Some(format!("{{ from = {from}, to = {to}, step = {step} }}"));
    }
    let all: Vec<String> = (from..=to).take(100).map(|seed| seed.to_string()).collect();
    (step == 1).then(|| format!("[{}]", all.join(", ")))
}

/// Whether a kind has values other than text.
pub fn is_typed(kind: Kind) -> bool {
    is_whole(kind) || is_number(kind) || matches!(kind, Kind::Word(_) | Kind::Boolean)
}

fn is_whole(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Integer { .. } | Kind::Depth | Kind::ImageSize | Kind::Seeds
    )
}

fn is_number(kind: Kind) -> bool {
    matches!(kind, Kind::Number { .. } | Kind::Ticks | Kind::Drops)
}

fn single(text: &str, kind: Kind) -> Option<String> {
    let text = text.trim_matches(['"', '\'']);
    match kind {
        Kind::Word(words) => {
            let word = words.iter().find(|word| word.eq_ignore_ascii_case(text))?;
            Some(format!("\"{word}\""))
        }
        Kind::Boolean => match text.to_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Some("true".to_owned()),
            "false" | "no" | "off" | "0" => Some("false".to_owned()),
            _ => None,
        },
        Kind::Warmup if is_nothing(text) => Some("\"none\"".to_owned()),
        kind if is_whole(kind) => whole(text),
        kind if is_number(kind) => number(text).map(|number| number.to_string()),
        _ => None,
    }
}

/// `1,000`, `10k` and `2M`.
fn whole(text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    let (digits, factor) = if let Some(digits) = lower.strip_suffix('k') {
        (digits, 1e3)
    } else if let Some(digits) = lower.strip_suffix('m') {
        (digits, 1e6)
    } else {
        (lower.as_str(), 1.0)
    };
    let mut groups = digits.split([',', '_', '\'']);
    let first = groups.next()?;
    let groups: Vec<&str> = groups.collect();
    if groups.iter().any(|group| group.len() != 3) {
        return None;
    }
    let number = finite(&format!("{first}{}", groups.concat()))? * factor;
    (number.fract() == 0.0 && number < 1e15).then(|| format!("{number:.0}"))
}

/// `0,1`, `10%` and `1/10`.
fn number(text: &str) -> Option<f64> {
    if let Some(percent) = text.strip_suffix('%') {
        return Some(number(percent)? / 100.0);
    }
    if let Some((above, below)) = text.split_once('/') {
        let ratio = finite(above.trim())? / finite(below.trim())?;
        return ratio.is_finite().then_some(ratio);
    }
    finite(&text.replacen(',', ".", 1))
}

/// Also returns `None` for `inf` and `nan`.
fn finite(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_meant_is_shown_in_the_form_that_the_key_takes() {
        for (key, written, right) in [
            ("axes.depth", "[8 14]", "[8, 14]"),
            ("axes.depth", "8;14", "[8, 14]"),
            ("axes.depth", "(8, 14)", "[8, 14]"),
            ("axes.shortcut", "none a", "[\"none\", \"A\"]"),
            ("axes.shortcut", "('none','A')", "[\"none\", \"A\"]"),
            ("axes.lr", "10%;1/20", "[0.1, 0.05]"),
            ("axes.lr_drops", "[.5],[.7]", "[[0.5], [0.7]]"),
            ("train.lr_drops", ".5 .75", "[0.5, 0.75]"),
            ("train.lr", "0,1", "0.1"),
            ("train.lr", "=0.1", "0.1"),
            ("train.iterations", "64,000", "64000"),
            ("train.iterations", "64k", "64000"),
            ("train.iterations", "1.5M", "1500000"),
            ("train.nesterov", "Yes", "true"),
            ("train.nesterov", "1", "true"),
            ("train.lr_drops", "None", "[]"),
            ("train.warmup", "None", "\"none\""),
            ("model.shortcut", "b", "\"B\""),
            ("axes.depth", "8..=20", "{ from = 8, to = 20, step = 6 }"),
            ("axes.depth", "8:32:12", "{ from = 8, to = 32, step = 12 }"),
            (
                "axes.depth",
                "range(8, 21, 6)",
                "{ from = 8, to = 20, step = 6 }",
            ),
            (
                "axes.batch_size",
                "16-18",
                "{ from = 16, to = 18, step = 1 }",
            ),
            ("sweep.seeds", "1-3", "[1, 2, 3]"),
        ] {
            let path: Vec<&str> = key.split('.').collect();
            let target = Target::find(&path).expect(key);
            assert_eq!(
                value(written, target).as_deref(),
                Some(right),
                "{key}={written}"
            );
        }
        for (key, written) in [
            ("axes.depth", "8..eight"),
            ("axes.depth", "20..8"),
            ("axes.depth", "eight"),
            ("axes.shortcut", "none D"),
            ("train.lr", "fast"),
            ("train.lr", "inf"),
            ("train.lr", "1/0"),
            ("train.iterations", "10,00"),
            ("train.nesterov", "maybe"),
            ("sweep.title", "any"),
        ] {
            let path: Vec<&str> = key.split('.').collect();
            let target = Target::find(&path).expect(key);
            assert_eq!(value(written, target), None, "{key}={written}");
        }
    }
}
