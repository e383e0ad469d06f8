//! Read-only queries for `plan` and estimates: where runs would start.

use std::collections::HashMap;

use rusqlite::Transaction;
use serde_json::{Map, Value};

use super::checkpoints::{self, Candidate};
use super::points::collect;
use super::queries::current_training;
use super::values::Problem;
use super::{Store, StoreError, shared_results};
use resweep_core::domain::{Outcome, Run, RunId, TrainConfig};

/// Where a run without a result can start.
#[derive(Debug, Clone, PartialEq)]
pub enum Start {
    /// Another run's result, which is all that this one needs.
    Same { run: RunId, outcome: Outcome },
    /// A checkpoint.
    At {
        iteration: u64,
        /// The run that wrote the checkpoint, possibly the same run.
        run: RunId,
        /// Whether the evaluations before it are at this run's intervals; otherwise they are at the
        /// other run's, which evaluated more often.
        on_grid: bool,
    },
}

/// The recorded run of the same network and seed whose settings differ least.
#[derive(Debug, Clone, PartialEq)]
pub struct Nearest {
    pub run: RunId,
    pub train: TrainConfig,
    /// The differing keys that determine the weights, by their names in the sweep file; `images`
    /// means their content.
    pub keys: Vec<String>,
    /// Whether no key differs, but a version trained it whose results differ in the last digits.
    pub rounds_differently: bool,
}

/// A recorded run that could be the nearest.
struct Recorded {
    id: RunId,
    config: Value,
    fingerprint: String,
    /// Unknown in databases of old versions.
    trajectory: Option<String>,
}

/// A network's name and width, and a seed.
type Network = (String, i64, i64);

/// The most recorded runs of one network and seed that a run is compared with.
const COMPARED_MAX: usize = 64;

/// Keys that affect measurements, paths or the length of training.
const NO_DIFFERENCE: [&str; 7] = [
    "eval_every",
    "log_every",
    "layer_stats",
    "iterations",
    "path",
    "broken_image",
    "seed",
];

impl Store {
    /// The iteration of the newest checkpoint of the current training of each of `ids`, if there is
    /// one.
    pub fn checkpoint_iterations(&self, ids: &[RunId]) -> Result<HashMap<RunId, u64>, StoreError> {
        self.for_each_run(ids, |tx, id| {
            let Some(training) = current_training(tx, id)? else {
                return Ok(None);
            };
            tx.prepare_cached("SELECT max(iteration) FROM checkpoints WHERE training_id = ?1")?
                .query_row([training.0], |row| row.get::<_, Option<i64>>(0))
                .map(|iteration| iteration.map(|iteration| iteration as u64))
        })
    }

    /// Where each of `runs` would start; runs that would start from scratch are missing.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn starts(&self, runs: &[&Run]) -> Result<HashMap<RunId, Start>, StoreError> {
        let ids: Vec<RunId> = runs.iter().map(|run| run.id.clone()).collect();
        let runs: HashMap<&RunId, &Run> = runs.iter().map(|run| (&run.id, *run)).collect();
        let path = self.path();
        self.for_each_run(&ids, |tx, id| {
            start(tx, path, runs[id]).map_err(Problem::into_sqlite)
        })
    }

    /// The nearest recorded run of each of `runs`; `fingerprints` are those of their images.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn nearest(&self, runs: &[(&Run, &str)]) -> Result<HashMap<RunId, Nearest>, StoreError> {
        if runs.is_empty() {
            return Ok(HashMap::new());
        }
        let mut recorded: HashMap<Network, Vec<Recorded>> = HashMap::new();
        for (key, known) in self.recorded_by_network()? {
            recorded.entry(key).or_default().push(known);
        }
        let found = runs.iter().filter_map(|(run, fingerprint)| {
            let model = &run.config.configuration.model;
            let key = (model.name(), model.width as i64, run.config.seed as i64);
            let nearest = nearest(run, fingerprint, recorded.get(&key)?)?;
            Some((run.id.clone(), nearest))
        });
        Ok(found.collect())
    }

    fn recorded_by_network(&self) -> Result<Vec<(Network, Recorded)>, StoreError> {
        self.rows(
            "SELECT name, width, seed, id, config_json, data_fingerprint, trajectory FROM runs
             WHERE id IN (SELECT run_id FROM trainings) ORDER BY id",
            [],
            |row| {
                let json: String = row.get(4)?;
                let recorded = Recorded {
                    id: RunId(row.get(3)?),
                    config: serde_json::from_str(&json).unwrap_or_default(),
                    fingerprint: row.get(5)?,
                    trajectory: row.get(6)?,
                };
                Ok(((row.get(0)?, row.get(1)?, row.get(2)?), recorded))
            },
        )
    }
}

