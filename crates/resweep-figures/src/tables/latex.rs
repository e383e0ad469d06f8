//! A sweep's results as a LaTeX table in the style of the package `booktabs`.

use resweep_core::analysis::Findings;

use super::cells::NOTHING;
use super::{markdown, notes};

/// A `table` with caption, for `\\input`; what it needs of the preamble is in its first comment.
pub(super) fn table(findings: &Findings) -> String {
    let header = markdown::header(findings);
    let title = findings.title.as_ref().unwrap_or(&findings.sweep);
    let label = escaped_label(&findings.sweep);
    let columns = "r".repeat(header.len().saturating_sub(1));
    let mut text = String::from("% needs \\usepackage{booktabs}\n");
    for note in notes::all(findings) {
        text += &format!("% {}\n", note.replace('\n', " "));
    }
    text += "\\begin{table}\n\\centering\n";
    text += &format!("\\caption{{{}}}\n\\label{{tab:{label}}}\n", escaped(title));
    text += &format!("\\begin{{tabular}}{{l{columns}}}\n\\toprule\n");
    text += &row(header.iter().map(|cell| escaped(cell)));
    text += "\\midrule\n";
    for cells in markdown::rows(findings) {
        text += &row(cells.iter().map(|cell| cell_text(cell)));
    }
    text += "\\bottomrule\n\\end{tabular}\n\\end{table}\n";
    text
}

fn row(cells: impl Iterator<Item = String>) -> String {
    let cells: Vec<String> = cells.collect();
    format!("{} \\\\\n", cells.join(" & "))
}

/// An empty cell is a dash; minus and plus-minus signs are set as in formulas.
fn cell_text(cell: &str) -> String {
    let is_number = |text: &str| text.parse::<f64>().is_ok();
    match cell {
        NOTHING => "--".to_owned(),
        number if is_number(number) && !number.starts_with(|c: char| c.is_ascii_digit()) => {
            format!("${number}$")
        }
        text => escaped(text),
    }
}

/// Text that LaTeX shows as it is. Characters that a font of pdfTeX may lack stay as they are.
fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => shown.extend(['\\', c]),
            '\\' => shown += "\\textbackslash{}",
            '~' => shown += "\\textasciitilde{}",
            '^' => shown += "\\textasciicircum{}",
            '<' => shown += "\\textless{}",
            '>' => shown += "\\textgreater{}",
            '|' => shown += "\\textbar{}",
            '"' => shown += "\\textquotedbl{}",
            '\u{b1}' => shown += "$\\pm$",
            // A break between parts of a label is welcome, a ligature of dashes is not.
            '-' if shown.ends_with('-') => shown += "{}-",
            _ => shown.push(c),
        }
    }
    shown
}

/// A sweep's name in `\\label`, where commands are not allowed.
fn escaped_label(name: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    name.chars().map(allowed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_is_no_command() {
        for (text, expected) in [
            ("50 % of R&D_1", "50 \\% of R\\&D\\_1"),
            ("\\input{x}", "\\textbackslash{}input\\{x\\}"),
            (
                "a--b ~ ^ #$",
                "a-{}-b \\textasciitilde{} \\textasciicircum{} \\#\\$",
            ),
            ("8.75 \u{b1} 0.12", "8.75 $\\pm$ 0.12"),
        ] {
            assert_eq!(escaped(text), expected);
        }
        assert_eq!(cell_text("-0.12"), "$-0.12$");
        assert_eq!(cell_text("0.12"), "0.12");
        assert_eq!(cell_text("-"), "--");
    }
}
