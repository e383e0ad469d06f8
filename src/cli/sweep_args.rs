//! Parses the sweeps of a command and the overrides of their values: `--set KEY=VALUE`,
//! `KEY=VALUE`, or the key as an option, `--depth 8,14`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use super::path_of;
use resweep_core::sweep_file::{KeyOption, key_options};

const SWEEP: &str = "sweep";
const SET: &str = "overrides";

/// Sweeps, and overrides in the order in which they apply.
#[derive(Debug, Clone, Default)]
pub struct SweepArgs {
    /// Sweep files, or names of sweeps in the results folder.
    pub sweeps: Vec<PathBuf>,
    /// Overrides, each `KEY=VALUE`.
    pub overrides: Vec<String>,
}

/// An argument that is not an option.
#[derive(Debug, Clone)]
enum Word {
    Sweep(PathBuf),
    Override(String),
}

impl Args for SweepArgs {
    fn augment_args(command: Command) -> Command {
        let sweep = Arg::new(SWEEP)
            .value_name("SWEEP")
            .num_args(0..)
            .action(ArgAction::Append)
            .value_parser(OsStringValueParser::new().try_map(word))
            .help(
                "The sweep file (TOML; docs/sweep-file.md), or the name of a sweep in the results \
                 folder; also KEY=VALUE, as with --set",
            );
        let set = Arg::new(SET)
            .long("set")
            .value_name("KEY=VALUE")
            .action(ArgAction::Append)
            .help(
                "Override a value: train.iterations=2000, lr=0.1, depth=20,56; every key is an \
                 option as well: --depth 20,56",
            );
        let options = key_options().iter().map(|option| {
            let KeyOption { key, names } = option;
            let names = names.iter().map(String::as_str);
            Arg::new(*key)
                .long(option.names[0].as_str())
                .aliases(names.skip(1))
                .value_name("VALUE")
                .action(ArgAction::Append)
                .hide(true)
                .help(format!("The same as --set {key}=VALUE"))
        });
        command.arg(sweep).arg(set).args(options)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SweepArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut args = Self::default();
        args.update_from_arg_matches(matches)?;
        Ok(args)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        let mut overrides: Vec<(usize, String)> = Vec::new();
        for (index, word) in indexed::<Word>(matches, SWEEP) {
            match word {
                Word::Sweep(path) => self.sweeps.push(path),
                Word::Override(text) => overrides.push((index, text)),
            }
        }
        overrides.extend(indexed::<String>(matches, SET));
        for KeyOption { key, .. } in key_options() {
            let values = indexed::<String>(matches, key);
            overrides.extend(values.map(|(index, value)| (index, format!("{key}={value}"))));
        }
        overrides.sort_by_key(|(index, _)| *index);
        self.overrides
            .extend(overrides.into_iter().map(|(_, text)| text));
        Ok(())
    }
}

/// The values of an argument and their positions on the command line.
fn indexed<T: Clone + Send + Sync + 'static>(
    matches: &ArgMatches,
    id: &str,
) -> impl Iterator<Item = (usize, T)> {
    let indices = matches.indices_of(id).into_iter().flatten();
    let values = matches.get_many::<T>(id).into_iter().flatten();
    indices.zip(values.cloned()).collect::<Vec<_>>().into_iter()
}

/// A sweep; or an assignment to a key, if there is no such file.
fn word(written: OsString) -> Result<Word, String> {
    let text = written.to_str().filter(|_| !Path::new(&written).exists());
    let key = text.and_then(|text| Some((text, text.split_once('=')?.0)));
    let is_key = |key: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        !key.is_empty() && key.chars().all(plain)
    };
    if let Some(hint) = text.and_then(hydra) {
        return Err(hint);
    }
    match key {
        Some((text, key)) if is_key(key) => Ok(Word::Override(text.to_owned())),
        _ => path_of(written).map(Word::Sweep),
    }
}

/// The right form of an override in Hydra's grammar: `+lr=0.1`, `lr=choice(0.1,0.2)`.
fn hydra(text: &str) -> Option<String> {
    let (key, value) = text.split_once('=')?;
    let plain = key.trim_start_matches('+');
    let (function, values) = match value.strip_suffix(')') {
        Some(call) => call.split_once('(')?,
        None => ("", value),
    };
    let numbers: Vec<&str> = values.split(',').map(str::trim).collect();
    match (function, &numbers[..]) {
        ("", _) if plain.len() < key.len() => Some(format!("write `{plain}={value}`, without `+`")),
        ("choice", _) => Some(format!("write `{plain}={values}`")),
        ("range", [from, to]) => Some(format!(
            "write `{plain}={{ from = {from}, to = {to}, step = 1 }}`"
        )),
        ("range", [from, to, step]) => Some(format!(
            "write `{plain}={{ from = {from}, to = {to}, step = {step} }}`"
        )),
        _ => None,
    }
}
