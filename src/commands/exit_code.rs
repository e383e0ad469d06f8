//! Exit codes, and the printing of errors.

use crate::output::{self, Stream};
use resweep_core::domain::{causes, printable_text};
use resweep_core::sweep_file::SweepFileError;

/// A mistake in the user's input that only the data or the store reveals.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// Exit codes. `resweep --help` and the README list them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitCode {
    /// Everything requested is done.
    Success = 0,
    /// A run failed or was not trained.
    RunsFailed = 1,
    /// A mistake in the sweep file or the command line; clap uses the same code for the command line.
    Usage = 2,
    /// Any other error.
    Failure = 3,
    /// The results do not meet the expectations of the sweep file.
    ExpectationNotMet = 4,
    /// Stopped by a signal: 128 + SIGINT, as in shells.
    Stopped = 130,
}

impl ExitCode {
    /// The exit code of an error.
    pub fn of(error: &anyhow::Error) -> Self {
        if error.is::<SweepFileError>() || error.is::<UsageError>() {
            Self::Usage
        } else {
            Self::Failure
        }
    }

    /// Ends the process without exit handlers: those of the CUDA libraries may wait forever or crash while a
    /// worker's thread is inside the driver. What the program prints is flushed at once.
    pub fn exit_now(self) -> ! {
        signal_hook::low_level::exit(self as i32)
    }

    /// The exit code of a command that has printed its output. Lost output is an error and is
    /// reported once, unless the reader closed the pipe.
    pub fn after_output(self) -> Self {
        let lost = |stream| output::failure(stream).filter(|lost| !lost.is_closed_pipe());
        let out = lost(Stream::Out);
        if let Some(why) = &out {
            errln!("error: cannot write to standard output: {why}");
        }
        let is_lost = out.is_some() || lost(Stream::Err).is_some();
        if self == Self::Success && is_lost {
            Self::Failure
        } else {
            self
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}

/// An error with its causes, styled, for `output::styled`.
pub fn describe(error: &anyhow::Error) -> String {
    if let Some(problems) = error.downcast_ref::<SweepFileError>() {
        return problems.render(true) + "\n";
    }
    let red = clap::builder::styling::AnsiColor::Red.on_default().bold();
    let mut text = format!("{red}error{red:#}: {}", printable_text(&error.to_string()));
    for cause in causes(error.as_ref()) {
        text.push_str(&format!("\n  because: {}", printable_text(&cause)));
    }
    text.push('\n');
    text
}
