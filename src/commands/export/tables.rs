//! Exports tables of runs, points and, if measured, layers.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::Exported;
use crate::export::{Folder, RowFormat, RowWriter, rounded};
use resweep_core::domain::{EvalSet, LayerStat, Measurements, RunId};
use resweep_core::files::Place;
use resweep_store::Store;

/// Columns of the runs before their settings.
const RUN: [&str; 7] = [
    "run",
    "label",
    "name",
    "parameters",
    "forward_flops",
    "training_flops",
    "data_fingerprint",
];

/// Columns of the runs after their settings: the outcome, then the last attempt's provenance.
const OUTCOME: [&str; 17] = [
    "status",
    "iteration",
    "train_error_percent",
    "test_error_percent",
    "validation_error_percent",
    "diverged_iteration",
    "error",
    "wall_ms",
    "attempts",
    "started_unix_ms",
    "ended_unix_ms",
    "program_version",
    "git_commit",
    "device",
    "cpu",
    "threads",
    "host",
];

/// Columns of the points.
const POINT: [&str; 7] = [
    "run",
    "label",
    "set",
    "iteration",
    "error_percent",
    "loss",
    "lr",
];

/// Columns of the layers.
const LAYER: [&str; 5] = ["run", "label", "layer", "name", "std"];

/// Writes `runs`, `points` and, if a run has measured its layers, `layers` to the folder. Returns
/// their paths.
pub fn write(
    format: RowFormat,
    runs: &[Exported<'_>],
    store: &Store,
    to: &Place,
) -> anyhow::Result<Vec<PathBuf>> {
    let name = |table: &str| format!("{table}.{}", format.extension());
    let ids: Vec<RunId> = runs.iter().map(|run| run.run.id.clone()).collect();
    let layers = store.layer_stats(&ids)?;
    let any_layers = layers.values().any(|layers| !layers.is_empty());
    let mut names = vec![name("runs"), name("points")];
    names.extend(any_layers.then(|| name("layers")));
    let folder = Folder::take(to, &names)?;
    let mut written = vec![
        folder.write(&names[0], |out| write_runs(format, runs, out))?,
        folder.write(&names[1], |out| write_points(format, runs, store, out))?,
    ];
    if let Some(name) = names.get(2) {
        written.push(folder.write(name, |out| write_layers(format, runs, &layers, out))?);
    }
    Ok(written)
}

fn write_layers(
    format: RowFormat,
    runs: &[Exported<'_>],
    layers: &HashMap<RunId, Vec<LayerStat>>,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let mut rows = RowWriter::new(format, LAYER.map(str::to_owned).to_vec(), out)?;
    for Exported { run, .. } in runs {
        for stat in layers.get(&run.id).into_iter().flatten() {
            rows.row(vec![
                json!(run.id.0),
                json!(run.label),
                json!(stat.layer),
                json!(stat.name),
                json!(stat.std),
            ])?;
        }
    }
    rows.finish()
}

fn write_runs(format: RowFormat, runs: &[Exported<'_>], out: &mut dyn io::Write) -> io::Result<()> {
    let settings: Vec<Map<String, Value>> = runs.iter().map(Exported::settings).collect();
    // Runs may have different settings.
    let names: BTreeSet<&String> = settings.iter().flat_map(Map::keys).collect();
    let columns = RUN.iter().map(|name| (*name).to_owned());
    let columns = columns.chain(names.iter().map(|name| (*name).clone()));
    let columns = columns.chain(OUTCOME.map(str::to_owned));
    let mut rows = RowWriter::new(format, columns.collect(), out)?;
    for (run, settings) in runs.iter().zip(&settings) {
        let mut cells = run_cells(run);
        let of_setting = |name: &&String| settings.get(*name).cloned().unwrap_or_default();
        cells.extend(names.iter().map(of_setting));
        cells.extend(outcome_cells(run));
        rows.row(cells)?;
    }
    rows.finish()
}

fn run_cells(exported: &Exported<'_>) -> Vec<Value> {
    let registered = &exported.registered;
    vec![
        json!(exported.run.id.0),
        json!(exported.run.label),
        json!(registered.config.configuration.model.name()),
        json!(registered.cost.parameters),
        json!(registered.cost.forward_flops),
        json!(registered.cost.training_flops),
        json!(registered.data_fingerprint),
    ]
}

fn outcome_cells(exported: &Exported<'_>) -> Vec<Value> {
    let status = &exported.status;
    let last = exported.attempts.last();
    let ms = |wall: Duration| wall.as_millis() as u64;
    vec![
        json!(status.status.into_str()),
        json!(status.iteration),
        json!(status.train.map(|point| point.error_percent)),
        json!(status.test.map(|point| point.error_percent)),
        json!(status.validation.map(|point| point.error_percent)),
        json!(status.diverged_iteration),
        json!(status.error),
        json!(status.wall.map(ms)),
        json!(status.attempts),
        json!(last.map(|attempt| attempt.started_unix_ms)),
        json!(last.and_then(|attempt| attempt.ended_unix_ms)),
        json!(last.map(|attempt| &attempt.program_version)),
        json!(last.and_then(|attempt| attempt.git_commit.as_ref())),
        json!(last.map(|attempt| &attempt.device)),
        json!(last.map(|attempt| &attempt.cpu)),
        json!(last.map(|attempt| attempt.threads)),
        json!(last.and_then(|attempt| attempt.host.as_ref())),
    ]
}

/// Reads one run at a time, to limit memory.
fn write_points(
    format: RowFormat,
    runs: &[Exported<'_>],
    store: &Store,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let mut rows = RowWriter::new(format, POINT.map(str::to_owned).to_vec(), out)?;
    for Exported { run, .. } in runs {
        let measurements = store.measurements(&run.id).map_err(io::Error::other)?;
        for point in points(&measurements) {
            let mut cells = vec![json!(run.id.0), json!(run.label)];
            cells.extend(point);
            rows.row(cells)?;
        }
    }
    rows.finish()
}

/// Training points first, then evaluations, each in the order of iterations.
fn points(measurements: &Measurements) -> impl Iterator<Item = [Value; 5]> {
    let train = measurements.train.iter().map(|point| {
        [
            json!("train"),
            json!(point.iteration),
            json!(point.error_percent),
            json!(point.loss),
            json!(rounded(point.lr)),
        ]
    });
    let eval = measurements.eval.iter().map(|point| {
        [
            json!(match point.set {
                EvalSet::Test => "test",
                EvalSet::Validation => "validation",
            }),
            json!(point.iteration),
            json!(point.error_percent),
            json!(point.loss),
            Value::Null,
        ]
    });
    train.chain(eval)
}
