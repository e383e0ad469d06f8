//! Writes sweep files: the file of `resweep init`, and that of a command without a file.

use sha2::{Digest, Sha256};

use super::diagnostics::error::SweepFileError;
use super::grid::context::Surroundings;
use super::keys::key::{Key, Section};
use super::limits::NAME_LENGTH_MAX;
use super::parse::tree::{Entry, Node, Table, Value};
use super::sweep_text::SweepText;
use crate::domain::hex;

/// The name of a sweep without a file in messages.
const ARGUMENTS: &str = "these arguments";

/// The data of a new sweep file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StarterData {
    Synthetic,
    Cifar10,
    Cifar100,
    /// A class folder, relative to the working directory.
    Folder {
        path: String,
        train_images: usize,
        test_images: usize,
        batch_size: usize,
        /// Whether part of the images must be split off as the test set.
        has_no_test: bool,
        /// Whether some images cannot be decoded.
        has_broken: bool,
    },
}

/// A value with its comment.
type Line = (Key, String, &'static str);

/// The cost of training on an image relative to testing on one, about.
const TRAINING_COST: usize = 3;
/// The time of training relative to that of evaluation in a new sweep file.
const TRAINING_SHARE: usize = 10;
/// The fewest evaluations of a run of a new sweep file.
const EVALUATIONS_MIN: usize = 5;
/// The epochs of a new sweep file for a class folder.
const EPOCHS: usize = 20;
/// The fewest iterations; a small folder has more epochs. Fewer hardly train a network.
const ITERATIONS_MIN: usize = 400;

/// Returns a sweep file that runs unchanged: two depths with and without shortcuts. Evaluation takes
/// about a tenth of its time.
pub fn starter(name: &str, data: &StarterData) -> String {
    let every = (
        Key::EvalEvery,
        eval_every(data).to_string(),
        "iterations between evaluations; fewer give finer curves",
    );
    sweep_text(name, data, Some(every))
}

/// The iterations between evaluations.
fn eval_every(data: &StarterData) -> usize {
    let (train, test, batch) = match data {
        StarterData::Synthetic => (10_000, 2_000, 64),
        StarterData::Cifar10 | StarterData::Cifar100 => (50_000, 10_000, 128),
        StarterData::Folder {
            train_images,
            test_images,
            batch_size,
            ..
        } => (*train_images, *test_images, *batch_size),
    };
    let cheap = rounded((TRAINING_SHARE * test).div_ceil(TRAINING_COST * batch.max(1)));
    match data {
        StarterData::Folder { .. } => {
            let iterations = epochs(train, batch) * train / batch.max(1);
            cheap.min(iterations / EVALUATIONS_MIN)
        }
        _ => cheap,
    }
    .max(1)
}

/// The epochs for a class folder.
fn epochs(train: usize, batch: usize) -> usize {
    let needed = (ITERATIONS_MIN * batch).div_ceil(train.max(1));
    rounded(needed).max(EPOCHS)
}

/// Rounds down to a number that people write: 104 to 100, 260 to 250.
fn rounded(number: usize) -> usize {
    let unit = 5 * 10_usize.pow(number.max(1).ilog10().saturating_sub(1));
    number - if number < unit { 0 } else { number % unit }
}

fn sweep_text(name: &str, data: &StarterData, eval_every: Option<Line>) -> String {
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let mut lines: Vec<Line> = vec![
        (
            Key::Name,
            quoted(name),
            "the results go into results/<name>",
        ),
        (Key::Dataset, quoted(word(data)), dataset_comment(data)),
    ];
    match data {
        StarterData::Synthetic => {}
        StarterData::Cifar10 | StarterData::Cifar100 => {
            let path = format!("data/{}", word(data));
            lines.push((
                Key::Path,
                quoted(&path),
                "downloaded by `resweep data download`",
            ));
        }
        StarterData::Folder { path, .. } => {
            lines.push((Key::Path, quoted(path), "relative to the working directory"));
        }
    }
    if let StarterData::Folder {
        has_no_test: true, ..
    } = data
    {
        let comment = "of the images; or make a folder test/ beside train/";
        lines.push((Key::TestFraction, "0.2".to_owned(), comment));
    }
    if let StarterData::Folder {
        has_broken: true, ..
    } = data
    {
        let comment = "leaves out images that cannot be decoded; or \"fail\"";
        lines.push((Key::BrokenImage, "\"skip\"".to_owned(), comment));
    }
    lines.extend(network(data));
    lines.push((
        Key::Lr,
        "0.1".to_owned(),
        "learning rate; drops at half and at 3/4 of the run",
    ));
    lines.extend(eval_every);
    let mut text = head(name);
    for section in [
        Section::Sweep,
        Section::Data,
        Section::Model,
        Section::Train,
    ] {
        text += &table(section, &lines);
        if section == Section::Sweep {
            text += "# repeats = 3              # seeds of each configuration; 1 where it is not given\n";
        }
    }
    text + &axes(&[
        ("depth", "[8, 20]".to_owned()),
        ("shortcut", "[\"none\", \"A\"]".to_owned()),
    ])
}

fn word(data: &StarterData) -> &'static str {
    match data {
        StarterData::Synthetic => "synthetic",
        StarterData::Cifar10 => "cifar10",
        StarterData::Cifar100 => "cifar100",
        StarterData::Folder { .. } => "folder",
    }
}

