//! Rows of layer responses; only this file reads and writes them.

use rusqlite::{Connection, params};

use super::points::{collect, unsigned};
use super::sums;
use super::values::{Problem, integer};
use resweep_core::domain::{LayerStat, TrainingId};

/// Replaces the layer responses of a training.
pub(super) fn replace(
    connection: &Connection,
    training: TrainingId,
    layers: &[LayerStat],
) -> Result<(), Problem> {
    delete(connection, training)?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO layer_stats (training_id, layer, name, std) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for stat in layers {
        let layer = integer("a layer", stat.layer as u64)?;
        insert.execute(params![training.0, layer, stat.name, stat.std])?;
    }
    sums::update(connection, training)?;
    Ok(())
}

/// Deletes what a training has of its layers, because it is not at its end. The caller updates the
/// sum.
pub(super) fn delete(connection: &Connection, training: TrainingId) -> rusqlite::Result<()> {
    let sql = "DELETE FROM layer_stats WHERE training_id = ?1";
    connection.prepare_cached(sql)?.execute([training.0])?;
    Ok(())
}

/// The layer responses of a training, in the order of the layers.
pub(super) fn of(
    connection: &Connection,
    training: TrainingId,
) -> rusqlite::Result<Vec<LayerStat>> {
    collect(
        connection,
        "SELECT layer, name, std FROM layer_stats WHERE training_id = ?1 ORDER BY layer",
        [training.0],
        |row| {
            Ok(LayerStat {
                layer: unsigned(row, 0)? as usize,
                name: row.get(1)?,
                std: row.get(2)?,
            })
        },
    )
}
