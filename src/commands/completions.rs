//! `resweep completions`.

use std::io::Write as _;

use clap::CommandFactory;

use crate::cli::Cli;
use crate::output::Stream;

/// Prints the completion script of `shell`.
pub fn execute(shell: clap_complete::Shell) {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "resweep", &mut script);
    // A failure is reported when the program ends.
    let _ = Stream::Out.write_all(&script);
}
