//! Reads the database without writing to it, at any time.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use rusqlite::Error::FromSqlConversionFailure;
use rusqlite::types::Type;
use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::database::Database;
use super::points::{collect, curves_of, last_eval, last_train, measurements_of, unsigned};
use super::rows::{
    Attempt, AttemptStatus, Member, ObservedTime, RunStatus, SweepSummary, named, named_if_any,
};
use super::{RunImages, StoreError, checkpoints, database, images, layers, process, sums};
use resweep_core::domain::{
    Curves, EvalSet, LayerStat, Measurements, Run, RunConfig, RunId, TrainingId,
};

/// A read-only view of the database. Each query sees one consistent state.
#[derive(Debug)]
pub struct Store {
    /// `None` before the first sweep was started.
    connection: Option<Database>,
    path: PathBuf,
    /// The trainings whose measurements were compared with their sums.
    checked: Mutex<HashSet<TrainingId>>,
    /// Whether runs with changed measurements count as not recorded.
    skips_changed: bool,
}

impl Store {
    /// Opens the database at `path`; if there is none, the store is empty.
    ///
    /// # Errors
    /// The file cannot be read, is damaged, or is not a database of this version of the program.
    pub fn open_read_only(path: &Path) -> Result<Store, StoreError> {
        Ok(Store {
            connection: database::open_sound(path)?,
            path: path.to_owned(),
            checked: Mutex::default(),
            skips_changed: false,
        })
    }

    /// Reads runs whose measurements differ from their checksums as if they had not been recorded, for
    /// a sweep that trains them again.
    #[must_use]
    pub fn skipping_changed_measurements(self) -> Store {
        Store {
            skips_changed: true,
            ..self
        }
    }

    /// The database's file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The status of each of `ids`; runs that were never started are missing.
    pub fn statuses(&self, ids: &[RunId]) -> Result<HashMap<RunId, RunStatus>, StoreError> {
        self.for_each_run(ids, |tx, id| self.status(tx, id))
    }

    /// The errors of the current training of each of `ids`, which may be running; runs that were
    /// never started are missing.
    pub fn curves(&self, ids: &[RunId]) -> Result<HashMap<RunId, Curves>, StoreError> {
        self.for_each_run(ids, |tx, id| {
            self.measured_training(tx, id)?
                .map(|training| curves_of(tx, training))
                .transpose()
        })
    }

    /// Every point of the current training of a run; empty if it was never started.
    pub fn measurements(&self, id: &RunId) -> Result<Measurements, StoreError> {
        let found = self.for_each_run(std::slice::from_ref(id), |tx, id| {
            self.measured_training(tx, id)?
                .map(|training| measurements_of(tx, training))
                .transpose()
        })?;
        Ok(found.into_values().next().unwrap_or_default())
    }

    /// The finished runs among `runs` whose final checkpoint still exists, for child runs.
    pub fn with_final_state(&self, runs: &[Run]) -> Result<HashSet<RunId>, StoreError> {
        let ids: Vec<RunId> = runs.iter().map(|run| run.id.clone()).collect();
        let runs: HashMap<&RunId, &Run> = runs.iter().map(|run| (&run.id, run)).collect();
        let found = self.for_each_run(&ids, |tx, id| {
            let iterations = runs[id].config.configuration.train.iterations;
            let there =
                checkpoints::has_final_state(tx, runs[id].trajectory(iterations), iterations)?;
            Ok(there.then_some(()))
        })?;
        Ok(found.into_keys().collect())
    }

    /// The parent of each of `ids`; runs without a parent are missing.
    pub fn needs(&self, ids: &[RunId]) -> Result<HashMap<RunId, RunId>, StoreError> {
        self.for_each_run(ids, |tx, id| {
            tx.prepare_cached("SELECT needs FROM run_needs WHERE run_id = ?1")?
                .query_row([&id.0], |row| Ok(RunId(row.get(0)?)))
                .optional()
        })
    }

    /// The number of images of each of `ids`; runs without a record are missing.
    pub fn images(&self, ids: &[RunId]) -> Result<HashMap<RunId, RunImages>, StoreError> {
        self.for_each_run(ids, |tx, id| images::of(tx, id))
    }

    /// The layer responses of each of `ids` at the end of the current training, in the order of the
    /// layers; runs without measurements are missing.
    pub fn layer_stats(&self, ids: &[RunId]) -> Result<HashMap<RunId, Vec<LayerStat>>, StoreError> {
        self.for_each_run(ids, |tx, id| {
            let Some(training) = self.measured_training(tx, id)? else {
                return Ok(None);
            };
            let stats = layers::of(tx, training)?;
            Ok((!stats.is_empty()).then_some(stats))
        })
    }

