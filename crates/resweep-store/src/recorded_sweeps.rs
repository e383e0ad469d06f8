//! Reads recorded sweeps, registered runs, and the final checkpoints of their trainings.

use std::collections::HashMap;

use rusqlite::Error::FromSqlConversionFailure;
use rusqlite::types::{FromSql, Type};
use rusqlite::{OptionalExtension, Row, params};
use serde::de::DeserializeOwned;

use super::checkpoints::{file_name, folder, parse};
use super::points::unsigned;
use super::queries::current_training;
use super::values::{Problem, word};
use super::{Store, StoreError};
use resweep_core::domain::{Checkpoint, Cost, Dataset, RunConfig, RunId, TrajectoryId};

/// A sweep as it was last started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedSweep {
    /// The sweep file as written.
    pub spec_toml: String,
    /// The values of `--set`, as written.
    pub overrides: Vec<String>,
    pub last_started_unix_ms: i64,
}

/// A registered run.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedRun {
    pub config: RunConfig,
    /// SHA-256 of the images and labels.
    pub data_fingerprint: String,
    pub cost: Cost,
}

impl Store {
    /// The sweep of this name; `None` if it was never started.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn recorded_sweep(&self, name: &str) -> Result<Option<RecordedSweep>, StoreError> {
        let found = self.rows(
            "SELECT spec_toml, overrides_json, last_started_unix_ms FROM sweeps WHERE name = ?1",
            params![name],
            |row| {
                Ok(RecordedSweep {
                    spec_toml: row.get(0)?,
                    overrides: json(row, 1)?,
                    last_started_unix_ms: row.get(2)?,
                })
            },
        )?;
        Ok(found.into_iter().next())
    }

    /// The registered runs among `ids`.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn recorded_runs(&self, ids: &[RunId]) -> Result<HashMap<RunId, RecordedRun>, StoreError> {
        self.for_each_run(ids, |tx, id| {
            tx.prepare_cached(
                "SELECT config_json, data_fingerprint, parameters, forward_flops, training_flops
                 FROM runs WHERE id = ?1",
            )?
            .query_row([&id.0], recorded_run)
            .optional()
        })
    }

    /// One run for each version of the images of `dataset`, by folder and image size; the run that
    /// was started last comes first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn runs_by_images(&self, dataset: Dataset) -> Result<Vec<RecordedRun>, StoreError> {
        let failed = |problem: Problem| problem.at(self.path());
        let dataset = word(&dataset).map_err(|error| failed(error.into()))?;
        self.rows(
            "SELECT config_json, data_fingerprint, parameters, forward_flops, training_flops,
                 max(attempts.id) AS newest
             FROM runs JOIN attempts ON attempts.run_id = runs.id
             WHERE dataset = ?1
             GROUP BY data_fingerprint, json_extract(config_json, '$.data.path'),
                 json_extract(config_json, '$.data.broken_image'),
                 json_extract(config_json, '$.model.image_size')
             ORDER BY newest DESC",
            params![dataset],
            recorded_run,
        )
    }

    /// Runs on images of `dataset` with the number of images that each trains on, the newest first;
    /// with `sweep`, only the runs of that sweep. One run for each folder and way of reading it.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn training_images(
        &self,
        dataset: Dataset,
        sweep: Option<&str>,
    ) -> Result<Vec<(RunConfig, u64)>, StoreError> {
        let failed = |problem: Problem| problem.at(self.path());
        let dataset = word(&dataset).map_err(|error| failed(error.into()))?;
        self.rows(
            "SELECT config_json, train_images, max(attempts.id) AS newest
             FROM runs JOIN run_images ON run_images.run_id = runs.id
                 LEFT JOIN attempts ON attempts.run_id = runs.id
             WHERE dataset = ?1 AND (?2 IS NULL
                 OR runs.id IN (
                     SELECT run_id FROM sweep_runs JOIN sweeps ON sweeps.id = sweep_id
                     WHERE sweeps.name = ?2))
             GROUP BY train_images, json_extract(config_json, '$.data'),
                 json_extract(config_json, '$.model.image_size')
             ORDER BY newest DESC",
            params![dataset, sweep],
            |row| Ok((json(row, 0)?, unsigned(row, 1)?)),
        )
    }

    /// Whether any of `ids` has started.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn any_started<'a>(
        &self,
        ids: impl IntoIterator<Item = &'a RunId>,
    ) -> Result<bool, StoreError> {
        for id in ids {
            let sql = "SELECT 1 FROM attempts WHERE run_id = ?1 LIMIT 1";
            if !self.rows(sql, params![id.0], |_| Ok(()))?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The last checkpoint of the current training of each of `ids`, if there is one.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn last_checkpoints(
        &self,
        ids: &[RunId],
    ) -> Result<HashMap<RunId, Checkpoint>, StoreError> {
        self.for_each_run(ids, |tx, id| {
            let Some(training) = current_training(tx, id)? else {
                return Ok(None);
            };
            tx.prepare_cached(
                "SELECT iteration, sha256, number, coalesce(file_trajectory, trajectory) FROM checkpoints
                 JOIN trainings ON trainings.id = training_id
                 WHERE training_id = ?1 ORDER BY iteration DESC LIMIT 1",
            )?
            .query_row([training.0], |row| {
                let (iteration, digits): (u64, String) = (unsigned(row, 0)?, row.get(1)?);
                let folder = folder(self.path(), &id.0, unsigned(row, 2)?);
                Ok(Checkpoint {
                    training,
                    iteration,
                    path: folder.join(file_name(iteration)),
                    sha256: parse(&digits),
                    trajectory: TrajectoryId(row.get(3)?),
                })
            })
            .optional()
        })
    }
}

/// From `config_json`, `data_fingerprint`, `parameters`, `forward_flops` and `training_flops`.
fn recorded_run(row: &Row<'_>) -> rusqlite::Result<RecordedRun> {
    Ok(RecordedRun {
        config: json(row, 0)?,
        data_fingerprint: row.get(1)?,
        cost: Cost {
            parameters: unsigned(row, 2)?,
            forward_flops: unsigned(row, 3)?,
            training_flops: unsigned(row, 4)?,
        },
    })
}

fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text = String::column_result(row.get_ref(column)?)?;
    serde_json::from_str(&text)
        .map_err(|error| FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}
