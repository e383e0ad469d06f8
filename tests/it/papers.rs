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
    for part in ["/Title", "/Author", "/Creator"] {
        assert!(text.contains(part), "no {part}");
    }
    for part in [
        "50 % of R&amp;D_1",
        "figure curves of sweep tiny",
        "<rdf:li>resweep 0.1.0",
    ] {
        assert!(text.contains(part), "no `{part}` in the metadata");
    }
    assert!(
        !text.contains("CreationDate"),
        "the day would change the bytes"
    );
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
        "\\caption{50 \\% of R\\&D\\_1: \\textless{}nets\\textgreater{} → ℝ: errors in percent at the end",
        "the mean test error.}\n\\label{tab:tiny}\n\\medskip\n",
        "\\begin{tabular}{@{}lrrrrrr@{}}\n\\toprule\nnetwork & parameters & seeds & ",
        "\nResNet-8 lr=0.05 & 1,",
        " \\\\\n\\bottomrule\n\\end{tabular}\n",
        "\\end{table}\n",
    ] {
        assert!(table.contains(part), "no `{part}` in\n{table}");
    }
}

/// Sweeps of plain and residual nets that differ in the learning rate. They share `plain-8`.
fn two_sweeps() -> Workplace {
    let sweep = |name: &str, more: &str| {
        format!(
            "[sweep]\nname = \"{name}\"\n{more}\n[data]\ndataset = \"folder\"\npath = \"images\"\n\
             [model]\nwidth = 2\nimage_size = 8\ndepth = 8\n[train]\niterations = 4\n\
             batch_size = 4\n"
        )
    };
    let slow = "[[include]]\nwhere = { shortcut = \"A\" }\nset = { lr = 0.01 }\n";
    let axes = "[axes]\nshortcut = [\"none\", \"A\"]\n";
    let both = "[[figure]]\nname = \"own\"\n[[figure]]\nname = \"both\"\ntitle = \"Two rates\"\n\
                sweeps = [\"first\", \"second\"]\n";
    let place = Workplace::with_images("first.toml", &(sweep("first", "repeats = 2") + axes));
    let second = sweep("second", "repeats = 2") + axes + slow + both;
    fs::write(place.path().join("second.toml"), second).expect("a sweep file");
    place
}

#[test]
fn several_sweeps_are_drawn_in_one_figure_that_verify_reproduces() {
    let place = two_sweeps();
    place.stdout(&["run", "first.toml"]);
    let said = place.stdout(&["run", "second.toml"]);
    assert!(said.contains("wrote results/second/both.png"), "{said}");
    let said = place.stdout(&["plot", "first", "second"]);
    assert!(
        said.contains("wrote results/first+second/figure.png"),
        "{said}"
    );
    let svg =
        |name: &str| fs::read_to_string(place.path().join("results").join(name)).expect("a figure");
    for (figure, title) in [
        ("first+second/figure.svg", "first, second"),
        ("second/both.svg", "Two rates"),
    ] {
        let svg = svg(figure);
        for part in [
            title,
            "first: ResNet-8",
            "second: ResNet-8",
            "sweeps first, second",
        ] {
            assert!(svg.contains(part), "no `{part}` in {figure}");
        }
        assert!(!svg.contains(": plain-8,"), "the shared net is drawn once");
    }
    let verified = place.stdout(&["verify", "first+second", "second"]);
    assert_eq!(verified.matches("identical").count(), 3, "{verified}");
    assert!(
        verified.contains("sweep first+second, 6 runs"),
        "{verified}"
    );

    place.stdout(&["plot", "first", "second", "--theme", "dark"]);
    place.stdout(&[
        "plot",
        "second",
        "--figure",
        "both",
        "--palette",
        "okabe-ito",
    ]);
    let styled = [
        "results/first+second/figure-dark.png",
        "results/second/both-okabe-ito.png",
    ];
    place.stdout(&[&["verify"][..], &styled].concat());
    place.stdout(&["plot", "first", "second", "--out", "both.pdf"]);
    assert!(place.path().join("both.pdf").is_file());
}

#[test]
fn several_sweeps_are_in_one_table_with_deviations_over_seeds() {
    let place = two_sweeps();
    place.stdout(&["run", "first.toml"]);
    place.stdout(&["run", "second.toml"]);
    let table = place.stdout(&["table", "first", "second", "--format", "latex"]);
    let rows: Vec<&str> = table.lines().filter(|line| line.contains("-8 &")).collect();
    let names: Vec<&str> = rows
        .iter()
        .filter_map(|row| row.split(" & ").next())
        .collect();
    assert_eq!(names, ["plain-8", "first: ResNet-8", "second: ResNet-8"]);
    for row in rows {
        assert!(row.contains(" & 2") && row.contains("$\\pm$"), "{row}");
    }
    assert!(table.contains("\\caption{first, second: errors in percent"));
    let json = place.json(&["table", "first", "second", "--format", "json"]);
    assert_eq!(json["rows"].as_array().map(Vec::len), Some(3));
}

#[test]
fn sweeps_that_cannot_be_drawn_together_are_named() {
    let place = two_sweeps();
    place.stdout(&["run", "second.toml"]);
    let said = place.stdout(&["plot", "second.toml"]);
    let missing = "no figure `both`: no run of sweep `first` has been recorded yet";
    assert!(said.contains(missing), "{said}");
    let said = refusal(&place, &["plot", "second", "second.toml"]);
    assert!(said.contains("sweep `second` is given twice"), "{said}");
    let key = |value: &str| refusal(&place, &["plan", "first.toml", "--set", value]);
    for (value, part) in [
        ("figure.sweeps=a/b", "has a character that cannot be"),
        ("figure.sweeps=a,a", "sweep `a` is given twice"),
        ("figure.sweeps=[]", "`sweeps` is empty"),
    ] {
        let said = key(value);
        assert!(said.contains(part), "{said}");
    }
}
