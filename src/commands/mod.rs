//! The composition root: one file for each subcommand, and the only place that imports every
//! stage.

mod archive;
mod attempt_log;
mod attempts;
mod changes;
mod completions;
mod data;
mod doctor;
mod ending;
mod export;
mod findings;
mod format;
mod gc;
mod images;
mod isolate;
mod known_images;
mod memory;
mod origin;
mod outlook;
mod plan;
mod plot;
mod prepare;
mod provenance;
mod recorded;
mod records;
mod report;
mod rescue;
mod results;
mod run;
mod source;
mod status;
mod stopping;
mod table;
mod verify;

use std::ffi::OsString;
use std::path::Path;

use anyhow::Context;
use clap::Parser;

use crate::cli::{self, Cli, Command};
use crate::output::{self, Stream};
use resweep_store::{StoreError, check_folder};

pub use ending::{Ending, UsageError, describe};
pub use provenance::cpu_name;

/// The whole program: parses the arguments, runs the command, prints its error.
pub fn main(args: impl IntoIterator<Item = OsString>) -> Ending {
    let args: Vec<OsString> = args.into_iter().collect();
    let ending = parse_and_execute(&args).unwrap_or_else(|error| {
        output::styled(Stream::Err, &describe(&error));
        Ending::of(&error)
    });
    ending.after_output()
}

fn parse_and_execute(args: &[OsString]) -> anyhow::Result<Ending> {
    // It changes the environment, before there is another thread.
    if completions::answer(args)? {
        return Ok(Ending::Done);
    }
    stopping::install().context("cannot handle signals")?;
    match Cli::try_parse_from(args) {
        Ok(cli) => execute(cli.command),
        Err(shown) => Ok(print_usage(&shown)),
    }
}

/// Prints what clap has to say: help and the version, or what is wrong with the arguments.
fn print_usage(shown: &clap::Error) -> Ending {
    let text = shown.render().ansi().to_string();
    if shown.use_stderr() {
        output::styled(Stream::Err, &text);
        Ending::Usage
    } else {
        output::styled(Stream::Out, &text);
        Ending::Done
    }
}

/// Runs a command to its end.
///
/// # Errors
/// Anything that keeps the command from doing its work; [`Ending::of`] says what it means for
/// the exit code.
pub fn execute(command: Command) -> anyhow::Result<Ending> {
    stopping::prepare_for(&command);
    if let Some(results) = only_read(&command) {
        check(results)?;
    }
    match command {
        Command::Run(args) => run::execute(&args),
        Command::Plan(args) => plan::execute(&args).map(|()| Ending::Done),
        Command::Status(args) => status::execute(&args).map(|()| Ending::Done),
        Command::Doctor(args) => doctor::execute(&args),
        Command::Gc(args) => gc::execute(&args),
        Command::Plot(args) => plot::execute(&args),
        Command::Table(args) => findings::execute(&args).map(|()| Ending::Done),
        Command::Verify(args) => verify::execute(&args),
        Command::Report(args) => report::execute(&args),
        Command::Export(args) => export::execute(&args).map(|()| Ending::Done),
        Command::Data(command) => data::execute(&command).map(|()| Ending::Done),
        Command::TrainRun => isolate::execute(),
        Command::Completions { shell } => {
            completions::execute(shell)?;
            Ok(Ending::Done)
        }
    }
}

/// The results folder of a command that works on what is there.
fn only_read(command: &Command) -> Option<&Path> {
    let results = match command {
        Command::Status(args) => &args.results,
        Command::Doctor(args) => &args.results,
        Command::Gc(args) => &args.results,
        Command::Plot(args) => &args.results,
        Command::Table(args) => &args.results,
        Command::Verify(args) => &args.results,
        Command::Report(args) => &args.results,
        Command::Export(args) => &args.results,
        Command::Run(_)
        | Command::Plan(_)
        | Command::Data(_)
        | Command::TrainRun
        | Command::Completions { .. } => return None,
    };
    Some(&results.results)
}

/// Before the first run there is no default folder yet; one that was named has to be there.
fn check(results: &Path) -> Result<(), StoreError> {
    match check_folder(results) {
        Err(StoreError::NoFolder { .. }) if results == Path::new(cli::RESULTS) => Ok(()),
        checked => checked,
    }
}
