//! Writes one line per configuration, for spreadsheets: ten decimals, empty cells for missing
//! values.

use csv::Writer;

use resweep_core::analysis::Findings;
use resweep_core::analysis::statistics::Sample;
use resweep_core::analysis::summary::Summary;
use resweep_core::domain::spreadsheet_text;

use super::super::RenderError;

const HEADER: [&str; 24] = [
    "configuration",
    "depth",
    "shortcut",
    "parameters",
    "seeds",
    "finished",
    "diverged",
    "failed",
    "test_best_percent",
    "test_mean_percent",
    "test_standard_deviation",
    "test_interval_low",
    "test_interval_high",
    "train_mean_percent",
    "train_standard_deviation",
    "train_interval_low",
    "train_interval_high",
    "paper_test_percent",
    "paper_train_percent",
    "paper_source",
    "test_difference",
    "train_difference",
    "diverged_at_iterations",
    "no_better_than_chance",
];

pub(super) fn table(findings: &Findings) -> Result<String, RenderError> {
    let failed = |error: csv::Error| RenderError::Table(error.to_string());
    let mut writer = Writer::from_writer(Vec::new());
    writer.write_record(header(findings)).map_err(failed)?;
    for row in &findings.rows {
        writer.write_record(record(row)).map_err(failed)?;
    }
    let bytes = writer
        .into_inner()
        .map_err(|error| RenderError::Table(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| RenderError::Table(error.to_string()))
}

/// The names of the columns; errors on held-out training images are validation errors.
fn header(findings: &Findings) -> [String; 24] {
    HEADER.map(|name| match name.strip_prefix("test_") {
        Some(rest) if findings.on_validation_images => format!("validation_{rest}"),
        _ => name.to_owned(),
    })
}

fn record(row: &Summary) -> Vec<String> {
    let mut cells = vec![
        spreadsheet_text(&row.label),
        row.depth.to_string(),
        row.shortcut.into_str().to_owned(),
        row.parameters
            .map_or_else(String::new, |count| count.to_string()),
        row.seeds.to_string(),
        row.finished.to_string(),
        row.diverged.to_string(),
        row.failed.to_string(),
        number(row.test.as_ref().map(|test| test.best)),
    ];
    let diverged_at: Vec<String> = row.diverged_at.iter().map(u64::to_string).collect();
    cells.extend(sample(row.test.as_ref()));
    cells.extend(sample(row.train.as_ref()));
    cells.extend([
        number(row.paper.map(|paper| paper.test)),
        number(row.paper.and_then(|paper| paper.train)),
        row.paper
            .map_or_else(String::new, |paper| paper.source.as_str().to_owned()),
        number(row.test_difference()),
        number(row.train_difference()),
        diverged_at.join(" "),
        row.no_better_than_chance.to_string(),
    ]);
    cells
}

/// Mean, standard deviation and both ends of the interval.
fn sample(sample: Option<&Sample>) -> [String; 4] {
    let interval = sample.and_then(|sample| sample.interval);
    [
        number(sample.map(|sample| sample.mean)),
        number(sample.and_then(|sample| sample.standard_deviation)),
        number(interval.map(|interval| interval.low)),
        number(interval.map(|interval| interval.high)),
    ]
}

/// Ten decimals, without trailing zeros: a mean of 9.5 and 9.7 is 9.6, not 9.600000000000001.
fn number(value: Option<f64>) -> String {
    let rounded = value.map(|value| (value * 1e10).round() / 1e10 + 0.0);
    rounded.map_or_else(String::new, |value| value.to_string())
}
