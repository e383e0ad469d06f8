//! `resweep completions`.

use std::io::Write;

use clap::CommandFactory;

use crate::cli::Cli;

/// Prints the completion script of `shell`.
pub fn execute(shell: clap_complete::Shell) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "resweep", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(())
}