fn dataset_comment(data: &StarterData) -> &'static str {
    match data {
        StarterData::Synthetic => "or \"cifar10\", \"cifar100\", \"folder\" with path = \"...\"",
        StarterData::Folder { .. } => "train/<class>/*.jpg and test/<class>/*.jpg",
        _ => "or \"folder\" with path = \"...\"",
    }
}

/// Network and training; small if the images are synthetic, so that they train quickly.
fn network(data: &StarterData) -> Vec<Line> {
    let (size, width, batch, length) = match data {
        StarterData::Synthetic => (16, 8, 64, (Key::Iterations, 800)),
        StarterData::Cifar10 | StarterData::Cifar100 => (32, 16, 128, (Key::Iterations, 4000)),
        StarterData::Folder {
            batch_size,
            train_images,
            ..
        } => {
            let epochs = epochs(*train_images, *batch_size);
            (32, 16, *batch_size, (Key::Epochs, epochs))
        }
    };
    let unit = match length.0 {
        Key::Epochs => "passes over the training images; or iterations = 2000",
        _ => "mini-batch updates; or epochs = 5",
    };
    vec![
        (
            Key::ImageSize,
            size.to_string(),
            "pixels, a multiple of 4; images are scaled to it",
        ),
        (
            Key::Width,
            width.to_string(),
            "filters of the first stage; 16 in the paper",
        ),
        (length.0, length.1.to_string(), unit),
        (Key::BatchSize, batch.to_string(), "images of a mini-batch"),
    ]
}

fn head(name: &str) -> String {
    format!(
        "# resweep plan {name}.toml    what would be trained, and for how long\n\
         # resweep run {name}.toml     trains it and draws its figure\n\
         # docs/sweep-file.md describes every key.\n"
    )
}

/// A table with its lines; empty without lines.
fn table(section: Section, lines: &[Line]) -> String {
    let own = lines
        .iter()
        .filter(|(key, ..)| key.spec().section == section);
    let own: Vec<String> = own
        .map(|(key, value, comment)| {
            let assignment = format!("{} = {value}", key.name());
            match *comment {
                "" => format!("{assignment}\n"),
                comment => format!("{assignment:<26} # {comment}\n"),
            }
        })
        .collect();
    match own.as_slice() {
        [] => String::new(),
        own => format!("\n[{}]\n{}", section.name(), own.concat()),
    }
}

fn axes(axes: &[(&str, String)]) -> String {
    let lines = axes.iter().map(|(key, values)| match *key {
        "depth" => format!("{:<26} # layers, 6n+2\n", format!("{key} = {values}")),
        "shortcut" => format!(
            "{:<26} # plain nets, and residual nets of the paper's types A, B, C\n",
            format!("{key} = {values}")
        ),
        _ => format!("{key} = {values}\n"),
    });
    let head = "\n[axes]                     # every combination is trained\n";
    lines.fold(head.to_owned(), |text, line| text + &line)
}

