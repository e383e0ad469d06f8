//! Buffers points, to write many per statement: SQLite's cost per statement exceeds that of a row.

use rusqlite::Connection;

use super::points::{insert_eval, insert_train};
use super::sums::NewRows;
use super::values::Problem;
use resweep_core::domain::{EvalPoint, TrainPoint, TrainingId};

/// Rows per statement.
const ROWS: usize = 64;

/// Points of an open transaction that are not written yet: less than a statement of each kind.
#[derive(Debug, Default)]
pub(super) struct WaitingPoints {
    train: Vec<(TrainingId, TrainPoint)>,
    eval: Vec<(TrainingId, EvalPoint)>,
    /// Of points that are written, and of those above.
    sums: NewRows,
}

impl WaitingPoints {
    /// Adds a point of the training curve; writes a full statement.
    pub fn train(
        &mut self,
        connection: &Connection,
        training: TrainingId,
        point: TrainPoint,
    ) -> Result<(), Problem> {
        self.sums.train(connection, training, &point)?;
        self.train.push((training, point));
        if self.train.len() == ROWS {
            insert_train(connection, &self.train)?;
            self.train.clear();
        }
        Ok(())
    }

    /// Adds an evaluation; writes a full statement.
    pub fn eval(
        &mut self,
        connection: &Connection,
        training: TrainingId,
        point: EvalPoint,
    ) -> Result<(), Problem> {
        self.sums.eval(connection, training, &point)?;
        self.eval.push((training, point));
        if self.eval.len() == ROWS {
            insert_eval(connection, &self.eval)?;
            self.eval.clear();
        }
        Ok(())
    }

    /// Writes the rest and the sums, row by row: for each number of rows, SQLite would have to prepare
    /// another statement.
    pub fn write(&mut self, connection: &Connection) -> Result<(), Problem> {
        for row in self.train.drain(..) {
            insert_train(connection, &[row])?;
        }
        for row in self.eval.drain(..) {
            insert_eval(connection, &[row])?;
        }
        self.sums.write(connection)?;
        Ok(())
    }
}
