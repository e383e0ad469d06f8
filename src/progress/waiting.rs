//! Shows the work before the first iteration, on a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::Mode;
use crate::output::Stream;

/// A line that shows the current work until it is dropped. Shown where bars are.
#[derive(Debug)]
pub struct Waiting(Option<ProgressBar>);

impl Waiting {
    /// Shows `what` with the elapsed time.
    pub fn show(mode: Mode, what: &str) -> Waiting {
        if !matches!(mode, Mode::Auto | Mode::Bars) || !Stream::Err.is_interactive() {
            return Waiting(None);
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        Waiting(Some(bar))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
