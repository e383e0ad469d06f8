//! Rows of the number of images of each run; only this file reads and writes them.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::points::unsigned;
use super::rows::named;
use super::values::{Problem, integer, word};
use resweep_core::domain::{ImageCounts, RunId, Spread};

/// The images of a run, with warnings about its data set.
#[derive(Debug, Clone, PartialEq)]
pub struct RunImages {
    pub counts: ImageCounts,
    /// One sentence each.
    pub warnings: Vec<String>,
}

/// Stores the images of a run, which must be registered.
pub(super) fn replace(
    connection: &Connection,
    run: &RunId,
    images: &RunImages,
) -> Result<(), Problem> {
    let number = |value| integer("a number of images", value);
    let ImageCounts {
        classes,
        train,
        eval,
        eval_set,
    } = images.counts;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO run_images (run_id, classes, train_images,
                 train_smallest_class, train_largest_class, evaluated_on, eval_images,
                 eval_smallest_class, eval_largest_class, guess_error_percent, warnings_json)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            run.0,
            number(classes)?,
            number(train.images)?,
            number(train.smallest_class)?,
            number(train.largest_class)?,
            word(&eval_set)?,
            number(eval.images)?,
            number(eval.smallest_class)?,
            number(eval.largest_class)?,
            images.counts.guess_error_percent(),
            serde_json::to_string(&images.warnings)?,
        ])?;
    Ok(())
}

/// The images of a run; `None` if they were not recorded.
pub(super) fn of(connection: &Connection, run: &RunId) -> rusqlite::Result<Option<RunImages>> {
    connection
        .prepare_cached(
            "SELECT classes, train_images, train_smallest_class, train_largest_class, eval_images,
                 eval_smallest_class, eval_largest_class, evaluated_on, warnings_json
             FROM run_images WHERE run_id = ?1",
        )?
        .query_row([&run.0], read)
        .optional()
}

fn read(row: &Row<'_>) -> rusqlite::Result<RunImages> {
    let spread = |first: usize| -> rusqlite::Result<Spread> {
        Ok(Spread {
            images: unsigned(row, first)?,
            smallest_class: unsigned(row, first + 1)?,
            largest_class: unsigned(row, first + 2)?,
        })
    };
    let warnings: String = row.get(8)?;
    Ok(RunImages {
        counts: ImageCounts {
            classes: unsigned(row, 0)?,
            train: spread(1)?,
            eval: spread(4)?,
            eval_set: named(row, 7)?,
        },
        warnings: serde_json::from_str(&warnings).unwrap_or_default(),
    })
}
