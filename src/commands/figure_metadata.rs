//! Collects a figure's provenance: program, sweep, images, and the state of each run. No dates: the
//! same records give the same bytes.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::provenance::{VERSION, commit};
use resweep_core::domain::{
    Configuration, Curves, Figure, FigureKind, LayerStat, Quantity, Run, RunId, Sweep, hex,
};
use resweep_figures::Metadata;
use resweep_store::{Store, StoreError};

/// Incremented when the meaning of an entry changes.
pub const FORMAT: &str = "2";

/// The placeholder for missing measurements.
const NOTHING: &str = "-";

/// Hexadecimal digits of the digest of a run's measurements.
const DIGITS: usize = 16;

/// The provenance of one figure: `format`, `version`, `commit`, `sweep`, `declared-in` (for a figure
/// of several sweeps), `sweep-sha256`, `figure`, `data` (fingerprints) and `runs`: a line for each run shown, with its id, a digest of the
/// measurements that the figure uses, its last iteration, and the iteration at which it diverged,
/// if any.
///
/// # Errors
/// The database cannot be read.
pub fn metadata(
    sweep: &Sweep,
    figure: &Figure,
    runs: &[Run],
    curves: &HashMap<RunId, Curves>,
    store: &Store,
) -> Result<Metadata, StoreError> {
    let runs: Vec<&Run> = shown(figure, runs).collect();
    let ids: Vec<RunId> = runs.iter().map(|run| run.id.clone()).collect();
    let recorded = store.recorded_runs(&ids)?;
    let data: BTreeSet<&str> = recorded
        .values()
        .map(|run| run.data_fingerprint.as_str())
        .collect();
    let layers = match figure.kind {
        FigureKind::LayerResponses => store.layer_stats(&ids)?,
        _ => HashMap::new(),
    };
    let runs = runs.iter().map(|run| {
        let layers = layers.get(&run.id).map_or(&[][..], Vec::as_slice);
        line(&run.id, curves.get(&run.id), layers, figure.axes.quantity)
    });
    let mut metadata = Metadata::default();
    metadata.push("format", FORMAT);
    metadata.push("version", VERSION);
    metadata.push("commit", commit().unwrap_or("unknown"));
    metadata.push("sweep", &sweep.name);
    if let Some(name) = &figure.declared_in {
        metadata.push("declared-in", name);
    }
    metadata.push("sweep-sha256", sweep_sha256(sweep, figure));
    metadata.push("figure", &figure.name);
    metadata.push("data", data.into_iter().collect::<Vec<_>>().join(" "));
    metadata.push("runs", runs.collect::<Vec<_>>().join("\n"));
    Ok(metadata)
}

/// The runs in a figure.
pub fn shown<'a>(figure: &Figure, runs: &'a [Run]) -> impl Iterator<Item = &'a Run> + use<'a> {
    let panels = figure.panels.iter();
    let indices: HashSet<usize> = panels
        .flat_map(|panel| panel.configurations.iter().copied())
        .collect();
    runs.iter()
        .filter(move |run| indices.contains(&run.configuration))
}

/// The recorded state of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    pub digest: String,
    /// 0 before the first measurement.
    pub iteration: u64,
    /// The iteration at which it diverged; missing in figures of older versions.
    pub diverged: Option<u64>,
}

impl Measured {
    /// Whether the run has measurements or diverged.
    pub fn anything(&self) -> bool {
        self.digest != NOTHING || self.diverged.is_some()
    }

    /// `40`, `diverged at 43`.
    pub fn describe(&self) -> String {
        match self.diverged {
            Some(at) => format!("diverged at {at}"),
            None => self.iteration.to_string(),
        }
    }
}

/// Parses the runs in a figure's provenance; `None` if a line is malformed.
pub fn measured(metadata: &Metadata) -> Option<Vec<(RunId, Measured)>> {
    let lines = metadata.get("runs")?.lines();
    lines
        .map(|line| {
            let mut words = line.split(' ');
            let id = words.next().filter(|id| is_hexadecimal(id))?;
            let id = RunId(id.to_owned());
            let digest = words.next()?.to_owned();
            let measured = Measured {
                digest,
                iteration: words.next()?.parse().ok()?,
                diverged: words.next().and_then(|at| at.parse().ok()),
            };
            Some((id, measured))
        })
        .collect()
}

fn is_hexadecimal(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn line(id: &RunId, curves: Option<&Curves>, layers: &[LayerStat], quantity: Quantity) -> String {
    let nothing = Curves::default();
    let curves = curves.unwrap_or(&nothing);
    let train = curves.train.last().map(|point| point.iteration);
    let eval = curves.eval.last().map(|point| point.iteration);
    let diverged = curves.diverged.map(|at| format!(" {at}"));
    let diverged = diverged.unwrap_or_default();
    match train.max(eval) {
        None => format!("{id} {NOTHING} 0{diverged}"),
        Some(last) => format!("{id} {} {last}{diverged}", digest(curves, layers, quantity)),
    }
}

/// The beginning of a SHA-256 over all bits of the measurements that a figure of this quantity uses.
fn digest(curves: &Curves, layers: &[LayerStat], quantity: Quantity) -> String {
    let value = |error, loss| match quantity {
        Quantity::Error => bits(error),
        Quantity::Loss => bits(loss),
    };
    let mut hash = Sha256::new();
    hash.update((curves.train.len() as u64).to_le_bytes());
    for point in &curves.train {
        hash.update(point.iteration.to_le_bytes());
        hash.update(value(point.error_percent, point.loss));
    }
    for point in &curves.eval {
        hash.update(point.iteration.to_le_bytes());
        hash.update([point.set as u8]);
        hash.update(value(point.error_percent, point.loss));
    }
    for layer in layers {
        hash.update((layer.layer as u64).to_le_bytes());
        hash.update(bits(layer.std));
    }
    let mut digits = hex(&hash.finalize());
    digits.truncate(DIGITS);
    digits
}

/// Treats all NaN as equal: the database does not distinguish them.
fn bits(value: f64) -> [u8; 8] {
    let value = if value.is_nan() { f64::NAN } else { value };
    value.to_bits().to_le_bytes()
}

/// The part of a sweep file that determines one figure.
#[derive(Serialize)]
struct Resolved<'a> {
    name: &'a str,
    title: &'a Option<String>,
    configurations: Vec<Configuration>,
    labels: &'a [String],
    seeds: &'a [u64],
    figure: &'a Figure,
}

/// The SHA-256 of the part of a sweep file that determines a figure: independent of comments, the
/// order of keys and the folder of the images.
pub fn sweep_sha256(sweep: &Sweep, figure: &Figure) -> String {
    let elsewhere = |configuration: &Configuration| {
        let mut configuration = configuration.clone();
        configuration.data.path = None;
        configuration
    };
    let resolved = Resolved {
        name: &sweep.name,
        title: &sweep.title,
        configurations: sweep.configurations.iter().map(elsewhere).collect(),
        labels: &sweep.labels,
        seeds: &sweep.seeds,
        figure,
    };
    // Plain data always serialise to JSON; the empty text matches no figure.
    hex(&Sha256::digest(
        serde_json::to_vec(&resolved).unwrap_or_default(),
    ))
}
