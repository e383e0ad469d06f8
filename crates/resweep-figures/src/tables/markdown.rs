//! Writes a sweep's results as Markdown that is readable as plain text.

use resweep_core::analysis::Findings;
use resweep_core::analysis::pairs::Grid;
use resweep_core::analysis::paper::Number;
use resweep_core::analysis::summary::Summary;
use resweep_core::domain::{Shortcut, printable};

use super::cells::{NOTHING, escaped, grouped, interval, mean, number, sample, seeds, signed};
use super::notes;

/// Heading, table, table of shortcuts, verdicts, notes.
pub(super) fn table(findings: &Findings) -> String {
    let title = findings.title.as_ref().unwrap_or(&findings.sweep);
    let mut page = format!("# {}\n\n", heading(title));
    page += &grid(&header(findings), &escaped_rows(findings));
    for shortcuts in &findings.shortcuts {
        page += "\n## By depth and shortcut\n\n";
        page += &by_shortcut(shortcuts, &findings.rows);
    }
    page += &notes::verdicts(findings);
    page += &notes::expectations(findings);
    page += &notes::seeds(findings);
    page += &notes::notes(findings);
    page
}

pub(super) fn header(findings: &Findings) -> Vec<&'static str> {
    let [best, test] = match findings.on_validation_images {
        true => ["best validation error (%)", "validation error (%)"],
        false => ["best test error (%)", "test error (%)"],
    };
    let mut header = vec!["network", "parameters", "seeds", best, test];
    header.extend(["95 % interval", "training error (%)"]);
    if findings.has_paper() {
        header.extend(["paper: test", "difference"]);
        header.extend(["paper: training", "difference"]);
    }
    header
}

/// A title as a heading: escapes a trailing sequence of `#`.
fn heading(title: &str) -> String {
    escaped(title).replace('#', "\\#")
}

/// The rows with names escaped for Markdown; the other cells are generated.
fn escaped_rows(findings: &Findings) -> Vec<Vec<String>> {
    let mut rows = rows(findings);
    for name in rows.iter_mut().filter_map(|row| row.first_mut()) {
        *name = escaped(name);
    }
    rows
}

/// The cells of every configuration as plain text.
pub(super) fn rows(findings: &Findings) -> Vec<Vec<String>> {
    let with_paper = findings.has_paper();
    let rows = findings.rows.iter();
    rows.map(|row| {
        let test = row.test.as_ref();
        let mut cells = vec![
            printable(&row.label),
            row.parameters.map_or_else(|| NOTHING.to_owned(), grouped),
            seeds(row),
            number(test.map(|test| test.best)),
            sample(test),
            interval(test.and_then(|test| test.interval)),
            sample(row.train.as_ref()),
        ];
        if with_paper {
            cells.extend([
                row.paper.map_or_else(|| NOTHING.to_owned(), paper),
                signed(row.test_difference()),
                number(row.paper.and_then(|paper| paper.train)),
                signed(row.train_difference()),
            ]);
        }
        cells
    })
    .collect()
}

/// `6.61 ± 0.16 (best 6.43)`
fn paper(paper: &Number) -> String {
    let mut text = mean(paper.test, paper.test_standard_deviation);
    if let Some(best) = paper.test_best {
        text += &format!(" (best {best:.2})");
    }
    text
}

/// Test error and, in parentheses, training error.
fn by_shortcut(shortcuts: &Grid, rows: &[Summary]) -> String {
    let names = shortcuts.shortcuts.iter().map(|shortcut| match shortcut {
        Shortcut::None => "none (plain)".to_owned(),
        option => option.into_str().to_owned(),
    });
    let header: Vec<String> = std::iter::once("depth".to_owned()).chain(names).collect();
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let cell = |index: &Option<usize>| match index.and_then(|index| rows.get(index)) {
        Some(row) if row.test.is_some() => {
            let train = number(row.train.as_ref().map(|train| train.mean));
            format!("{} ({train})", sample(row.test.as_ref()))
        }
        _ => NOTHING.to_owned(),
    };
    let lines: Vec<Vec<String>> = shortcuts
        .depths
        .iter()
        .zip(&shortcuts.cells)
        .map(|(depth, cells)| {
            let cells = cells.iter().map(cell);
            std::iter::once(depth.to_string()).chain(cells).collect()
        })
        .collect();
    grid(&header, &lines) + "\n" + notes::SHORTCUTS
}

/// The width of a cell in columns; only names of folders may have wide characters.
fn width_of(cell: &str) -> usize {
    cell.chars().count()
}

/// A Markdown table with aligned columns: names to the left, numbers to the right.
fn grid(header: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        let widths = cells.map(|cell| width_of(cell));
        widths
            .max()
            .unwrap_or(0)
            .max(width_of(header[column]))
            .max(3)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let cells = cells
            .zip(&widths)
            .enumerate()
            .map(|(column, (cell, width))| {
                let space = " ".repeat(width.saturating_sub(width_of(cell)));
                match column {
                    0 => format!(" {cell}{space} "),
                    _ => format!(" {space}{cell} "),
                }
            });
        format!("|{}|\n", cells.collect::<Vec<String>>().join("|"))
    };
    let rule = widths
        .iter()
        .enumerate()
        .map(|(column, width)| match column {
            0 => format!(":{}", "-".repeat(width + 1)),
            _ => format!("{}:", "-".repeat(width + 1)),
        });
    let rule = format!("|{}|\n", rule.collect::<Vec<String>>().join("|"));
    let mut text = line(&mut header.iter().copied()) + &rule;
    for row in rows {
        text += &line(&mut row.iter().map(String::as_str));
    }
    text
}
