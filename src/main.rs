//! Parses the arguments, calls the command, prints the error and maps it to an exit code.

use std::process::ExitCode;

use clap::Parser;
use resweep::cli::Cli;
use resweep::commands::{self, Ending};
use resweep_core::schedule;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    schedule::install_hook();
    let ending = commands::execute(cli.command).unwrap_or_else(|error| {
        anstream::eprintln!("{}", commands::describe(&error));
        Ending::of(&error)
    });
    ending.into()
}
