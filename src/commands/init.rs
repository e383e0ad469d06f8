//! Implements `resweep init`: writes a new sweep file.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::exit_code::UsageError;
use super::results::cache;
use crate::cli::{InitArgs, RESULTS, StarterDataset};
use resweep_core::domain::{BrokenImage, Configuration, DataConfig, Dataset, Shortcut, printable};
use resweep_core::sweep_file::{DataFolders, StarterData, Surroundings, SweepText, starter};
use resweep_data::DataError;

/// The largest and the smallest batch size, if there are enough images.
const BATCH: usize = 64;
const BATCH_MIN: usize = 8;
/// A batch has at most this fraction of the training images.
const BATCHES: usize = 8;

/// The test fraction for a folder without test images.
const TEST_FRACTION: f64 = 0.2;

/// Writes the file and prints the next commands.
pub fn execute(args: &InitArgs) -> anyhow::Result<()> {
    let (path, name) = file(&args.file)?;
    let data = match &args.folder {
        Some(folder) => folder_data(folder)?,
        None => match args.dataset {
            StarterDataset::Synthetic => StarterData::Synthetic,
            StarterDataset::Cifar10 => StarterData::Cifar10,
            StarterDataset::Cifar100 => StarterData::Cifar100,
        },
    };
    let text = starter(&name, &data);
    let around = Surroundings {
        folders: DataFolders::NeedNotExist,
        count_images: &|_, _| Ok(BATCH),
    };
    SweepText::recorded(path.display().to_string(), text.clone()).sweep(&[], around)?;
    write(&path, &text)?;
    let shown = printable(&path.display().to_string());
    outln!("wrote {shown}");
    if let StarterData::Cifar10 | StarterData::Cifar100 = data {
        let dataset = if data == StarterData::Cifar10 {
            "cifar10"
        } else {
            "cifar100"
        };
        if !Path::new("data").join(dataset).is_dir() {
            outln!("  resweep data download {dataset}");
        }
    }
    outln!("  resweep plan {shown}");
    outln!("  resweep run {shown}");
    Ok(())
}

/// The path of the file, and the sweep's name.
fn file(given: &Path) -> anyhow::Result<(PathBuf, String)> {
    let is_toml = given
        .extension()
        .is_some_and(|extension| extension == "toml");
    let stem = if is_toml {
        given.file_stem()
    } else {
        given.file_name()
    };
    let name = stem.and_then(|stem| stem.to_str()).map(str::to_owned);
    let name = name.ok_or_else(|| {
        let given = given.display();
        UsageError(format!(
            "`{given}` is a folder; name the sweep, as in: resweep init my-sweep"
        ))
    })?;
    Ok((given.with_file_name(format!("{name}.toml")), name))
}

/// Reads a class folder: a batch cannot have more images than the folder.
fn folder_data(folder: &Path) -> anyhow::Result<StarterData> {
    let path = folder
        .to_str()
        .filter(|path| !path.is_empty())
        .ok_or_else(|| {
            UsageError(format!(
                "`{}` cannot be written in a sweep file",
                folder.display()
            ))
        })?;
    let mut config = DataConfig {
        dataset: Dataset::Folder,
        path: Some(folder.to_owned()),
        ..Configuration::paper(8, Shortcut::A).data
    };
    let look = |config: &DataConfig| resweep_data::describe(config, 32, &cache(Path::new(RESULTS)));
    let mut found = look(&config);
    if let Err(DataError::NoSplit { .. }) = found {
        config.test_fraction = Some(TEST_FRACTION);
        found = look(&config);
    }
    if let Err(DataError::BrokenImages { .. }) = found {
        config.broken_image = BrokenImage::Skip;
        found = look(&config);
    }
    let facts = found?;
    for warning in &facts.warnings {
        errln!("note: {warning}");
    }
    note_turned(&config)?;
    Ok(StarterData::Folder {
        path: path.to_owned(),
        train_images: facts.train_images,
        test_images: facts.labels.map_or(0, |labels| labels.test.len()),
        batch_size: batch_size(facts.train_images),
        has_no_test: config.test_fraction.is_some(),
        has_broken: config.broken_image == BrokenImage::Skip,
    })
}

/// Warns of photos that a network would see on their side.
fn note_turned(config: &DataConfig) -> anyhow::Result<()> {
    let (turned, all) = resweep_data::turned(config)?;
    if turned > 0 {
        errln!(
            "note: {turned} of {all} images are turned or mirrored by their EXIF orientation, which \
             training ignores; to turn the files themselves: mogrify -auto-orient FILES (ImageMagick)"
        );
    }
    Ok(())
}

/// A power of two that makes several batches of the images.
fn batch_size(images: usize) -> usize {
    let part = (images / BATCHES).clamp(BATCH_MIN, BATCH);
    (1 << part.ilog2()).min(images)
}

/// Writes a file that must not exist yet.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let shown = printable(&path.display().to_string());
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(mut file) => file
            .write_all(text.as_bytes())
            .with_context(|| format!("cannot write `{shown}`")),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let message = format!(
                "`{shown}` exists already and is not replaced; name another file: resweep init NAME"
            );
            Err(UsageError(message).into())
        }
        Err(error) => Err(error).with_context(|| format!("cannot write `{shown}`")),
    }
}
