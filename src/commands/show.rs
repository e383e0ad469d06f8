//! Shows one run: its settings, curves, attempts and files.

use std::path::Path;

use indicatif::DecimalBytes;

use super::attempts;
use super::named_run::NamedRun;
use super::results::database;
use super::table::{self, percent};
use crate::{export, output};
use resweep_core::domain::{EvalPoint, EvalSet, RunId, TrainPoint, printable};
use resweep_core::files::Place;
use resweep_store::Store;
use serde::Serialize;
use serde_json::{Map, Value};

/// The width of a curve in characters.
const CURVE_WIDTH: usize = 48;

/// Characters of increasing height.
const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Prints the records of a run.
pub fn show(run: &NamedRun, store: &Store, results: &Path) -> anyhow::Result<()> {
    let member = &run.member;
    let id = &member.id;
    let ids = [id.clone()];
    let status = store.statuses(&ids)?.remove(id);
    let word = status
        .as_ref()
        .map_or("new", |status| status.status.into_str());
    outln!("{}: {word}", member.label);
    outln!("  id      {id}");
    let sweeps = status
        .as_ref()
        .map_or(vec![run.sweep.clone()], |status| status.sweeps.clone());
    outln!("  sweeps  {}", sweeps.join(", "));
    if let Some(recorded) = store.recorded_runs(&ids)?.remove(id) {
        outln!("  images  {}", recorded.data_fingerprint);
        outln!();
        for (name, value) in export::settings(&recorded.config) {
            if !value.is_null() {
                outln!("  {name} = {value}");
            }
        }
    }
    curves(run, store)?;
    outln!();
    attempts::show(store, std::slice::from_ref(member), false)?;
    files(run, results);
    Ok(())
}

/// A run in the output of `--json`.
#[derive(Serialize)]
struct Shown<'a> {
    id: &'a RunId,
    label: &'a str,
    status: &'static str,
    sweeps: Vec<String>,
    /// The fingerprint of its images.
    images: Option<String>,
    settings: Map<String, Value>,
    train: Vec<TrainPoint>,
    eval: Vec<EvalPoint>,
    attempts: Vec<attempts::Row<'a>>,
    files: Vec<StoredFile>,
}

#[derive(Serialize)]
struct StoredFile {
    path: String,
    bytes: u64,
}

/// Prints the records of a run as JSON.
pub fn json(run: &NamedRun, store: &Store, results: &Path) -> anyhow::Result<()> {
    let member = &run.member;
    let id = &member.id;
    let ids = [id.clone()];
    let status = store.statuses(&ids)?.remove(id);
    let recorded = store.recorded_runs(&ids)?.remove(id);
    let measured = store.measurements(id)?;
    let settings = recorded
        .iter()
        .flat_map(|run| export::settings(&run.config));
    let files = stored_files(run, results).into_iter();
    output::json(&Shown {
        id,
        label: &member.label,
        status: status
            .as_ref()
            .map_or("new", |status| status.status.into_str()),
        sweeps: status.map_or(vec![run.sweep.clone()], |status| status.sweeps),
        settings: settings
            .map(|(name, value)| (name.to_string(), value))
            .collect(),
        images: recorded.as_ref().map(|run| run.data_fingerprint.clone()),
        train: measured.train,
        eval: measured.eval,
        attempts: attempts::rows(store, member)?,
        files: files
            .map(|(path, bytes)| StoredFile { path, bytes })
            .collect(),
    })?;
    Ok(())
}

/// The errors over the whole run, one line per curve.
fn curves(run: &NamedRun, store: &Store) -> anyhow::Result<()> {
    let measured = store.measurements(&run.member.id)?;
    let of = |set| {
        let points = measured.eval.iter().filter(move |point| point.set == set);
        points.map(|point| point.error_percent).collect::<Vec<_>>()
    };
    let train: Vec<f64> = measured
        .train
        .iter()
        .map(|point| point.error_percent)
        .collect();
    let lines = [
        ("train", train),
        ("test", of(EvalSet::Test)),
        ("validation", of(EvalSet::Validation)),
    ];
    if lines.iter().any(|(_, errors)| !errors.is_empty()) {
        outln!();
    }
    for (name, errors) in lines {
        if let (Some(first), Some(last)) = (errors.first(), errors.last()) {
            let (first, last) = (percent(Some(*first)), percent(Some(*last)));
            outln!("  {name:<10} {first:>6} {} {last} %", curve(&errors));
        }
    }
    Ok(())
}

/// Draws a curve in one line of characters, from 0 at the bottom to the largest value.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a height is between 0 and 7"
)]
fn curve(values: &[f64]) -> String {
    let highest = values
        .iter()
        .copied()
        .fold(0.0, f64::max)
        .max(f64::MIN_POSITIVE);
    let width = values.len().min(CURVE_WIDTH);
    let height = |value: f64| (value / highest * 7.0).round().clamp(0.0, 7.0) as usize;
    (0..width)
        .map(|column| {
            let range = column * values.len() / width..(column + 1) * values.len() / width;
            let part = &values[range];
            let mean = part.iter().sum::<f64>() / part.len() as f64;
            HEIGHTS[height(mean)]
        })
        .collect()
}

/// The checkpoints and logs of a run, with their sizes in bytes.
fn stored_files(run: &NamedRun, results: &Path) -> Vec<(String, u64)> {
    let id = &run.member.id;
    let root = Place::of_file(&database(results)).folder();
    let mut found: Vec<(String, u64)> = Vec::new();
    for folder in [
        root.join("checkpoints").join(&id.0),
        root.join("logs").join(id.short()),
    ] {
        list(&folder, &mut found);
    }
    found
}

/// Prints the files of a run.
fn files(run: &NamedRun, results: &Path) {
    let found = stored_files(run, results);
    if found.is_empty() {
        return;
    }
    outln!();
    let rows = found.into_iter().map(|(path, bytes)| {
        let bytes = DecimalBytes(bytes).to_string();
        vec![printable(&path), bytes]
    });
    table::print(&["file", "size"], &["size"], rows.collect());
}

fn list(folder: &Place, found: &mut Vec<(String, u64)>) {
    let mut entries = folder.entries();
    entries.sort_by(|a, b| a.place.cmp(&b.place));
    for entry in entries {
        if entry.is_folder {
            list(&entry.place, found);
        } else {
            found.push((entry.place.display().to_string(), entry.bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_begins_high_and_ends_low() {
        assert_eq!(curve(&[90.0, 45.0, 0.0]), "█▅▁");
        assert_eq!(curve(&[0.0]), "▁");
        let long: Vec<f64> = (0..1000).map(|i| 100.0 - f64::from(i) / 10.0).collect();
        assert_eq!(curve(&long).chars().count(), CURVE_WIDTH);
    }
}
