//! The composition root: one file per subcommand. The only place that imports every crate.

mod address_space;
mod attempt_log;
mod attempts;
mod changes;
mod cluster;
mod completions;
mod counter;
mod data;
mod diff;
mod doctor;
mod exit_code;
mod export;
mod figure_metadata;
mod findings;
mod forecast;
mod gc;
mod guesses;
mod images;
mod init;
mod isolate;
mod known_images;
mod memory;
mod named_run;
mod plan;
mod plot;
mod prepare;
mod provenance;
mod recorded;
mod recorded_images;
mod records;
mod remove;
mod report;
mod rescue;
mod results;
mod resuming;
mod run;
mod show;
mod source;
mod status;
mod stopping;
mod table;
mod together;
mod verify;

use std::ffi::OsString;
use std::io;
use std::path::Path;

use anyhow::Context;
use clap::Parser;

use crate::cli::{self, Cli, Command};
use crate::output::{self, Stream};
use resweep_store::{StoreError, check_folder};

pub use address_space::reserve_little;
pub use exit_code::{ExitCode, UsageError, describe};
pub use provenance::cpu_name;

/// Handles signals, except while the program completes a command line for a shell: the code that does
/// so must not start threads.
///
/// # Errors
/// When the system refuses; for [`main`].
pub fn handle_signals() -> io::Result<()> {
    if completions::are_requested() {
        return Ok(());
    }
    stopping::install()
}

/// The whole program: parses the arguments, runs the command, prints its error. `handled` is the result
/// of [`handle_signals`].
pub fn main(args: impl IntoIterator<Item = OsString>, handled: io::Result<()>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let exit_code = parse_and_execute(&args, handled).unwrap_or_else(|error| {
        output::styled(Stream::Err, &describe(&error));
        ExitCode::of(&error)
    });
    exit_code.after_output()
}

fn parse_and_execute(args: &[OsString], handled: io::Result<()>) -> anyhow::Result<ExitCode> {
    if completions::answer(args)? {
        return Ok(ExitCode::Success);
    }
    handled.context("cannot handle signals")?;
    match Cli::try_parse_from(args) {
        Ok(cli) => execute(cli.command),
        Err(shown) => Ok(print_usage(shown, args)),
    }
}

/// Prints the output of clap: help, version, or errors in the arguments.
fn print_usage(mut shown: clap::Error, args: &[OsString]) -> ExitCode {
    guesses::drop_misleading_tips(&mut shown);
    let mut text = shown.render().ansi().to_string();
    if let Some(answer) = guesses::answer(&shown, args) {
        text = format!("error: {answer}\n");
    }
    if shown.use_stderr() {
        output::styled(Stream::Err, &text);
        ExitCode::Usage
    } else {
        output::styled(Stream::Out, &text);
        ExitCode::Success
    }
}

/// Executes a command.
///
/// # Errors
/// Any error of the command; [`ExitCode::of`] maps it to an exit code.
pub fn execute(command: Command) -> anyhow::Result<ExitCode> {
    stopping::prepare_for(&command);
    if let Some(results) = only_read(&command) {
        check(results)?;
    }
    match command {
        Command::Run(args) => run::execute(&args),
        Command::Init(args) => init::execute(&args).map(|()| ExitCode::Success),
        Command::Plan(args) => plan::execute(&args).map(|()| ExitCode::Success),
        Command::Status(args) => status::execute(&args).map(|()| ExitCode::Success),
        Command::Doctor(args) => doctor::execute(&args),
        Command::Gc(args) => gc::execute(&args),
        Command::Diff(args) => diff::execute(&args).map(|()| ExitCode::Success),
        Command::Rm(args) => remove::execute(&args),
        Command::Rename(args) => remove::rename(&args),
        Command::Plot(args) => plot::execute(&args),
        Command::Table(args) => findings::execute(&args).map(|()| ExitCode::Success),
        Command::Verify(args) => verify::execute(&args),
        Command::Report(args) => report::execute(&args),
        Command::Export(args) => export::execute(&args).map(|()| ExitCode::Success),
        Command::Data(command) => data::execute(&command).map(|()| ExitCode::Success),
        Command::Submit(args) => cluster::submit(&args),
        Command::Sync(args) => cluster::sync(&args),
        Command::Cancel(args) => cluster::cancel(&args),
        Command::Work(args) => cluster::work(&args),
        Command::TrainRun => isolate::execute(),
        Command::Completions { shell } => {
            completions::execute(shell)?;
            Ok(ExitCode::Success)
        }
    }
}

/// The results folder of a command that only reads it.
fn only_read(command: &Command) -> Option<&Path> {
    let results = match command {
        Command::Status(args) => &args.results,
        Command::Doctor(args) => &args.results,
        Command::Gc(args) => &args.results,
        Command::Diff(args) => &args.results,
        Command::Rm(args) => &args.results,
        Command::Rename(args) => &args.results,
        Command::Plot(args) => &args.results,
        Command::Table(args) => &args.results,
        Command::Verify(args) => &args.results,
        Command::Report(args) => &args.results,
        Command::Export(args) => &args.results,
        Command::Sync(args) => &args.results,
        Command::Cancel(args) => &args.results,
        Command::Run(_)
        | Command::Init(_)
        | Command::Submit(_)
        | Command::Work(_)
        | Command::Plan(_)
        | Command::Data(_)
        | Command::TrainRun
        | Command::Completions { .. } => return None,
    };
    Some(&results.results)
}

/// The default folder need not exist before the first run; any other folder must.
fn check(results: &Path) -> Result<(), StoreError> {
    match check_folder(results) {
        Err(StoreError::NoFolder { .. }) if results == Path::new(cli::RESULTS) => Ok(()),
        checked => checked,
    }
}
