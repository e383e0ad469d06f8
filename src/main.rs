//! Starts the program; `commands::main` is all of it.

use std::process::ExitCode;

use resweep::commands;
use resweep_core::schedule;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    schedule::install_hook();
    commands::main(std::env::args_os()).into()
}
