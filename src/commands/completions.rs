//! Implements `resweep completions` and its candidates: sweep files, recorded sweeps, keys of
//! `--set`.
//!
//! The script printed by `resweep completions` calls the program again with [`VARIABLE`] set.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::path::PathBuf;

use clap::{CommandFactory, ValueHint};
use clap_complete::engine::{
    ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter,
};
use clap_complete::env::{Bash, Elvish, EnvCompleter, Fish, Powershell, Zsh};
use clap_complete::{CompleteEnv, Shell};

use super::results::database;
use crate::cli::Cli;
use crate::output::Stream;
use resweep_core::domain::is_unprintable;
use resweep_core::sweep_file;
use resweep_store::Store;

/// Set by the completion script, to the name of the shell.
const VARIABLE: &str = "RESWEEP_COMPLETE";

/// Quotes what bash inserts, so that a name with spaces stays one word, and removes quotes before
/// comparing.
const BASH_QUOTES: &str = r#"
_resweep() {
    _clap_complete_resweep "$1" "${2//\\/}" "$3"
    [[ "${COMP_WORDS[COMP_CWORD]}" == [\"\']* ]] && return
    local i word end
    for i in "${!COMPREPLY[@]}"; do
        word="${COMPREPLY[i]}" end=""
        [[ "$word" == *" " ]] && end=" " word="${word% }"
        printf -v word %q "$word"
        COMPREPLY[i]="${word/#\\~/\~}$end"
    done
}
complete -o nospace -o bashdefault -F _resweep resweep
"#;

/// Prints the completion script of `shell`.
///
/// # Errors
/// When the shell is not supported.
pub fn execute(shell: Shell) -> anyhow::Result<()> {
    let completer: &dyn EnvCompleter = match shell {
        Shell::Bash => &Bash,
        Shell::Elvish => &Elvish,
        Shell::Fish => &Fish,
        Shell::PowerShell => &Powershell,
        Shell::Zsh => &Zsh,
        other => anyhow::bail!("there is no completion script for {other}"),
    };
    let mut script = Vec::new();
    completer.write_registration(VARIABLE, "resweep", "resweep", "resweep", &mut script)?;
    if shell == Shell::Bash {
        script.extend_from_slice(BASH_QUOTES.as_bytes());
    }
    // A failed write is reported when the program ends.
    let _ = Stream::Out.write_all(&script);
    Ok(())
}

/// Whether a shell requests candidates.
pub fn are_requested() -> bool {
    env::var_os(VARIABLE).is_some_and(|shell| !shell.is_empty() && shell != "0")
}

/// Answers a shell's request for candidates; returns false without a request. Changes the environment,
/// so no other thread may run.
///
/// # Errors
/// When the answer cannot be written.
pub fn answer(args: &[OsString]) -> clap::error::Result<bool> {
    let command = || with_candidates(Cli::command());
    let folder = env::current_dir().ok();
    CompleteEnv::with_factory(command)
        .var(VARIABLE)
        .try_complete(args.iter(), folder.as_deref())
}

fn with_candidates(command: clap::Command) -> clap::Command {
    let command = command.mut_args(|arg| match arg.get_id().as_str() {
        "sweep" => arg.add(ArgValueCompleter::new(sweeps)),
        "name" => arg.add(ArgValueCompleter::new(recorded)),
        "overrides" => arg.add(ArgValueCompleter::new(keys)),
        "results" | "to" => arg.value_hint(ValueHint::DirPath),
        _ => arg,
    });
    command.mut_subcommands(with_candidates)
}

/// Sweep files and recorded sweeps.
fn sweeps(current: &OsStr) -> Vec<CompletionCandidate> {
    let is_sweep_file = |path: &std::path::Path| path.extension().is_some_and(|e| e == "toml");
    let mut found = PathCompleter::file()
        .filter(is_sweep_file)
        .complete(current);
    found.extend(recorded(current));
    found
}

/// The names of the recorded sweeps.
fn recorded(current: &OsStr) -> Vec<CompletionCandidate> {
    let store = Store::open_read_only(&database(&results()));
    let sweeps = store.and_then(|store| store.sweeps()).unwrap_or_default();
    let names = sweeps.into_iter().map(|sweep| sweep.name);
    let names = names.filter(|name| !name.chars().any(is_unprintable));
    offered(names, current)
}

/// The results folder on the command line so far.
fn results() -> PathBuf {
    let words: Vec<String> = env::args_os()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let after = words.iter().position(|word| word == "--results");
    let joined = words
        .iter()
        .find_map(|word| word.strip_prefix("--results="));
    let named = after.and_then(|at| words.get(at + 1).map(String::as_str));
    match named.or(joined) {
        Some(folder) => resweep_core::domain::expand_path(folder).unwrap_or_default(),
        None => env::var_os("RESWEEP_RESULTS").map_or_else(|| "results".into(), PathBuf::from),
    }
}

/// The keys of `--set`.
fn keys(current: &OsStr) -> Vec<CompletionCandidate> {
    let keys = sweep_file::override_keys().into_iter();
    offered(keys.map(|key| format!("{key}=")), current)
}

fn offered(words: impl Iterator<Item = String>, current: &OsStr) -> Vec<CompletionCandidate> {
    let current = current.to_string_lossy();
    let fitting = words.filter(|word| word.starts_with(&*current));
    fitting.map(CompletionCandidate::new).collect()
}
