//! A sweep's results as a LaTeX table in the style of the package `booktabs`.

use resweep_core::analysis::Findings;

use super::cells::NOTHING;
use super::{markdown, notes};

/// A `table` with caption, for `\\input`; what it needs of the preamble is in its first comment. The
/// usual seven columns fit the text width of `article`.
pub(super) fn table(findings: &Findings) -> String {
    let header = heads(findings);
    let label = escaped_label(&findings.sweep);
    let columns = "r".repeat(header.len().saturating_sub(1));
    let mut text = String::from("% needs \\usepackage{booktabs}\n");
    for note in notes::all(findings) {
        text += &format!("% {}\n", note.replace('\n', " "));
    }
    text += "\\begin{table}\n\\centering\n";
    text += &format!(
        "\\caption{{{}}}\n\\label{{tab:{label}}}\n\\medskip\n",
        caption(findings)
    );
    text += "\\footnotesize\n\\setlength{\\tabcolsep}{4.5pt}\n";
    text += &format!("\\begin{{tabular}}{{@{{}}l{columns}@{{}}}}\n\\toprule\n");
    text += &row(header.into_iter());
    text += "\\midrule\n";
    let mut marks = Marks::default();
    for cells in markdown::rows(findings) {
        let cells = cells.iter().enumerate().map(|(column, cell)| match column {
            SEEDS => marks.marked(cell),
            _ => cell_text(cell),
        });
        text += &row(cells);
    }
    text += "\\bottomrule\n\\end{tabular}\n";
    text += &marks.notes();
    text += "\\end{table}\n";
    text
}

/// The column with the number of seeds, and what became of them.
const SEEDS: usize = 2;

/// Short heads: the caption has the units.
fn heads(findings: &Findings) -> Vec<String> {
    let test = evaluated(findings);
    let stacked = |above: &str, below: &str| {
        format!("\\begin{{tabular}}[b]{{@{{}}r@{{}}}}{above}\\\\{below}\\end{{tabular}}")
    };
    let mut heads = ["network", "parameters", "seeds"]
        .map(str::to_owned)
        .to_vec();
    heads.extend([
        stacked("best", test),
        stacked(test, "error"),
        stacked("95\\,\\%", "interval"),
        stacked("training", "error"),
    ]);
    if findings.has_paper() {
        for measure in ["test", "training"] {
            heads.push(stacked("paper:", measure));
            heads.push(stacked("differ-", "ence"));
        }
    }
    heads
}

fn evaluated(findings: &Findings) -> &'static str {
    match findings.on_validation_images {
        true => "validation",
        false => "test",
    }
}

/// The title, and what the columns are.
fn caption(findings: &Findings) -> String {
    let title = escaped(findings.title.as_ref().unwrap_or(&findings.sweep));
    let test = evaluated(findings);
    format!(
        "{title}: errors in percent at the end of training, mean $\\pm$ standard deviation over \
         the seeds. Best is the lowest {test} error of a seed; the 95\\,\\% interval is that of \
         the mean {test} error."
    )
}

/// Remarks on the seeds, which are set below the table with a letter for each.
#[derive(Default)]
struct Marks {
    remarks: Vec<String>,
}

impl Marks {
    /// `3` for `3`, and `3` with a letter for `3, 2 no better than chance`.
    fn marked(&mut self, cell: &str) -> String {
        let Some((count, remark)) = cell.split_once(", ") else {
            return cell_text(cell);
        };
        let known = self.remarks.iter().position(|other| other == remark);
        let index = known.unwrap_or_else(|| {
            self.remarks.push(remark.to_owned());
            self.remarks.len() - 1
        });
        format!("{}\\rlap{{$^{{{}}}$}}", cell_text(count), letter(index))
    }

    fn notes(&self) -> String {
        let notes = self.remarks.iter().enumerate();
        let notes: Vec<String> = notes
            .map(|(index, remark)| format!("$^{{{}}}$ {}", letter(index), escaped(remark)))
            .collect();
        match notes.is_empty() {
            true => String::new(),
            false => format!("\n\\smallskip\n{}\n", notes.join("; ")),
        }
    }
}

/// `a` to `z`, then `aa`, `bb` and so on.
fn letter(index: usize) -> String {
    let letters = ('a'..='z').nth(index % 26).into_iter();
    letters.collect::<String>().repeat(index / 26 + 1)
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
    fn remarks_on_seeds_are_below_the_table_once_each() {
        let mut marks = Marks::default();
        let cells = ["3", "3, 1 failed", "1 of 3, 2 diverged", "3, 1 failed"];
        let shown = cells.map(|cell| marks.marked(cell));
        let expected = [
            "3",
            "3\\rlap{$^{a}$}",
            "1 of 3\\rlap{$^{b}$}",
            "3\\rlap{$^{a}$}",
        ];
        assert_eq!(shown, expected);
        let notes = "\n\\smallskip\n$^{a}$ 1 failed; $^{b}$ 2 diverged\n";
        assert_eq!(marks.notes(), notes);
        assert_eq!((letter(25), letter(26)), ("z".to_owned(), "aa".to_owned()));
    }

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
