//! Resolves `[data]`, and checks it against the model and the training.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use super::context::{DataFolders, Places, with_context};
use crate::domain::{BrokenImage, Configuration, DataConfig, Dataset, Validation};
use crate::sweep_file::diagnostics::problem::{Problem, Problems};
use crate::sweep_file::keys::key::{Key, Section};
use crate::sweep_file::values::setting::Point;

/// Training images of the synthetic data set.
pub const SYNTHETIC_TRAIN_IMAGES: usize = 10_000;

/// Training images of CIFAR-10 and of CIFAR-100.
const CIFAR_TRAIN_IMAGES: usize = 50_000;

/// Training images before the validation split; `None` for a folder that has not been read.
pub fn train_images(dataset: Dataset) -> Option<usize> {
    match dataset {
        Dataset::Synthetic => Some(SYNTHETIC_TRAIN_IMAGES),
        Dataset::Cifar10 | Dataset::Cifar100 => Some(CIFAR_TRAIN_IMAGES),
        Dataset::Folder => None,
    }
}

/// Returns the data configuration of a point, or `None` if a value is missing or invalid, which it
/// reports.
pub fn config(
    point: &Point<'_>,
    places: &Places<'_>,
    problems: &mut Problems,
) -> Option<DataConfig> {
    let dataset = point.choice(Key::Dataset)?;
    let path = match dataset {
        Dataset::Synthetic => Some(None),
        _ => path(point, dataset, places, problems).map(Some),
    };
    let held_out = point.size(Key::Validation);
    let held_out = held_out.filter(|images| check_validation(point, dataset, *images, problems));
    let broken_image = point.choice(Key::BrokenImage)?;
    Some(DataConfig {
        dataset,
        path: path?,
        validation: match held_out? {
            0 => Validation::None,
            images => Validation::Images(images),
        },
        augmentation: point.choice(Key::Augmentation)?,
        normalisation: point.choice(Key::Normalisation)?,
        test_fraction: match dataset {
            Dataset::Folder => point.number(Key::TestFraction),
            _ => None,
        },
        // It has no effect for other data sets, so it must not change the run key.
        broken_image: match dataset {
            Dataset::Folder => broken_image,
            _ => BrokenImage::Fail,
        },
    })
}

/// Checks that the path is an existing folder.
fn path(
    point: &Point<'_>,
    dataset: Dataset,
    places: &Places<'_>,
    problems: &mut Problems,
) -> Option<PathBuf> {
    let Some(at) = point.at(Key::Path) else {
        let place = match point.at(Key::Dataset) {
            Some(at) if at.is_written() => at,
            _ => places.of(Section::Data),
        };
        let problem = Problem::new(place, "`path` is missing")
            .label("this data set is read from a folder")
            .help(get(dataset))
            .help("write `path = \"pics\"` in [data], with the path of that folder");
        problems.push(problem);
        return None;
    };
    let path = point.folder(Key::Path)?;
    if places.around.folders == DataFolders::NeedNotExist {
        return Some(path.to_owned());
    }
    let (message, label) = match fs::metadata(path) {
        Ok(found) if found.is_dir() => return Some(path.to_owned()),
        Ok(_) => (format!("`{}` is not a folder", path.display()), "a file"),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let message = format!("the folder `{}` does not exist", path.display());
            (message, "not found from the working directory")
        }
        Err(error) => {
            let message = format!("cannot read the folder `{}`: {error}", path.display());
            problems.push(Problem::new(at, message).label("not readable"));
            return None;
        }
    };
    problems.push(Problem::new(at, message).label(label).help(get(dataset)));
    None
}

/// Says how to obtain a data set.
fn get(dataset: Dataset) -> &'static str {
    match dataset {
        Dataset::Cifar10 => "`make data` downloads CIFAR-10 to data/cifar10",
        Dataset::Cifar100 => "`resweep data download cifar100` gets CIFAR-100 into data/cifar100",
        Dataset::Folder => {
            "make a folder with train/<class>/ and test/<class>/, or set `test_fraction`"
        }
        Dataset::Synthetic => "synthetic data need no folder",
    }
}

fn check_validation(
    point: &Point<'_>,
    dataset: Dataset,
    images: usize,
    problems: &mut Problems,
) -> bool {
    let (Some(all), Some(at)) = (train_images(dataset), point.at(Key::Validation)) else {
        return true;
    };
    if images < all {
        return true;
    }
    let problem = Problem::new(at, "`validation` leaves no image to train on")
        .label(format!("the data set has {all} training images"));
    let problem = with_context(problem, point, Key::Dataset, "the data set");
    problems.push(problem.help("hold out fewer; the paper held out 5000 of 50000"));
    false
}

/// Checks that a mini-batch fits into the training images, if their number is known.
pub fn check_batch(point: &Point<'_>, problems: &mut Problems) {
    let images = point.choice(Key::Dataset).and_then(train_images);
    let (Some(all), Some(held_out)) = (images, point.size(Key::Validation)) else {
        return;
    };
    let (Some(batch), Some(at)) = (point.size(Key::BatchSize), point.at(Key::BatchSize)) else {
        return;
    };
    let images = all.saturating_sub(held_out);
    // Another check reports a validation split of all images.
    if images == 0 || batch <= images {
        return;
    }
    // If the batch size is the default, the validation split is too large.
    let at = match point.at(Key::Validation) {
        Some(validation) if !at.is_written() => validation,
        _ => at,
    };
    let problem = Problem::new(at, "a mini-batch is larger than the data set")
        .label(format!("{batch} images in a batch, {images} to train on"));
    let problem = with_context(problem, point, Key::Dataset, "the data set");
    let problem = match held_out {
        0 => problem,
        _ => with_context(problem, point, Key::Validation, "held out"),
    };
    problems.push(problem.help(format!("`batch_size` can be at most {images} here")));
}

/// Reports keys that are set but have no effect in any configuration. Keys that lost their effect
/// by an override of `dataset` are allowed.
pub fn check_unused(
    points: &[Point<'_>],
    configurations: &[Configuration],
    problems: &mut Problems,
) {
    let overridden = |point: &Point<'_>| point.at(Key::Dataset).is_some_and(|at| at.is_override());
    if points.iter().any(overridden) {
        return;
    }
    let any = |wanted: fn(Dataset) -> bool| configurations.iter().any(|c| wanted(c.data.dataset));
    let any_folder = any(|dataset| dataset == Dataset::Folder);
    let any_real = any(|dataset| dataset != Dataset::Synthetic);
    for point in points {
        if !any_folder {
            for key in [Key::BrokenImage, Key::TestFraction] {
                unused(point, key, "set `dataset = \"folder\"`", problems);
            }
        }
        if !any_real {
            let help = "set `dataset` to \"cifar10\", \"cifar100\" or \"folder\"";
            unused(point, Key::Path, help, problems);
        }
    }
}

fn unused(point: &Point<'_>, key: Key, help: &str, problems: &mut Problems) {
    let Some(at) = point.at(key).filter(|at| at.is_written()) else {
        return;
    };
    let dataset = point.word(Key::Dataset).unwrap_or_default();
    let message = format!("`{}` has no effect with `{dataset}` data", key.name());
    let problem = Problem::new(at, message).label("not used");
    let problem = with_context(problem, point, Key::Dataset, "the data set");
    problems.push(problem.help(format!("{help}, or remove `{}`", key.name())));
}
