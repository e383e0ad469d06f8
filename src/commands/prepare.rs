//! From a sweep file to its runs, their data loaded: what every command on a sweep begins with.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::cli::SweepArgs;
use crate::domain::{Configuration, Run, Sweep};
use crate::plan::{self, DataFacts};
use crate::spec;
use crate::train::Datasets;

/// A sweep that is ready to run.
pub struct Prepared {
    pub sweep: Sweep,
    pub runs: Vec<Run>,
    pub datasets: Datasets,
}

/// Reads the sweep file, loads its data and plans its runs.
///
/// # Errors
/// Every problem of the sweep file, or the first data set that cannot be loaded.
pub fn prepare(args: &SweepArgs, results: &Path) -> anyhow::Result<Prepared> {
    let sweep = spec::load(&args.sweep, &args.overrides)?;
    let datasets = Datasets::load(&sweep, &results.join("cache"))?;
    for warning in datasets.iter().flat_map(|data| &data.warnings) {
        anstream::eprintln!("warning: {warning}");
    }
    for configuration in &sweep.configurations {
        let data = datasets
            .get(configuration)
            .context("the data were not loaded")?;
        let (batch_size, images) = (configuration.train.batch_size, data.train.len());
        anyhow::ensure!(
            batch_size <= images,
            "train.batch_size is {batch_size}, but the data set has only {images} training images"
        );
    }
    let facts = |configuration: &Configuration| {
        let data = datasets.get(configuration).expect("checked above");
        DataFacts {
            fingerprint: &data.fingerprint,
            classes: data.classes.len(),
        }
    };
    let runs = plan::runs(&sweep, facts);
    let mut labels = HashMap::new();
    for run in &runs {
        if let Some(other) = labels.insert(&run.id, &run.label) {
            anyhow::bail!(
                "`{other}` and `{}` are the same run: their data have the same content; remove one of them",
                run.label
            );
        }
    }
    Ok(Prepared {
        sweep,
        runs,
        datasets,
    })
}

/// The database of a results folder.
pub fn database(results: &Path) -> PathBuf {
    results.join("resweep.db")
}
