//! `resweep plot`, and the figures at the end of `resweep run`.

use std::path::{Path, PathBuf};

use super::prepare::{Prepared, database, prepare};
use crate::cli::PlotArgs;
use crate::domain::{Run, RunId, Sweep};
use crate::record::Store;
use crate::render;

/// Draws the sweep's figures and prints the paths written.
pub fn execute(args: &PlotArgs) -> anyhow::Result<()> {
    let results = &args.results.results;
    let Prepared { sweep, runs, .. } = prepare(&args.sweep, results)?;
    for path in draw(&sweep, &runs, results)? {
        anstream::println!("wrote {}", path.display());
    }
    Ok(())
}

/// Writes `<results>/<sweep>/<figure>.png` and `.svg` of every figure from what is recorded.
pub fn draw(sweep: &Sweep, runs: &[Run], results: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let store = Store::open_read_only(&database(results))?;
    let ids: Vec<RunId> = runs.iter().map(|run| run.id.clone()).collect();
    let curves = store.curves(&ids)?;
    let folder = results.join(&sweep.name);
    let mut written = Vec::new();
    for figure in &sweep.figures {
        let drawing = render::draw(sweep, figure, runs, &curves)?;
        written.extend(drawing.write(&folder, &figure.name)?);
    }
    Ok(written)
}
