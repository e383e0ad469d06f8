//! Ctrl-C and SIGTERM: the first asks to stop, the second stops.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use crossbeam::channel::{Receiver, bounded};

use super::ending::Ending;

/// Signals that come so soon after the first are the same: some programs send theirs both to a
/// process and to its group.
const SAME_SIGNAL: Duration = Duration::from_millis(200);

/// What a command that can be stopped listens to.
pub struct Stopping {
    /// Gets one message, at the first signal.
    pub asked: Receiver<()>,
    was_asked: Arc<AtomicBool>,
}

impl Stopping {
    /// Takes the signals from now on. At the second one the process ends at once.
    ///
    /// # Errors
    /// When the system does not let it.
    pub fn listen() -> anyhow::Result<Self> {
        let (ask, asked) = bounded(1);
        let was_asked = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&was_asked);
        let mut first = None;
        ctrlc::set_handler(move || {
            seen.store(true, Ordering::SeqCst);
            let first = *first.get_or_insert_with(Instant::now);
            if first.elapsed() > SAME_SIGNAL {
                std::process::exit(Ending::Stopped as i32);
            }
            let _ = ask.try_send(());
        })
        .context("cannot listen to Ctrl-C")?;
        Ok(Self { asked, was_asked })
    }

    /// Whether a signal has come.
    pub fn was_asked(&self) -> bool {
        self.was_asked.load(Ordering::SeqCst)
    }
}
