//! Redraws a figure from the database, without its sweep file and images.

use std::path::Path;

use anyhow::{anyhow, bail};

use super::super::figure_metadata;
use super::super::plot::{restyle_figure, with_metadata};
use super::super::prepare::{Prepared, to_read};
use super::super::records::Records;
use super::super::results::database;
use super::super::source::recorded_text;
use super::super::together;
use resweep_core::domain::{Figure, Palette, Run, Sweep, Theme, printable};
use resweep_core::sweep_file::JOINT;
use resweep_figures::Metadata;
use resweep_store::Store;
use strum::VariantArray;

/// The figure as the database gives it now.
pub struct Redraw {
    sweep: Sweep,
    pub figure: Figure,
    /// Every run of the sweep as it was last started.
    pub runs: Vec<Run>,
    pub store: Store,
    records: Records,
    pub metadata: Metadata,
}

impl Redraw {
    /// Finds the sweeps of a figure, as they were last started.
    pub fn of(wanted: &Metadata, results: &Path) -> anyhow::Result<Redraw> {
        let name = wanted.get("figure").unwrap_or_default();
        let (figure, prepared) = match wanted.get("declared-in") {
            None => of_one(wanted.get("sweep").unwrap_or_default(), name, results)?,
            Some(declaring) => {
                let sweeps = wanted.get("sweep").unwrap_or_default().split(JOINT);
                let sweeps: Vec<String> = sweeps.map(str::to_owned).collect();
                of_several(&sweeps, declaring, name, results)?
            }
        };
        let store = Store::open_read_only(&database(results))?;
        let Prepared { sweep, runs, .. } = prepared;
        let records = Records::read(&runs, &store)?;
        let metadata = figure_metadata::metadata(&sweep, &figure, &runs, records.curves(), &store)?;
        Ok(Redraw {
            sweep,
            figure,
            runs,
            store,
            records,
            metadata,
        })
    }

    /// The PNG.
    pub fn draw(&self) -> anyhow::Result<Vec<u8>> {
        let curves = self.records.curves();
        let with_metadata =
            with_metadata(&self.sweep, &self.figure, &self.runs, curves, &self.store)?;
        Ok(with_metadata.png()?)
    }
}

/// A figure that shows the sweep that declares it.
fn of_one(sweep: &str, figure: &str, results: &Path) -> anyhow::Result<(Figure, Prepared)> {
    let prepared = recorded(sweep, results)?;
    match named(&prepared.sweep, figure) {
        Some(figure) => Ok((figure, prepared)),
        None => Err(gone(sweep, figure)),
    }
}

/// A figure of several sweeps: that of a file with the key `sweeps`, or of `plot a b`, which draws
/// the figures of the first.
fn of_several(
    sweeps: &[String],
    declaring: &str,
    figure: &str,
    results: &Path,
) -> anyhow::Result<(Figure, Prepared)> {
    let own = recorded(declaring, results)?;
    for sweep in sweeps {
        recorded(sweep, results)?;
    }
    if let Some(declared) = named(&own.sweep, figure).filter(|found| found.sweeps == sweeps) {
        let (figure, shown) = together::shown(&declared, &own, results)?;
        return Ok((figure.into_owned(), shown.into_owned()));
    }
    let together = together::all_recorded(sweeps, results)?;
    match named(&together.sweep, figure) {
        Some(found) if sweeps.first().is_some_and(|first| first == declaring) => {
            Ok((found, together))
        }
        _ => Err(gone(declaring, figure)),
    }
}

fn gone(sweep: &str, figure: &str) -> anyhow::Error {
    let (sweep, figure) = (printable(sweep), printable(figure));
    anyhow!("the sweep `{sweep}` no longer has a figure `{figure}`")
}

/// The sweep of that name, as it was last started.
fn recorded(name: &str, results: &Path) -> anyhow::Result<Prepared> {
    let database = database(results);
    let store = Store::open_read_only(&database)?;
    let Some(source) = recorded_text(name, &store, &database)? else {
        bail!(
            "{} has no sweep `{}`; give the folder of its results with --results",
            database.display(),
            printable(name)
        );
    };
    to_read(source, results, true)
}

/// The figure of that name, as declared or with another theme or palette.
fn named(sweep: &Sweep, name: &str) -> Option<Figure> {
    let themes = Theme::VARIANTS.iter().copied().map(Some);
    let palettes = Palette::VARIANTS.iter().copied().map(Some);
    let palettes: Vec<Option<Palette>> = std::iter::once(None).chain(palettes).collect();
    let styles = std::iter::once(None).chain(themes);
    let styles = styles.flat_map(|theme| palettes.iter().map(move |&palette| (theme, palette)));
    let styled = |(theme, palette)| {
        sweep.figures.iter().cloned().map(move |mut figure| {
            restyle_figure(&mut figure, theme, palette);
            figure
        })
    };
    styles.flat_map(styled).find(|figure| figure.name == name)
}
