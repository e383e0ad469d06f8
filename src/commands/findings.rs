//! Implements `resweep table`, and writes the tables beside a sweep's figures.

use std::path::PathBuf;

use anyhow::Context;

use super::prepare::{Prepared, all_to_show};
use super::records::Records;
use super::results::database;
use super::together;
use crate::cli::{TableArgs, TableFormat as Format};
use crate::format::counted;
use crate::output::{self, Stream};
use resweep_core::analysis::Findings;
use resweep_core::analysis::expectations::ExpectationOutcome;
use resweep_core::domain::printable;
use resweep_core::files::Place;
use resweep_figures::{TableFormat, table};
use resweep_store::Store;

/// Prints the table of a sweep, or one table of several.
pub fn execute(args: &TableArgs) -> anyhow::Result<()> {
    let results = &args.results.results;
    let prepared = together::all(all_to_show(&args.sweep, results)?, results)?;
    let store = Store::open_read_only(&database(results))?;
    let findings = collect(&prepared, &Records::read(&prepared.runs, &store)?);
    let format = match args.format {
        Format::Md => TableFormat::Markdown,
        Format::Csv => TableFormat::Csv,
        Format::Json => TableFormat::Json,
        Format::Latex => TableFormat::Latex,
    };
    let table = table(&findings, format)?;
    let table = match format {
        TableFormat::Json => output::escaped_json(&table),
        TableFormat::Markdown | TableFormat::Csv | TableFormat::Latex => table,
    };
    output::text(Stream::Out, &table);
    Ok(())
}

/// The results of the sweep's runs.
pub fn collect(prepared: &Prepared, records: &Records) -> Findings {
    let recorded = records.of(&prepared.runs);
    Findings::new(&prepared.sweep, &recorded, prepared.growth.clone())
}

/// Writes `table.md`, `.csv` and `.json` into the sweep's folder.
///
/// # Errors
/// When a file cannot be written.
pub fn write(findings: &Findings, folder: &Place) -> anyhow::Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    for format in TableFormat::ALL {
        let path = folder.join(format!("table.{}", format.extension()));
        let text = table(findings, format)?;
        path.write(&[text.as_bytes()])
            .with_context(|| format!("cannot write {}", path.display()))?;
        written.push(path.to_path_buf());
    }
    Ok(written)
}

/// One line per expectation, with its outcome.
pub fn expectations(findings: &Findings) -> Vec<String> {
    let lines = findings.expectations.iter().map(|checked| {
        let words = checked.outcome.as_str();
        let (expectation, found) = (&checked.expectation, &checked.found);
        printable(&format!("{words}: {expectation}; found {found}"))
    });
    lines.collect()
}

/// The number of unmet expectations as a phrase; `None` if all are met.
pub fn unmet(findings: &Findings) -> Option<String> {
    let (unmet, all) = (
        findings.expectations_with(ExpectationOutcome::NotMet),
        counted(findings.expectations.len(), "expectation"),
    );
    (unmet > 0).then(|| format!("{unmet} of {all} not met"))
}
