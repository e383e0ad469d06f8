//! Sweeps of any number of runs, through the program's own reader and planner.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use resweep_core::domain::{Run, Sweep};
use resweep_core::plan::{self, DataIdentity};
use resweep_core::sweep_file;
use resweep_data::DatasetInfo;
use resweep_store::{Participation, Provenance, Recorder, RunRecord, SweepRecord};

/// The sweep's name.
pub const NAME: &str = "load";
/// Of each axis; depth and shortcut, in the head of the file, make ten more.
const VALUES: usize = 10;
const HEAD: &str = r#"
[data]
dataset = "synthetic"

[model]
image_size = 16
width = 8

[train]
iterations = 5000
log_every = 1
eval_every = 9

[axes]
shortcut = ["none", "A"]
depth = [8, 14, 20, 26, 32]
"#;

/// Writes a sweep file of `runs` configurations, a multiple of 100 up to 10,000, with one seed
/// each: a configuration costs more than a seed.
pub fn write(folder: &Path, runs: usize) -> anyhow::Result<PathBuf> {
    let axis = |key: &str, values: usize, unit: f64| {
        let values: Vec<String> = (1..=values)
            .map(|n| format!("{:.5}", n as f64 * unit))
            .collect();
        format!("{key} = [{}]\n", values.join(", "))
    };
    let mut text = format!("[sweep]\nname = \"{NAME}\"\n{HEAD}");
    text += &axis("lr", VALUES, 0.01);
    text += &axis("weight_decay", VALUES.min(runs / 100), 1e-5);
    write!(text, "{}", axis("momentum", (runs / 1000).max(1), 0.05))?;
    let path = folder.join("load.toml");
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// A sweep file's runs.
pub fn expand(path: &Path) -> anyhow::Result<(Sweep, Vec<Run>)> {
    let sweep = sweep_file::load(path, &[])?;
    let facts = images(&sweep)?;
    let data = DataIdentity {
        fingerprint: &facts.fingerprint,
        classes: facts.classes,
    };
    let runs = plan::runs(&sweep, &vec![data; sweep.configurations.len()]);
    Ok((sweep, runs))
}

/// What is known of the images of all the sweep's runs.
fn images(sweep: &Sweep) -> anyhow::Result<DatasetInfo> {
    let first = sweep.configurations.first().context("no configuration")?;
    let no_cache = Path::new("");
    Ok(resweep_data::describe(
        &first.data,
        first.model.image_size,
        no_cache,
    )?)
}

/// The database of a results folder.
pub fn database(results: &Path) -> PathBuf {
    results.join("resweep.db")
}

/// Stores the sweep of the file `spec` in a new database, as `resweep run` does.
pub fn begin(results: &Path, spec: &Path, sweep: &Sweep, runs: &[Run]) -> anyhow::Result<Recorder> {
    let spec_toml = std::fs::read_to_string(spec)?;
    let facts = images(sweep)?;
    let mut recorder = Recorder::open(&database(results))?;
    let entries: Vec<RunRecord<'_>> = runs
        .iter()
        .map(|run| RunRecord {
            run,
            data_fingerprint: &facts.fingerprint,
        })
        .collect();
    let record = SweepRecord {
        later: &[],
        sweep,
        spec_toml: &spec_toml,
        overrides: &[],
        runs: &entries,
    };
    let provenance = Provenance {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        git_commit: None,
        cpu: "any".to_owned(),
        devices: Vec::new(),
        host: "here".to_owned(),
    };
    recorder.begin_sweep(&record, provenance, Participation::default())?;
    Ok(recorder)
}
