//! Progress displays: event sinks for people and scripts.
//!
//! Bars and plain lines go to standard error, JSON lines to standard output. Sinks must not
//! influence the sweep, and a failing sink does not stop it.

mod bars;
mod json;
mod messages;
mod plain;
#[cfg(test)]
mod script;
mod seen;
mod waiting;

use std::env;

use crate::output::Stream;
use resweep_core::domain::{Event, EventSink, SinkError};

pub use bars::Bars;
pub use json::JsonLines;
pub use messages::worker_pool;
pub use plain::Plain;
pub use waiting::Waiting;

/// The progress display.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Mode {
    /// Bars on a terminal, plain lines elsewhere.
    #[default]
    Auto,
    /// Bars; plain lines if standard error is not a suitable terminal.
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
/// No colour if `NO_COLOR` is set to a nonempty value.
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