fn start(
    tx: &Transaction<'_>,
    path: &std::path::Path,
    run: &Run,
) -> Result<Option<Start>, Problem> {
    let training = current_training(tx, &run.id)?;
    if training.is_none()
        && let Some(twin) = shared_results::twin(tx, run)?
    {
        let (run, outcome) = (twin.run, twin.outcome);
        return Ok(Some(Start::Same { run, outcome }));
    }
    let shares = match training {
        Some(training) => shares_checkpoints(tx, training.0)?,
        None => true,
    };
    let candidates = checkpoints::candidates(tx, path, run, training, shares)?;
    // If access is denied, treat it as present: the run fails instead of starting over.
    let exists =
        |candidate: &Candidate| !matches!(candidate.checkpoint.path.try_exists(), Ok(false));
    let Some(Candidate {
        checkpoint,
        run: of,
        ..
    }) = candidates.into_iter().find(exists)
    else {
        return Ok(None);
    };
    let (iteration, every) = (
        checkpoint.iteration,
        run.config.configuration.train.eval_every,
    );
    Ok(Some(Start::At {
        iteration,
        run: of,
        on_grid: Some(checkpoint.training) == training
            || shared_results::has_every_evaluation(tx, checkpoint.training, iteration, every)?,
    }))
}

fn shares_checkpoints(tx: &Transaction<'_>, training: i64) -> rusqlite::Result<bool> {
    let shares = collect(
        tx,
        "SELECT shares_checkpoints FROM trainings WHERE id = ?1",
        [training],
        |row| row.get(0),
    )?;
    Ok(shares.first().copied().unwrap_or(true))
}

fn nearest(run: &Run, fingerprint: &str, recorded: &[Recorded]) -> Option<Nearest> {
    let own = serde_json::to_value(&run.config).ok()?;
    let others = recorded.iter().filter(|known| known.id != run.id);
    let others = others.take(COMPARED_MAX);
    let trajectory = run.trajectories.last().map(|trajectory| &trajectory.0);
    let compared = others.map(|known| {
        let keys = differences(&own, fingerprint, known);
        let rounds_differently = keys.is_empty() && known.trajectory.as_ref() != trajectory;
        (known, keys, rounds_differently)
    });
    let (known, keys, rounds_differently) =
        compared.min_by_key(|(_, keys, rounds)| (keys.len(), *rounds))?;
    Some(Nearest {
        run: known.id.clone(),
        train: serde_json::from_value(known.config.get("train")?.clone()).ok()?,
        keys,
        rounds_differently,
    })
}

/// The differing keys, one level below the sections.
fn differences(own: &Value, fingerprint: &str, known: &Recorded) -> Vec<String> {
    let empty = Map::new();
    let mut keys = Vec::new();
    if fingerprint != known.fingerprint {
        keys.push("images".to_owned());
    }
    for section in ["data", "model", "train"] {
        let table = |value: &Value| value.get(section).and_then(Value::as_object).cloned();
        let (own, other) = (table(own), table(&known.config));
        let (own, other) = (own.as_ref().unwrap_or(&empty), other.unwrap_or_default());
        let differing = own
            .iter()
            .filter(|(key, value)| other.get(*key) != Some(*value))
            .map(|(key, _)| key.clone());
        keys.extend(differing.filter(|key| !NO_DIFFERENCE.contains(&key.as_str())));
    }
    if own.get("grows_from") != known.config.get("grows_from") {
        keys.push("init".to_owned());
    }
    keys
}
