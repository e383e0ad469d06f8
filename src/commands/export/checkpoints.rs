//! Exports the networks of finished runs as safetensors, each with the normalisation of its images.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use serde_json::{Value, json};

use super::super::prepare::{Prepared, load_data};
use super::Exported;
use crate::export::Folder;
use resweep_core::domain::{Checkpoint, RunId, printable};
use resweep_core::files::Place;
use resweep_store::Store;
use resweep_train::{network_file, normalisation_file};

/// Incremented when the meaning of a file changes.
const FORMAT: u32 = 1;

/// Writes two files for each run that has its last checkpoint. Returns their paths.
pub fn write(
    runs: &[Exported<'_>],
    prepared: &Prepared,
    store: &Store,
    results: &Path,
    to: &Place,
) -> anyhow::Result<Vec<PathBuf>> {
    let ids: Vec<RunId> = runs.iter().map(|run| run.run.id.clone()).collect();
    let checkpoints = store.last_checkpoints(&ids)?;
    let complete = complete(runs, &checkpoints);
    let configurations = complete
        .iter()
        .map(|(run, _)| &run.run.config.configuration);
    let datasets = load_data(configurations, results)
        .context("the export needs the images to compute their normalisation")?;
    let names: Vec<[String; 2]> = complete.iter().map(|(run, _)| names(run)).collect();
    let folder = Folder::take(to, &names.concat())?;
    let mut written = Vec::new();
    for ((run, checkpoint), [network, normalisation]) in complete.iter().zip(&names) {
        let configuration = &run.run.config.configuration;
        let data = datasets.get(configuration);
        let data = data.context("the data are not loaded")?;
        if data.fingerprint != run.registered.data_fingerprint {
            bail!(changed(run));
        }
        let classes = prepared.images[run.run.configuration].classes;
        let description = description(run, classes, normalisation).to_string();
        let bytes = network_file(checkpoint, description)?;
        written.push(folder.write(network, |out| out.write_all(&bytes))?);
        let bytes = normalisation_file(&data.normaliser, configuration.model.image_size)
            .map_err(|what| anyhow!("cannot write the normalisation: {what}"))?;
        written.push(folder.write(normalisation, |out| out.write_all(&bytes))?);
    }
    Ok(written)
}

/// The runs with their last checkpoint; prints the others.
fn complete<'a>(
    runs: &'a [Exported<'a>],
    checkpoints: &'a HashMap<RunId, Checkpoint>,
) -> Vec<(&'a Exported<'a>, &'a Checkpoint)> {
    let mut complete = Vec::new();
    for run in runs {
        let end = run.run.config.configuration.train.iterations;
        match checkpoints.get(&run.run.id) {
            Some(checkpoint) if checkpoint.iteration == end => complete.push((run, checkpoint)),
            _ => errln!(
                "skipped {}, which has no final checkpoint: it is not finished, or `resweep gc \
                 --all` has removed it",
                printable(&run.run.label)
            ),
        }
    }
    complete
}

/// The error if the images differ from those the run was trained on.
fn changed(run: &Exported<'_>) -> String {
    let label = printable(&run.run.label);
    let path = run.run.config.configuration.data.path.as_ref();
    let folder = path.map_or_else(String::new, |path| format!(" of `{}`", path.display()));
    format!(
        "the images{folder} have changed since {label} was trained, so the statistics that its \
         images were normalised with are not known; put the former images back and export again"
    )
}

fn names(run: &Exported<'_>) -> [String; 2] {
    let stem = run.file_stem();
    [
        format!("{stem}.safetensors"),
        format!("{stem}.normalisation.safetensors"),
    ]
}

/// The metadata that a reader needs to build and evaluate the network.
fn description(run: &Exported<'_>, classes: usize, normalisation: &str) -> Value {
    json!({
        "format": FORMAT,
        "run": run.run.id.0,
        "label": run.run.label,
        "classes": classes,
        "normalisation": normalisation,
        "data_fingerprint": run.registered.data_fingerprint,
        "config": run.run.config,
        "test_error_percent": run.status.test.map(|point| point.error_percent),
        "validation_error_percent": run.status.validation.map(|point| point.error_percent),
    })
}
