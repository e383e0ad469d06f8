//! Draws the figures of a sweep whose results were fetched.

use std::path::Path;

use super::super::plot;
use super::super::prepare::to_read;
use super::super::results::database;
use super::super::source::recorded_text;
use resweep_store::Store;

/// Draws a sweep as it is recorded.
pub fn draw(sweep: &str, results: &Path) -> anyhow::Result<()> {
    let path = database(results);
    let store = Store::open_read_only(&path)?;
    let Some(source) = recorded_text(sweep, &store, &path)? else {
        return Ok(());
    };
    let prepared = to_read(source, results, true)?;
    let ids: Vec<_> = prepared.runs.iter().map(|run| run.id.clone()).collect();
    let statuses = store.statuses(&ids)?;
    if statuses.values().all(|status| status.iteration == 0) {
        return Ok(());
    }
    drop(store);
    match plot::draw(&prepared, results) {
        Ok(drawn) => {
            drawn.lines().iter().for_each(|line| outln!("{line}"));
            Ok(())
        }
        // There is nothing to draw yet.
        Err(error) if error.is::<resweep_figures::RenderError>() => Ok(()),
        Err(error) => Err(error),
    }
}
