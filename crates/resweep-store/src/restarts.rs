//! Queries the checkpoints from which unfinished runs would resume.

use std::collections::HashMap;

use super::queries::current_training;
use super::{Store, StoreError};
use resweep_core::domain::RunId;

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
}
