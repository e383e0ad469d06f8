//! Starts the program: calls `commands::main`.

use std::process::ExitCode;

use resweep::commands;
use resweep_core::schedule;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Before anything else, so that no signal finds the program half started.
    let handled = commands::handle_signals();
    commands::reserve_little();
    schedule::install_hook();
    let code = commands::main(std::env::args_os(), handled);
    if code == commands::ExitCode::Stopped {
        // A worker that did not stop in time may still be in a long step.
        code.exit_now();
    }
    code.into()
}