/// Applies `overrides`, each `KEY=VALUE`, to the starter of synthetic images, and returns the sweep
/// file, which needs no overrides.
///
/// # Errors
/// Every error in the overrides.
pub fn from_overrides(
    overrides: &[String],
    around: Surroundings<'_>,
) -> Result<SweepText, SweepFileError> {
    let name = name_of(overrides);
    let start = sweep_text(&name, &StarterData::Synthetic, None);
    let start = SweepText::recorded(ARGUMENTS.to_owned(), start);
    let sweep = start.sweep(overrides, around)?;
    let text = written(&start.document(overrides), &sweep.name);
    Ok(SweepText::recorded(ARGUMENTS.to_owned(), text))
}

/// Returns a name of the swept keys and values: `depth-8-14.shortcut-none-A`.
fn name_of(overrides: &[String]) -> String {
    let part = |text: &String| {
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() || c == '.' {
                c
            } else {
                '-'
            }
        };
        let mapped: String = text.chars().map(plain).collect();
        let words = mapped.split('-').filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join("-")
    };
    let name = overrides.iter().map(part).collect::<Vec<_>>().join("_");
    let name = name.trim_matches(['.', '-']).to_owned();
    if name.len() <= NAME_LENGTH_MAX {
        return name;
    }
    let digest = hex(&Sha256::digest(name.as_bytes()));
    format!("{}_{}", &name[..NAME_LENGTH_MAX - 9], &digest[..8])
}

/// Writes a document as a sweep file. Overrides replace the starter's values.
fn written(root: &Table, name: &str) -> String {
    let mut lines: Vec<Line> = Vec::new();
    let mut axes_of: Vec<(&str, String)> = Vec::new();
    let replaced = replaced(root);
    for section in [
        Section::Sweep,
        Section::Data,
        Section::Model,
        Section::Train,
    ] {
        for entry in entries(root, section.name()) {
            let Some(key) = Key::find(section, &entry.key) else {
                continue;
            };
            if entry.key_at.is_override() || !replaced.contains(&key) {
                lines.push((key, value(&entry.node), ""));
            }
        }
    }
    for entry in entries(root, "axes") {
        let Some(key) = Key::find_qualified(&entry.key) else {
            continue;
        };
        if entry.key_at.is_override() || !replaced.contains(&key) {
            axes_of.push((key.name(), value(&entry.node)));
        }
    }
    let mut text = head(name);
    for section in [
        Section::Sweep,
        Section::Data,
        Section::Model,
        Section::Train,
    ] {
        text += &table(section, &lines);
    }
    text + &axes(&axes_of)
}

/// The keys of the overrides, and the keys for the same quantities in other units.
fn replaced(root: &Table) -> Vec<Key> {
    let sections = [
        Section::Sweep,
        Section::Data,
        Section::Model,
        Section::Train,
    ];
    let set = sections.into_iter().flat_map(|section| {
        let given = entries(root, section.name()).filter(|entry| entry.key_at.is_override());
        given.filter_map(move |entry| Key::find(section, &entry.key))
    });
    let axes = entries(root, "axes").filter(|entry| entry.key_at.is_override());
    let keys = set.chain(axes.filter_map(|entry| Key::find_qualified(&entry.key)));
    keys.flat_map(|key| [Some(key), key.rival()])
        .flatten()
        .collect()
}

fn entries<'t>(root: &'t Table, name: &str) -> impl Iterator<Item = &'t Entry> {
    let table = match root.get(name).map(|entry| &entry.node.value) {
        Some(Value::Table(table)) => Some(table),
        _ => None,
    };
    table.into_iter().flat_map(|table| &table.entries)
}

