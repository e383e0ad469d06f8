//! Progress for people and machines: sinks that show what happens in a sweep.
//!
//! Bars and plain lines go to standard error, JSON lines to standard output, where a script
//! reads them. Nothing here decides anything, and a sink that fails stops no sweep.

mod bars;
mod json;
mod plain;
#[cfg(test)]
mod script;
mod seen;
mod words;

use std::env;

use crate::output::Stream;
use resweep_core::domain::{Event, EventSink, SinkError};

pub use bars::Bars;
pub use json::JsonLines;
pub use plain::Plain;
pub use words::{counted, duration, first_line, workforce};

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Mode {
    /// Bars on a terminal, plain lines elsewhere.
    #[default]
    Auto,
    /// Bars; plain lines if standard error is not a terminal.
    Bars,
    /// One line per event.
    Plain,
    /// JSON lines on standard output.
    Json,
    /// Nothing.
    None,
}

/// The sink for a mode, on this process's standard streams.
///
/// Colour is left out where `NO_COLOR` is set to anything but the empty string.
pub fn sink(mode: Mode) -> Box<dyn EventSink + Send> {
    match mode {
        Mode::Auto | Mode::Bars if Stream::Err.is_interactive() => {
            Box::new(Bars::on_stderr(wants_colour()))
        }
        Mode::Auto | Mode::Bars | Mode::Plain => Box::new(Plain::new(Stream::Err)),
        Mode::Json => Box::new(JsonLines::new(Stream::Out)),
        Mode::None => Box::new(Silence),
    }
}

fn wants_colour() -> bool {
    env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

struct Silence;

impl EventSink for Silence {
    fn handle(&mut self, _: &Event<'_>) -> Result<(), SinkError> {
        Ok(())
    }
}
