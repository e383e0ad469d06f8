//! How the program ends: exit codes, and errors as people see them.

use std::process::ExitCode;

use crate::output::{self, Stream};
use resweep_core::domain::printable_text;
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

    /// The ending of a command that has printed what it had to print: output that is lost is an
    /// error, and is reported once. It is none where the reader of a pipe wants no more.
    pub fn after_output(self) -> Self {
        let lost = |stream| output::failure(stream).filter(|lost| !lost.is_closed_pipe());
        let out = lost(Stream::Out);
        if let Some(why) = &out {
            errln!("error: cannot write to standard output: {why}");
        }
        let is_lost = out.is_some() || lost(Stream::Err).is_some();
        if self == Self::Done && is_lost {
            Self::Environment
        } else {
            self
        }
    }
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        Self::from(ending as u8)
    }
}

/// An error with its causes, styled, for [`output::styled`].
pub fn describe(error: &anyhow::Error) -> String {
    if let Some(problems) = error.downcast_ref::<SpecError>() {
        return problems.render(true) + "\n";
    }
    let red = clap::builder::styling::AnsiColor::Red.on_default().bold();
    let mut text = format!("{red}error{red:#}: {}", printable_text(&error.to_string()));
    for cause in error.chain().skip(1) {
        text.push_str(&format!(
            "\n  because: {}",
            printable_text(&cause.to_string())
        ));
    }
    text.push('\n');
    text
}