/// Formats a value as TOML.
fn value(node: &Node) -> String {
    match &node.value {
        Value::String(text) => toml::Value::from(text.as_str()).to_string(),
        Value::Integer(integer) => integer.to_string(),
        Value::Float(number) => toml::Value::from(*number).to_string(),
        Value::Boolean(boolean) => boolean.to_string(),
        // No key takes a date or time.
        Value::Datetime => String::new(),
        Value::Array(elements) => {
            let elements: Vec<String> = elements.iter().map(value).collect();
            format!("[{}]", elements.join(", "))
        }
        Value::Table(table) => {
            let fields = table.entries.iter();
            let fields = fields.map(|entry| format!("{} = {}", entry.key, value(&entry.node)));
            format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::grid::context::DataFolders;
    use super::*;

    fn around() -> Surroundings<'static> {
        Surroundings {
            folders: DataFolders::NeedNotExist,
            count_images: &|_, _| Ok(500),
        }
    }

    #[test]
    fn every_starter_is_a_sweep_file_without_mistakes() {
        let folder = StarterData::Folder {
            path: "my \"pictures\"".to_owned(),
            train_images: 40,
            test_images: 10,
            batch_size: 10,
            has_no_test: true,
            has_broken: false,
        };
        for data in [
            StarterData::Synthetic,
            StarterData::Cifar10,
            StarterData::Cifar100,
            folder,
        ] {
            let text = starter("new", &data);
            let sweep = SweepText::recorded("new.toml".into(), text.clone()).sweep(&[], around());
            let sweep = sweep.unwrap_or_else(|error| panic!("{text}\n{}", error.render(false)));
            assert_eq!(sweep.configurations.len(), 4);
        }
    }

    #[test]
    fn a_small_folder_has_as_many_epochs_as_make_some_hundred_iterations() {
        assert_eq!(epochs(31, 8), 100);
        assert_eq!(epochs(1_000, 64), 25);
        assert_eq!(epochs(10_000, 64), 20);
        assert_eq!(epochs(1, 1), 400);
    }

    #[test]
    fn evaluation_takes_about_a_tenth_of_the_time_of_a_new_sweep() {
        let folder = |train_images, test_images, batch_size| StarterData::Folder {
            path: "pictures".to_owned(),
            train_images,
            test_images,
            batch_size,
            has_no_test: false,
            has_broken: false,
        };
        for (data, expected) in [
            (StarterData::Synthetic, 100),
            (StarterData::Cifar10, 250),
            (folder(10_000, 2_000, 64), 100),
            // At least five evaluations.
            (folder(1_000, 10_000, 64), 78),
            (folder(8, 1, 8), 1),
            (folder(31, 5, 8), 3),
        ] {
            assert_eq!(eval_every(&data), expected, "{data:?}");
            let line = format!("eval_every = {expected} ");
            assert!(starter("new", &data).contains(&line));
        }
    }

    #[test]
    fn the_text_of_overrides_is_the_same_sweep() {
        let cases: [&[&str]; 6] = [
            &["depth=8,14,20", "shortcut=none,A"],
            &[
                "lr={ from = 0.01, to = 1, count = 3, scale = \"log\" }",
                "depth=8",
            ],
            &["epochs=3", "batch-size=32", "seed=5"],
            &["width=4,8", "lr_drops=0.5", "repeats=2"],
            &["epochs=1,2", "name=short", "init=he-fan-in"],
            &["warmup={ lr = 0.01, iterations = 40 }", "nesterov=true"],
        ];
        for case in cases {
            let overrides: Vec<String> = case.iter().map(ToString::to_string).collect();
            let text = from_overrides(&overrides, around());
            let text = text.unwrap_or_else(|error| panic!("{}", error.render(false)));
            let name = text.sweep(&[], around()).unwrap_or_else(|error| {
                panic!("{}\n{}", text.as_str(), error.render(false));
            });
            let start = sweep_text(&name.name, &StarterData::Synthetic, None);
            let start = SweepText::recorded("start.toml".into(), start);
            let expected = start.sweep(&overrides, around()).expect("no mistake");
            assert_eq!(name.configurations, expected.configurations, "{case:?}");
            assert_eq!(name.seeds, expected.seeds, "{case:?}");
        }
    }
}
