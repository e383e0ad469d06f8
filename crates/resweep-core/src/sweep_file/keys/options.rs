//! Keys as arguments of the command line: `--set train.lr=0.1` and `--lr 0.1`.

use std::sync::LazyLock;

use super::key::{Key, Section};
use super::synonyms;

/// The keys that `--set` takes for a value or an axis, in the order of the documentation.
pub fn override_keys() -> Vec<String> {
    let sections = [
        Section::Data,
        Section::Model,
        Section::Train,
        Section::Sweep,
        Section::Figure,
    ];
    let keys = sections.into_iter().flat_map(Section::keys);
    let axes = Section::SETTABLE.into_iter().flat_map(Section::keys);
    let keys = keys.map(|spec| spec.key.qualified());
    keys.chain(axes.map(|spec| format!("axes.{}", spec.name)))
        .collect()
}

/// A key as a command-line option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyOption {
    /// The key as written in an override.
    pub key: &'static str,
    /// The names without dashes, at least one: `batch-size` and its synonyms.
    pub names: Vec<String>,
}

/// The keys that are options: those of `[data]`, `[model]` and `[train]`, and the seeds.
pub fn key_options() -> &'static [KeyOption] {
    static OPTIONS: LazyLock<Vec<KeyOption>> = LazyLock::new(all_options);
    &OPTIONS
}

fn all_options() -> Vec<KeyOption> {
    let settable = Section::SETTABLE.into_iter().flat_map(Section::keys);
    let keys = settable
        .map(|spec| spec.key)
        .chain([Key::Repeats, Key::Seeds]);
    let mut options: Vec<KeyOption> = keys
        .map(|key| KeyOption {
            key: key.name(),
            names: option_names(key.name(), synonyms::of(key)),
        })
        .collect();
    options.push(KeyOption {
        key: "seed",
        names: option_names("seed", &[]),
    });
    options
}

fn option_names(name: &str, synonyms: &[&str]) -> Vec<String> {
    let mut names = Vec::new();
    for name in [&[name], synonyms].concat() {
        names.push(name.replace('_', "-"));
        if name.contains('_') {
            names.push(name.to_owned());
        }
    }
    names
}
