//! Figures and tables for papers: one figure in one file, and the table in LaTeX.

use std::fs;

use crate::support::workplace::Workplace;

const SWEEP: &str = r#"
[sweep]
name = "tiny"
title = "50 % of R&D_1: <nets> → ℝ"

[model]
depth = 8
width = 2
image_size = 8
shortcut = "A"

[train]
iterations = 4
batch_size = 8

[axes]
lr = [0.1, 0.05]

[[figure]]
name = "curves"

[[figure]]
name = "final"
kind = "error-vs-depth"
facet = "lr"
"#;

fn trained() -> Workplace {
    let place = Workplace::new("tiny.toml", SWEEP);
    place.stdout(&["run", "tiny.toml"]);
    place
}

/// What the program says of a command line that it refuses.
fn refusal(place: &Workplace, args: &[&str]) -> String {
    let assert = place.resweep(args).assert().code(2);
    String::from_utf8(assert.get_output().stderr.clone()).expect("UTF-8")
}

#[test]
fn one_figure_is_written_in_the_format_of_the_files_ending() {
    let place = trained();
    let file = |name: &str| fs::read(place.path().join(name)).expect("a file");
    for ending in ["png", "svg", "pdf"] {
        let out = format!("paper/figure.{ending}");
        let said = place.stdout(&["plot", "tiny.toml", "--figure", "curves", "--out", &out]);
        assert_eq!(said, format!("wrote {out}\n"));
        if ending != "pdf" {
            let own = file(&format!("results/tiny/curves.{ending}"));
            assert!(file(&out) == own, "{ending} as in the results");
        }
    }
    let pdf = file("paper/figure.pdf");
    assert!(pdf.starts_with(b"%PDF-"));
    let text = String::from_utf8_lossy(&pdf);
    for part in ["NotoSans", "DejaVuSans", "/FontFile", "/ToUnicode"] {
        assert!(text.contains(part), "{part}: fonts are embedded");
    }
    let again = ["plot", "tiny", "--figure", "curves", "--out", "again.PDF"];
    place.stdout(&again);
    assert!(file("again.PDF") == pdf, "the same bytes");
}

#[test]
fn wrong_names_and_endings_are_answered_with_the_right_form() {
    let place = trained();
    let out = |more: &[&str]| refusal(&place, &[&["plot", "tiny.toml"], more].concat());
    let said = out(&["--figure", "curve", "--out", "x.pdf"]);
    assert!(
        said.contains("has no figure `curve`; it has `curves` and `final`"),
        "{said}"
    );
    let said = out(&["--out", "x.pdf"]);
    assert!(said.contains("`--figure curves --out x.pdf`"), "{said}");
    let said = out(&["--figure", "final", "--out", "x.jpg"]);
    assert!(said.contains("ends in .pdf, .svg or .png"), "{said}");
    assert!(!place.path().join("x.pdf").exists() && !place.path().join("x.jpg").exists());
}

#[test]
fn the_table_is_written_in_latex_with_text_escaped() {
    let place = trained();
    let table = place.stdout(&["table", "tiny.toml", "--format", "latex"]);
    for part in [
        "% needs \\usepackage{booktabs}\n",
        "\\caption{50 \\% of R\\&D\\_1: \\textless{}nets\\textgreater{} → ℝ}\n\\label{tab:tiny}\n",
        "\\begin{tabular}{lrrrrrr}\n\\toprule\nnetwork & parameters & seeds & ",
        "\nResNet-8 lr=0.05 & 1,",
        " \\\\\n\\bottomrule\n\\end{tabular}\n\\end{table}\n",
    ] {
        assert!(table.contains(part), "no `{part}` in\n{table}");
    }
}
