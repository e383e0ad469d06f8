//! Redraws a figure from the database, without its sweep file and images.

use std::path::Path;

use anyhow::bail;

use super::super::figure_metadata;
use super::super::plot::{restyle_figure, with_metadata};
use super::super::prepare::{Prepared, to_read};
use super::super::records::Records;
use super::super::results::database;
use super::super::source::recorded_text;
use resweep_core::domain::{Figure, FigureStyle, Palette, Run, Sweep, Theme, printable};
use resweep_figures::Metadata;
use resweep_store::Store;

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
    /// Finds the sweep of a figure, as it was last started.
    pub fn of(wanted: &Metadata, results: &Path) -> anyhow::Result<Redraw> {
        let database = database(results);
        let store = Store::open_read_only(&database)?;
        let name = wanted.get("sweep").unwrap_or_default();
        let shown = printable(name);
        let Some(source) = recorded_text(name, &store, &database)? else {
            bail!(
                "{} has no sweep `{shown}`; give the folder of its results with --results",
                database.display()
            );
        };
        let Prepared { sweep, runs, .. } = to_read(source, results, true)?;
        let figure = wanted.get("figure").unwrap_or_default();
        let Some(figure) = named(&sweep, figure) else {
            let figure = printable(figure);
            bail!("the sweep `{shown}` no longer has a figure `{figure}`");
        };
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

/// The figure of that name, as declared or with another theme or palette.
fn named(sweep: &Sweep, name: &str) -> Option<Figure> {
    let themes = FigureStyle::THEMES.iter().map(|theme| Theme::of(theme));
    let palettes = FigureStyle::PALETTES
        .iter()
        .map(|palette| Palette::of(palette));
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
