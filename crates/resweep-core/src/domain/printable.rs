//! Escapes untrusted text for terminals, SVG and spreadsheets.

/// Whether a character controls a terminal or the reading direction, or is invalid in XML: control
/// characters, line and paragraph separators, Unicode's directional formatting, the byte order mark
/// and the noncharacters at the end of the plane.
pub fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
                | '\u{feff}'
                | '\u{fffe}'..='\u{ffff}'
        )
}

/// Escapes every such character as `\u{1b}`.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unprintable(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// As [`printable`], for text of several lines: keeps line breaks and tabs.
pub fn printable_text(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unprintable(c) && !matches!(c, '\n' | '\t') {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// As [`printable`], for a cell of CSV: prefixes an apostrophe to text that a spreadsheet would
/// evaluate as a formula, as OWASP advises. Numbers are unchanged.
pub fn spreadsheet_text(text: &str) -> String {
    let shown = printable(text);
    let is_formula = shown.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    match is_formula && shown.parse::<f64>().is_err() {
        true => format!("'{shown}"),
        false => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreadsheet_formulas_are_escaped_and_numbers_are_not() {
        for formula in ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "＝1"] {
            assert_eq!(spreadsheet_text(formula), format!("'{formula}"));
        }
        for text in ["-1.5", "+2e-3", "a=b", "plain-20", ""] {
            assert_eq!(spreadsheet_text(text), text);
        }
        assert_eq!(spreadsheet_text("\t=1"), "\\u{9}=1");
    }

    #[test]
    fn control_characters_are_escaped_and_all_else_is_kept() {
        assert_eq!(printable("a\u{1b}[31m\nb"), "a\\u{1b}[31m\\u{a}b");
        assert_eq!(printable("x\u{202e}y\u{ffff}"), "x\\u{202e}y\\u{ffff}");
        let plain = "naïve 猫 עברית <b>&\"\\";
        assert_eq!(printable(plain), plain);
        assert_eq!(printable_text("a\tb\r\n\u{9b}c"), "a\tb\\u{d}\n\\u{9b}c");
    }
}