    /// All attempts at a run, in order.
    pub fn attempts(&self, id: &RunId) -> Result<Vec<Attempt>, StoreError> {
        self.rows(
            "SELECT attempts.number, status, error, attempts.started_unix_ms, ended_unix_ms, wall_ms,
                 program_version, git_commit, device, cpu, threads, workers, process_id,
                 from_iteration, diverged_iteration, trainings.number, host, pid
             FROM attempts
             JOIN trainings ON trainings.id = training_id
             LEFT JOIN processes ON processes.id = process_id
             WHERE attempts.run_id = ?1 ORDER BY attempts.number",
            params![id.0],
            |row| {
                Ok(Attempt {
                    number: unsigned(row, 0)?,
                    training: unsigned(row, 15)?,
                    from_iteration: unsigned(row, 13)?,
                    status: self.displayed_status(named(row, 1)?, row.get(12)?),
                    error: row.get(2)?,
                    diverged_iteration: row.get::<_, Option<i64>>(14)?.map(|n| n as u64),
                    host: row.get(16)?,
                    process: row.get(17)?,
                    started_unix_ms: row.get(3)?,
                    ended_unix_ms: row.get(4)?,
                    wall: wall(row, 5)?,
                    program_version: row.get(6)?,
                    git_commit: row.get(7)?,
                    device: row.get(8)?,
                    cpu: row.get(9)?,
                    threads: unsigned(row, 10)?,
                    workers: unsigned(row, 11)?,
                })
            },
        )
    }

    /// The runs of a sweep as it was last started, in order; empty for an unknown sweep.
    pub fn members(&self, sweep: &str) -> Result<Vec<Member>, StoreError> {
        self.rows(
            "SELECT sweep_runs.run_id, label, status, process_id
             FROM sweeps
             JOIN sweep_runs ON sweep_runs.sweep_id = sweeps.id
             LEFT JOIN current_attempts ON current_attempts.run_id = sweep_runs.run_id
             WHERE sweeps.name = ?1 ORDER BY position",
            params![sweep],
            |row| {
                let (status, process): (Option<AttemptStatus>, _) =
                    (named_if_any(row, 2)?, row.get(3)?);
                Ok(Member {
                    id: RunId(row.get(0)?),
                    label: row.get(1)?,
                    status: status.map(|status| self.displayed_status(status, process)),
                })
            },
        )
    }

    /// All sweeps, the last started first.
    pub fn sweeps(&self) -> Result<Vec<SweepSummary>, StoreError> {
        let counts = self.rows(
            "SELECT name, title, first_started_unix_ms, last_started_unix_ms, status,
                 count(sweep_runs.run_id), iif(status = 'running', process_id, NULL) AS process
             FROM sweeps
             LEFT JOIN sweep_runs ON sweep_runs.sweep_id = sweeps.id
             LEFT JOIN current_attempts ON current_attempts.run_id = sweep_runs.run_id
             GROUP BY sweeps.id, status, process
             ORDER BY last_started_unix_ms DESC, sweeps.id DESC",
            params![],
            |row| {
                let sweep = SweepSummary {
                    name: row.get(0)?,
                    title: row.get(1)?,
                    first_started_unix_ms: row.get(2)?,
                    last_started_unix_ms: row.get(3)?,
                    runs: 0,
                    by_status: BTreeMap::new(),
                };
                let status: Option<AttemptStatus> = named_if_any(row, 4)?;
                let status = match status {
                    Some(status) => Some(self.displayed_status(status, row.get(6)?)),
                    None => None,
                };
                Ok((sweep, status, unsigned(row, 5)? as usize))
            },
        )?;
        Ok(merge_counts(counts))
    }

    /// The durations of the newest finished attempts on this device and CPU with the same number of
    /// threads: at most 64, without those that only measured.
    pub fn observed_times(
        &self,
        device: &str,
        cpu: &str,
        threads: usize,
    ) -> Result<Vec<ObservedTime>, StoreError> {
        self.rows(
            "SELECT config_json, from_iteration, wall_ms, classes, eval_images
             FROM attempts
             JOIN runs ON runs.id = attempts.run_id
             JOIN run_images ON run_images.run_id = attempts.run_id
             WHERE status = 'finished' AND wall_ms > 0
                 AND from_iteration < json_extract(config_json, '$.train.iterations')
                 AND device = ?1 AND cpu = ?2 AND threads = ?3
             ORDER BY ended_unix_ms DESC, attempts.id DESC LIMIT 64",
            params![device, cpu, threads as i64],
            |row| {
                let json: String = row.get(0)?;
                let config: RunConfig = serde_json::from_str(&json)
                    .map_err(|error| FromSqlConversionFailure(0, Type::Text, Box::new(error)))?;
                Ok(ObservedTime {
                    config,
                    from_iteration: unsigned(row, 1)?,
                    wall: Duration::from_millis(unsigned(row, 2)?),
                    classes: unsigned(row, 3)? as usize,
                    eval_images: unsigned(row, 4)? as usize,
                })
            },
        )
    }

