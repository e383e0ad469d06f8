//! Implements `resweep data`.

use std::path::{Path, PathBuf};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::images;
use super::prepare::{Prepared, load_data, to_train};
use crate::cli::{DataCommand, Downloadable, SweepArgs};
use crate::output::Stream;
use crate::progress::Mode;
use resweep_core::domain::Dataset;
use resweep_data::download::{self, Downloaded};
use resweep_data::preview;
use resweep_figures::Tile;

/// The most classes of a contact sheet.
const PREVIEW_ROWS: usize = 100;

/// Downloads a data set, or draws a preview.
pub fn execute(command: &DataCommand) -> anyhow::Result<()> {
    match command {
        DataCommand::Download { dataset, to, url } => get(*dataset, to.as_deref(), url.as_deref()),
        DataCommand::Preview {
            sweep,
            results,
            columns,
        } => show(sweep, &results.results, usize::from(*columns)),
    }
}

fn get(dataset: Downloadable, to: Option<&Path>, url: Option<&str>) -> anyhow::Result<()> {
    let (dataset, default) = match dataset {
        Downloadable::Cifar10 => (Dataset::Cifar10, "data/cifar10"),
        Downloadable::Cifar100 => (Dataset::Cifar100, "data/cifar100"),
    };
    let folder = to.map_or_else(|| PathBuf::from(default), Path::to_owned);
    let style =
        ProgressStyle::with_template("{bytes}/{total_bytes} {wide_bar} {bytes_per_sec} {eta}")?;
    let target = match Stream::Err.is_interactive() {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    };
    let bar = ProgressBar::with_draw_target(Some(0), target).with_style(style);
    let downloaded = download::download(dataset, url, &folder, |done, total| {
        if let Some(total) = total {
            bar.set_length(total);
        }
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    match downloaded {
        Downloaded::Unpacked(folder) => {
            outln!("verified and unpacked into {}", folder.display());
        }
        Downloaded::AlreadyThere(folder) => {
            outln!("already downloaded: {}", folder.display());
        }
    }
    Ok(())
}

/// Writes `<results>/<sweep>/preview.png`: augmented training images, a row for each class.
fn show(args: &SweepArgs, results: &Path, columns: usize) -> anyhow::Result<()> {
    let prepared = to_train(args, results, Mode::Auto, false)?;
    let images = images::of(&prepared);
    images::warn(&images);
    let Prepared { sweep, .. } = prepared;
    let configuration = &sweep.configurations[0];
    let datasets = load_data(std::iter::once(configuration), results)?;
    let data = datasets
        .get(configuration)
        .context("the data are not loaded")?;
    let augmentation = configuration.data.augmentation;
    let rows = preview::samples(data, augmentation, PREVIEW_ROWS, columns, sweep.seeds[0]);
    if data.classes.len() > PREVIEW_ROWS {
        errln!(
            "the first {PREVIEW_ROWS} of {} classes are shown",
            data.classes.len()
        );
    }
    let size = configuration.model.image_size;
    let rows: Vec<(String, Vec<Tile>)> = rows
        .into_iter()
        .map(|row| {
            let tiles = row.tiles.into_iter().map(|tile| Tile {
                size,
                rgb: tile.into_raw(),
            });
            (row.class, tiles.collect())
        })
        .collect();
    let title = format!("{}: training images as the network sees them", sweep.name);
    let sheet = resweep_figures::contact_sheet(&title, &rows)?;
    let path = sheet.write(&results.join(&sweep.name), "preview")?;
    if let Some(warning) = resweep_figures::unknown_warning(&sheet.unknown_characters) {
        errln!("{warning}");
    }
    for line in images::lines(&images) {
        outln!("{line}");
    }
    outln!("wrote {}", path.display());
    Ok(())
}
