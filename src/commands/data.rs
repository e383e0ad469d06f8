//! `resweep data`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressStyle};

use super::prepare::{Prepared, prepare};
use crate::cli::{DataCommand, Downloadable, SweepArgs};
use crate::data::{download, preview};
use crate::domain::Dataset;
use crate::render::{self, Tile};

/// Downloads a data set, or draws what a network sees.
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
    let bar = ProgressBar::new(0).with_style(style);
    download::download(dataset, url, &folder, |done, total| {
        if let Some(total) = total {
            bar.set_length(total);
        }
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    anstream::println!("verified and unpacked into {}", folder.display());
    Ok(())
}

/// Writes `<results>/<sweep>/preview.png`: augmented training images, a row for each class.
fn show(args: &SweepArgs, results: &Path, columns: usize) -> anyhow::Result<()> {
    let Prepared {
        sweep, datasets, ..
    } = prepare(args, results)?;
    let configuration = &sweep.configurations[0];
    let data = datasets.get(configuration).map(Arc::clone);
    let data = data.ok_or_else(|| anyhow::anyhow!("the data were not loaded"))?;
    let augmentation = configuration.data.augmentation;
    let rows = preview::samples(
        &data,
        augmentation,
        data.classes.len(),
        columns,
        sweep.seeds[0],
    );
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
    let sheet = render::contact_sheet(&title, &rows)?;
    let path = sheet.write(&results.join(&sweep.name), "preview")?;
    anstream::println!("wrote {}", path.display());
    Ok(())
}
