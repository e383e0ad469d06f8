//! How the program ends: exit codes, and errors as people see them.

use std::process::ExitCode;

use resweep_core::sweep_file::SpecError;

/// A mistake in what the user asked for that shows only beside the data or the store.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// What the exit code says. `resweep --help` and the README list the codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Everything asked for is done.
    Done = 0,
    /// A run failed, or is left over.
    RunsFailed = 1,
    /// A mistake in the sweep file or the command line; clap uses the same code for the command line.
    Usage = 2,
    /// Anything else.
    Environment = 3,
    /// The results are not what the sweep file expects.
    ExpectationNotMet = 4,
    /// Stopped by a signal; as shells say it for SIGINT.
    Stopped = 130,
}

impl Ending {
    /// The ending that an error means.
    pub fn of(error: &anyhow::Error) -> Self {
        if error.is::<SpecError>() || error.is::<UsageError>() {
            Self::Usage
        } else {
            Self::Environment
        }
    }
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        Self::from(ending as u8)
    }
}

/// An error with its causes, styled; whoever prints it strips the style where it is not wanted.
pub fn describe(error: &anyhow::Error) -> String {
    if let Some(problems) = error.downcast_ref::<SpecError>() {
        return problems.render(true);
    }
    let red = clap::builder::styling::AnsiColor::Red.on_default().bold();
    let mut text = format!("{red}error{red:#}: {error}");
    for cause in error.chain().skip(1) {
        text.push_str(&format!("\n  because: {cause}"));
    }
    text
}
