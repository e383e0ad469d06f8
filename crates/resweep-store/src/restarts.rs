//! Where runs that have not ended would go on from.

use std::collections::HashMap;

use rusqlite::OptionalExtension;

use super::points::unsigned;
use super::{Store, StoreError};
use resweep_core::domain::RunId;

impl Store {
    /// The iteration of the newest checkpoint of the training that counts, for those of `ids`
    /// that have one.
    pub fn checkpoint_iterations(&self, ids: &[RunId]) -> Result<HashMap<RunId, u64>, StoreError> {
        self.for_each_run(ids, |tx, id| {
            tx.prepare_cached(
                "SELECT iteration
                 FROM current_trainings JOIN checkpoints ON training_id = current_trainings.id
                 WHERE run_id = ?1 ORDER BY iteration DESC LIMIT 1",
            )?
            .query_row([&id.0], |row| unsigned(row, 0))
            .optional()
        })
    }
}