    fn status(&self, tx: &Transaction<'_>, id: &RunId) -> rusqlite::Result<Option<RunStatus>> {
        let Some(training) = self.measured_training(tx, id)? else {
            return Ok(None);
        };
        let found = tx
            .prepare_cached(
                "SELECT status, error, diverged_iteration,
                     (SELECT sum(wall_ms) FROM attempts WHERE training_id = ?2),
                     (SELECT count(*) FROM attempts WHERE run_id = ?1), process_id, transient
                 FROM attempts WHERE training_id = ?2 ORDER BY number DESC LIMIT 1",
            )?
            .query_row(params![id.0, training.0], |row| {
                Ok(RunStatus {
                    status: self.displayed_status(named(row, 0)?, row.get(5)?),
                    error: row.get(1)?,
                    transient: row.get(6)?,
                    diverged_iteration: row.get::<_, Option<i64>>(2)?.map(|n| n as u64),
                    wall: wall(row, 3)?,
                    attempts: unsigned(row, 4)?,
                    iteration: 0,
                    train: None,
                    test: None,
                    validation: None,
                    sweeps: Vec::new(),
                })
            })
            .optional()?;
        let Some(mut status) = found else {
            return Ok(None);
        };
        status.train = last_train(tx, training)?;
        status.test = last_eval(tx, training, EvalSet::Test)?;
        status.validation = last_eval(tx, training, EvalSet::Validation)?;
        status.sweeps = sweeps_of(tx, id)?;
        let evals = [&status.test, &status.validation];
        let evaluated = evals.into_iter().flatten().map(|point| point.iteration);
        let trained = status.train.map(|point| point.iteration);
        status.iteration = evaluated.chain(trained).max().unwrap_or(0);
        Ok(Some(status))
    }

    /// The training of a run that counts, whose measurements are those that were recorded.
    fn measured_training(
        &self,
        tx: &Transaction<'_>,
        id: &RunId,
    ) -> rusqlite::Result<Option<TrainingId>> {
        let training = current_training(tx, id)?;
        if let Some(training) = training
            && let Ok(mut checked) = self.checked.lock()
            && !checked.contains(&training)
        {
            match sums::check(tx, training) {
                Err(error) if self.skips_changed && sums::is_damage(&error) => return Ok(None),
                compared => compared?,
            }
            checked.insert(training);
        }
        Ok(training)
    }

    /// Corrects a status for display: without its process, nothing is running.
    fn displayed_status(&self, status: AttemptStatus, process: Option<i64>) -> AttemptStatus {
        let lives = || process.is_some_and(|id| process::may_live(&self.path, id));
        match status {
            AttemptStatus::Running if !lives() => AttemptStatus::Interrupted,
            status => status,
        }
    }

    pub(super) fn for_each_run<T>(
        &self,
        ids: &[RunId],
        read: impl Fn(&Transaction<'_>, &RunId) -> rusqlite::Result<Option<T>>,
    ) -> Result<HashMap<RunId, T>, StoreError> {
        let mut found = HashMap::new();
        let Some(connection) = &self.connection else {
            return Ok(found);
        };
        let failed = |source| StoreError::of_sqlite(&self.path, source);
        let tx = connection.unchecked_transaction().map_err(failed)?;
        for id in ids {
            if let Some(value) = read(&tx, id).map_err(failed)? {
                found.insert(id.clone(), value);
            }
        }
        Ok(found)
    }

    pub(super) fn rows<T>(
        &self,
        sql: &str,
        parameters: impl rusqlite::Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let Some(connection) = &self.connection else {
            return Ok(Vec::new());
        };
        collect(connection, sql, parameters, read)
            .map_err(|source| StoreError::of_sqlite(&self.path, source))
    }
}

/// The same as the view `current_trainings` for one run; the view would scan every run.
pub(super) fn current_training(
    tx: &Transaction<'_>,
    id: &RunId,
) -> rusqlite::Result<Option<TrainingId>> {
    tx.prepare_cached("SELECT id FROM trainings WHERE run_id = ?1 ORDER BY number DESC LIMIT 1")?
        .query_row([&id.0], |row| Ok(TrainingId(row.get(0)?)))
        .optional()
}

fn sweeps_of(tx: &Transaction<'_>, id: &RunId) -> rusqlite::Result<Vec<String>> {
    collect(
        tx,
        "SELECT name FROM sweep_runs JOIN sweeps ON sweeps.id = sweep_runs.sweep_id
         WHERE run_id = ?1 ORDER BY name",
        [&id.0],
        |row| row.get(0),
    )
}

fn wall(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Duration>> {
    let ms: Option<i64> = row.get(column)?;
    Ok(ms.map(|ms| Duration::from_millis(ms as u64)))
}

/// The query has one row for each sweep and status; rows of one sweep are adjacent.
fn merge_counts(rows: Vec<(SweepSummary, Option<AttemptStatus>, usize)>) -> Vec<SweepSummary> {
    let mut sweeps: Vec<SweepSummary> = Vec::new();
    for (sweep, status, count) in rows {
        if sweeps.last().is_none_or(|last| last.name != sweep.name) {
            sweeps.push(sweep);
        }
        if let Some(sweep) = sweeps.last_mut() {
            sweep.runs += count;
            if let Some(status) = status {
                *sweep.by_status.entry(status).or_default() += count;
            }
        }
    }
    sweeps
}
